"""Bring mail of old archives into a list's archive, as often as you like.

Parsing happens outside of transactions and each transaction is short, so a running service goes
on; importing again adds nothing, so a broken import is resumed by doing it again. Mails are
kept as they stand in the file (LF stays LF): their bytes are the proof of what was said.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from archive.filing.answered_mail import answers_something, with_parent
from archive.filing.mail_threading import Placed, ThreadingOutcome, place_many
from archive.filing.thread_rows import MailToThread
from mailer.reading.headers.head_facts import read_head
from mailer.reading.headers.header_repair import mend
from mailer.reading.mbox import MboxMail
from mailer.storage.store import Store, put_raw
from subscriptions.lists.roster import MailList

CHUNK_MAILS = 50
CHUNK_BYTES = 1_000_000
MAX_REASONS = 100  # of unreadable mails, that a report lists


@dataclass(slots=True)
class ImportCounts:
    """Count what an import did."""

    read: int = 0
    new: int = 0
    duplicates: int = 0
    not_archived: int = 0
    unreadable: int = 0
    reasons: list[tuple[int, str]] = field(default_factory=list)  # (number in the file, why)


def import_mails(
    store: Store,
    lst: MailList,
    found: Iterable[MboxMail],
    now: float,
    progress: Callable[[int], None] = lambda _size: None,
) -> ImportCounts:
    """Archive the mails of a file; ``progress`` is told the bytes of each chunk."""
    report = ImportCounts()
    for chunk in _chunks(found, report):
        mails = [_mail(mend(f.raw), _arrival(f, now)) for f in chunk]
        with store.write() as session:
            placed = _place(session, lst, mails)
            new = [
                m.raw
                for m, p in zip(mails, placed, strict=True)
                if p.outcome is ThreadingOutcome.NEW
            ]
            put_raw(session, new)
        counts = Counter(p.outcome for p in placed)
        report.new += counts[ThreadingOutcome.NEW]
        report.duplicates += counts[ThreadingOutcome.DUPLICATE]
        report.not_archived += counts[ThreadingOutcome.NOT_ARCHIVED]
        progress(sum(len(f.raw) for f in chunk))
    return report


def _mail(raw: bytes, arrival: float) -> MailToThread:
    return MailToThread(raw, hashlib.sha256(raw).digest(), arrival, read_head(raw))


def _chunks(found: Iterable[MboxMail], report: ImportCounts) -> Iterator[list[MboxMail]]:
    chunk: list[MboxMail] = []
    size = 0
    for one in found:
        report.read += 1
        if one.problem:
            report.unreadable += 1
            if len(report.reasons) < MAX_REASONS:
                report.reasons.append((one.number, one.problem))
            continue
        chunk.append(one)
        size += len(one.raw)
        if len(chunk) >= CHUNK_MAILS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _place(session: Session, lst: MailList, mails: Sequence[MailToThread]) -> list[Placed]:
    """Place mails; one that answers without saying what is looked up when those before it stand."""
    placed: list[Placed] = []
    waiting: list[MailToThread] = []
    for mail in mails:
        found = mail
        if answers_something(mail):
            placed += place_many(session, lst, waiting)
            waiting = []
            found = with_parent(session, lst.id, mail)
        waiting.append(found)
    return placed + place_many(session, lst, waiting)


def _arrival(found: MboxMail, now: float) -> float:
    """Return when the mail came; nothing has come later than now."""
    return now if found.arrival is None or not 0 < found.arrival <= now else found.arrival
