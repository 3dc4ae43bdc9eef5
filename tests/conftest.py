"""Fixtures that every room's tests share: a store in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailer import tokens
from mailer.store import Base, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Open an empty database with every room's tables and one token key."""
    import listserv.tables  # noqa: F401, PLC0415 - registers every room's tables

    opened = Store("", tmp_path)
    Base.metadata.create_all(opened.engine)
    with opened.write() as session:
        tokens.new_key(session)
    yield opened
    opened.close()
