"""Copy one moment of a database while others go on writing.

SQLite gives its own online copy; between SQLite and PostgreSQL the rows are poured table by
table, in the order of their foreign keys, so that what one wrote the other can read. Knows
tables by their metadata alone.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Integer, delete, func, insert, select, text
from sqlalchemy.orm import Session

from mailer.errors import BadInput
from mailer.storage.store import Base, Store

BATCH = 1000  # rows


def copy_file(store: Store, target: Path) -> None:
    """Copy a SQLite database as it is at this moment; writers are not held up."""
    with (
        closing(sqlite3.connect(str(store.url.database))) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        # In one step: begun again for every write of others, it might never end.
        source.backup(copy, pages=-1)
    close_up(target)


def close_up(path: Path) -> None:
    """Leave nothing beside a SQLite file that nobody has open, so that it can be moved."""
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("PRAGMA journal_mode=DELETE")


def check_file(path: Path) -> None:
    """Raise BadInput where a SQLite file is not whole."""
    try:
        with closing(sqlite3.connect(path)) as opened:
            said = opened.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        said = str(error)
    if said != "ok":
        raise BadInput(f"The database in this backup is damaged ({said}).", "Use another backup.")


def pour(source: Store, target: Store) -> int:
    """Copy every row of one moment of ``source`` over what ``target`` has; return how many.

    Both have the newest schema. One transaction: cut anywhere, ``target`` is as it was.
    """
    rows = 0
    with _moment(source) as reading, target.write() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(delete(table))
        for table in Base.metadata.sorted_tables:
            found = reading.execute(select(table).order_by(*table.primary_key.columns))
            for some in found.mappings().partitions(BATCH):
                session.connection().execute(insert(table), [dict(row) for row in some])
                rows += len(some)
        if not target.sqlite:
            _go_on_counting(session)
    return rows


@contextmanager
def _moment(store: Store) -> Iterator[Connection]:
    engine = store.engine
    if not store.sqlite:
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as connection:
        yield connection.execution_options(yield_per=BATCH)


def _go_on_counting(session: Session) -> None:
    """Let PostgreSQL's sequences go on behind the numbers that were copied."""
    for table in Base.metadata.sorted_tables:
        for column in table.primary_key.columns:
            if not isinstance(column.type, Integer):
                continue
            named = {"table": f'"{table.name}"', "column": column.name}
            sequence = session.scalar(text("select pg_get_serial_sequence(:table, :column)"), named)
            highest = session.scalar(select(func.max(column)))
            if sequence and highest:
                session.execute(
                    text("select setval(cast(:sequence as regclass), :highest)"),
                    {"sequence": sequence, "highest": highest},
                )
