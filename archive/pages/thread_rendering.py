"""Draw the threads of an archive: from rows to the files of a thread.

What a mail shows is read, judged and drawn once for each kind of viewer and kept in
``archive_body``; a page is then a join. Attachments are written as they are met, because they may
be large: they are called after their content and nothing links to them before the page does.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from archive.pages import mail_text, page_frame, thread_formats, thread_page
from archive.pages.page_frame import ListView, PageMail
from archive.pages.quote_visibility import requoted
from archive.threads import thread_marks
from archive.threads.archive_tables import Body, MailAuthor, Message, Node, PersonPage, Thread
from archive.threads.thread_marks import NOTHING_SAID, ThreadSaid
from archive.threads.thread_tree import Placing, cut_loops, order
from archive.visibility.visibility import Seen, pack, see, unpack
from mailer.errors import KretsError
from mailer.reading.bodies import read, read_files
from mailer.reading.subjects import bare_subject
from mailer.storage.store import RawMessage, decompress, get_raw
from mailer.storage.tokens import Keyring, TokenPurpose
from subscriptions.lists.roster import Membership

MANY = 300  # threads that one query brings
FETCH = 8  # mails that one query brings; each may be as large as a mail can be
FLUSH = 8_000_000  # bytes of pages that are held before they are written
_log = logging.getLogger(__name__)
Put = Callable[[dict[str, bytes]], None]


@dataclass(slots=True)
class Drawn:
    """Hold the files of some threads in one tree, and what to mark when they are written."""

    tree: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    threads: list[dict[str, Any]] = field(default_factory=list)
    links: list[dict[str, Any]] = field(default_factory=list)
    bodies: dict[int, dict[str, Any]] = field(default_factory=dict)
    months: set[str] = field(default_factory=set)
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)  # of ``months``
    gone: list[str] = field(default_factory=list)
    size: int = 0

    def add(self, files: dict[str, bytes], put: Put) -> None:
        """Take files; hand on what is held when it is much."""
        self.files |= files
        self.size += sum(map(len, files.values()))
        if self.size > FLUSH:
            put(self.files)
            self.files, self.size = {}, 0


@dataclass(frozen=True, slots=True)
class DrawingContext:
    """Hold what drawing needs besides the rows; ``folder`` is the tree's root, None for no disk."""

    view: ListView
    keyring: Keyring | None
    folder: Path | None
    put: Put


@dataclass(frozen=True, slots=True)
class PlacedMessage:
    """Hold one message's row and its place in its thread."""

    row: Message
    placing: Placing
    sheet: int


@dataclass(frozen=True, slots=True)
class Tray:
    """Hold a slice of threads, fetched together; their raw mail comes as it is needed."""

    threads: dict[int, list[PlacedMessage]]  # by thread, in tree order
    kept: dict[int, Seen]  # by message
    people: dict[int, str]  # by message: the page of its writer
    said: dict[int, ThreadSaid]  # by thread
    raws: "Raws"


class Raws:
    """Fetch raw mail a few at a time, in the order in which it will be asked for."""

    def __init__(self, session: Session, shas: Sequence[bytes]) -> None:
        self._session = session
        self._shas = shas
        self._place = {sha: place for place, sha in enumerate(shas)}
        self._held: dict[bytes, bytes] = {}

    def take(self, sha: bytes) -> bytes:
        """Return a mail, b"" for one that left the store."""
        if sha not in self._held:
            place = self._place.get(sha)
            some = [sha] if place is None else self._shas[place : place + FETCH]
            rows = self._session.execute(
                select(RawMessage.sha, RawMessage.data).where(RawMessage.sha.in_(some))
            )
            self._held = {row.sha: row.data for row in rows}
        data = self._held.get(sha)
        return b"" if data is None else decompress(data)


def fetch(session: Session, desk: DrawingContext, threads: Sequence[int]) -> Tray:
    """Return what is needed to draw ``threads``."""
    kept: dict[int, Seen] = {}
    for start in range(0, len(threads), MANY):
        kept |= seen_of(session, desk, Message.thread_id.in_(threads[start : start + MANY]))
    people = _people(session, threads)
    leaves = leaves_of(session, desk.view, threads)
    wanted = [
        leaf.row.raw_sha
        for key in threads
        for leaf in leaves[key]
        if not desk.view.masked or leaf.row.id not in kept
    ]
    said = thread_marks.said_of(session, threads)
    return Tray(leaves, kept, people, said, Raws(session, wanted))


def leaves_of(
    session: Session, view: ListView, threads: Sequence[int]
) -> dict[int, list[PlacedMessage]]:
    """Return what ``view`` shows of each of ``threads``, in tree order."""
    rows: dict[int, dict[str, Message]] = {key: {} for key in threads}
    claims: dict[int, dict[str, str | None]] = {key: {} for key in threads}
    for start in range(0, len(threads), MANY):
        where = Message.thread_id.in_(threads[start : start + MANY])
        for row in session.scalars(select(Message).where(where).order_by(Message.id)):
            if view.sees(row.arrival):
                rows[row.thread_id][row.hash] = row
        nodes = select(Node.thread_id, Node.hash, Node.parent)
        for node in session.execute(nodes.where(Node.thread_id.in_(threads[start : start + MANY]))):
            claims[node.thread_id][node.hash] = node.parent
    return {key: _leaves(rows[key], claims[key]) for key in threads}


def _people(session: Session, threads: Sequence[int]) -> dict[int, str]:
    """Return the hash of the writer's page of each message whose writer wants one now."""
    found: dict[int, str] = {}
    for start in range(0, len(threads), MANY):
        rows = session.execute(
            select(MailAuthor.message_id, PersonPage.hash)
            .join(PersonPage, PersonPage.membership_id == MailAuthor.membership_id)
            .join(Membership, Membership.id == PersonPage.membership_id)
            .join(Message, Message.id == MailAuthor.message_id)
            .where(Message.thread_id.in_(threads[start : start + MANY]), Membership.has_page)
        )
        found |= {row.message_id: row.hash for row in rows}
    return found


def _leaves(rows: dict[str, Message], claims: dict[str, str | None]) -> list[PlacedMessage]:
    keys = {row.hash: (row.date, row.hash) for row in rows.values()}
    # By arrival: a mail stays on the page that its permalink leads to, whatever comes above it.
    numbers = {hash_: place // page_frame.MANY + 1 for place, hash_ in enumerate(rows)}
    placed = order(cut_loops(claims, keys), keys)
    return [PlacedMessage(rows[one.hash], one, numbers[one.hash]) for one in placed]


def draw_thread(
    session: Session, desk: DrawingContext, thread: Thread, tray: Tray, drawn: Drawn
) -> bool:
    """Draw one thread into ``drawn``; return False, and log why, where that cannot be done."""
    leaves = tray.threads[thread.id]
    names = {*THREAD_FILES, *page_frame.sheet_files(len(leaves))} if leaves else set()
    folder = f"{desk.view.address}/t/{thread.hash}"
    if desk.view.since and desk.folder is not None and (desk.folder / folder).is_dir():
        # Mails that may be seen can leave for another thread, and those that may not stay.
        here = sorted(path.name for path in (desk.folder / folder).iterdir())
        drawn.gone += [f"{folder}/{name}" for name in here if name not in names]
    if not leaves:
        return True
    try:
        mails = mails_of(session, desk, thread, tray, drawn.bodies)
        said = tray.said.get(thread.id, NOTHING_SAID)
        drawn.add(thread_files(desk.view, thread.hash, mails, said), desk.put)
    except (SQLAlchemyError, KretsError):
        raise
    except Exception:  # noqa: BLE001 - one thread must not stop the archive of every list
        # Its old page stays, the log tells why, `archive check` shows what is missing.
        _log.exception("thread %s of %s could not be drawn", thread.hash, desk.view.address)
        return False
    for leaf in leaves:
        row, place = leaf.row, _place(thread.hash, leaf.sheet)
        # What a row remembers is of the whole; in a view that begins later a page may be another.
        if row.linked != place or desk.view.since:
            drawn.links.append({"key": row.id, "to": place})
            pointer = page_frame.permalink_file(
                desk.view, row.hash, thread.hash, row.subject, leaf.sheet
            )
            drawn.add(pointer, desk.put)
    return True


def _place(thread: str, sheet: int) -> str:
    """Return what the row of a message remembers of where its permalink leads."""
    return thread if sheet == 1 else f"{thread[:44]}.{sheet}"


def thread_files(
    lst: ListView, hash_: str, mails: Sequence[PageMail], said: ThreadSaid = NOTHING_SAID
) -> dict[str, bytes]:
    """Return the files of one thread: its page, its other forms, and each mail's raw."""
    folder = f"{lst.address}/t/{hash_}"
    raws = thread_formats.raws_of(lst, mails)
    subject = mails[0].seen.subject
    if said.name and mails[0].hash == hash_:
        subject = lst.viewer.line(hash_, said.name)
    files = {
        **{
            f"{folder}/{n}": data
            for n, data in thread_page.thread_pages(lst, hash_, mails, subject, said).items()
        },
        f"{folder}/thread.json": thread_formats.thread_json(lst, mails, subject),
        f"{folder}/thread.mbox.gz": thread_formats.thread_mbox(mails, raws, masked=lst.masked),
        f"{folder}/feed.atom": thread_formats.feed(
            lst,
            [(hash_, mail) for mail in mails],
            title=bare_subject(subject) or subject,
            path=f"t/{hash_}/",
            up="../../",
        ),
    }
    names = (f"{lst.address}/m/{mail.hash}/raw.eml" for mail in mails if not mail.seen.gone)
    kept = (raw for mail, raw in zip(mails, raws, strict=True) if not mail.seen.gone)
    return files | dict(zip(names, kept, strict=True))


THREAD_FILES = ("index.html", "thread.json", "thread.mbox.gz", "feed.atom")


def mails_of(
    session: Session,
    desk: DrawingContext,
    thread: Thread,
    tray: Tray,
    fresh: dict[int, dict[str, Any]],
) -> list[PageMail]:
    """Return a thread's mails in tree order; those drawn for the first time go to ``fresh``."""
    mails = []
    for leaf in tray.threads[thread.id]:
        row, placing = leaf.row, leaf.placing
        seen = tray.kept.get(row.id)
        raw = tray.raws.take(row.raw_sha) if seen is None or not desk.view.masked else b""
        if seen is None:
            seen = tray.kept[row.id] = draw_mail(session, desk, row, raw, fresh)
        elif seen.attachments:
            _put_files(session, desk, row, seen, raw)
        mails.append(
            PageMail(
                hash=row.hash,
                message_id=row.message_id,
                parent=placing.parent,
                depth=placing.depth,
                date=row.date,
                arrival=row.arrival,
                seen=seen,
                raw=raw,
                reply=_reply(desk, row.id),
                sheet=leaf.sheet,
                person=tray.people.get(row.id, ""),
            )
        )
    return requoted(desk.view, mails) if desk.view.since else mails


def sheets_of(session: Session, view: ListView, threads: Iterable[int]) -> dict[int, int]:
    """Return the page of each message of large ``threads`` that is not on the first."""
    found: dict[int, int] = {}
    for thread in sorted(threads):
        shown = (Message.thread_id == thread, Message.arrival >= view.since)
        keys = session.scalars(select(Message.id).where(*shown).order_by(Message.id)).all()
        found |= {
            key: n // page_frame.MANY + 1 for n, key in enumerate(keys) if n >= page_frame.MANY
        }
    return found


def draw_mail(
    session: Session,
    desk: DrawingContext,
    row: Message,
    raw: bytes,
    fresh: dict[int, dict[str, Any]],
) -> Seen:
    """Read, judge and draw one mail."""
    viewer = desk.view.viewer
    seen = mail_text.draw(
        desk.view.language, see(row.hash, row.subject, row.author, read(raw), viewer)
    )
    _put_files(session, desk, row, seen, raw)
    fresh[row.id] = {"message_id": row.id, "sight": viewer.key, "packed": pack(seen)}
    return seen


def seen_of(session: Session, desk: DrawingContext, *where: Any) -> dict[int, Seen]:  # noqa: ANN401 - SQLAlchemy's expressions
    """Return what is kept of messages, by their row."""
    found = session.execute(
        select(Body.message_id, Body.packed)
        .join(Message, Message.id == Body.message_id)
        .where(Body.sight == desk.view.viewer.key, *where)
    )
    return {key: unpack(packed) for key, packed in found}


def file_names(lst: ListView, seen: Seen) -> dict[str, str]:
    """Return path -> key of the files that came with a mail."""
    return {f"{lst.address}/f/{a.path}": a.key for a in seen.attachments if a.key}


def _put_files(
    session: Session, desk: DrawingContext, row: Message, seen: Seen, raw: bytes
) -> None:
    """Write the attachments that are not there yet."""
    if desk.folder is None or not seen.attachments:
        return
    names = file_names(desk.view, seen)
    missing = {name: key for name, key in names.items() if not (desk.folder / name).is_file()}
    if missing:
        raw = raw or get_raw(session, row.raw_sha) or b""
        found = read_files(raw, masked=desk.view.masked)
        desk.put({name: found[key] for name, key in missing.items() if key in found})


def _reply(desk: DrawingContext, row: int) -> str:
    """Return the address whose mail answers this very message."""
    address = desk.view.address
    if desk.keyring is None:
        return address
    name, _, domain = address.partition("@")
    return f"{name}-reply+{desk.keyring.standing(TokenPurpose.REPLY, address, row)}@{domain}"
