"""Keep what must outlive the database: one line each in an append-only file beside it.

    journal.note(session, Word.LEFT, key, list_address="friends@example.org", member=7)

Lines noted in a transaction are on the disk before it commits (``Store.write``), so nothing that
was answered can be lost with the database; a restore replays them. Each transaction has a number
that the database counts too: a file that is ahead belongs to a database that was put back.
People stand here as a keyed hash alone. A line without its mark is the word of a transaction that
may not have been committed: a no counts nevertheless, a yes does not. Knows files and numbers;
what a line does to a membership is for ``subscriptions.membership.journal_replay``.
SECURITY: readable by its owner alone; a line names a list and a hash, never an address.
"""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Integer, String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.errors import Temporary
from mailer.storage.store import Base

NAME = "permissions.journal"
FORM = 1
HASH = "hash:"  # before a person who is a hash already
_NOTED, _QUIET = "journal", "journal-quiet"
_TAIL = 65536  # bytes in which the newest number is looked for
_BIG = 1_000_000  # bytes below which nothing is worth compacting


class JournalWord(StrEnum):
    """Say what somebody did; only the last three, and a rhythm with mail, need a commit's mark."""

    LEFT = "left"
    PAUSED = "paused"
    BARRED = "barred"
    FORGOTTEN = "forgotten"
    RHYTHM = "rhythm"
    REDACTED = "redacted"
    DELETED = "deleted"  # a list
    UNDELETED = "undeleted"
    ACTIVE = "active"
    LIFTED = "lifted"


_YES = (JournalWord.ACTIVE, JournalWord.LIFTED, JournalWord.UNDELETED)
SILENT = "paused"  # the rhythm without mail


@dataclass(frozen=True, slots=True)
class JournalLine:
    """Hold one word: of whom (32 hex digits of the keyed hash), about what, and when.

    ``reason`` is that of a bar, a rhythm, or what left an archive, as keyed digests.
    """

    seq: int
    at: float  # seconds since 1970 UTC, taken in the transaction
    word: JournalWord
    who: str
    list_address: str = ""
    member: int = 0  # row of the membership
    reason: str = ""
    until: float | None = None  # of a pause
    done: bool = False  # its mark is there

    @property
    def about(self) -> tuple[str, str, str]:
        """Return what a later line of the same replaces."""
        if self.word in (JournalWord.BARRED, JournalWord.LIFTED):
            return ("bar", self.reason, self.who)
        if self.word is JournalWord.FORGOTTEN:
            return ("forgotten", "", self.who)
        if self.word in (JournalWord.DELETED, JournalWord.UNDELETED):
            return ("list", self.list_address, self.who)
        if self.word in (JournalWord.RHYTHM, JournalWord.REDACTED):
            return (self.word.value, self.list_address, self.who)
        return ("state", self.list_address, self.who)

    @property
    def lets_mail(self) -> bool:
        """Tell whether it is a yes to mail: it counts only where it was committed."""
        return self.word in _YES or (self.word is JournalWord.RHYTHM and self.reason != SILENT)


@dataclass(frozen=True, slots=True)
class Book:
    """Hold what a journal's file says."""

    id: str
    key: str  # what tells whose hashes these are
    begun: float
    compacted: int = 0  # up to here only the last word of each stands in it
    continues: dict[str, int] = field(default_factory=dict)  # other journals it holds, up to where
    lines: tuple[JournalLine, ...] = ()
    highest: int = 0
    whole: bool = True  # no number is missing, and no line is damaged

    def since(self, seq: int) -> list[JournalLine]:
        """Return the lines behind a number."""
        return [line for line in self.lines if line.seq > seq]

    def covers(self, journal: str, seq: int) -> bool:
        """Tell whether all that ``journal`` had to say behind ``seq`` stands here."""
        if journal == self.id:
            return self.whole and seq <= self.highest
        return self.whole and self.continues.get(journal, -1) >= seq


class Journal(Base):
    """Count the transactions of one journal: the newest number that this database holds."""

    __tablename__ = "journal"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    place: Mapped[str] = mapped_column(String(400))  # machine and folder
    seq: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"))


def note(
    session: Session,
    word: JournalWord,
    who: str,
    *,
    list_address: str = "",
    member: int = 0,
    reason: str = "",
    until: float | None = None,
) -> None:
    """Have a word written down before this transaction commits; ``who`` is an address key."""
    if not session.info.get(_QUIET):
        line = JournalLine(0, 0.0, word, who, list_address, member, reason, until)
        session.info.setdefault(_NOTED, []).append(line)


def keep_quiet(session: Session) -> None:
    """Write nothing of this transaction down: it does what the journal says already."""
    session.info[_QUIET] = True


class JournalWriter:
    """Write one folder's journal; ``hashing`` makes 32 hex digits of an address key."""

    def __init__(
        self,
        path: Path,
        place: str,
        hashing: Callable[[str], str],
        clock: Callable[[Session], float],
    ) -> None:
        self.path = path
        self.place = place
        self._hashing = hashing
        self._clock = clock
        self.id = ""

    def witness(self, session: Session) -> Callable[[], None]:
        """Write down what was noted, last thing in a transaction; return what is due after it.

        Raise Temporary where the disk does not take it.
        """
        noted: list[JournalLine] = session.info.pop(_NOTED, [])
        if not noted:
            return _nothing
        session.flush()
        counted = update(Journal).where(Journal.id == self.id).values(seq=Journal.seq + 1)
        seq = session.scalar(counted.returning(Journal.seq)) or count_from(session, self, 1)
        at = self._clock(session)
        last = {line.about: replace(line, seq=seq, at=at) for line in self._hashed(noted)}
        self.append(last.values())
        durable = any(line.lets_mail for line in last.values())
        return lambda: self._mark(seq, durable=durable)

    def _mark(self, seq: int, *, durable: bool) -> None:
        """Write down that a transaction was committed; a power cut may take what is not durable."""
        with suppress(Temporary):  # it was committed: a no counts without, a yes is asked again
            self._write(_spell({"s": seq, "ok": 1}), durable=durable)

    def append(self, lines: Iterable[JournalLine], *, marked: bool = False) -> None:
        """Write lines to the disk."""
        self._write(b"".join(_lines(lines, marked=marked)), durable=True)

    def begin(self, key: str) -> None:
        """Make a new file with an id of its own."""
        book = Book(secrets.token_hex(16), key, time.time())
        _replace(self.path, [_head(book)])
        self.id = book.id

    def take_in(self, others: Iterable[Book]) -> int:
        """Add what other journals say, under numbers of ours; return the newest number."""
        fd = _open(self.path)
        try:
            own = read(self.path)
            if own is None:
                raise Temporary(f"{self.path} cannot be read.", "Put it aside and try again.")
            lines, continues, seq = list(own.lines), dict(own.continues), own.highest
            for other in others:
                for line in other.lines:
                    seq += 1
                    lines.append(replace(line, seq=seq))
                if other.whole:
                    continues |= other.continues | {other.id: other.highest}
            rows = [_head(replace(own, continues=continues))]
            _replace(self.path, [*rows, *_lines(lines, marked=True)])
        finally:
            os.close(fd)
        return seq

    def _hashed(self, noted: Iterable[JournalLine]) -> Iterator[JournalLine]:
        for line in noted:
            known = line.who.startswith(HASH)
            who = line.who.removeprefix(HASH) if known else self._hashing(line.who)
            yield replace(line, who=who)

    def _write(self, text: bytes, *, durable: bool) -> None:
        try:
            fd = _open(self.path)
            try:
                size = os.fstat(fd).st_size
                if size and os.pread(fd, 1, size - 1) != b"\n":  # a power cut in mid-line
                    text = b"\n" + text
                while text:
                    text = text[os.write(fd, text) :]
                if durable:
                    os.fdatasync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise Temporary(
                f"{self.path} cannot be written to: {error.strerror}.",
                "Nothing was changed; make room or mend the folder, and try again.",
            ) from None


def read(path: Path) -> Book | None:
    """Return what stands in a file, or None where there is no journal."""
    try:
        rows = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return None
    book = _read_head(rows[0])
    if book is None:
        return None
    found: list[JournalLine] = []
    marks: set[int] = set()
    damaged = False
    for at, row in enumerate(rows[1:], 2):
        told = _parse(row)
        if told and _is_mark(told):
            marks.add(told["s"])
        elif told and (line := _line(told)):
            found.append(line)
        else:
            damaged = damaged or (row != b"" and not _is_cut(row, last=at == len(rows)))
    numbers = {line.seq for line in found}
    highest = max([book.compacted, *numbers, *marks])
    expected = range(book.compacted + 1, highest + 1)
    lines = tuple(replace(line, done=True) if line.seq in marks else line for line in found)
    whole = not damaged and all(number in numbers for number in expected)
    return replace(book, lines=lines, highest=highest, whole=whole)


def _is_cut(row: bytes, *, last: bool) -> bool:
    """Tell whether a power cut ended a line that nobody had an answer to.

    Only what was written behind it shows that: a file that ends so may have been longer.
    """
    return not last and b'{"s":'.startswith(row[:5]) and not row.endswith(b"}")


def _is_mark(told: dict[str, Any]) -> bool:
    return "ok" in told and isinstance(told.get("s"), int)


def head(path: Path) -> Book | None:
    """Return a journal's first line alone, with the newest number in its last lines."""
    try:
        with path.open("rb") as file:
            book = _read_head(file.readline())
            if book is None:
                return None
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            tail = file.read().split(b"\n")
    except FileNotFoundError:
        return None
    numbers = [
        told["s"] for row in tail if (told := _parse(row)) and isinstance(told.get("s"), int)
    ]
    return replace(book, highest=max([book.compacted, *numbers]))


def compact(path: Path) -> bool:
    """Leave only the last word of each; tell whether that made the file half as large.

    Whoever was forgotten keeps that line alone.
    """
    if not path.exists() or path.stat().st_size < _BIG:
        return False
    fd = _open(path)
    try:
        book = read(path)
        if book is None or not book.whole:
            return False
        kept = last_words(book.lines)
        if 2 * len(kept) > len(book.lines):
            return False
        rows = [_head(replace(book, compacted=book.highest))]
        rows += _lines(sorted(kept, key=lambda line: line.seq), marked=True)
        _replace(path, rows)
    finally:
        os.close(fd)
    return True


def last_words(lines: Iterable[JournalLine]) -> list[JournalLine]:
    """Return the last line about each thing; a yes without its mark is no word."""
    last: dict[tuple[str, str, str], JournalLine] = {}
    for line in sorted(lines, key=lambda one: (one.at, one.seq)):
        if line.lets_mail and not line.done:
            continue
        last[line.about] = line
    gone = {line.who: line.at for line in last.values() if line.word is JournalWord.FORGOTTEN}
    return [
        line
        for line in last.values()
        if line.word is JournalWord.FORGOTTEN or line.at >= gone.get(line.who, 0.0)
    ]


def count_from(session: Session, writer: JournalWriter, seq: int) -> int:
    """Let the database go on counting a journal from ``seq``."""
    row = session.get(Journal, writer.id)
    if row is None:
        session.add(Journal(id=writer.id, place=writer.place, seq=seq))
    else:
        row.seq = seq
    session.flush()
    return seq


def places(session: Session) -> dict[str, Journal]:
    """Return what this database holds of each journal."""
    return {row.id: row for row in session.scalars(select(Journal))}


def _nothing() -> None:
    """Do nothing after a transaction that noted nothing."""


def _open(path: Path) -> int:
    """Open a journal for us alone; one that was replaced meanwhile is opened again."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        fcntl.flock(fd, fcntl.LOCK_EX)
        there, ours = path.stat(), os.fstat(fd)
        if (there.st_ino, there.st_dev) == (ours.st_ino, ours.st_dev):
            return fd
        os.close(fd)


def _replace(path: Path, rows: Iterable[bytes]) -> None:
    aside = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with os.fdopen(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.writelines(rows)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _spell(told: dict[str, object]) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


def _head(book: Book) -> bytes:
    return _spell(
        {
            "krets": "permissions",
            "form": FORM,
            "id": book.id,
            "key": book.key,
            "begun": book.begun,
            "compacted": book.compacted,
            "continues": book.continues,
        }
    )


def _read_head(row: bytes) -> Book | None:
    told = _parse(row)
    if not told or told.get("krets") != "permissions" or told.get("form") != FORM:
        return None
    named = ("id", "key", "begun", "compacted", "continues")
    return Book(*(told[name] for name in named))


def _lines(lines: Iterable[JournalLine], *, marked: bool) -> Iterator[bytes]:
    for line in lines:
        told: dict[str, object] = {
            "s": line.seq,
            "at": line.at,
            "do": line.word.value,
            "who": line.who,
        }
        more = {"list": line.list_address, "m": line.member, "why": line.reason, "to": line.until}
        yield _spell(told | {name: value for name, value in more.items() if value})
        if marked and line.done:
            yield _spell({"s": line.seq, "ok": 1})


def _line(told: dict[str, Any]) -> JournalLine | None:
    if not isinstance(told.get("s"), int) or not isinstance(told.get("at"), int | float):
        return None
    try:
        return JournalLine(
            told["s"],
            told["at"],
            JournalWord(told["do"]),
            told["who"],
            told.get("list", ""),
            told.get("m", 0),
            told.get("why", ""),
            told.get("to"),
        )
    except (KeyError, ValueError):
        return None


def _parse(row: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(row)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
