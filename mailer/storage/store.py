"""The cellar: the database engine, ``Base`` for every table, and raw mail by SHA-256.

Knows SQLite and PostgreSQL and nothing about lists. Two ways in: ``read`` (a snapshot) and
``write`` (one short transaction, committed when the block ends). Times in every table are
seconds since 1970 UTC, as floats.
"""

import hashlib
import io
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import zstandard
from sqlalchemy import (
    Connection,
    LargeBinary,
    create_engine,
    event,
    select,
    text,
)
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from mailer.errors import BadInput, Misconfigured, Temporary
from mailer.storage import key_file
from mailer.storage.writer_gate import Gate

_OUR_FILES = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
_TOO_MUCH = "54"  # PostgreSQL's class of SQLSTATE "program limit exceeded"
# A server that is gone without a word is noticed in half a minute, not in two hours; and it
# lets go of the locks of a machine of ours that is (all libpq's and PostgreSQL's own names).
_ALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_ALIVE_SERVER = (
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
    " -c tcp_user_timeout=30000"
)
MAX_RAW = 256 * 1024 * 1024  # a ceiling for decompression, far above any accepted message
MOUNTS = Path("/proc/self/mounts")  # proc(5)
KEY_FILE = "token-keys"  # in a session's info: the path of the file of key_file.py
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre"}


class Base(DeclarativeBase):
    """Collect the tables of all rooms."""


class RawMessage(Base):
    """Keep one message byte for byte, compressed, under the SHA-256 of its bytes."""

    __tablename__ = "raw_message"
    sha: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    size: Mapped[int]  # bytes before compression
    data: Mapped[bytes] = mapped_column(LargeBinary)  # one zstd frame


class Store:
    """Open the database at ``url``; an empty ``url`` means SQLite inside the folder ``data``.

    Nothing connects before the first ``read`` or ``write``, and no connection may cross a
    fork: call ``close`` first.
    """

    def __init__(self, url: str, data: Path) -> None:
        self.url = _read_url(url, data)
        self.key_file = data / key_file.NAME
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self._engine: Engine | None = None
        self._write_engine: Engine | None = None  # the same connections, but BEGIN IMMEDIATE
        self._pid = 0
        self._watch: sqlite3.Connection | None = None  # looks on, and never reads a row
        self._watches = 0  # how many there were: what two of them see cannot be compared
        # Called last in every write; what it returns, after the commit (mailer/storage/journal.py).
        self.witness: Callable[[Session], Callable[[], None]] | None = None
        self._gate = Gate(Path(str(self.url.database)).parent) if self.sqlite else None

    @property
    def engine(self) -> Engine:
        """Return this process's engine; a forked child gets its own."""
        if self._engine is None or self._pid != os.getpid():
            self._engine = _sqlite_engine(self.url) if self.sqlite else _postgres_engine(self.url)
            self._pid = os.getpid()
        return self._engine

    def _writer(self) -> Engine:
        engine = self.engine
        if self._write_engine is None or self._write_engine.pool is not engine.pool:
            self._write_engine = engine.execution_options(krets_write=True)
        return self._write_engine

    def close(self) -> None:
        """Close every connection."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._engine is not None:
            self._engine.dispose()
            self._engine = self._write_engine = None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session that only reads; it sees one moment of the database."""
        with _plain_errors(), self._session(self.engine) as session:
            yield session

    @contextmanager
    def write(self, *, first: bool = False) -> Iterator[Session]:
        """Give a session for one short write transaction; commit when the block ends well.

        ``first`` is the privilege of ingest (mailer/storage/writer_gate.py). Raise Temporary when
        the database is away or full.
        """
        with _plain_errors():
            if self._gate is None:
                with self._session(self.engine) as session:
                    with session.begin():
                        yield session
                        after = self._witnessed(session)
                    after()
                return
            with (
                self._gate.passing(first=first),
                self._session(self._writer()) as session,
            ):
                with session.begin():
                    yield session
                    after = self._witnessed(session)
                after()

    def _session(self, engine: Engine) -> Session:
        return Session(engine, expire_on_commit=False, info={KEY_FILE: self.key_file})

    def _witnessed(self, session: Session) -> Callable[[], object]:
        return self.witness(session) if self.witness is not None else bool

    def changes(self) -> object:
        """Return a mark that is another one as soon as anybody has committed anything.

        On SQLite `PRAGMA data_version` of a connection that does nothing else; on PostgreSQL the
        transactions that are seen, of the whole cluster.
        """
        with _plain_errors():
            if not self.sqlite:
                with self._session(self.engine) as session:
                    return session.scalar(text("select cast(txid_current_snapshot() as text)"))
            if self._watch is None:
                path = str(self.url.database)
                self._watch = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
                self._watches += 1
            return self._watches, self._watch.execute("PRAGMA data_version").fetchone()[0]

    @contextmanager
    def alone(self, errand: str) -> Iterator[bool]:
        """Tell whether this process alone, of all on this database, has ``errand`` in hand now.

        Nobody waits: False means that somebody else does it. The lock dies with its holder.
        """
        if self._gate is not None:
            with self._gate.alone(errand) as got:
                yield got
            return
        key = int.from_bytes(hashlib.sha256(errand.encode()).digest()[:7], "big")
        with _plain_errors(), self.engine.connect() as connection:
            yield bool(
                connection.scalar(text("select pg_try_advisory_xact_lock(:key)"), {"key": key})
            )

    def others(self) -> list[str]:
        """Return the other processes of Krets that are on this PostgreSQL; SQLite knows none."""
        if self.sqlite:
            return []
        asked = text(
            "select distinct application_name from pg_stat_activity"
            " where datname = current_database() and application_name like 'krets %'"
            " and application_name <> :own"
        )
        with self.read() as session:
            return sorted(session.scalars(asked, {"own": _process_name()}))

    def checkpoint(self) -> None:
        """Carry SQLite's log over into the database file, when it is our turn at the gate.

        Never beside a writer: until 3.51.3 SQLite could lose a transaction where a checkpoint
        and a writer that begins the log anew met (its notes call it the WAL-reset bug), and
        Debian's is older.
        """
        if self._gate is None:
            return
        with self._gate.passing():
            connection = self.engine.raw_connection()
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            except sqlite3.OperationalError:
                pass  # a full disk: the log keeps everything, and the writers say so
            finally:
                connection.close()

    def scrub(self, patience: float = 10.0) -> bool:
        """Empty SQLite's log of what was overwritten; tell whether that could be done now.

        A reader keeps the log; the next checkpoint after it overwrites what stands there.
        """
        deadline = time.monotonic() + patience
        while self._gate is not None:
            with self._gate.passing():  # as checkpoint does
                connection = self.engine.raw_connection()
                try:
                    busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                finally:
                    connection.close()
            if not busy:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def now(self, session: Session) -> float:
        """Return the database's clock, the one that leases are judged by."""
        if self.sqlite:
            return time.time()  # SQLite lives on this machine: its clock is ours
        value = session.scalar(text("select extract(epoch from clock_timestamp())"))
        return float(value)


@dataclass(frozen=True, slots=True)
class Packed:
    """Hold one raw message as ``RawMessage`` keeps it: digest, size before compression, data."""

    sha: bytes
    size: int
    data: bytes


def pack(raw: bytes) -> Packed:
    """Hash and compress ``raw``: the slow part of keeping it, to be done before a transaction."""
    return Packed(hashlib.sha256(raw).digest(), len(raw), compress(raw))


def put_packed(session: Session, messages: Iterable[Packed]) -> None:
    """Keep ``messages``; known ones cost nothing, and nobody lets go of them before our commit."""
    # In one order, whoever keeps them: two who hold each other's would wait for ever.
    packed = {m.sha: {"sha": m.sha, "size": m.size, "data": m.data} for m in messages}
    if packed:
        # The table, not the class: an ORM bulk insert costs several times as much.
        session.connection().execute(_put(session), [packed[sha] for sha in sorted(packed)])


def _put(session: Session) -> Any:  # noqa: ANN401 - two dialects' Insert
    if session.get_bind().dialect.name == "sqlite":
        return insert_or_ignore(session, RawMessage)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - as in insert_or_ignore

    insert = postgresql.insert(RawMessage)
    # Writing what stands there holds the row: see hold_raw.
    return insert.on_conflict_do_update(index_elements=["sha"], set_={"size": insert.excluded.size})


def hold_raw(session: Session, shas: Collection[bytes]) -> None:
    """Wait for who keeps these messages just now, and let nobody else until we have committed.

    Who deletes mail asks this first and only then who refers to it: on PostgreSQL the same bytes
    may be coming in again (SQLite has one writer).
    """
    held = select(RawMessage.sha).where(RawMessage.sha.in_(shas)).order_by(RawMessage.sha)
    session.execute(held.with_for_update()).all()


def put_raw(session: Session, messages: Iterable[bytes]) -> list[bytes]:
    """Keep ``messages`` and return their SHA-256 digests, in order."""
    packed = [pack(raw) for raw in messages]
    put_packed(session, packed)
    return [message.sha for message in packed]


def get_raw(session: Session, sha: bytes) -> bytes | None:
    """Return the message with this digest, or None."""
    data = session.scalar(select(RawMessage.data).where(RawMessage.sha == sha))
    return None if data is None else decompress(data)


def compress(raw: bytes) -> bytes:
    """Return ``raw`` as one zstd frame."""
    return zstandard.ZstdCompressor(level=3).compress(raw)


def decompress(data: bytes) -> bytes:
    """Return what ``compress`` was given."""
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=MAX_RAW)


def compressed(raw: BinaryIO) -> BinaryIO:
    """Return a file whose bytes land in ``raw`` as one zstd frame; close it to end the frame."""
    return zstandard.ZstdCompressor(level=3).stream_writer(raw, closefd=False)


def decompressed(raw: BinaryIO) -> io.RawIOBase:
    """Return a file that reads what ``compressed`` wrote; damage raises BadInput when it shows."""
    return _Frame(zstandard.ZstdDecompressor().stream_reader(raw, closefd=False))


class _Frame(io.RawIOBase):
    """Read a zstd stream, and speak of damage in our words."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            return self._stream.read(size)
        except zstandard.ZstdError as error:
            raise BadInput(f"The file is damaged or not a backup of Krets ({error}).") from None


def insert_or_ignore(session: Session, table: type[Base]) -> Any:  # noqa: ANN401 - two dialects' Insert
    """Return an INSERT for ``table`` that skips rows which are already there."""
    # Imported here: loading the other database's dialect would slow every command down.
    if session.get_bind().dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415

        return insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    return postgresql.insert(table).on_conflict_do_nothing()


def insert_or_change(session: Session, table: type[Base], *columns: str) -> Any:  # noqa: ANN401 - as above
    """Return an INSERT for ``table`` that sets ``columns`` of a row which is already there.

    On PostgreSQL two may write the same row at once: who looks first and then inserts fails.
    """
    if session.get_bind().dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - as in insert_or_ignore

        made: Any = sqlite.insert(table)
    else:
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415

        made = postgresql.insert(table)
    keys = [column.name for column in table.__table__.primary_key]
    changed = {name: made.excluded[name] for name in columns}
    return made.on_conflict_do_update(index_elements=keys, set_=changed)


DIALECTS = ("sqlite", "postgresql")


def _read_url(url: str, data: Path) -> URL:
    if not url:
        return URL.create("sqlite", database=str(data / "krets.db"))
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Misconfigured(
            "mailer.database is not a database URL.",
            "Write postgresql://USER:PASSWORD@HOST/NAME or sqlite:////PATH/krets.db,"
            " or leave it out.",
        ) from None
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        return parsed.set(drivername="sqlite")
    raise Misconfigured(
        f"mailer.database names {parsed.drivername!r}, which Krets does not speak.",
        "Use postgresql:// or sqlite://, or leave it out.",
    )


def _sqlite_engine(url: URL) -> Engine:
    refuse_network_folder(Path(str(url.database)).parent)
    engine = create_engine(
        url,
        hide_parameters=True,  # SECURITY: a failing statement's values stay out of logs and holds
        connect_args={"timeout": 30, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _open(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "secure_delete=ON",  # what is deleted is overwritten: an erasure leaves no slack
            "journal_size_limit=67108864",
            "cache_size=-16384",  # KB; a million people's indexes do not fit into the 2 MB given
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("krets_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _process_name() -> str:
    """Return what PostgreSQL shows of this process; it keeps 63 bytes."""
    return f"krets {os.getpid()} on {socket.gethostname()}"[:63]


def _postgres_engine(url: URL) -> Engine:
    given = url.query.get("options", "")
    options = f"{given if isinstance(given, str) else ' '.join(given)} {_ALIVE_SERVER}".strip()
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,  # SECURITY: as for SQLite
        connect_args={
            "connect_timeout": 10,
            "options": options,
            "application_name": _process_name(),
            # Never PostgreSQL's plan for any values, which it keeps: one made when a table was
            # small reads all of it for the rest of the session (an import took 11 times as long).
            "prepare_threshold": None,
            **_ALIVE,
        },
    )


def refuse_network_folder(folder: Path) -> None:
    """Raise Misconfigured where ``folder`` is on a network file system: WAL needs shared memory."""
    best, kind = "", ""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    here = str(folder.resolve())
    for line in mounts.splitlines():
        _, point, fstype, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        inside = here == point or here.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fstype
    if kind in _NETWORK or kind.startswith("fuse.sshfs"):
        raise Misconfigured(
            f"The data folder {here} is on a network file system ({kind});"
            " SQLite cannot be safe there.",
            "Set mailer.data to a folder on a local disk, or mailer.database to a PostgreSQL URL.",
        )


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn the driver's 'not now' into Temporary, without SQL in the words."""
    try:
        yield
    except OperationalError as error:
        if (getattr(error.orig, "sqlstate", None) or "").startswith(_TOO_MUCH):
            raise  # this very statement can never succeed, so "try again" would be a lie
        why = " ".join(str(error.orig).split())[:200]
        if getattr(error.orig, "sqlite_errorcode", None) in _OUR_FILES:
            raise Misconfigured(
                f"The database file cannot be used ({why}).",
                "See that mailer.data and krets.db in it belong to this user and can be written.",
            ) from error
        raise Temporary(
            f"The database could not do this now ({why}).", "Nothing was lost; try again."
        ) from error
