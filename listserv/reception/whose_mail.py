"""Judge whose mail an arrival is, once, before anything is decided about it.

    whose_mail.judge(app, arrival, raw)    # arrival.authentication holds the verdict

Runs after the 250, outside any transaction, because it asks DNS; what ends or holds the arrival
keeps the verdict with it, so that a release days later stands on what was found on the first
day. SECURITY: who connected is what our own session saw, or what a server in ``mailer.front``
said, or, where that said nothing, the newest Received line that names a stranger.
"""

import re
from collections.abc import Sequence
from ipaddress import ip_address

import structlog

from listserv.wiring.app import App
from mailer.authentication import verdict
from mailer.authentication.verdict import UNKNOWN, Authentication, Envelope
from mailer.door.callers import Network, is_front, networks, plain_ip
from mailer.reading import mending, message
from mailer.reading.message import MessageHeader
from mailer.storage.arrivals import Arrival

_HOPS = 10  # Received lines that are looked through
_FROM = re.compile(
    rb"from\s+(\S{1,255})\s*\(?[^()\[\]]{0,300}\[(?:IPv6:)?([0-9A-Fa-f:.]{2,45})\]", re.IGNORECASE
)
_log = structlog.get_logger("krets.whose_mail")


def judge(app: App, arrival: Arrival, raw: bytes) -> None:
    """Write into ``arrival`` whose mail it is, where nobody has judged it yet."""
    if not arrival.authentication:
        arrival.authentication = _judge(app, arrival, raw).text()


def of(arrival: Arrival) -> Authentication:
    """Return what was found."""
    return verdict.read(arrival.authentication)


def last_hop(head: MessageHeader, front: Sequence[Network]) -> tuple[str, str]:
    """Return (client, hello) of the newest Received line that names no server of ours.

    For mail that a server in front of us handed over without saying who its client was.
    """
    for value in head.all("received")[:_HOPS]:
        found = _FROM.match(value)
        client = plain_ip(found[2].decode("ascii")) if found else ""
        if found is None or not client:
            return "", ""
        if not is_front(client, front) and not ip_address(client).is_loopback:
            return client, found[1].decode("ascii", "replace")
    return "", ""


def _judge(app: App, arrival: Arrival, raw: bytes) -> Authentication:
    whole = message.with_crlf(raw)
    head = message.head(mending.mend(whole))
    client, helo = arrival.client, arrival.helo
    try:
        if not client:
            client, helo = last_hop(head, networks(app.settings.mailer.front))
        return verdict.judge(whole, head, Envelope(client, helo, arrival.sender), app.resolver)
    except Exception:  # noqa: BLE001 - a door: hostile bytes in somebody else's reader
        _log.exception("whose mail it is could not be judged", arrival=arrival.id)
        return UNKNOWN
