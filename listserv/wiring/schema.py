"""Make the database on first need, migrate it after a backup, and refuse a newer one.

Alembic is imported only when there is something to do: most commands find nothing.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import DatabaseError

from listserv.wiring import token_keys
from mailer.errors import Misconfigured
from mailer.storage import tokens
from mailer.storage.store import Store

HEAD = "0064"  # the newest revision in migrations/versions
MIGRATIONS = Path(__file__).parents[1] / "migrations"


def bring_up_to_date(store: Store, data: Path) -> None:
    """Make the schema the newest; raise Misconfigured for a database that is newer than we are."""
    _migrate(store, data)
    token_keys.settle(store, lambda: _one_at_a_time(data))


def _migrate(store: Store, data: Path) -> None:
    if _revision(store) == HEAD:
        return
    with _one_at_a_time(data):
        current = _revision(store)
        if current == HEAD:
            return
        known = {path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")}
        if current and current not in known:
            raise Misconfigured(
                f"The database was made by a newer Krets (revision {current};"
                f" this one knows {HEAD}).",
                "Upgrade Krets, or restore the backup that was made before the upgrade.",
            )
        if current and store.sqlite:
            _back_up(store, data, current)
        _upgrade(store)
        with store.write() as session:
            if session.scalar(select(func.count()).select_from(tokens.TokenKey)) == 0:
                tokens.new_key(session, apart=store.sqlite)
        if store.sqlite and store.url.database:
            Path(store.url.database).chmod(0o600)


def revision_of(file: Path) -> str:
    """Return the revision of a SQLite file that is no database in use, "" where it has none."""
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(file)) as opened:
        row = opened.execute("select version_num from alembic_version").fetchone()
        return str(row[0]) if row else ""
    return ""


def _revision(store: Store) -> str:
    try:
        with store.read() as session:
            tables = set(inspect(session.connection()).get_table_names())
            if "alembic_version" not in tables:
                _refuse_foreign(store, tables)
                return ""
            return session.scalar(text("select version_num from alembic_version")) or ""
    except DatabaseError as error:
        raise Misconfigured(
            f"{store.url.render_as_string()} is not a database of Krets"
            f" ({str(error.orig).splitlines()[0][:120]}).",
            "Restore it from a backup, or set mailer.database or mailer.data to another place.",
        ) from None


def _refuse_foreign(store: Store, tables: set[str]) -> None:
    """Leave alone what somebody else made: a file with tables, or a schema that has our names."""
    if tables if store.sqlite else tables & {"list", "mailing", "recipient"}:
        raise Misconfigured(
            f"{store.url.render_as_string()} holds tables that Krets did not make.",
            "Set mailer.database or mailer.data to an empty place, or one that Krets made.",
        )


def _upgrade(store: Store) -> None:
    from alembic import command  # noqa: PLC0415 - slow to import, rarely needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with store.write() as session:
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")


def _back_up(store: Store, data: Path, revision: str) -> None:
    folder = data / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    target = folder / f"before-upgrade-from-{revision}-{stamp}.db"
    old_umask = os.umask(0o077)
    try:
        with (
            closing(sqlite3.connect(str(store.url.database))) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
    finally:
        os.umask(old_umask)


@contextmanager
def _one_at_a_time(data: Path) -> Iterator[None]:
    fd = os.open(data / "run" / "migrate.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
