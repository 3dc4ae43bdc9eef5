"""Read who handed a mail to the server in front of us, from that server's own Received line.

    last_hop(head, is_ours)    # ("192.0.2.7", "mail.example.org"), or ("", "") where none is told

Knows how Postfix, Exim, Sendmail and those that write as they do spell it. SECURITY: the client
chooses its hello, and with it words of a true line, so an address counts where its server puts
what it saw itself: in the first parentheses, or right after "from" where those hold nothing but
a hello (Exim). A line that cannot be read ends the search: what stands below it anybody wrote.
"""

import re
from collections.abc import Callable
from ipaddress import ip_address

from mailer.reading.message import MessageHeader

_HERE = {"127.0.0.1", "::1"}
HOPS = 10  # Received lines that are looked through
_LONG = 1000  # characters of a line in which its client stands
_IP = r"\[(?:IPv6:)?([0-9A-Fa-f:.]{2,45})\]"
_PLAIN = r"([0-9A-Fa-f:.]{2,45})"
_LINE = re.compile(r"from\s+([^()]{1,600}?)\s*\(([^()]{0,600})", re.IGNORECASE)
# (name [192.0.2.7]), ([192.0.2.7] helo=name) and (192.0.2.7), but never qmail's (HELO [192.0.2.7])
_SEEN = re.compile(
    rf"(?!(?:HELO|EHLO)\b)(?:[^\s=\[\]]{{1,300}}\s+)?{_IP}(?::\d{{1,5}})?(?:\s|\Z)|{_PLAIN}\Z",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"{_IP}(?::\d{{1,5}})?\Z", re.IGNORECASE)
_HELO = re.compile(r"(?:\A|\s)helo=(\S{1,255})", re.IGNORECASE)


def last_hop(head: MessageHeader, is_ours: Callable[[str], bool]) -> tuple[str, str]:
    """Return (client, hello) of the newest Received line whose client is none of ``is_ours``.

    Clients on the server's own machine (a filter that hands mail back) are passed by as well.
    """
    for value in head.all("received")[:HOPS]:
        client, helo = _read(value[:_LONG].decode("ascii", "replace").strip())
        if not client:
            return "", ""
        if client not in _HERE and not is_ours(client):
            return client, helo
    return "", ""


def _read(line: str) -> tuple[str, str]:
    found = _LINE.match(line)
    if found is None:
        return "", ""
    named, seen = found[1].strip(), found[2].strip()
    helo = _HELO.search(seen)
    address = _SEEN.match(seen)
    client = _plain(address[1] or address[2]) if address is not None else ""
    if client:
        return client, helo[1] if helo else named.partition(" ")[0]
    # Exim, of a client without a name in DNS: from [192.0.2.7] (helo=mail.example.org)
    address = _NAMED.match(named) if helo is not None or seen.startswith("port=") else None
    return (_plain(address[1]), helo[1] if helo else "") if address else ("", "")


def _plain(text: str) -> str:
    try:
        found = ip_address(text)
    except ValueError:
        return ""
    return str(getattr(found, "ipv4_mapped", None) or found)
