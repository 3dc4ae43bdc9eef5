"""Know every file that a list's archive should have: build them all, check them, export them.

A build of many messages is shared by processes, one for each core: each draws threads of its own
and writes their files, and one alone marks the rows. The files are the same to the byte
whoever drew them. Search bundles are pagefind's own and are not compared.
"""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from archive.pages import index_pages, listing, member_pages, page_frame
from archive.pages.listing import former_files, listing_files
from archive.pages.page_frame import ListView
from archive.pages.redirects import redirect_lines
from archive.pages.search import write_search
from archive.pages.thread_rendering import (
    THREAD_FILES,
    Drawn,
    fetch,
    file_names,
    mails_of,
    thread_files,
)
from archive.pages.thread_summaries import all_months, summaries_of
from archive.pages.views import TREES, views_of
from archive.site.build import (
    SLICE,
    Progress,
    desk_of,
    draw,
    index_files,
    mark,
    render_dirty,
    slow_files,
)
from archive.threads import exports
from archive.threads.archive_tables import Body, Late, Message, Thread
from archive.threads.disk import list_files, plain_errors, remove_files, write_files
from archive.threads.thread_marks import NOTHING_SAID
from archive.visibility.visibility import unpack
from mailer.errors import Refused
from mailer.reading.attachments import key_of
from mailer.storage.store import Store
from subscriptions.lists.roster import MailList

FEW = 20  # threads that a check holds at a time
WORTH = 2_000  # messages; for fewer, processes of their own cost more than they save
CHUNK = 1_000  # rows that one transaction touches


@dataclass(frozen=True, slots=True)
class Differences:
    """Hold what a check found, as paths under the archive folder."""

    missing: tuple[str, ...]
    differing: tuple[str, ...]
    extra: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.differing or self.extra)

    def __add__(self, other: "Differences") -> "Differences":
        return Differences(
            self.missing + other.missing,
            self.differing + other.differing,
            self.extra + other.extra,
        )


def build(
    store: Store,
    root: Path,
    base_url: str,
    lst: MailList,
    progress: Progress = lambda _messages: None,
    *,
    workers: int = 1,
) -> int:
    """Render every file of ``lst`` anew, remove what does not belong; return the threads.

    With ``workers``, so many processes share the work where it is worth it.
    """
    while member_pages.tend(store, root):
        pass
    with store.read() as session:
        rows = session.execute(
            select(Thread.id, Thread.size).where(Thread.list_id == lst.id).order_by(Thread.id)
        )
        threads = [(row.id, row.size) for row in rows]
    for start in range(0, len(threads), CHUNK):
        some = [key for key, _ in threads[start : start + CHUNK]]
        touched = update(Thread).where(Thread.id.in_(some)).values(touched=Thread.touched + 1)
        unlinked = update(Message).where(Message.thread_id.in_(some)).values(linked="")
        with store.write() as session:
            session.execute(touched)
            session.execute(unlinked)
    total = 0
    if workers > 1 and sum(count for _, count in threads) >= WORTH:
        total = _share(store, root, base_url, lst, _slices(threads), progress, workers)
    while count := render_dirty(store, root, base_url, list_id=lst.id, progress=progress):
        total += count
    _finish(store, root, base_url, lst)
    return total


def _slices(threads: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Yield threads (of pairs with their size) whose messages make a slice."""
    some: list[int] = []
    size = 0
    for key, count in threads:
        if some and size + count > SLICE:
            yield some
            some, size = [], 0
        some.append(key)
        size += count
    if some:
        yield some


def _share(
    store: Store,
    root: Path,
    base_url: str,
    lst: MailList,
    slices: Iterator[list[int]],
    progress: Progress,
    workers: int,
) -> int:
    """Let ``workers`` processes draw the slices; return how many threads were drawn."""
    address = store.url.render_as_string(hide_password=False)
    total = 0
    store.close()  # no connection crosses into another process
    # Not forked: a fork would carry our threads' locks and connections with it.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as crew:
        waiting: set[Future[list[Drawn]]] = set()
        more = True
        while waiting or more:
            while more and len(waiting) < workers * 2:
                some = next(slices, None)
                more = some is not None
                if some is not None:
                    waiting.add(crew.submit(_draw_slice, address, root, base_url, lst.id, some))
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for one in done:
                drawn = one.result()
                mark(store, lst, drawn)
                total += len(drawn[0].threads)
                progress(drawn[0].size)
    return total


def _draw_slice(
    address: str, root: Path, base_url: str, list_id: int, keys: list[int]
) -> list[Drawn]:
    """Draw and write some threads in a process of our own; return what is to be marked."""
    store = Store(address, root)
    try:
        with store.read() as session:
            lst = session.get_one(MailList, list_id)
            threads = session.scalars(
                select(Thread).where(Thread.id.in_(keys)).order_by(Thread.id)
            ).all()
            drawn = draw(session, root, lst, threads, base_url, listed=False)
            messages = sum(thread.size for thread in threads)
        with plain_errors(root):
            for one in drawn:
                if one.tree:
                    write_files(root / one.tree, one.files)  # what is gone, the whole build removes
    finally:
        store.close()
    return [replace(one, files={}, gone=[], size=messages) for one in drawn]


def _finish(store: Store, root: Path, base_url: str, lst: MailList) -> None:
    """Write what lists the threads, and remove what does not belong."""
    with plain_errors(root):
        expected: dict[str, set[str]] = {}
        with store.read() as session:
            trees: list[Drawn] = []
            for view in views_of(session, lst, base_url):
                months = summaries_of(session, view, lst).all_months()
                drawn = Drawn(tree=view.tree, months=months)
                expected[view.tree] = _finish_tree(session, root, view, lst, drawn)
                trees.append(drawn)
            trees = trees or [Drawn(months=all_months(session, lst))]
            indexes = index_files(session, base_url)
        mark(store, lst, trees, late=False)
        for name, more in indexes.items():
            write_files(root / name, more)
        for tree in TREES:
            keep = expected.get(tree, set())
            extra = [n for n in list_files(root / tree, lst.address) if n not in keep]
            remove_files(root / tree, extra)


def _finish_tree(
    session: Session, root: Path, view: ListView, lst: MailList, drawn: Drawn
) -> set[str]:
    """Write what lists the threads in one tree; return every name that belongs there."""
    folder = root / view.tree
    desk = desk_of(session, view, folder)
    files = listing_files(session, desk, lst, drawn, every=True)
    files |= former_files(session, view, lst, None)
    files |= member_pages.page_files(session, desk, lst, drawn, member_pages.pages_of(session, lst))
    write_files(folder, files)
    late = slow_files(session, folder, view, lst, drawn.months)
    write_files(folder, late)
    write_search(session, folder, view, lst, anew=True)
    searched = list_files(folder, f"{lst.address}/search")
    return {*_names(session, view, lst), *files, *late, *searched}


def check(store: Store, root: Path, base_url: str, lst: MailList) -> Differences:
    """Compare the files of ``lst`` with what the rows say they should be."""
    with store.read() as session:
        views = views_of(session, lst, base_url)
    found = Differences((), (), ())
    for view in views:
        found += _check_tree(store, root, view, lst)
    extra = [
        f"{tree}/{name}"
        for tree in set(TREES) - {view.tree for view in views}
        for name in list_files(root / tree, lst.address)
    ]
    return found + Differences((), (), tuple(sorted(extra)))


def _check_tree(store: Store, root: Path, view: ListView, lst: MailList) -> Differences:
    seen: set[str] = set()
    missing: list[str] = []
    differing: list[str] = []
    folder = root / view.tree
    for name, data in _all_files(store, view, lst, None):
        seen.add(name)
        path = folder / name
        if not path.is_file():
            missing.append(name)
        elif (
            (key_of(path.read_bytes()) != data)
            if isinstance(data, str)
            else (path.read_bytes() != data)
        ):
            differing.append(name)
    with store.read() as session:
        slow = slow_files(session, folder, view, lst, summaries_of(session, view, lst).all_months())
        for name, data in slow.items():
            seen.add(name)
            if not (folder / name).is_file():
                missing.append(name)
            elif (folder / name).read_bytes() != data:
                differing.append(name)
        late = session.scalars(select(Late.month).where(Late.list_id == lst.id)).all()
    # Slow files follow a little later: that they are not there yet is no difference.
    folders = {f"{view.address}/{month}": month for month in late}
    waiting = {f"{place}/{month}.mbox.gz" for place, month in folders.items()}
    waiting |= {f"{place}/index.json" for place in folders}
    if late:
        waiting |= {n for n in (*missing, *differing) if "/sitemap" in n}
    seen |= waiting
    extra = [
        name
        for name in list_files(folder, view.address)
        if name not in seen and "/search/" not in name
    ]
    return Differences(
        tuple(f"{view.tree}/{name}" for name in sorted(missing) if name not in waiting),
        tuple(f"{view.tree}/{name}" for name in sorted(differing) if name not in waiting),
        tuple(f"{view.tree}/{name}" for name in extra),
    )


def export(store: Store, folder: Path, base_url: str, lst: MailList) -> int:
    """Write what a stranger may see of ``lst`` under ``folder``; return how many files.

    What an earlier export wrote of the list, by whichever of its names, and no stranger may see any
    more goes; names that begin with a dot are the operator's own. Raise Refused where the list's
    folder leads elsewhere.
    """
    links = [folder / one for one in lst.addresses if (folder / one).is_symlink()]
    if links:
        raise Refused(
            f"{links[0]} is a link, and old pages would be removed where it leads.",
            "Name the folder itself, or take the link away.",
        )
    with store.read() as session:
        views = views_of(session, lst, base_url)
    view = next((one for one in views if one.tree == "public"), None)
    if view is None:
        raise Refused(
            f"The archive of {lst.address} is not public: a stranger may see nothing of it.",
            key="archive-not-public",
            list=lst.address,
        )
    with store.write() as session:
        exports.remember(session, lst, folder, time.time())
    with plain_errors(folder):
        known = _write_export(store, folder, view, lst)
        theirs = f"{view.address}/search/"  # write_search has swept it
        files = [name for one in lst.addresses for name in list_files(folder, one)]
        old = [name for name in files if name not in known]
        remove_files(folder, [one for one in old if not one.startswith(theirs) and "/." not in one])
    return len(known)


def _write_export(store: Store, folder: Path, view: ListView, lst: MailList) -> set[str]:
    """Write what ``view`` shows under ``folder``; return the names, but for the search bundles'."""
    batch: dict[str, bytes] = {}
    written: set[str] = set()
    size = 0
    for name, data in _all_files(store, view, lst, folder):
        written.add(name)
        if isinstance(data, str):
            continue  # an attachment, written on the way
        batch[name] = data
        size += len(data)
        if len(batch) >= 500 or size > 8_000_000:  # noqa: PLR2004 - held in memory
            write_files(folder, batch)
            batch, size = {}, 0
    batch |= index_pages.index_file([view.info], view.language) | page_frame.shared_files()
    batch |= index_pages.robots_file([(view.info, 1)], view.base)
    write_files(folder, batch)
    with store.read() as session:
        late = slow_files(session, folder, view, lst, summaries_of(session, view, lst).all_months())
        if moved := "".join(redirect_lines(session, view, lst)):
            late["_redirects"] = moved.encode()
        write_files(folder, late)
        write_search(session, folder, view, lst, anew=True)
    return written | set(batch) | set(late)


def _all_files(
    store: Store, view: ListView, lst: MailList, folder: Path | None
) -> Iterator[tuple[str, bytes | str]]:
    """Yield every file that ``view`` should have, a thread at a time; an attachment as its key.

    Attachments are written below ``folder`` where it is given. Slow files are not among them.
    """
    with store.read() as session:
        desk = desk_of(session, view, folder)
        for some in _batches(list(listing.thread_ids(session, lst))):
            tray = fetch(session, desk, some)
            for thread in session.scalars(select(Thread).where(Thread.id.in_(some))).all():
                mails = mails_of(session, desk, thread, tray, {})
                if not mails:
                    continue  # nothing of it is in this view
                said = tray.said.get(thread.id, NOTHING_SAID)
                yield from thread_files(view, thread.hash, mails, said).items()
                for mail in mails:
                    yield from file_names(view, mail.seen).items()
                for leaf in tray.threads[thread.id]:
                    row = leaf.row
                    pointer = page_frame.permalink_file(
                        view, row.hash, thread.hash, row.subject, leaf.sheet
                    )
                    yield from pointer.items()
            session.expunge_all()
        yield from former_files(session, view, lst, None).items()
        drawn = Drawn(months=summaries_of(session, view, lst).all_months())
        yield from listing_files(session, desk, lst, drawn, every=True).items()
        writers = member_pages.pages_of(session, lst)
        yield from member_pages.page_files(session, desk, lst, drawn, writers).items()


def _batches(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(keys), FEW):
        yield keys[start : start + FEW]


def _names(session: Session, view: ListView, lst: MailList) -> Iterator[str]:
    """Yield the names of all files of threads, mails and attachments, without making them."""
    for thread in summaries_of(session, view, lst).every():
        for name in (*THREAD_FILES, *page_frame.sheet_files(thread.size)):
            yield f"{view.address}/t/{thread.hash}/{name}"
    mine = Message.list_id == lst.id, Message.arrival >= view.since
    for hash_ in session.scalars(select(Message.hash).where(*mine)):
        yield f"{view.address}/m/{hash_}/index.html"
        if hash_ not in view.viewer.removed.messages:
            yield f"{view.address}/m/{hash_}/raw.eml"
    bodies = session.scalars(
        select(Body.packed)
        .join(Message, Message.id == Body.message_id)
        .where(*mine, Body.sight == view.viewer.key)
        .execution_options(yield_per=200)
    )
    for packed in bodies:
        yield from file_names(view, unpack(packed))
