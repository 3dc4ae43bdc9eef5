"""List threads as members may see them: what each is called, how long it is, where it stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.pages.views import members_viewer
from archive.threads import thread_marks
from archive.threads.archive_tables import Message, Thread
from archive.threads.thread_marks import MarkKind
from archive.visibility.visibility import Viewer
from listserv.conversations.thread_lookup import FoundThread
from mailer.errors import Refused
from mailer.reading.subjects import bare_subject
from subscriptions.lists.roster import MailList


class ThreadState(StrEnum):
    """Say where a thread stands."""

    OPEN = "open"  # nobody but its first writer has written
    ANSWERED = "answered"
    SOLVED = "solved"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ListedThread:
    """Hold one thread; ``answer`` is the hash of the accepted one, None where there is none."""

    hash: str
    subject: str
    messages: int
    state: ThreadState
    answer: str | None
    last: float


@dataclass(frozen=True, slots=True)
class ThreadMail:
    """Hold one mail of a thread."""

    hash: str
    id: str
    author: str
    subject: str
    at: float


def youngest(session: Session, lst: MailList, most: int) -> Sequence[ListedThread]:
    """Return a list's threads, the one that was written to last first."""
    found = select(Thread).where(Thread.list_id == lst.id, Thread.size > 0)
    rows = session.scalars(found.order_by(Thread.last.desc(), Thread.hash).limit(most)).all()
    return _listed(session, lst, rows)


def one(session: Session, lst: MailList, found: FoundThread) -> ListedThread:
    """Return one thread; raise Refused where the archive does not have it."""
    row = session.get(Thread, found.place.row)
    if row is None or not row.size:
        raise Refused("The archive does not have this thread.", key="no-thread")
    return _listed(session, lst, [row])[0]


def those(session: Session, lst: MailList, rows: Sequence[int]) -> Sequence[ListedThread]:
    """Return these threads in their order."""
    found = session.scalars(select(Thread).where(Thread.id.in_(rows))).all()
    return _listed(session, lst, sorted(found, key=lambda one: rows.index(one.id)))


def mails(session: Session, lst: MailList, found: FoundThread) -> Sequence[ThreadMail]:
    """Return a thread's mails, oldest first."""
    viewer = members_viewer(session, lst)
    rows = session.scalars(
        select(Message)
        .where(Message.thread_id == found.place.row)
        .order_by(Message.date, Message.hash)
    )
    return [
        ThreadMail(
            row.hash,
            viewer.id(row.message_id, row.hash),
            viewer.name(row.hash, row.author),
            viewer.line(row.hash, row.subject),
            row.date,
        )
        for row in rows
    ]


def _listed(session: Session, lst: MailList, rows: Sequence[Thread]) -> list[ListedThread]:
    viewer = members_viewer(session, lst)
    talked = _talked(session, rows)
    keys = [row.id for row in rows]
    solved = thread_marks.of_threads(session, keys, MarkKind.SOLVED)
    closed = thread_marks.of_threads(session, keys, MarkKind.CLOSED)

    def state(row: Thread) -> ThreadState:
        if row.id in closed:
            return ThreadState.CLOSED
        if row.id in solved:
            return ThreadState.SOLVED
        return ThreadState.ANSWERED if row.id in talked else ThreadState.OPEN

    return [
        ListedThread(
            hash=row.hash,
            subject=_subject(viewer, row),
            messages=row.size,
            state=state(row),
            answer=(solved[row.id].answer or None) if row.id in solved else None,
            last=row.last,
        )
        for row in rows
    ]


def _subject(viewer: Viewer, row: Thread) -> str:
    shown = viewer.line(row.hash, row.subject)
    return bare_subject(shown) or shown


def _talked(session: Session, rows: Iterable[Thread]) -> set[int]:
    """Return the threads in which somebody beside the first writer has written."""
    many = [row.id for row in rows if row.size > 1]
    found = (
        select(Message.thread_id)
        .join(Thread, Thread.id == Message.thread_id)
        .where(Message.thread_id.in_(many), Message.author != Thread.author)
        .distinct()
    )
    return set(session.scalars(found))
