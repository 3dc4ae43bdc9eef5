"""Move many rows at once, on SQLite and PostgreSQL, without an object for each value.

    insert_many(session, table, columns, rows)    executemany, or one array a column
    among(session, column, values)                "is one of these", as one parameter

Knows both drivers' fast ways and nothing about what the rows mean. SQLAlchemy's own executemany
costs more than SQLite's work itself (6 us a row and table), and an IN of 500 parameters is
written anew each time.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Connection, any_, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from mailer.store import Base

Value = str | bytes | int | float | bool | None


def insert_many(
    session: Session, table: type[Base], columns: Sequence[str], rows: Sequence[tuple[Value, ...]]
) -> None:
    """Insert ``rows``, whose values stand in the order of ``columns``; none may be there yet.

    Defaults of the mapping are not applied: name every column that may not be NULL.
    """
    if not rows:
        return
    connection = session.connection()
    name, names = table.__tablename__, ", ".join(columns)
    # SECURITY: the names are ours; only the values come from outside, and they are parameters.
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" * len(columns))
        said = f"INSERT INTO {name} ({names}) VALUES ({places})"  # noqa: S608
        connection.exec_driver_sql(said, list(rows))
        return
    arrays = ", ".join(f"%s::{_bare_type(connection, table, column)}[]" for column in columns)
    said = f"INSERT INTO {name} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608
    connection.exec_driver_sql(said, tuple(map(list, zip(*rows, strict=True))))


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
