"""Tell whether a post answers a thread that a moderator has closed."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.threads import thread_marks
from archive.threads.thread_marks import MarkKind, ThreadMark
from listserv.mailings import thread_ways
from listserv.posts.facts import PostReading
from subscriptions.lists.roster import MailList


def is_closed(
    session: Session, lst: MailList, reading: PostReading, arrival: float, parent: str = ""
) -> bool:
    """Tell whether a post of ``arrival``, below ``parent`` by its token, comes too late."""
    mark = select(ThreadMark.hash).where(
        ThreadMark.list_id == lst.id, ThreadMark.kind == MarkKind.CLOSED
    )
    if session.scalar(mark.limit(1)) is None:
        return False
    place = thread_ways.of_mail(session, lst.id, reading.raw, arrival, parent)
    if place is None or not place.row:
        return False
    return bool(thread_marks.of_threads(session, [place.row], MarkKind.CLOSED))
