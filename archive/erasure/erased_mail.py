"""Take one person's own mails out of the archive, and leave a stone where each one stood.

    shas = written_by(store, keys)              # reads every mail's From: no transaction is open
    graves = find(store, keys, shas)
    bury(session, graves[:CHUNK], words)        # a short write; ring "archive" after it

The place in the thread stays, and so does the permalink, because other people's answers hang on
them. Name, subject, text, attachments and the raw mail go; a Message-ID goes where it tells of
the person. The stone is a mail like any other, so pages, thread.json and mbox follow by
themselves. What others quoted stays in their mails. An import finds the place taken (place.py).
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.threads.archive_tables import Body, Message, Thread
from mailer.errors import BadInput
from mailer.reading import message
from mailer.reading.addresses import parse
from mailer.reading.subjects import bare_subject
from mailer.storage.store import RawMessage, Store, decompress, put_raw

CHUNK = 20  # mails that one transaction buries
READ = 200  # mails that one look reads
MARK = b"X-Krets-Erased: yes\r\n"  # a stone's first line
_SHORT = 4  # letters of a name that a Message-ID may have by chance


@dataclass(frozen=True, slots=True)
class ErasedMail:
    """Name one archived mail of the person, and what of theirs its id might tell."""

    id: int
    names: tuple[str, ...]


def written_by(store: Store, keys: Collection[str]) -> set[bytes]:
    """Return the kept mails (SHA-256) whose From names one of these keys, or that report on one.

    Looks into every kept mail, a few at a time, because an envelope may name somebody else.
    """
    found: set[bytes] = set()
    after = b""
    while True:
        with store.read() as session:
            rows = session.execute(
                select(RawMessage.sha, RawMessage.data)
                .where(RawMessage.sha > after)
                .order_by(RawMessage.sha)
                .limit(READ)
            ).all()
        if not rows:
            return found
        after = rows[-1].sha
        found |= {row.sha for row in rows if _is_theirs(decompress(row.data), keys)}


def find(store: Store, keys: Collection[str], shas: Collection[bytes]) -> list[ErasedMail]:
    """Return the archived mails, on all lists, among those that the person wrote (``shas``)."""
    wanted = list(shas)
    graves: list[ErasedMail] = []
    for start in range(0, len(wanted), READ):
        with store.read() as session:
            rows = session.execute(
                select(Message.id, Message.author).where(
                    Message.raw_sha.in_(wanted[start : start + READ])
                )
            )
            graves += [ErasedMail(row.id, _names(row.author, keys)) for row in rows]
    return graves


def replace_erased(session: Session, graves: Sequence[ErasedMail], words: str) -> None:
    """Put a stone that says ``words`` in the place of each mail."""
    for grave in graves:
        row = session.get(Message, grave.id)
        if row is None:
            continue
        thread = session.get_one(Thread, row.thread_id)
        subject = _subject_of_others(session, row)
        if _tells(row.message_id, grave.names):
            row.message_id = f"sha256:{hashlib.sha256(row.hash.encode()).hexdigest()}"
        old, (row.raw_sha,) = row.raw_sha, put_raw(session, [_stone(row, subject, words)])
        row.author, row.subject = "", subject
        if thread.hash == row.hash:
            thread.author, thread.subject = "", subject
        thread.touched += 1
        session.flush()
        session.execute(delete(Body).where(Body.message_id == row.id))
        if session.scalar(select(Message.id).where(Message.raw_sha == old).limit(1)) is None:
            session.execute(delete(RawMessage).where(RawMessage.sha == old))


def is_erased(raw: bytes) -> bool:
    """Tell whether ``raw`` stands where an erased mail stood."""
    return raw.startswith(MARK)


def _is_theirs(raw: bytes, keys: Collection[str]) -> bool:
    head = message.head(raw)
    if head.text("content-type").lower().startswith("multipart/report"):
        return any(key.encode() in raw.lower() for key in keys)
    for value in head.all("from"):
        for _, spelled in message.addresses_of(value):
            try:
                if parse(spelled).key in keys:
                    return True
            except BadInput:
                continue
    return False


def _names(author: str, keys: Collection[str]) -> tuple[str, ...]:
    words = {word.casefold() for word in author.split()}
    words |= {key.partition("@")[0].casefold() for key in keys}
    return tuple(sorted(word for word in words if len(word) >= _SHORT)) + tuple(keys)


def _tells(message_id: str, names: Collection[str]) -> bool:
    folded = message_id.casefold()
    return any(name in folded for name in names)


def _subject_of_others(session: Session, row: Message) -> str:
    """Return what others call the thread, "" where nobody answered."""
    others = (
        select(Message.subject)
        .where(Message.thread_id == row.thread_id, Message.id != row.id, Message.author != "")
        .order_by(Message.date)
        .limit(1)
    )
    return bare_subject(session.scalar(others) or "")


def _stone(row: Message, subject: str, words: str) -> bytes:
    date = format_datetime(datetime.fromtimestamp(row.date, UTC))
    known = "" if row.message_id.startswith("sha256:") else f"Message-ID: <{row.message_id}>\r\n"
    shown = " ".join(subject.split())
    head = f"Date: {date}\r\n{known}Subject: {shown}\r\n"
    rest = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    coding = f"Content-Transfer-Encoding: 8bit\r\nX-Krets-Place: {row.list_id}-{row.hash}\r\n"
    return MARK + f"{head}{rest}{coding}\r\n{words}\r\n".encode()
