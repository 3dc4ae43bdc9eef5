"""Gather what a list's own pages show: its newest threads, its months, its feed, its maps.

Subjects and names are read here and leave as the list's view shows them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.pages import copies, index_pages, pages
from archive.pages.drawing import Desk, Drawn, sheets_of
from archive.pages.entries import entries_of
from archive.pages.index_pages import Month, Shelf, ThreadView
from archive.pages.pages import ListView
from archive.threads.tables import FormerThread, Message, MonthCount, Thread
from subscriptions.lists.roster import Kind, MailList

NEWEST = 40  # threads on a list's home
SPAN = 6  # months that are counted one by one
FEW = 8  # unanswered and busiest ones there


def listing_files(
    session: Session, desk: Desk, lst: MailList, drawn: Drawn, *, every: bool = False
) -> dict[str, bytes]:
    """Return a list's home, its feed and the pages of the months that changed."""
    view = desk.view
    drawn.counts = count_months(session, lst, drawn.months)
    known = months_of(session, lst, drawn.counts)
    asks = lst.kind is Kind.DISCUSSION  # an issue waits for no answer
    shelf = Shelf(
        newest=_threads(session, view, lst, Thread.last.desc(), limit=NEWEST),
        unanswered=_threads(session, view, lst, Thread.last.desc(), Thread.size == 1, limit=FEW)
        if asks
        else (),
        busiest=_threads(
            session,
            view,
            lst,
            Thread.size.desc(),
            Thread.size > 2,  # noqa: PLR2004 - a talk
            limit=FEW,
        ),
        months=known,
    )
    files = index_pages.home_file(view, shelf)
    if known:
        files[f"{view.address}/feed.atom"] = _feed(session, desk, lst, drawn)
    for place, month in enumerate(known):
        if every or _neighbours(known, place) & drawn.months:
            newer = known[place - 1] if place else None
            older = known[place + 1] if place + 1 < len(known) else None
            rows = threads_of_month(session, view, lst, month.path)
            files |= index_pages.month_file(view, month, rows, older, newer)
    return files


def _feed(session: Session, desk: Desk, lst: MailList, drawn: Drawn) -> bytes:
    """Return the feed of a list's newest messages."""
    found = session.execute(
        select(Message, Thread)
        .join(Thread, Thread.id == Message.thread_id)
        .where(Message.list_id == lst.id)
        .order_by(Message.date.desc(), Message.hash.desc())
        .limit(copies.NEWEST)
    ).all()
    entries = entries_of(session, desk, drawn, [(row.Message, row.Thread) for row in found])
    return copies.feed(desk.view, entries, title=desk.view.title, path="", up="")


def _neighbours(known: Sequence[Month], place: int) -> set[str]:
    """Return the months that a month's page names: its own and those beside it."""
    return {month.path for month in known[max(0, place - 1) : place + 2]}


def months_of(
    session: Session, lst: MailList, changed: Mapping[str, tuple[int, int]]
) -> list[Month]:
    """Return the months in which threads began, the newest first; ``changed`` were counted anew."""
    counts = {
        row.month: (row.threads, row.messages)
        for row in session.scalars(select(MonthCount).where(MonthCount.list_id == lst.id))
        if row.month not in changed
    }
    counts |= changed
    return [
        Month(path, month_start(path), *counts[path])
        for path in sorted(counts, reverse=True)
        if counts[path][0]
    ]


def count_months(
    session: Session, lst: MailList, months: Iterable[str]
) -> dict[str, tuple[int, int]]:
    """Return (threads that began there, their messages) of each of ``months``."""
    counts = dict.fromkeys(sorted(months), (0, 0))
    if len(counts) > SPAN:  # one walk over all of them is cheaper than so many questions
        first, last = next(iter(counts)), next(reversed(counts))
        between = Thread.first >= month_start(first), Thread.first < _after(last)
        rows = session.execute(
            select(Thread.first, Thread.size).where(
                Thread.list_id == lst.id, Thread.size > 0, *between
            )
        )
        for at, size in rows:
            if (month := month_of(at)) in counts:
                threads, messages = counts[month]
                counts[month] = threads + 1, messages + size
        return counts
    for month in counts:
        row = session.execute(
            select(func.count(Thread.id), func.coalesce(func.sum(Thread.size), 0)).where(
                Thread.list_id == lst.id, Thread.size > 0, *_within(month)
            )
        ).one()
        counts[month] = int(row[0]), int(row[1])
    return counts


def all_months(session: Session, lst: MailList) -> set[str]:
    """Return every month in which a thread began or was counted."""
    firsts = session.scalars(select(Thread.first).where(Thread.list_id == lst.id, Thread.size > 0))
    counted = session.scalars(select(MonthCount.month).where(MonthCount.list_id == lst.id))
    return {month_of(first) for first in firsts} | set(counted)


def threads_of_month(
    session: Session, view: ListView, lst: MailList, month: str
) -> list[ThreadView]:
    """Return the threads that began in ``month``, the newest first."""
    return _threads(session, view, lst, Thread.first.desc(), *_within(month))


def every_thread(session: Session, view: ListView, lst: MailList) -> list[ThreadView]:
    """Return all threads, the newest first."""
    return _threads(session, view, lst, Thread.first.desc())


def _within(month: str) -> tuple[Any, Any]:
    return Thread.first >= month_start(month), Thread.first < _after(month)


def _after(month: str) -> float:
    """Return when the month after ``month`` begins."""
    return month_start(month_of(month_start(month) + 32 * 86400.0))


def _threads(
    session: Session,
    view: ListView,
    lst: MailList,
    by: Any,  # noqa: ANN401 - SQLAlchemy's expressions
    *where: Any,  # noqa: ANN401
    limit: int | None = None,
) -> list[ThreadView]:
    # An expression, so that no index of sizes is used for what nearly every thread is.
    statement = select(Thread).where(Thread.list_id == lst.id, Thread.size + 0 > 0, *where)
    return [
        ThreadView(
            t.hash,
            view.sight.line(t.hash, pages.bare_subject(t.subject) or t.subject),
            view.sight.name(t.hash, t.author),
            t.last,
            t.size,
            t.first,
        )
        for t in session.scalars(statement.order_by(by, Thread.hash).limit(limit))
    ]


def former_files(
    session: Session, view: ListView, lst: MailList, threads: Sequence[int] | None
) -> dict[str, bytes]:
    """Return the pages that stand where threads once were (of ``threads``, or all)."""
    statement = (
        select(FormerThread.hash, Thread, Message.id, Message.subject)
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
    sheets = sheets_of(session, {r.Thread.id for r in rows if r.Thread.size > pages.MANY})
    for row in rows:
        sheet = sheets.get(row.id, 1)
        files |= pages.former_file(view, row.hash, row.Thread.hash, row.subject, sheet)
    return files


def thread_ids(session: Session, lst: MailList) -> Iterator[int]:
    """Yield the rows of all threads that have messages."""
    yield from session.scalars(
        select(Thread.id).where(Thread.list_id == lst.id, Thread.size > 0).order_by(Thread.id)
    ).all()


def month_of(at: float) -> str:
    """Return the folder of the month of ``at``, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m")


def month_start(path: str) -> float:
    """Return when a month begins."""
    return datetime.strptime(f"{path}-01", "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
