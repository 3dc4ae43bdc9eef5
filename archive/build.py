"""Keep the files on disk equal to the rows: render what was touched, check, export.

The tree for strangers and the one for members have separate roots (``public/``, ``members/``
under the archive folder), so that a web door cannot mix them up; a list without an archive has
no file at all. Rendering reads in one transaction and marks in another, short one; a thread
touched in between stays dirty.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from archive import pages
from archive.bodies import VERSION, Reading, pack, read, unpack
from archive.disk import list_files, plain_errors, remove_files, write_files
from archive.tables import Body, FormerThread, Message, Node, Thread
from archive.threads import cut_loops, order
from mailer.errors import KretsError, Refused
from mailer.store import Store, get_raw
from subscriptions.roster import ArchivePolicy, MailList

NEWEST = 40  # threads on a list's home
SLICE = 300  # messages rendered between two commits: about two seconds
LARGE = 300  # messages; the page of a thread with more is not written at every mail
REST = 0.01  # seconds that a large thread's page rests per message: about ten times its cost
INDEX_LANGUAGE = "en"


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Differences:
    """Hold what a check found, as paths under the archive folder."""

    missing: tuple[str, ...]
    differing: tuple[str, ...]
    extra: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.differing or self.extra)


@dataclass(slots=True)
class _Drawn:
    """Hold the files of some threads, and what to mark when they are written."""

    files: dict[str, bytes]
    threads: list[dict[str, Any]]
    links: list[dict[str, Any]]
    bodies: list[dict[str, Any]]
    months: set[str]
    gone: list[str]


def tree_of(lst: MailList) -> str:
    """Return the folder of the tree that holds ``lst``, or "" when it has no archive."""
    if lst.archive == ArchivePolicy.NONE:
        return ""
    return "public" if lst.archive == ArchivePolicy.PUBLIC else "members"


def view_of(lst: MailList, base_url: str) -> pages.ListView:
    """Return what pages say about ``lst``."""
    return pages.ListView(
        address=lst.address,
        title=lst.title or lst.address,
        description=lst.description,
        language=lst.language,
        base=base_url.rstrip("/"),
        masked=lst.archive != ArchivePolicy.MEMBERS,
    )


def something_dirty(session: Session) -> bool:
    """Tell whether any thread was touched since its page was written."""
    touched = select(Thread.id).where(Thread.touched > Thread.rendered).limit(1)
    return session.scalar(touched) is not None


def render_permalink(
    session: Session, root: Path, lst: MailList, raw_sha: bytes, base_url: str
) -> None:
    """Write the permalink page of a mail just placed: Archived-At must hold at once.

    Raise OSError where the disk does not take it; a post need not wait for that.
    """
    tree = tree_of(lst)
    found = session.execute(
        select(Message.hash, Message.subject, Thread.hash.label("thread"))
        .join(Thread, Thread.id == Message.thread_id)
        .where(Message.list_id == lst.id, Message.raw_sha == raw_sha)
    ).first()
    if not tree or found is None:
        return
    view = view_of(lst, base_url)
    files = pages.permalink_file(view, found.hash, found.thread, found.subject)
    files |= pages.accent_file(view) | pages.shared_files()
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
) -> int:
    """Render the next touched threads, a slice of about SLICE messages; return how many.

    The pages that list them follow. 0 means that nothing waits. With ``now`` (seconds since
    1970 UTC), large threads whose page was written a moment ago are left for a later call.
    """
    with store.read() as session:
        resting = [] if now is None else _resting(session, root, now)
        found = _next_threads(session, list_id, resting)
        lists = _lists(session, {thread.list_id for thread in found})
        drawn = [
            (lst, _draw(session, lst, [t for t in found if t.list_id == lst.id], base_url))
            for lst in lists
        ]
        for lst, one in drawn:
            one.files |= _listing_files(session, lst, base_url, one.months)
        indexes = _index_files(session, base_url) if found else {}
    with plain_errors(root):
        for lst, one in drawn:
            if tree := tree_of(lst):
                write_files(root / tree, one.files)
                remove_files(root / tree, one.gone)
            _mark(store, one)
        for tree, files in indexes.items():
            write_files(root / tree, files)
    return len(found)


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


def _next_threads(session: Session, list_id: int | None, resting: Sequence[int]) -> list[Thread]:
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


def build(store: Store, root: Path, base_url: str, lst: MailList) -> int:
    """Render every file of ``lst`` anew, remove what does not belong; return the threads."""
    with store.write() as session:
        session.execute(
            update(Thread).where(Thread.list_id == lst.id).values(touched=Thread.touched + 1)
        )
        session.execute(update(Message).where(Message.list_id == lst.id).values(linked=""))
    total = 0
    while count := render_dirty(store, root, base_url, list_id=lst.id):
        total += count
    with store.read() as session:
        listing = _listing_files(session, lst, base_url, None)
        indexes = _index_files(session, base_url)
        former = _former_files(session, lst, base_url, None)
        expected = set(listing) | set(former) | set(_names(session, lst))
    tree = tree_of(lst)
    with plain_errors(root):
        if tree:
            write_files(root / tree, listing | former)
        for name, files in indexes.items():
            write_files(root / name, files)
        for other in ("public", "members"):
            keep = expected if other == tree else set()
            extra = [n for n in list_files(root / other, lst.address) if n not in keep]
            remove_files(root / other, extra)
    return total


def check(store: Store, root: Path, base_url: str, lst: MailList) -> Differences:
    """Compare the files of ``lst`` with what the rows say they should be."""
    tree = tree_of(lst)
    seen: set[str] = set()
    missing: list[str] = []
    differing: list[str] = []
    if tree:
        for name, data in _all_files(store, lst, base_url):
            seen.add(name)
            path = root / tree / name
            if not path.is_file():
                missing.append(f"{tree}/{name}")
            elif path.read_bytes() != data:
                differing.append(f"{tree}/{name}")
    extra = [
        f"{other}/{name}"
        for other in ("public", "members")
        for name in list_files(root / other, lst.address)
        if other != tree or name not in seen
    ]
    return Differences(tuple(sorted(missing)), tuple(sorted(differing)), tuple(extra))


def export(store: Store, folder: Path, base_url: str, lst: MailList) -> int:
    """Write what a stranger may see of ``lst`` under ``folder``; return how many files."""
    if lst.archive != ArchivePolicy.PUBLIC:
        raise Refused(
            f"The archive of {lst.address} is not public: a stranger may see nothing of it.",
            f"krets list set {lst.address} --archive public makes it so.",
        )
    count = 0
    batch: dict[str, bytes] = {}
    with plain_errors(folder):
        for name, data in _all_files(store, lst, base_url):
            batch[name] = data
            if len(batch) >= 500:  # noqa: PLR2004 - files held in memory
                write_files(folder, batch)
                count += len(batch)
                batch = {}
        batch |= pages.index_file([view_of(lst, base_url)], lst.language) | pages.shared_files()
        write_files(folder, batch)
    return count + len(batch)


def _lists(session: Session, ids: Iterable[int]) -> Sequence[MailList]:
    return session.scalars(
        select(MailList).where(MailList.id.in_(sorted(ids))).order_by(MailList.id)
    ).all()


def _draw(session: Session, lst: MailList, threads: Sequence[Thread], base_url: str) -> _Drawn:
    view = view_of(lst, base_url)
    drawn = _Drawn({}, [], [], [], set(), [])
    for thread in threads:
        month = _month(thread.first) if thread.size else ""
        drawn.months |= {thread.rendered_month, month} - {""}
        if thread.rendered_hash and thread.rendered_hash != thread.hash:
            folder = f"{lst.address}/t/{thread.rendered_hash}"
            drawn.gone += [f"{folder}/thread.json", f"{folder}/thread.mbox"]
        drawn.threads.append(
            {"key": thread.id, "seen": thread.touched, "now": thread.hash, "month": month}
        )
        if not thread.size:
            continue
        rows = _rows(session, thread)
        try:
            mails = _mails(session, thread, rows, drawn.bodies, raw=not view.masked)
            drawn.files |= pages.thread_files(view, mails)
        except (SQLAlchemyError, KretsError):
            raise
        except Exception:  # noqa: BLE001 - one thread must not stop the archive of every list
            # Its old page stays, the log tells why, `archive check` shows what is missing.
            _log.exception("thread %s of %s could not be drawn", thread.hash, lst.address)
            continue
        for row in rows:
            if row.linked != thread.hash:
                drawn.links.append({"key": row.id, "to": thread.hash})
                drawn.files |= pages.permalink_file(view, row.hash, thread.hash, row.subject)
    drawn.files |= _former_files(session, lst, base_url, [thread.id for thread in threads])
    # A former place may be a thread's home again, drawn in this very slice.
    drawn.gone = [name for name in drawn.gone if name not in drawn.files]
    return drawn


def _rows(session: Session, thread: Thread) -> Sequence[Message]:
    return session.scalars(select(Message).where(Message.thread_id == thread.id)).all()


def _mails(
    session: Session,
    thread: Thread,
    rows: Sequence[Message],
    fresh: list[dict[str, Any]],
    *,
    raw: bool,
) -> list[pages.Mail]:
    """Return a thread's mails in tree order; bodies read for the first time go to ``fresh``."""
    nodes = session.execute(select(Node.hash, Node.parent).where(Node.thread_id == thread.id))
    claims = {node.hash: node.parent for node in nodes}
    keys = {row.hash: (row.date, row.hash) for row in rows}
    by_hash = {row.hash: row for row in rows}
    readings = _readings(session, thread)
    mails = []
    for placing in order(cut_loops(claims, keys), keys):
        row = by_hash[placing.hash]
        reading = readings.get(row.id)
        data = (get_raw(session, row.raw_sha) or b"") if raw or reading is None else b""
        if reading is None:
            reading = read(data)
            fresh.append({"message_id": row.id, "version": VERSION, "packed": pack(reading)})
        mails.append(
            pages.Mail(
                hash=row.hash,
                message_id=row.message_id,
                parent=placing.parent,
                depth=placing.depth,
                subject=row.subject,
                author=row.author,
                date=row.date,
                arrival=row.arrival,
                reading=reading,
                raw=data,
            )
        )
    return mails


def _readings(session: Session, thread: Thread) -> dict[int, Reading]:
    found = session.execute(
        select(Body.message_id, Body.packed)
        .join(Message, Message.id == Body.message_id)
        .where(Message.thread_id == thread.id, Body.version == VERSION)
    )
    return {key: unpack(packed) for key, packed in found}


def _listing_files(
    session: Session, lst: MailList, base_url: str, months: set[str] | None
) -> dict[str, bytes]:
    """Return a list's home, its colour and the pages of ``months`` (None: of all)."""
    if not tree_of(lst):
        return {}
    view = view_of(lst, base_url)
    known = _months(session, lst)
    files = pages.home_file(view, _threads(session, lst, newest=NEWEST), known)
    files |= pages.accent_file(view)
    for place, month in enumerate(known):
        if months is None or _neighbours(known, place) & months:
            rows = _threads(session, lst, month=month.path)
            newer = known[place - 1] if place else None
            older = known[place + 1] if place + 1 < len(known) else None
            files |= pages.month_file(view, month, rows, older, newer)
    return files


def _neighbours(known: Sequence[pages.Month], place: int) -> set[str]:
    """Return the months that a month's page names: its own and those beside it."""
    return {month.path for month in known[max(0, place - 1) : place + 2]}


def _months(session: Session, lst: MailList) -> list[pages.Month]:
    """Return the months in which threads began, the newest first."""
    firsts = session.scalars(
        select(Thread.first).where(Thread.list_id == lst.id, Thread.size > 0)
    ).all()
    counts: dict[str, int] = {}
    for first in firsts:
        counts[_month(first)] = counts.get(_month(first), 0) + 1
    return [
        pages.Month(path, _month_start(path), counts[path]) for path in sorted(counts, reverse=True)
    ]


def _threads(
    session: Session, lst: MailList, *, newest: int = 0, month: str = ""
) -> list[pages.ThreadView]:
    statement = select(Thread).where(Thread.list_id == lst.id, Thread.size > 0)
    if month:
        start = _month_start(month)
        end = _month_start(_month(start + 32 * 86400.0))
        statement = statement.where(Thread.first >= start, Thread.first < end)
        statement = statement.order_by(Thread.first.desc(), Thread.hash)
    else:
        statement = statement.order_by(Thread.last.desc(), Thread.hash).limit(newest)
    return [
        pages.ThreadView(t.hash, t.subject, t.author, t.last, t.size)
        for t in session.scalars(statement)
    ]


def _former_files(
    session: Session, lst: MailList, base_url: str, threads: Sequence[int] | None
) -> dict[str, bytes]:
    """Return the pages that stand where threads once were (of ``threads``, or all)."""
    if not tree_of(lst):
        return {}
    statement = (
        select(FormerThread.hash, Thread.hash.label("now"), Message.subject)
        .join(
            Message,
            (Message.list_id == FormerThread.list_id) & (Message.hash == FormerThread.hash),
        )
        .join(Thread, Thread.id == Message.thread_id)
        .where(FormerThread.list_id == lst.id, Thread.hash != FormerThread.hash)
    )
    if threads is not None:
        statement = statement.where(Thread.id.in_(threads))
    view = view_of(lst, base_url)
    files: dict[str, bytes] = {}
    for row in session.execute(statement):
        files |= pages.former_file(view, row.hash, row.now, row.subject)
    return files


def _index_files(session: Session, base_url: str) -> dict[str, dict[str, bytes]]:
    """Return tree -> the page of its lists and the files that all pages share."""
    lists = session.scalars(select(MailList).order_by(MailList.title, MailList.id)).all()
    trees: dict[str, list[pages.ListView]] = {}
    for lst in lists:
        if tree := tree_of(lst):
            trees.setdefault(tree, []).append(view_of(lst, base_url))
    return {
        tree: pages.index_file(views, INDEX_LANGUAGE) | pages.shared_files()
        for tree, views in trees.items()
    }


def _all_files(store: Store, lst: MailList, base_url: str) -> Iterator[tuple[str, bytes]]:
    """Yield every file that ``lst`` should have, a thread at a time."""
    with store.read() as session:
        view = view_of(lst, base_url)
        for thread in session.scalars(
            select(Thread).where(Thread.list_id == lst.id, Thread.size > 0).order_by(Thread.id)
        ).all():
            rows = _rows(session, thread)
            mails = _mails(session, thread, rows, [], raw=not view.masked)
            yield from pages.thread_files(view, mails).items()
            for row in rows:
                permalink = pages.permalink_file(view, row.hash, thread.hash, row.subject)
                yield from permalink.items()
            session.expunge_all()
        yield from _former_files(session, lst, base_url, None).items()
        yield from _listing_files(session, lst, base_url, None).items()


def _names(session: Session, lst: MailList) -> Iterator[str]:
    """Yield the names of all files of threads and permalinks, without making them."""
    for hash_ in session.scalars(
        select(Thread.hash).where(Thread.list_id == lst.id, Thread.size > 0)
    ):
        for name in ("index.html", "thread.json", "thread.mbox"):
            yield f"{lst.address}/t/{hash_}/{name}"
    for hash_ in session.scalars(select(Message.hash).where(Message.list_id == lst.id)):
        yield f"{lst.address}/m/{hash_}/index.html"
        yield f"{lst.address}/m/{hash_}/raw.eml"


def _mark(store: Store, drawn: _Drawn) -> None:
    """Say in the rows what stands on disk now."""
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
            ids = [row["message_id"] for row in drawn.bodies]
            session.execute(delete(Body).where(Body.message_id.in_(ids)))
            session.execute(insert(Body), drawn.bodies)


def _month(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m")


def _month_start(path: str) -> float:
    return datetime.strptime(f"{path}-01", "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
