"""Hold the rows of threads while mails are placed, and write what has changed of them.

Knows nodes, messages and threads as rows; refuses to know how a mail finds its thread
(mail_threading.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlalchemy.orm import Session

from archive.threads.archive_tables import FormerThread, Message, Node, Thread
from archive.threads.moved_mails import MovedMail
from archive.threads.thread_tree import Key
from mailer.reading.headers.head_facts import HeadFacts
from mailer.storage.store import insert_or_ignore


@dataclass(frozen=True, slots=True)
class MailToThread:
    """Hold one mail on its way into the archive; ``arrival`` is in seconds since 1970 UTC."""

    raw: bytes
    sha: bytes
    arrival: float
    head: HeadFacts


@dataclass(slots=True)
class NodeSpot:
    """Hold a node while mails are placed."""

    hash: str
    parent: str | None = None
    present: bool = False
    by: Key | None = None
    thread: int | None = None
    new: bool = True
    changed: bool = False


@dataclass(frozen=True, slots=True)
class MessageRow:
    """Hold what a thread's summary needs of a message."""

    hash: str
    date: float
    subject: str
    author: str

    @property
    def key(self) -> Key:
        """Return what messages of a thread are sorted by."""
        return (self.date, self.hash)


@dataclass(slots=True)
class ThreadingBatch:
    """Hold the rows that one call reads and will write."""

    session: Session
    list_id: int
    spots: dict[str, NodeSpot] = field(default_factory=dict)
    # New messages.
    rows: dict[str, tuple[MessageRow, MailToThread, str]] = field(default_factory=dict)
    moved: set[int] = field(default_factory=set)  # threads to arrange anew
    said: dict[str, MovedMail] = field(default_factory=dict)  # what moderators moved

    def stands(self, hash_: str, claimed: str | None) -> str | None:
        """Return below which mail one stands that claims ``claimed``, unless it was moved."""
        moved = self.said.get(hash_)
        if moved is None:
            return claimed
        moved.was = claimed or ""
        if moved.parent:  # it may come later
            self.spots.setdefault(moved.parent, NodeSpot(moved.parent))
        return moved.parent or None

    def wanted(self, hashes: Iterable[str]) -> set[str]:
        """Return these places and those below which moderators put one of them."""
        some = set(hashes)
        return some | {m.parent for h in some if (m := self.said.get(h)) is not None and m.parent}

    def called(self, row: MessageRow) -> MessageRow:
        """Return a mail's row with the subject that a moderator gave to the thread it begins."""
        moved = self.said.get(row.hash)
        named = moved is not None and not moved.parent and moved.subject
        return replace(row, subject=moved.subject) if moved is not None and named else row


def write_batch(batch: ThreadingBatch, threads: dict[int, dict[str, Any]]) -> None:
    """Write the nodes, messages and threads that have changed."""
    session = batch.session
    _write_threads(batch, threads)
    spots = [s for s in batch.spots.values() if s.changed]
    fresh = [_node_row(batch.list_id, s) for s in spots if s.new]
    if fresh:
        session.execute(insert(Node), fresh)
    known = [_node_row(batch.list_id, s) for s in spots if not s.new]
    if known:
        _update_many(session, Node, ("list_id", "hash"), known)
    moved = [
        {"list_id": batch.list_id, "hash": s.hash, "thread_id": s.thread}
        for s in spots
        if s.present and s.hash not in batch.rows
    ]
    if moved:
        _update_many(session, Message, ("list_id", "hash"), moved)
    arrived = [
        {
            "list_id": batch.list_id,
            "thread_id": batch.spots[row.hash].thread,
            "hash": row.hash,
            "message_id": own,
            "raw_sha": mail.sha,
            "date": row.date,
            "arrival": mail.arrival,
            "subject": row.subject,
            "author": row.author,
        }
        for row, mail, own in batch.rows.values()
    ]
    if arrived:
        session.execute(insert(Message), arrived)


def _write_threads(batch: ThreadingBatch, threads: dict[int, dict[str, Any]]) -> None:
    former = [
        {"list_id": batch.list_id, "hash": thread["was"]}
        for thread in threads.values()
        if thread["was"] and (thread["was"] != thread["hash"] or not thread["size"])
    ]
    if former:
        batch.session.execute(insert_or_ignore(batch.session, FormerThread), former)
    names = ("id", "hash", "subject", "author", "first", "last", "size", "touched")
    rows = [
        {name: thread[name] for name in names}
        for thread in threads.values()
        if "size" in thread and "first" in thread
    ]
    empty = [t for t in threads.values() if "first" not in t]
    rows += [
        {**dict.fromkeys(names, 0), "id": t["id"], "hash": "", "subject": "", "author": ""}
        | {"touched": t["touched"]}
        for t in empty
    ]
    if rows:
        _update_many(batch.session, Thread, ("id",), rows)


def _node_row(list_id: int, spot: NodeSpot) -> dict[str, Any]:
    date, hash_ = spot.by or (None, None)
    return {
        "list_id": list_id,
        "hash": spot.hash,
        "thread_id": spot.thread,
        "parent": spot.parent,
        "present": spot.present,
        "by_date": date,
        "by_hash": hash_,
    }


def _update_many(
    session: Session, table: type[Any], keys: tuple[str, ...], rows: list[dict[str, Any]]
) -> None:
    """Update ``rows`` by their ``keys`` in one round of executemany."""
    core = table.__table__
    statement = (
        update(core)
        .where(*(core.c[key] == bindparam(f"key_{key}") for key in keys))
        .values({name: bindparam(f"new_{name}") for name in rows[0] if name not in keys})
    )
    session.connection().execute(
        statement,
        [
            {(f"key_{n}" if n in keys else f"new_{n}"): value for n, value in row.items()}
            for row in rows
        ],
    )
