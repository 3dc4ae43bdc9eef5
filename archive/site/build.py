"""Keep the files on disk equal to the rows: render what was touched.

The tree for strangers and the one for members have separate roots (``public/``, ``members/``
under the archive folder); a list without an archive has no file at all. What is written comes from
the list's views (archive/pages/views.py) and from nothing else. Rendering reads in one transaction
and marks in another, short one; a thread touched in between stays dirty. Slow files (a month's
mbox, site maps) follow a little later.
"""

import gc
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from archive.pages import index_pages, member_pages, page_frame
from archive.pages.listing import former_files, listing_files
from archive.pages.page_frame import ListInfo, ListView
from archive.pages.search import write_search
from archive.pages.thread_rendering import (
    THREAD_FILES,
    DrawingContext,
    Drawn,
    draw_thread,
    fetch,
    sheets_of,
)
from archive.pages.thread_summaries import count_months, month_of, summaries_of
from archive.pages.views import TREES, views_of
from archive.threads.archive_tables import Body, Late, Message, MonthCount, Thread
from archive.threads.disk import plain_errors, remove_files, write_files
from mailer.reading.headers.head_facts import AHEAD
from mailer.storage.store import Store, insert_or_ignore
from mailer.storage.tokens import load_keyring
from subscriptions.lists.roster import MailList

SLICE = 300  # messages rendered between two commits: about two seconds
LARGE = 300  # messages; the page of a thread with more is not written at every mail
REST = 0.01  # seconds that a large thread's page rests per message: about ten times its cost
LATE = 60.0  # seconds that slow files wait for more mail
INDEX_LANGUAGE = "en"
Progress = Callable[[int], None]


def desk_of(session: Session, view: ListView, folder: Path | None) -> DrawingContext:
    """Return what drawing ``view`` needs; without ``folder`` nothing is written on the way."""

    def put(files: dict[str, bytes]) -> None:
        if folder is not None:
            with plain_errors(folder):
                write_files(folder, files)

    return DrawingContext(view, load_keyring(session), folder, put)


def something_dirty(session: Session) -> bool:
    """Tell whether any thread was touched since its page was written, or a person's page waits."""
    touched = select(Thread.id).where(Thread.touched > Thread.rendered).limit(1)
    return session.scalar(touched) is not None or member_pages.waits(session)


def render_permalinks(
    session: Session, root: Path, lst: MailList, shas: Collection[bytes], base_url: str
) -> None:
    """Write the permalink pages of mails just placed: Archived-At must hold at once.

    Raise OSError where the disk does not take them; a post need not wait for that.
    """
    views = views_of(session, lst, base_url)
    if not views or not shas:
        return
    found = session.execute(
        select(
            Message.id, Message.hash, Message.subject, Message.arrival,
            Thread.id.label("of"), Thread.hash.label("thread"), Thread.size,
        )
        .join(Thread, Thread.id == Message.thread_id)
        .where(Message.list_id == lst.id, Message.raw_sha.in_(shas))
    ).all()  # fmt: skip
    for view in views:
        seen = [one for one in found if view.sees(one.arrival)]
        large = {one.of for one in seen if one.size > page_frame.MANY}
        sheets = sheets_of(session, view, sorted(large)) if large else {}
        files: dict[str, bytes] = {}
        for one in seen:
            sheet = sheets.get(one.id, 1)
            files |= page_frame.permalink_file(view, one.hash, one.thread, one.subject, sheet)
        if files:
            write_files(root / view.tree, files | page_frame.shared_files())


@contextmanager
def rendering(store: Store, patience: float = 60.0) -> Iterator[None]:
    """Wait until nobody else renders, then keep it so; go on after ``patience`` seconds.

    Two renderers could leave the older of two pages on disk and mark it as the newer. A worker
    holds this for a slice only, so patience runs out where something is stuck, and then a page
    that must leave strangers' sight matters more.
    """
    deadline = time.monotonic() + patience
    while True:
        with store.alone("archive") as ours:
            if ours or time.monotonic() > deadline:
                yield
                return
        time.sleep(0.1)


def render_dirty(
    store: Store,
    root: Path,
    base_url: str,
    *,
    list_id: int | None = None,
    now: float | None = None,
    progress: Progress = lambda _messages: None,
) -> int:
    """Render the next touched threads, a slice of about SLICE messages; return how many.

    The pages that list them follow. 0 means that nothing waits (1, that mail is still being tied to
    whom it is from). With ``now`` (seconds since
    1970 UTC), large threads whose page was written a moment ago are left for a later call.
    """
    more = member_pages.tend(store, root)
    with store.read() as session:
        resting = [] if now is None else _resting(session, root, now)
        found = next_threads(session, list_id, resting)
        drawn = []
        for lst in _lists(session, {thread.list_id for thread in found}):
            own = [thread for thread in found if thread.list_id == lst.id]
            drawn.append((lst, draw(session, root, lst, own, base_url, progress)))
        indexes = index_files(session, base_url) if found else {}
    with plain_errors(root):
        for lst, trees in drawn:
            for one in trees:
                if one.tree:
                    write_files(root / one.tree, one.files)
                    remove_files(root / one.tree, one.gone)
            mark(store, lst, trees)
        for tree, files in indexes.items():
            write_files(root / tree, files)
    return len(found) or int(more)


def _resting(session: Session, root: Path, now: float) -> list[int]:
    """Return the large touched threads whose page on disk is too young to be written anew."""
    found = session.execute(
        select(Thread, MailList)
        .join(MailList, MailList.id == Thread.list_id)
        .where(Thread.touched > Thread.rendered, Thread.size > LARGE)
    )
    resting = []
    for thread, lst in found:
        name = f"{lst.address}/t/{thread.rendered_hash}/index.html"
        written = [
            (root / tree / name).stat().st_mtime for tree in TREES if (root / tree / name).is_file()
        ]
        age = now - max(written, default=now + 1.0)
        if 0 <= age < thread.size * REST:
            resting.append(thread.id)
    return resting


def next_threads(session: Session, list_id: int | None, resting: Sequence[int]) -> list[Thread]:
    """Return the next touched threads, about SLICE messages of them."""
    where = [Thread.touched > Thread.rendered, Thread.id.not_in(resting)]
    if list_id is not None:
        where.append(Thread.list_id == list_id)
    threads = session.scalars(
        select(Thread).where(*where).order_by(Thread.list_id, Thread.id).limit(SLICE)
    )
    taken: list[Thread] = []
    messages = 0
    for thread in threads:
        if taken and messages + thread.size > SLICE:
            break
        taken.append(thread)
        messages += thread.size
    return taken


def render_late(
    store: Store, root: Path, base_url: str, now: float, *, list_id: int | None = None
) -> int:
    """Write the slow files of months that have been late for LATE seconds; return how many."""
    where = [Late.touched <= now - LATE]
    if list_id is not None:
        where.append(Late.list_id == list_id)
    with plain_errors(root):
        with store.read() as session:
            rows = session.execute(select(Late.list_id, Late.month, Late.touched).where(*where))
            due: dict[int, list[tuple[str, float]]] = {}
            for row in rows:
                due.setdefault(row.list_id, []).append((row.month, row.touched))
            for lst in _lists(session, due):
                months = {month for month, _ in due[lst.id]}
                for view in views_of(session, lst, base_url):
                    folder = root / view.tree
                    write_files(folder, slow_files(session, folder, view, lst, months))
                    write_search(session, folder, view, lst)
        with store.write() as session:
            for key, months_at in due.items():
                for month, touched in months_at:  # one that was touched since stays late
                    session.execute(
                        delete(Late).where(
                            Late.list_id == key, Late.month == month, Late.touched == touched
                        )
                    )
    return sum(map(len, due.values()))


def size_of(session: Session, lst: MailList) -> int:
    """Return how many messages the archive of ``lst`` has."""
    count = select(func.count(Message.id)).where(Message.list_id == lst.id)
    return session.scalar(count) or 0


def something_late(session: Session, now: float) -> bool:
    """Tell whether slow files have waited long enough."""
    return session.scalar(select(Late.month).where(Late.touched <= now - LATE).limit(1)) is not None


def slow_files(
    session: Session, folder: Path, view: ListView, lst: MailList, months: Iterable[str]
) -> dict[str, bytes]:
    """Return the mbox of each of ``months`` and the site maps, out of what stands in ``folder``.

    Several gzip files in a row are one (RFC 1952 section 2.2), so a month is its threads' joined.
    """
    files: dict[str, bytes] = {}
    shown = summaries_of(session, view, lst)
    if view.tree == "public":
        files |= index_pages.map_files(view, shown.every())
    for month in months:
        threads = shown.of_month(month)
        paths = [folder / view.address / "t" / t.hash / "thread.mbox.gz" for t in reversed(threads)]
        if threads:
            joined = b"".join(path.read_bytes() for path in paths if path.is_file())
            files[f"{view.address}/{month}/{month}.mbox.gz"] = joined
            files |= index_pages.month_json(view, month, threads)
    return files


def _lists(session: Session, ids: Iterable[int]) -> Sequence[MailList]:
    return session.scalars(
        select(MailList).where(MailList.id.in_(sorted(ids))).order_by(MailList.id)
    ).all()


def draw(
    session: Session,
    root: Path,
    lst: MailList,
    threads: Sequence[Thread],
    base_url: str,
    progress: Progress = lambda _messages: None,
    *,
    listed: bool = True,
) -> list[Drawn]:
    """Draw ``threads`` of one list in each of its trees, and what has to be marked then.

    The pages that list them come too, unless ``listed`` is not set.
    """
    marks = [_mark_of(thread) for thread in threads]
    months = {thread.rendered_month for thread in threads} | {one["month"] for one in marks}
    drawn: list[Drawn] = []
    with _uncollected():
        for view in views_of(session, lst, base_url):
            desk = desk_of(session, view, root / view.tree)
            one = Drawn(tree=view.tree, months=months - {""})
            _draw_threads(session, desk, lst, threads, one)
            if listed:
                _draw_listings(session, desk, lst, threads, one)
            drawn.append(one)
    drawn = drawn or [Drawn(months=months - {""})]
    drawn[0].threads = marks
    progress(sum(thread.size for thread in threads))
    return drawn


def _mark_of(thread: Thread) -> dict[str, Any]:
    """Return what the row of a thread says when its pages stand."""
    month = month_of(thread.first) if thread.size else ""
    return {"key": thread.id, "seen": thread.touched, "now": thread.hash, "month": month}


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let Python look for no cycles: a slice makes a million objects, and none that needs it."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _draw_threads(
    session: Session, desk: DrawingContext, lst: MailList, threads: Sequence[Thread], drawn: Drawn
) -> None:
    """Draw ``threads`` into ``drawn``, with what became of their former places."""
    tray = fetch(session, desk, [t.id for t in threads if t.size])
    for thread in threads:
        if thread.rendered_hash and thread.rendered_hash != thread.hash:
            folder = f"{lst.address}/t/{thread.rendered_hash}"
            drawn.gone += [f"{folder}/{name}" for name in THREAD_FILES if name != "index.html"]
        if desk.folder is not None:
            drawn.gone += _sheets(desk.folder, f"{lst.address}/t/{thread.rendered_hash}")
        if thread.size:
            draw_thread(session, desk, thread, tray, drawn)
    drawn.files |= former_files(session, desk.view, lst, [thread.id for thread in threads])
    # A former place may be a thread's home again, drawn in this very slice.
    homes = {
        f"{lst.address}/t/{thread.hash}/{name}"
        for thread in threads
        if thread.size and (count := len(tray.threads[thread.id]))
        for name in (*THREAD_FILES, *page_frame.sheet_files(count))
    }
    drawn.gone = [name for name in drawn.gone if name not in homes]


def _draw_listings(
    session: Session, desk: DrawingContext, lst: MailList, threads: Sequence[Thread], drawn: Drawn
) -> None:
    """Draw the pages that list ``threads``, and those of who wrote in them."""
    every = False
    if desk.view.since:  # a thread that began before may begin here in any month
        every = any(thread.first < desk.view.since + AHEAD for thread in threads)
        drawn.months |= summaries_of(session, desk.view, lst).all_months() if every else set()
    drawn.files |= listing_files(session, desk, lst, drawn, every=every)
    writers = member_pages.pages_of(session, lst, [thread.id for thread in threads])
    drawn.files |= member_pages.page_files(session, desk, lst, drawn, writers)


def _sheets(tree: Path, folder: str) -> list[str]:
    """Return the further pages of a thread that stand on disk."""
    return [f"{folder}/{path.name}" for path in (tree / folder).glob("[0-9]*.html")]


def index_files(session: Session, base_url: str) -> dict[str, dict[str, bytes]]:
    """Return tree -> the page of its lists and the files that all pages share."""
    lists = session.scalars(select(MailList).order_by(MailList.title, MailList.id)).all()
    trees: dict[str, list[ListInfo]] = {}
    for lst in lists:
        for view in views_of(session, lst, base_url):
            trees.setdefault(view.tree, []).append(view.info)
    files = {
        tree: index_pages.index_file(infos, INDEX_LANGUAGE) | page_frame.shared_files()
        for tree, infos in trees.items()
    }
    if "public" in files:
        public = [(info, 1) for info in trees["public"]]
        files["public"] |= index_pages.robots_file(public, base_url.rstrip("/"))
    return files


def mark(store: Store, lst: MailList, trees: Sequence[Drawn], *, late: bool = True) -> None:
    """Say in the rows what stands on disk now; the slow files of its months are ``late``."""
    thread, message = Thread.__table__.c, Message.__table__.c
    drawn = trees[0]
    months = set().union(*(one.months for one in trees))
    bodies = {key: body for one in trees for key, body in one.bodies.items()}
    with store.write() as session:
        connection = session.connection()
        if drawn.threads:
            connection.execute(
                update(Thread.__table__)  # type: ignore[arg-type]  # a Table is what it is
                .where(thread.id == bindparam("key"))
                .values(
                    rendered=bindparam("seen"),
                    rendered_hash=bindparam("now"),
                    rendered_month=bindparam("month"),
                ),
                drawn.threads,
            )
        if drawn.links:
            connection.execute(
                update(Message.__table__)  # type: ignore[arg-type]
                .where(message.id == bindparam("key"))
                .values(linked=bindparam("to")),
                drawn.links,
            )
        if bodies:
            session.execute(delete(Body).where(Body.message_id.in_(list(bodies))))
            session.execute(insert(Body), list(bodies.values()))
        _count_months(session, lst, drawn, months, late=late)


def _count_months(
    session: Session, lst: MailList, drawn: Drawn, months: set[str], *, late: bool
) -> None:
    if not months:
        return
    # What was counted when the pages were drawn: who came since has touched a thread again.
    counts = count_months(session, lst, months - drawn.counts.keys()) | drawn.counts
    rows = [
        {"list_id": lst.id, "month": month, "threads": count[0], "messages": count[1]}
        for month in sorted(months)
        if (count := counts[month])
    ]
    here = (MonthCount.list_id == lst.id, MonthCount.month.in_(months))
    session.execute(delete(MonthCount).where(*here))
    session.execute(insert(MonthCount), rows)
    if late:
        now = time.time()
        session.execute(
            insert_or_ignore(session, Late),
            [{"list_id": lst.id, "month": month, "touched": now} for month in sorted(months)],
        )
    else:
        session.execute(delete(Late).where(Late.list_id == lst.id, Late.month.in_(months)))
