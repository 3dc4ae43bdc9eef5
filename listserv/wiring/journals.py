"""Begin the journal of this data folder, and replay it where the database is behind it.

    journals.attach(store, data)           # every door, when it opens the database
    journals.replay_into(store, found)     # a restore

A file that is ahead of its database tells of a database that was put back (or of a commit that a
power cut took): what it says is done again, and where it says that more had been committed, nothing
leaves until a person decides (mailer/storage/standstill.py). Knows files and who begins them; what
a line does is for wiring/journal_lines.py, which is slow to import and loaded where a line is to be
done again.
"""

import fcntl
import logging
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, inspect, select
from sqlalchemy.orm import Session

from mailer.errors import BadInput
from mailer.storage import journal, standstill, tokens
from mailer.storage.journal import Book, Journal, JournalWriter
from mailer.storage.store import Store
from mailer.storage.tokens import Keyring

ROLLED_BACK = "The database is older than the journal beside it: somebody put an old file back."
LOST = "The journal of what people decided is missing here, and the database may be an old one."
_log = logging.getLogger(__name__)  # to stderr, whoever opens: stdout is a command's data


@dataclass(frozen=True, slots=True)
class JournalReport:
    """Say what the journals told a restored database."""

    whole: bool = True  # they hold everything since the backup
    missing: tuple[str, ...] = ()  # machine and folder of those that do not
    lines: int = 0
    left: int = 0
    paused: int = 0
    came_back: int = 0
    barred: int = 0
    lifted: int = 0
    erased: int = 0
    rhythms: int = 0
    redacted: int = 0  # rows that take something out of an archive


def attach(store: Store, data: Path) -> None:
    """Have every write of ``store`` journalled in ``data``; hear the journal if it is ahead."""
    with store.read() as session:
        keyring = tokens.load_keyring(session)
        known = journal.places(session)
    if keyring is None:
        return
    writer = _writer(store, data, keyring)
    book = journal.head(writer.path)
    row = known.get(book.id) if book else None
    if book is None or row is None or row.seq != book.highest or book.key != fingerprint(keyring):
        with _alone(data), store.write() as session:
            _agree(session, writer, keyring)
    else:
        writer.id = book.id
    store.witness = writer.witness


def fingerprint(keyring: Keyring) -> str:
    """Return what tells whose hashes a journal holds."""
    return keyring.keyed_hash("permissions.journal").hex()


def find(store: Store, data: Path, also: Iterable[Path]) -> list[Book]:
    """Return the journals about this database's people: of this folder, and those named.

    Raise BadInput where one that is named is no journal of them.
    """
    with store.read() as session:
        keyring = tokens.load_keyring(session)
    key = fingerprint(keyring) if keyring else ""
    found: dict[str, Book] = {}
    for path in also:
        book = journal.read(path)
        if book is None or book.key != key:
            raise BadInput(
                f"{path} is not a journal of this backup's service.",
                f"Name {journal.NAME} from the data folder of the service that was backed up.",
            )
        found[book.id] = book
    for path in sorted(data.glob("permissions*.journal")):
        book = journal.read(path)
        if book is not None and book.key == key and book.id not in found:
            found[book.id] = book
    return list(found.values())


def counted(store: Store) -> dict[str, int]:
    """Return how far a database that is to be replaced had come in each journal."""
    if not inspect(store.engine).has_table(Journal.__tablename__):
        return {}
    with store.read() as session:
        return {row.id: row.seq for row in journal.places(session).values()}


def replay_into(
    store: Store, found: list[Book], now: float, newest: Mapping[str, int] | None = None
) -> JournalReport:
    """Do again in a restored database what its journals say; stand still where one is missing.

    ``newest`` is what the database in its place had counted: a journal that ends before is old.
    """
    from listserv.wiring import journal_lines  # noqa: PLC0415 - slow to import, rarely needed

    newest = newest or {}
    with store.write() as session:
        keyring = tokens.load_keyring(session)
        known = journal.places(session)
        if keyring is None:
            return JournalReport()
        lines = [line for book in found for line in book.since(_held(known, book))]
        told, redacted = journal_lines.do_again(session, keyring, lines, now)
        missing = [
            row.place
            for row in known.values()
            if not any(book.covers(row.id, max(row.seq, newest.get(row.id, 0))) for book in found)
        ]
        whole = bool(known) and not missing
        if not whole:
            why = "The journal of what people decided since the backup is missing."
            standstill.begin(session, why, now, settled=True)
        for book in found:
            if book.id in known:
                known[book.id].seq = max(known[book.id].seq, book.highest)
    return JournalReport(
        whole,
        tuple(missing),
        len(lines),
        told.left,
        told.paused,
        told.came_back,
        told.barred,
        told.lifted,
        len(told.forget),
        told.rhythms,
        redacted,
    )


def carry_on(store: Store, data: Path, found: Iterable[Book]) -> None:
    """Let this folder's journal hold what the ``found`` ones say, for the next restore.

    Called before the restored database (``store``) is put in place.
    """
    with _alone(data), store.write() as session:
        keyring = tokens.load_keyring(session)
        if keyring is None:
            return
        writer = _writer(store, data, keyring)
        _take_over(writer, keyring)
        own = journal.head(writer.path)
        held = own.continues if own else {}
        longest = {book.id: book for book in sorted(found, key=lambda one: one.highest)}
        longest.pop(writer.id, None)
        news = [book for book in longest.values() if book.highest > held.get(book.id, -1)]
        highest = writer.take_in(news) if news else own.highest if own else 0
        _drop_predecessors(session, writer)
        journal.count_from(session, writer, highest)


def forget_gaps(session: Session, data: Path) -> None:
    """Count no longer the journals that a restore has missed: a person has said go on."""
    own = journal.head(data / journal.NAME)
    if own is not None:
        session.execute(delete(Journal).where(Journal.id != own.id))


def _held(known: dict[str, Journal], book: Book) -> int:
    """Return up to where a database holds what a journal says."""
    if book.id in known:
        return known[book.id].seq
    return 0


def _writer(store: Store, data: Path, keyring: Keyring) -> JournalWriter:
    place = f"{socket.gethostname()}:{data.resolve()}"[:400]
    return JournalWriter(
        data / journal.NAME, place, lambda key: keyring.keyed_hash(key).hex(), store.now
    )


def _agree(session: Session, writer: JournalWriter, keyring: Keyring) -> None:
    """Bring the file and the database to the same number; each may be missing or behind."""
    _take_over(writer, keyring)
    known = journal.places(session)
    row = session.scalar(select(Journal).where(Journal.id == writer.id).with_for_update())
    book = journal.read(writer.path)
    if book is None:
        return
    held = row.seq if row else 0
    if held > book.highest:  # the file is an old copy, or was cut: the database knows more
        _put_aside(writer.path, book)
        _begin(session, writer, keyring)
        return
    lines = book.since(held)
    if row is None and _is_lost(session, known, book, writer.place):
        _log.warning("the journal of what people decided is missing: mail stands still")
        standstill.begin(session, LOST, time.time(), settled=False)
    if not lines:
        if row is None:
            _drop_predecessors(session, writer)
        journal.count_from(session, writer, book.highest)
        return
    from listserv.wiring import journal_lines  # noqa: PLC0415 - slow to import, rarely needed

    journal_lines.do_again(session, keyring, lines, time.time())
    journal.count_from(session, writer, book.highest)
    _log.warning("the journal was ahead of the database: %s lines were done again", len(lines))
    if (row or not known) and any(line.done for line in lines):  # else another machine's
        standstill.begin(session, ROLLED_BACK, time.time(), settled=False)


def _is_lost(session: Session, known: dict[str, Journal], book: Book, place: str) -> bool:
    """Tell whether the journal is gone that this database had here.

    A database in a file has one folder; one on a server may know the journals of other machines.
    """
    if any(book.covers(row.id, row.seq) for row in known.values()):
        return False
    here = any(row.place == place for row in known.values())
    return here or (bool(known) and session.get_bind().dialect.name == "sqlite")


def _take_over(writer: JournalWriter, keyring: Keyring) -> None:
    """Make the folder's journal ours: one of another database is put aside."""
    book = journal.head(writer.path)
    if book is not None and book.key != fingerprint(keyring):
        _put_aside(writer.path, book)
        book = None
    if book is None:
        writer.begin(fingerprint(keyring))
    else:
        writer.id = book.id


def _begin(session: Session, writer: JournalWriter, keyring: Keyring) -> None:
    writer.begin(fingerprint(keyring))
    _drop_predecessors(session, writer)
    journal.count_from(session, writer, 0)


def _drop_predecessors(session: Session, writer: JournalWriter) -> None:
    """Count no longer what stood in this place before."""
    gone = delete(Journal).where(Journal.place == writer.place, Journal.id != writer.id)
    session.execute(gone)


def _put_aside(path: Path, book: Book) -> None:
    path.replace(path.with_name(f"permissions-{book.id}.journal"))


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Let no other process of this machine begin a journal at the same time."""
    fd = os.open(data / "run" / "journal.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
