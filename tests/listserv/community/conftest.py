"""An installation without sockets, with an event that is to come."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.place import Place, make_place


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    yield made
    made.end()
