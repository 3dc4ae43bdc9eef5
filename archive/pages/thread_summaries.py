"""Sum up the threads of a list as a view of it shows them: which, since when, how many.

    shown = summaries_of(session, view, lst)
    shown.newest(40), shown.of_month("2026-11"), shown.counts({"2026-11"})

A thread's row says what the whole of it is. Where a view begins later (``view.since``), only its
mails from then on count: a thread that began before is shown from its first mail that may be seen.
Subjects and names are written as the view's viewer may see them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.pages.index_pages import Month, ThreadView
from archive.pages.page_frame import ListView
from archive.pages.thread_rendering import leaves_of
from archive.threads.archive_tables import Message, MonthCount, Thread
from mailer.reading.subjects import bare_subject
from subscriptions.lists.roster import MailList

SPAN = 6  # months that are counted one by one
MANY = 300  # threads that one query brings
Counts = dict[str, tuple[int, int]]  # month -> (threads that began there, their messages)


class Summaries:
    """Sum up the threads of a list that may be seen as a whole."""

    def __init__(self, session: Session, view: ListView, lst: MailList) -> None:
        self.session, self.view, self.lst = session, view, lst

    def newest(self, limit: int) -> Sequence[ThreadView]:
        """Return the threads with the youngest messages."""
        return self._threads(Thread.last.desc(), limit=limit)

    def unanswered(self, limit: int) -> Sequence[ThreadView]:
        """Return the youngest threads of one message."""
        return self._threads(Thread.last.desc(), Thread.size == 1, limit=limit)

    def busiest(self, limit: int) -> Sequence[ThreadView]:
        """Return the threads in which most was said."""
        return self._threads(Thread.size.desc(), Thread.size > TALK, limit=limit)

    def of_month(self, month: str) -> Sequence[ThreadView]:
        """Return the threads that began in ``month``, the newest first."""
        return self._threads(Thread.first.desc(), *_within(month))

    def every(self) -> Sequence[ThreadView]:
        """Return all threads, the newest first."""
        return self._threads(Thread.first.desc())

    def among(self, rows: Sequence[int]) -> Sequence[ThreadView]:
        """Return those of these threads that may be seen, the newest first."""
        found: list[ThreadView] = []
        for start in range(0, len(rows), MANY):
            found += self._threads(Thread.first.desc(), Thread.id.in_(rows[start : start + MANY]))
        return sorted(found, key=lambda t: (-t.first, t.hash))

    def all_months(self) -> set[str]:
        """Return every month in which a thread began or was counted."""
        return all_months(self.session, self.lst)

    def counts(self, months: Iterable[str]) -> Counts:
        """Count ``months`` anew."""
        return count_months(self.session, self.lst, months)

    def months(self, changed: Mapping[str, tuple[int, int]]) -> list[Month]:
        """Return the months in which threads began, the newest first."""
        rows = self.session.scalars(select(MonthCount).where(MonthCount.list_id == self.lst.id))
        known = {row.month: (row.threads, row.messages) for row in rows if row.month not in changed}
        return _months({**known, **changed})

    def _threads(
        self,
        by: Any,  # noqa: ANN401 - SQLAlchemy's expressions
        *where: Any,  # noqa: ANN401
        limit: int | None = None,
    ) -> Sequence[ThreadView]:
        # An expression, so that no index of sizes is used for what nearly every thread is.
        mine = (Thread.list_id == self.lst.id, Thread.size + 0 > 0, *where)
        statement = select(Thread).where(*mine).order_by(by, Thread.hash).limit(limit)
        return [
            _shown(self.view, t.hash, (t.hash, t.subject, t.author), t.last, t.size, t.first)
            for t in self.session.scalars(statement)
        ]


class LaterSummaries(Summaries):
    """Sum up what of the threads of a list may be seen since its archive was opened."""

    def newest(self, limit: int) -> Sequence[ThreadView]:
        """Return the threads with the youngest messages."""
        return sorted(self._seen, key=lambda t: (-t.last, t.hash))[:limit]

    def unanswered(self, limit: int) -> Sequence[ThreadView]:
        """Return the youngest threads of one message."""
        return [t for t in self.newest(len(self._seen)) if t.size == 1][:limit]

    def busiest(self, limit: int) -> Sequence[ThreadView]:
        """Return the threads in which most was said."""
        talks = [t for t in self._seen if t.size > TALK]
        return sorted(talks, key=lambda t: (-t.size, t.hash))[:limit]

    def of_month(self, month: str) -> Sequence[ThreadView]:
        """Return the threads that began in ``month``, the newest first."""
        return [t for t in self._seen if month_of(t.first) == month]

    def every(self) -> Sequence[ThreadView]:
        """Return all threads, the newest first."""
        return self._seen

    def among(self, rows: Sequence[int]) -> Sequence[ThreadView]:
        """Return those of these threads that may be seen, the newest first."""
        hashes = set(self.session.scalars(select(Thread.hash).where(Thread.id.in_(rows))))
        return [one for one in self._seen if one.hash in hashes]

    def all_months(self) -> set[str]:
        """Return every month in which a thread began."""
        return {month_of(t.first) for t in self._seen}

    def counts(self, months: Iterable[str]) -> Counts:
        """Count ``months``: what a row remembers is of the whole."""
        found: Counts = dict.fromkeys(sorted(months), (0, 0))
        for one in self._seen:
            if (month := month_of(one.first)) in found:
                threads, messages = found[month]
                found[month] = threads + 1, messages + one.size
        return found

    def months(self, changed: Mapping[str, tuple[int, int]]) -> list[Month]:
        """Return the months in which threads began, the newest first."""
        del changed
        return _months(self.counts(self.all_months()))

    @cached_property
    def _seen(self) -> Sequence[ThreadView]:
        """Return every thread with something to see, the one that began last first."""
        view = self.view
        columns = (Thread.id, Thread.hash, Thread.subject, Thread.author, Thread.first, Thread.size)
        rows = self.session.execute(
            select(*columns, func.count().label("seen"), func.max(Message.date).label("last"))
            .join(Message, Message.thread_id == Thread.id)
            .where(Thread.list_id == self.lst.id, Message.arrival >= view.since)
            .group_by(*columns)
        ).all()
        firsts = self._firsts([row.id for row in rows if row.seen < row.size])
        found = []
        for row in rows:
            first = firsts.get(row.id)
            told = (row.hash, row.subject, row.author)
            began = row.first
            if first is not None:
                told, began = (first.hash, first.subject, first.author), first.date
            found.append(_shown(view, row.hash, told, row.last, row.seen, began))
        return sorted(found, key=lambda t: (-t.first, t.hash))

    def _firsts(self, threads: Sequence[int]) -> dict[int, Message]:
        """Return the first message to be seen of each of ``threads``."""
        found: dict[int, Message] = {}
        for start in range(0, len(threads), MANY):
            some = leaves_of(self.session, self.view, threads[start : start + MANY])
            found |= {key: leaves[0].row for key, leaves in some.items() if leaves}
        return found


TALK = 2  # messages; a talk has more


def summaries_of(session: Session, view: ListView, lst: MailList) -> Summaries:
    """Return the sums of what ``view`` shows."""
    return (LaterSummaries if view.since else Summaries)(session, view, lst)


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


def _shown(
    view: ListView, hash_: str, told: tuple[str, str, str], last: float, size: int, first: float
) -> ThreadView:
    """Return a thread as it may be shown; ``told`` is (hash, subject, author) of its first mail."""
    own, subject, author = told
    title = view.viewer.line(own, bare_subject(subject) or subject)
    return ThreadView(hash_, title, view.viewer.name(own, author), last, size, first)


def _months(counts: Mapping[str, tuple[int, int]]) -> list[Month]:
    return [
        Month(path, month_start(path), *counts[path])
        for path in sorted(counts, reverse=True)
        if counts[path][0]
    ]


def _within(month: str) -> tuple[Any, Any]:
    return Thread.first >= month_start(month), Thread.first < _after(month)


def _after(month: str) -> float:
    """Return when the month after ``month`` begins."""
    return month_start(month_of(month_start(month) + 32 * 86400.0))


def month_of(at: float) -> str:
    """Return the folder of the month of ``at``, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m")


def month_start(path: str) -> float:
    """Return when a month begins."""
    return datetime.strptime(f"{path}-01", "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
