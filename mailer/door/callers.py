"""Know who calls: trusted fronts, connections per address, XCLIENT and PROXY v1.

SECURITY: XCLIENT and PROXY say who the client is and are believed from ``mailer.front``
alone. Per-address limits do not count fronts, which speak for everybody.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from mailer.errors import Misconfigured

Network = IPv4Network | IPv6Network
_XTEXT = re.compile(r"\+([0-9A-Fa-f]{2})")
_XCLIENT = {"NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"}
_PROXY = re.compile(rb"PROXY (TCP4|TCP6) (\S+) (\S+) (\d{1,5}) (\d{1,5})\Z")


def networks(given: Sequence[str], setting: str = "mailer.front") -> tuple[Network, ...]:
    """Read addresses and networks such as ``10.0.0.0/8``; an error names ``setting``."""
    try:
        return tuple(ip_network(text, strict=False) for text in given)
    except ValueError as error:
        raise Misconfigured(
            f"{setting} has something that is no network: {error}.",
            'Write addresses or networks, such as ["127.0.0.1", "10.0.0.0/8"].',
        ) from None


def plain_ip(text: str) -> str:
    """Return the usual spelling of an IP address, IPv4 for a mapped one; "" for anything else."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def is_front(ip: str, front: Sequence[Network]) -> bool:
    """Tell whether ``ip`` is in one of the networks ``front``."""
    if not ip or not front:
        return False
    found = ip_address(ip)
    return any(found in network for network in front)


class Callers:
    """Count open connections, in all and by address."""

    def __init__(self, per_ip: int, in_all: int) -> None:
        self._per_ip = per_ip
        self._in_all = in_all
        self._open: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """Return how many are open."""
        return self._open.total()

    def full(self) -> bool:
        """Tell whether one more is too many."""
        return self._open.total() >= self._in_all

    def crowded(self, ip: str) -> bool:
        """Tell whether one more from ``ip`` is too many."""
        return bool(ip) and self._open[ip] >= self._per_ip

    def enter(self, ip: str) -> None:
        """Count a connection."""
        self._open[ip] += 1

    def leave(self, ip: str) -> None:
        """Count it no more."""
        self._open[ip] -= 1
        if self._open[ip] <= 0:
            del self._open[ip]


@dataclass(frozen=True, slots=True)
class Introduced:
    """Hold what a front said about its client; None where it said nothing."""

    client: str | None
    helo: str | None


def read_xclient(argument: str) -> Introduced | None:
    """Read Postfix's XCLIENT attributes; return None where they are malformed."""
    client = helo = None
    for word in argument.split():
        name, equals, value = word.partition("=")
        if not equals or name.upper() not in _XCLIENT:
            return None
        plain = _XTEXT.sub(lambda m: chr(int(m[1], 16)), value)
        unknown = plain.upper() in {"[UNAVAILABLE]", "[TEMPUNAVAIL]"}
        if not plain.isprintable():
            return None
        if name.upper() == "ADDR":
            bare = plain[5:] if plain.upper().startswith("IPV6:") else plain
            client = "" if unknown else plain_ip(bare)
            if not client and not unknown:
                return None
        elif name.upper() == "HELO":
            helo = "" if unknown else plain[:255]
    return Introduced(client, helo) if argument.split() else None


def read_proxy(line: bytes) -> Introduced | None:
    """Read the one line of PROXY protocol version 1, without its CR LF; None where malformed."""
    if line.startswith(b"PROXY UNKNOWN"):
        return Introduced(None, None)
    found = _PROXY.match(line)
    client = plain_ip(found[2].decode("ascii", "replace")) if found else ""
    return Introduced(client, None) if client else None
