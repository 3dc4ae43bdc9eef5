"""Keep the files on disk equal to the rows: render what was touched.

The tree for strangers and the one for members have separate roots (``public/``, ``members/``
under the archive folder), so that a web door cannot mix them up; a list without an archive has
no file at all. Rendering reads in one transaction and marks in another, short one; a thread
touched in between stays dirty. Slow files (a month's mbox, site maps) follow a little later.
"""

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from archive import listing, pages, people, shelves
from archive.disk import plain_errors, remove_files, write_files
from archive.drawing import (
    THREAD_FILES,
    Desk,
    Drawn,
    draw_thread,
    fetch,
    sheets_of,
)
from archive.listing import former_files, listing_files, month_of
from archive.pages import ListView
from archive.redaction import removed_of
from archive.removal import Removed
from archive.search import write_search
from archive.sight import Sight
from archive.tables import Body, Late, Message, MonthCount, Thread
from mailer.store import Store, insert_or_ignore
from mailer.tokens import load_keyring
from subscriptions.roster import ArchivePolicy, MailList

SLICE = 300  # messages rendered between two commits: about two seconds
LARGE = 300  # messages; the page of a thread with more is not written at every mail
REST = 0.01  # seconds that a large thread's page rests per message: about ten times its cost
LATE = 60.0  # seconds that slow files wait for more mail
INDEX_LANGUAGE = "en"
Progress = Callable[[int], None]


def tree_of(lst: MailList) -> str:
    """Return the folder of the tree that holds ``lst``, or "" when it has no archive."""
    if lst.archive == ArchivePolicy.NONE:
        return ""
    return "public" if lst.archive == ArchivePolicy.PUBLIC else "members"


def view_of(lst: MailList, base_url: str, removed: Removed | None = None) -> ListView:
    """Return what pages say about ``lst``."""
    masked = lst.archive != ArchivePolicy.MEMBERS
    return ListView(
        address=lst.address,
        title=lst.title or lst.address,
        description=lst.description,
        language=lst.language,
        base=base_url.rstrip("/"),
        sight=Sight(masked, lst.language, removed or Removed()),
    )


def desk_of(session: Session, lst: MailList, base_url: str, root: Path | None) -> Desk:
    """Return what drawing ``lst`` needs; without ``root`` nothing is written on the way."""
    view = view_of(lst, base_url, removed_of(session, lst))
    folder = root / tree_of(lst) if root is not None and tree_of(lst) else None

    def put(files: dict[str, bytes]) -> None:
        if folder is not None:
            with plain_errors(folder):
                write_files(folder, files)

    return Desk(view, load_keyring(session), folder, put)


def something_dirty(session: Session) -> bool:
    """Tell whether any thread was touched since its page was written, or a person's page waits."""
    touched = select(Thread.id).where(Thread.touched > Thread.rendered).limit(1)
    return session.scalar(touched) is not None or people.waits(session)


def render_permalink(
    session: Session, root: Path, lst: MailList, raw_sha: bytes, base_url: str
) -> None:
    """Write the permalink page of a mail just placed: Archived-At must hold at once.

    Raise OSError where the disk does not take it; a post need not wait for that.
    """
    tree = tree_of(lst)
    found = session.execute(
        select(Message, Thread)
        .join(Thread, Thread.id == Message.thread_id)
        .where(Message.list_id == lst.id, Message.raw_sha == raw_sha)
    ).first()
    if not tree or found is None:
        return
    view = view_of(lst, base_url, removed_of(session, lst))
    mail, thread = found
    sheet = sheets_of(session, [thread.id]).get(mail.id, 1) if thread.size > pages.MANY else 1
    files = pages.permalink_file(view, mail.hash, thread.hash, mail.subject, sheet)
    files |= pages.shared_files()
    write_files(root / tree, files)


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
    more = people.tend(store, root)
    with store.read() as session:
        resting = [] if now is None else _resting(session, root, now)
        found = next_threads(session, list_id, resting)
        drawn = []
        for lst in _lists(session, {thread.list_id for thread in found}):
            own = [thread for thread in found if thread.list_id == lst.id]
            drawn.append((lst, draw(session, root, lst, own, base_url, progress)))
        indexes = index_files(session, base_url) if found else {}
    with plain_errors(root):
        for lst, one in drawn:
            if tree := tree_of(lst):
                write_files(root / tree, one.files)
                remove_files(root / tree, one.gone)
            mark(store, lst, one)
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
        page = root / tree_of(lst) / lst.address / "t" / thread.rendered_hash / "index.html"
        age = now - page.stat().st_mtime if page.is_file() else -1.0
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
                if tree := tree_of(lst):
                    view = view_of(lst, base_url, removed_of(session, lst))
                    files = slow_files(session, root, view, lst, months)
                    write_files(root / tree, files)
                    write_search(session, root / tree, view, lst)
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
    session: Session, root: Path, view: ListView, lst: MailList, months: Iterable[str]
) -> dict[str, bytes]:
    """Return the mbox of each of ``months`` and the site maps, out of what stands on disk.

    Several gzip files in a row are one (RFC 1952 section 2.2), so a month is its threads' joined.
    """
    files = shelves.map_files(view, listing.every_thread(session, lst))
    for month in months:
        threads = listing.threads_of_month(session, lst, month)
        paths = [
            root / tree_of(lst) / view.address / "t" / t.hash / "thread.mbox.gz"
            for t in reversed(threads)
        ]
        if threads:
            joined = b"".join(path.read_bytes() for path in paths if path.is_file())
            files[f"{view.address}/{month}/{month}.mbox.gz"] = joined
            files |= shelves.month_json(view, month, threads)
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
) -> Drawn:
    """Draw ``threads`` of one list, and the pages that list them unless ``listed`` is not set."""
    desk = desk_of(session, lst, base_url, root)
    drawn = Drawn()
    with _uncollected():
        _draw_threads(session, root, desk, lst, threads, drawn, progress)
    if tree_of(lst):
        drawn.files |= former_files(session, desk.view, lst, [thread.id for thread in threads])
        if listed:
            drawn.files |= listing_files(session, desk, lst, drawn)
            writers = people.pages_of(session, lst, [thread.id for thread in threads])
            drawn.files |= people.page_files(session, desk, lst, drawn, writers)
    # A former place may be a thread's home again, drawn in this very slice.
    homes = {
        f"{lst.address}/t/{thread.hash}/{name}"
        for thread in threads
        for name in (*THREAD_FILES, *pages.sheet_files(thread.size))
    }
    drawn.gone = [name for name in drawn.gone if name not in homes]
    return drawn


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
    session: Session,
    root: Path,
    desk: Desk,
    lst: MailList,
    threads: Sequence[Thread],
    drawn: Drawn,
    progress: Progress,
) -> None:
    """Draw ``threads`` into ``drawn``, with what became of their former places."""
    tray = fetch(session, desk, [t.id for t in threads if t.size and tree_of(lst)])
    for thread in threads:
        month = month_of(thread.first) if thread.size else ""
        drawn.months |= {thread.rendered_month, month} - {""}
        if thread.rendered_hash and thread.rendered_hash != thread.hash:
            folder = f"{lst.address}/t/{thread.rendered_hash}"
            drawn.gone += [f"{folder}/{name}" for name in THREAD_FILES if name != "index.html"]
        drawn.gone += _sheets(root / tree_of(lst), f"{lst.address}/t/{thread.rendered_hash}")
        drawn.threads.append(
            {"key": thread.id, "seen": thread.touched, "now": thread.hash, "month": month}
        )
        if thread.size and tree_of(lst):
            draw_thread(session, desk, thread, tray, drawn)
        progress(thread.size)


def _sheets(tree: Path, folder: str) -> list[str]:
    """Return the further pages of a thread that stand on disk."""
    return [f"{folder}/{path.name}" for path in (tree / folder).glob("[0-9]*.html")]


def index_files(session: Session, base_url: str) -> dict[str, dict[str, bytes]]:
    """Return tree -> the page of its lists and the files that all pages share."""
    lists = session.scalars(select(MailList).order_by(MailList.title, MailList.id)).all()
    trees: dict[str, list[ListView]] = {}
    for lst in lists:
        if tree := tree_of(lst):
            trees.setdefault(tree, []).append(view_of(lst, base_url))
    files = {
        tree: shelves.index_file(views, INDEX_LANGUAGE) | pages.shared_files()
        for tree, views in trees.items()
    }
    if "public" in files:
        public = [(view, 1) for view in trees["public"]]
        files["public"] |= shelves.robots_file(public, base_url.rstrip("/"))
    return files


def mark(store: Store, lst: MailList, drawn: Drawn, *, late: bool = True) -> None:
    """Say in the rows what stands on disk now; the slow files of its months are ``late``."""
    thread, message = Thread.__table__.c, Message.__table__.c
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
        if drawn.bodies:
            session.execute(delete(Body).where(Body.message_id.in_(list(drawn.bodies))))
            session.execute(insert(Body), list(drawn.bodies.values()))
        _count_months(session, lst, drawn, late=late)


def _count_months(session: Session, lst: MailList, drawn: Drawn, *, late: bool) -> None:
    months = drawn.months
    if not months:
        return
    # What was counted when the pages were drawn: who came since has touched a thread again.
    counts = drawn.counts or listing.count_months(session, lst, months)
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
