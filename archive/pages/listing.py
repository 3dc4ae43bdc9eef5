"""Gather what a list's own pages show: its newest threads, its months, its feed, its maps.

Which threads there are, and what they are called in this view, is thread_summaries.py's business.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.pages import index_pages, page_frame, thread_formats
from archive.pages.answer_pages import ANSWER_FILES, answer_files
from archive.pages.feed_entries import entries_of
from archive.pages.index_pages import HomeThreads, Month
from archive.pages.page_frame import ListView
from archive.pages.thread_rendering import DrawingContext, Drawn, leaves_of, sheets_of
from archive.pages.thread_summaries import summaries_of
from archive.threads.archive_tables import FormerThread, Message, Thread
from subscriptions.lists.roster import ListKind, MailList

NEWEST = 40  # threads on a list's home
FEW = 8  # unanswered and busiest ones there


def listing_files(
    session: Session, desk: DrawingContext, lst: MailList, drawn: Drawn, *, every: bool = False
) -> dict[str, bytes]:
    """Return a list's home, its feed and the pages of the months that changed."""
    view = desk.view
    shown = summaries_of(session, view, lst)
    drawn.counts = shown.counts(drawn.months)
    known = shown.months(drawn.counts)
    asks = lst.kind is ListKind.DISCUSSION  # an issue waits for no answer
    answers = answer_files(session, view, lst)
    if not answers:
        drawn.gone += [f"{view.address}/{name}" for name in ANSWER_FILES]
    home = HomeThreads(
        solved=bool(answers),
        newest=shown.newest(NEWEST),
        unanswered=shown.unanswered(FEW) if asks else (),
        busiest=shown.busiest(FEW),
        months=known,
    )
    read = f"{view.base}/{view.address}/read" if view.closed and view.base else ""
    files = index_pages.home_file(view, home, closed=view.closed, read=read)
    files |= answers
    if known:
        files[f"{view.address}/feed.atom"] = _feed(session, desk, lst, drawn)
    for place, month in enumerate(known):
        if every or _neighbours(known, place) & drawn.months:
            newer = known[place - 1] if place else None
            older = known[place + 1] if place + 1 < len(known) else None
            files |= index_pages.month_file(view, month, shown.of_month(month.path), older, newer)
    return files


def _feed(session: Session, desk: DrawingContext, lst: MailList, drawn: Drawn) -> bytes:
    """Return the feed of a list's newest messages."""
    found = session.execute(
        select(Message, Thread)
        .join(Thread, Thread.id == Message.thread_id)
        .where(Message.list_id == lst.id, Message.arrival >= desk.view.since)
        .order_by(Message.date.desc(), Message.hash.desc())
        .limit(thread_formats.NEWEST)
    ).all()
    entries = entries_of(session, desk, drawn, [(row.Message, row.Thread) for row in found])
    return thread_formats.feed(desk.view, entries, title=desk.view.title, path="", up="")


def _neighbours(known: Sequence[Month], place: int) -> set[str]:
    """Return the months that a month's page names: its own and those beside it."""
    return {month.path for month in known[max(0, place - 1) : place + 2]}


def former_files(
    session: Session, view: ListView, lst: MailList, threads: Sequence[int] | None
) -> dict[str, bytes]:
    """Return the pages that stand where threads once were (of ``threads``, or all)."""
    statement = (
        select(FormerThread.hash, Thread, Message.id, Message.arrival, Message.subject)
        .join(Message, Message.hash == FormerThread.hash)
        .join(Thread, Thread.id == Message.thread_id)
        .where(FormerThread.list_id == lst.id, Thread.hash != FormerThread.hash)
    )
    if threads is None:
        statement = statement.where(Message.list_id == lst.id)
    else:
        # Not by the list as well: SQLite would walk all of its messages.
        statement = statement.where(Message.thread_id.in_(threads))
    files: dict[str, bytes] = {}
    rows = session.execute(statement).all()
    if view.since:  # where nothing of a thread may be seen, it never stood anywhere
        here = leaves_of(session, view, sorted({row.Thread.id for row in rows}))
        rows = [row for row in rows if here[row.Thread.id]]
    large = {r.Thread.id for r in rows if r.Thread.size > page_frame.MANY}
    sheets = sheets_of(session, view, large)
    for row in rows:
        sheet = sheets.get(row.id, 1)
        subject = row.subject if view.sees(row.arrival) else ""
        files |= page_frame.former_file(view, row.hash, row.Thread.hash, subject, sheet)
    return files


def thread_ids(session: Session, lst: MailList) -> Iterator[int]:
    """Yield the rows of all threads that have messages."""
    yield from session.scalars(
        select(Thread.id).where(Thread.list_id == lst.id, Thread.size > 0).order_by(Thread.id)
    ).all()
