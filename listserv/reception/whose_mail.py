"""Judge whose mail an arrival is, once, before anything is decided about it.

    whose_mail.judge(app, arrival, raw)    # arrival.authentication holds the verdict

Runs after the 250, outside any transaction, because it asks DNS; what ends or holds the arrival
keeps the verdict with it, so that a release days later stands on what was found on the first
day. SECURITY: who connected is what the door has found (mailer/door/fronted_connection.py).
"""

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import structlog

from listserv.wiring.app import App
from mailer.authentication import front_results, verdict
from mailer.authentication.verdict import UNKNOWN, Authentication, Envelope
from mailer.door.smtp_replies import SmtpReply
from mailer.errors import KretsError
from mailer.reading import message
from mailer.reading.headers import header_repair
from mailer.storage.arrivals import Arrival
from mailer.storage.store import get_raw

AT_ONCE = 16_000_000  # octets of mail that are judged at once
DISOWNED = SmtpReply(550, "5.7.26", "The domain in From says that it is not its mail (DMARC)")
_log = structlog.get_logger("krets.whose_mail")


def judge(app: App, arrival: Arrival, raw: bytes) -> None:
    """Write into ``arrival`` whose mail it is, where nobody has judged it yet."""
    if not arrival.authentication:
        arrival.authentication = _judge(app, arrival, raw).text()


def judge_all(app: App, some: Sequence[Arrival]) -> None:
    """Judge several at once: what takes time is DNS, and one silent domain must not hold up all.

    Each is judged within its second, so all together are.
    """
    for handful in _by_size(some):
        if len(handful) > 1:
            with ThreadPoolExecutor(len(handful), thread_name_prefix="judge") as threads:
                list(threads.map(lambda arrival: _judge_kept(app, arrival), handful))


def _by_size(some: Sequence[Arrival]) -> list[list[Arrival]]:
    """Cut into handfuls that memory holds: a few copies of each are made while it is judged."""
    handfuls: list[list[Arrival]] = [[]]
    size = 0
    for arrival in some:
        if handfuls[-1] and size + arrival.size > AT_ONCE:
            handfuls.append([])
            size = 0
        handfuls[-1].append(arrival)
        size += arrival.size
    return handfuls


def _judge_kept(app: App, arrival: Arrival) -> None:
    with contextlib.suppress(KretsError):  # the database: whoever decides meets it again
        with app.store.read() as session:
            raw = get_raw(session, arrival.raw_sha)
        if raw is not None:
            judge(app, arrival, raw)


def of(arrival: Arrival) -> Authentication:
    """Return what was found."""
    return verdict.read(arrival.authentication)


def refusal(app: App, raw: bytes, sender: str, client: str, helo: str) -> SmtpReply | None:
    """Return what to say at SMTP to a mail that its From's own domain disowns, None to others.

    For ``mailer.disowned = "refuse"``. Trouble with DNS refuses nobody, and is met again later.
    """
    whole = message.with_crlf(raw)
    head = message.head(header_repair.mend(whole))
    found = verdict.judge(whole, head, Envelope(client, helo, sender), app.resolver)
    return DISOWNED if found.disowned else None


def _judge(app: App, arrival: Arrival, raw: bytes) -> Authentication:
    whole = message.with_crlf(raw)
    head = message.head(header_repair.mend(whole))
    envelope = Envelope(arrival.client, arrival.helo, arrival.sender)
    try:
        told = front_results.read(head, app.settings.mailer.front_results)
        if told is not None and told.is_whole:
            return told.found
        found = verdict.judge(whole, head, envelope, app.resolver)
        return replace(told.found, policy=found.policy) if told is not None else found
    except Exception:  # noqa: BLE001 - a door: hostile bytes in somebody else's reader
        _log.exception("whose mail it is could not be judged", arrival=arrival.id)
        return UNKNOWN
