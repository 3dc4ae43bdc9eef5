"""Keep what people have said of whole threads: that a question is solved, that a talk is closed.

A mark is tied to a mail, the one that asks, and so it goes where that mail goes when threads are
parted or become one; of two marks of one kind the younger one holds. It cannot be made from the
mail anew, and names nobody: ``answer`` is the hash of a mail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ForeignKey, String, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from archive.threads import moved_mails
from archive.threads.archive_tables import Node, Thread
from mailer.storage.store import Base
from subscriptions.lists.roster import worded

_IN = 400  # parameters in one IN (...)


class MarkKind(StrEnum):
    """Say what is said of a thread."""

    SOLVED = "solved"
    CLOSED = "closed"


class ThreadMark(Base):
    """Hold one mark; ``answer`` is the accepted one of a solved question, "" for none."""

    __tablename__ = "archive_thread_mark"
    list_id: Mapped[int] = mapped_column(
        ForeignKey("list.id", ondelete="CASCADE"), primary_key=True
    )
    hash: Mapped[str] = mapped_column(String(52), primary_key=True)
    kind: Mapped[MarkKind] = mapped_column(worded(MarkKind), primary_key=True)
    answer: Mapped[str] = mapped_column(String(52), default="")
    at: Mapped[float]


@dataclass(frozen=True, slots=True)
class ThreadSaid:
    """Hold what people have said of a thread, as its page needs it.

    ``solved`` is the accepted answer's hash ("" for none), None for what is not solved; ``name`` is
    what a moderator calls it, "" for what its first mail does.
    """

    solved: str | None = None
    closed: bool = False
    name: str = ""


NOTHING_SAID = ThreadSaid()


def said_of(session: Session, threads: Sequence[int]) -> dict[int, ThreadSaid]:
    """Return what was said of those threads of which something was, by the thread's row."""
    solved = of_threads(session, threads, MarkKind.SOLVED)
    closed = of_threads(session, threads, MarkKind.CLOSED)
    named = moved_mails.names(session, threads)
    return {
        row: ThreadSaid(
            solved=solved[row].answer if row in solved else None,
            closed=row in closed,
            name=named.get(row, ""),
        )
        for row in {*solved, *closed, *named}
    }


def of_threads(session: Session, threads: Sequence[int], kind: MarkKind) -> dict[int, ThreadMark]:
    """Return the mark of each thread that has one of this kind, by the thread's row."""
    found: dict[int, ThreadMark] = {}
    for start in range(0, len(threads), _IN):
        rows = session.execute(
            select(Node.thread_id, ThreadMark)
            .join(Node, (Node.list_id == ThreadMark.list_id) & (Node.hash == ThreadMark.hash))
            .where(
                ThreadMark.kind == kind,
                Node.thread_id.in_(threads[start : start + _IN]),
            )
            .order_by(ThreadMark.at, ThreadMark.hash)
        )
        found |= {row.thread_id: row.ThreadMark for row in rows}
    return found


def marked(session: Session, list_id: int, kind: MarkKind) -> dict[int, ThreadMark]:
    """Return every mark of this kind on a list, by the thread's row."""
    rows = session.execute(
        select(Node.thread_id, ThreadMark)
        .join(Node, (Node.list_id == ThreadMark.list_id) & (Node.hash == ThreadMark.hash))
        .where(ThreadMark.list_id == list_id, ThreadMark.kind == kind)
        .order_by(ThreadMark.at, ThreadMark.hash)
    )
    return {row.thread_id: row.ThreadMark for row in rows}


def put(
    session: Session,
    list_id: int,
    thread: int,
    kind: MarkKind,
    *,
    hash_: str,
    now: float,
    answer: str = "",
) -> None:
    """Mark a thread by its mail ``hash_``, in place of what it was marked with before."""
    take_away(session, list_id, thread, kind)
    session.add(ThreadMark(list_id=list_id, hash=hash_, kind=kind, answer=answer, at=now))
    session.flush()


def take_away(session: Session, list_id: int, thread: int, kind: MarkKind) -> None:
    """Take a thread's marks of this kind away; its pages are to be drawn anew."""
    here = select(Node.hash).where(Node.list_id == list_id, Node.thread_id == thread)
    session.execute(
        delete(ThreadMark)
        .where(ThreadMark.list_id == list_id, ThreadMark.kind == kind, ThreadMark.hash.in_(here))
        .execution_options(synchronize_session=False)
    )
    session.execute(update(Thread).where(Thread.id == thread).values(touched=Thread.touched + 1))
