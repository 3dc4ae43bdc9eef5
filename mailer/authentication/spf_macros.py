"""Expand the macros of SPF (RFC 7208 section 7).

Pure: knows text; the validated name of the client (``p``) is asked of whoever has DNS. SECURITY:
the sender and the client's name are a stranger's: what comes out is a name to look up and
nothing else, 253 characters at most.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

from mailer.reading.addresses import MAX_DOMAIN

_MACRO = re.compile(r"%(?:\{([A-Za-z])([0-9]*)([Rr]?)([.\-+,/_=]*)\}|([%_-]))")
_PLAIN = {"%": "%", "_": " ", "-": "%20"}


@dataclass(frozen=True, slots=True)
class Client:
    """Hold whom a check is about: the client's address, its hello, and the sender."""

    ip: IPv4Address | IPv6Address
    sender: str  # with a local part, section 4.3
    helo: str


def expand(spec: str, client: Client, domain: str, validated: Callable[[], str]) -> str:
    """Return the name that ``spec`` stands for at ``domain``, shortened from the left."""

    def one(found: re.Match[str]) -> str:
        if found[5]:
            return _PLAIN[found[5]]
        value = _value(found[1].lower(), client, domain, validated)
        parts = re.split(f"[{re.escape(found[4] or '.')}]", value)
        if found[3]:
            parts.reverse()
        if found[2]:
            parts = parts[-int(found[2]) :]
        joined = ".".join(parts)
        return quote(joined, safe="-._~") if found[1].isupper() else joined

    name = _MACRO.sub(one, spec).removesuffix(".")
    while len(name) > MAX_DOMAIN and "." in name:
        name = name.partition(".")[2]
    return name


def _value(letter: str, client: Client, domain: str, validated: Callable[[], str]) -> str:
    local, _, sender_domain = client.sender.rpartition("@")
    if letter == "i":
        if isinstance(client.ip, IPv4Address):
            return str(client.ip)
        return ".".join(client.ip.exploded.replace(":", ""))
    if letter == "p":
        return validated()
    return {
        "s": client.sender,
        "l": local,
        "o": sender_domain,
        "d": domain,
        "v": "in-addr" if isinstance(client.ip, IPv4Address) else "ip6",
        "h": client.helo,
        "c": str(client.ip),
        "r": "unknown",
        "t": "0",
    }[letter]
