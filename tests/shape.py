"""A new database's shape: made by the migrations once in each test process, then copied.

Running every migration costs a quarter of a second, and some thousand tests begin with a new
database. What is copied is what they made, byte for byte. A database that exists is migrated as
ever, and so is a new one under ``krets`` as its own process (tests/tree.py, ``cold=True``).
"""

import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

from listserv.wiring import schema
from mailer.storage.store import Store

_by_migrations: Callable[[Store], None] = schema._upgrade


def use_copies() -> None:
    """Let this process, and what it forks, copy the shape from now on."""
    schema._upgrade = _upgrade


def _upgrade(store: Store) -> None:
    if not store.sqlite or not store.url.database or schema._revision(store):
        _by_migrations(store)
        return
    with closing(sqlite3.connect(store.url.database)) as file:
        made().backup(file)


@cache
def made() -> sqlite3.Connection:
    """Return the shape, in memory."""
    kept = sqlite3.connect(":memory:", check_same_thread=False)
    with tempfile.TemporaryDirectory() as folder:
        store = Store("", Path(folder))
        _by_migrations(store)
        store.close()
        with closing(sqlite3.connect(Path(folder) / "krets.db")) as file:
            file.backup(kept)
    return kept
