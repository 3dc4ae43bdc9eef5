"""Move many rows at once, on SQLite and PostgreSQL, without an object for each value.

    insert_many(session, table, columns, rows)    statements of many rows, or one array a column
    among(session, column, values)                "is one of these", as one parameter
    one_of(dialect, column, name), spell(...)     the same for a statement that is kept

Knows both drivers' fast ways and nothing about what the rows mean. SQLAlchemy's own executemany
costs more than SQLite's work itself (6 us a row and table), and an IN of 500 parameters is
written anew each time. Half of what SQLite takes is the beginning and end of a statement (its
AUTOINCREMENT is read and written each time), so a statement has many rows.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    TextClause,
    any_,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from mailer.storage.store import Base

Value = str | bytes | int | float | bool | None
# Rows of one statement on SQLite: few sizes, so that prepared statements are found again.
_STEPS = (200, 40, 8)


def insert_many(
    session: Session,
    table: type[Base],
    columns: Sequence[str],
    rows: Sequence[tuple[Value, ...]],
    alike: Mapping[str, Value] | None = None,
) -> None:
    """Insert ``rows``, whose values stand in the order of ``columns``; none may be there yet.

    ``alike`` are further columns, with a value that is the same in all rows. Defaults of the
    mapping are not applied: name every column that may not be NULL.
    """
    if not rows:
        return
    connection = session.connection()
    name, alike = table.__tablename__, alike or {}
    shared, varied = tuple(alike), tuple(columns)
    # SECURITY: the names are ours; only the values come from outside, and they are parameters.
    if connection.dialect.name == "sqlite":
        for piece in _pieces(rows):
            said = _sqlite_insert(name, shared, varied, len(piece))
            connection.exec_driver_sql(said, (*alike.values(), *chain.from_iterable(piece)))
        return
    types = {column: _bare_type(connection, table, column) for column in (*shared, *varied)}
    same = "".join(f"%s::{types[column]}, " for column in shared)
    arrays = ", ".join(f"%s::{types[column]}[]" for column in varied)
    names = ", ".join((*shared, *varied))
    said = f"INSERT INTO {name} ({names}) SELECT {same}each.* FROM unnest({arrays}) each"  # noqa: S608
    columns_of = map(_array, zip(*rows, strict=True))
    connection.exec_driver_sql(said, (*alike.values(), *columns_of))


def _pieces(rows: Sequence[tuple[Value, ...]]) -> Iterator[Sequence[tuple[Value, ...]]]:
    at = 0
    for step in _STEPS:
        while len(rows) - at >= step:
            yield rows[at : at + step]
            at += step
    if at < len(rows):
        yield rows[at:]


@lru_cache(maxsize=128)
def _sqlite_insert(name: str, shared: Sequence[str], varied: Sequence[str], count: int) -> str:
    """Return the statement that inserts ``count`` rows; values that all share are said once."""
    row = f"({', '.join('?' * len(varied))})"
    values = f"VALUES {', '.join([row] * count)}"
    if shared:
        each = (f"column{number}" for number in range(1, len(varied) + 1))  # SQLite's own names
        values = f"SELECT {', '.join((*('?' * len(shared)), *each))} FROM ({values})"  # noqa: S608
    return f"INSERT INTO {name} ({', '.join((*shared, *varied))}) {values}"


def _bare_type(connection: Connection, table: type[Base], column: str) -> str:
    """Return a column's type without its length: a cast to VARCHAR(n) would cut in silence."""
    spelled = table.__table__.c[column].type.compile(connection.dialect)
    return spelled.partition("(")[0]


def among(
    session: Session, column: InstrumentedAttribute[Any], values: Sequence[str] | Sequence[int]
) -> ColumnElement[bool]:
    """Return the condition that ``column`` is one of ``values``, however many there are."""
    if session.get_bind().dialect.name == "sqlite":
        each = func.json_each(json.dumps(list(values))).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(literal(list(values), ARRAY(column.type)))


def one_of(dialect: str, column: str, name: str, kind: str = "bigint") -> TextClause:
    """Return the condition that ``column`` is one of the values in the one parameter ``name``.

    A list spelled out as parameters is a new text for each length: building it took longer
    than SQLite took to run it (measured). ``spell`` gives the parameter's value.
    """
    if dialect == "sqlite":
        return text(f"{column} IN (SELECT value FROM json_each(:{name}))")  # noqa: S608 - names of ours
    return text(f"{column} = ANY(CAST(:{name} AS {kind}[]))")


def spell(dialect: str, values: Sequence[int] | Sequence[str]) -> str:
    """Return ``values`` as the parameter that ``one_of`` names."""
    return json.dumps(list(values)) if dialect == "sqlite" else _array(values)


def _array(values: Sequence[Value]) -> str:
    """Return PostgreSQL's text of an array; the driver's own takes 3 us a value."""
    return f"{{{','.join(map(_element, values))}}}"


def _element(value: Value) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    return "NULL" if value is None else str(value)
