"""Read what a server in front says of its client: XCLIENT, XFORWARD, PROXY version 1 and 2.

    read_attributes("ADDR=192.0.2.7 HELO=mx.example", XCLIENT)     # Introduced("192.0.2.7", ...)
    read_proxy(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25")
    read_header(b"\\r\\n\\r\\n\\0\\r\\nQUIT\\n\\x21\\x11...")

Postfix sends XFORWARD, nginx XCLIENT, load balancers PROXY. Pure; whether a peer is believed at
all is for the session. SECURITY: strict and bounded; whatever is malformed introduces nobody.
"""

import re
import socket
from dataclasses import dataclass

from mailer.door.callers import plain_ip

XCLIENT = frozenset({"NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"})
XFORWARD = frozenset({"NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"})
LINE = 107  # octets of PROXY version 1, its line end included
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"  # how version 2 begins
HEAD = 16  # octets of version 2 before its addresses
MOST = 1024  # octets of addresses and extensions that version 2 may have here

_XTEXT = re.compile(r"\+([0-9A-Fa-f]{2})")
_UNKNOWN = {"[UNAVAILABLE]", "[TEMPUNAVAIL]"}
_LINE = re.compile(rb"PROXY (TCP4|TCP6) (\S+) (\S+) (\d{1,5}) (\d{1,5})\Z")
_VERSION_2 = 2
_LOCAL, _PROXY = 0, 1
_STREAMS = {0x11: (socket.AF_INET, 4, 12), 0x21: (socket.AF_INET6, 16, 36)}


@dataclass(frozen=True, slots=True)
class Introduced:
    """Hold what a front said about its client; None where it said nothing."""

    client: str | None
    helo: str | None


def read_attributes(argument: str, known: frozenset[str]) -> Introduced | None:
    """Read the attributes of XCLIENT or XFORWARD; return None where they are malformed."""
    client = helo = None
    for word in argument.split():
        name, equals, value = word.partition("=")
        if not equals or name.upper() not in known:
            return None
        plain = _XTEXT.sub(lambda m: chr(int(m[1], 16)), value)
        unknown = plain.upper() in _UNKNOWN
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
    if re.match(rb"PROXY UNKNOWN(?: |\Z)", line):
        return Introduced(None, None)
    found = _LINE.match(line)
    if found is None or int(found[4]) > 65535 or int(found[5]) > 65535:  # noqa: PLR2004 - TCP
        return None
    spoken = [plain_ip(found[n].decode("ascii", "replace")) for n in (2, 3)]
    colon = found[1] == b"TCP6"
    if not all(spoken) or any((b":" in found[n]) != colon for n in (2, 3)):
        return None
    return Introduced(spoken[0], None)


def length_of(head: bytes) -> int | None:
    """Return how many octets follow version 2's first sixteen; None where they are malformed."""
    if len(head) != HEAD or not head.startswith(SIGNATURE) or head[12] >> 4 != _VERSION_2:
        return None
    length = int.from_bytes(head[14:16], "big")
    return length if head[12] & 0xF in {_LOCAL, _PROXY} and length <= MOST else None


def read_header(head: bytes, rest: bytes) -> Introduced | None:
    """Read PROXY version 2: its first sixteen octets and what they say follows."""
    if length_of(head) != len(rest):
        return None
    if head[12] & 0xF == _LOCAL or head[13] == 0:  # a health check, or a client without a name
        return Introduced(None, None)
    if head[13] not in _STREAMS:
        return None
    family, octets, least = _STREAMS[head[13]]
    if len(rest) < least:
        return None
    return Introduced(plain_ip(socket.inet_ntop(family, rest[:octets])), None)
