"""The fixtures of those who test journals."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.listserv.wiring.journal_service import LIST, NAMES, Opened, Service


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[Opened]:
    """Give a function that opens the service in a folder; on PostgreSQL all have one database."""
    with ExitStack() as stack:

        def opens(name: str) -> Service:
            made = Service(tmp_path / name, database_url)
            stack.callback(made.app.close)
            return made

        yield opens


@pytest.fixture
def old(service: Opened) -> Service:
    """Give a list of six."""
    made = service("old")
    made.done("list", "create", LIST)
    for name in NAMES:
        made.done("member", "add", LIST, f"{name}@x.org", "--consent", "asked")
    return made


@pytest.fixture
def kept(old: Service, tmp_path: Path) -> str:
    """Give a backup of it."""
    old.done("backup", str(tmp_path / "kept.backup"))
    return str(tmp_path / "kept.backup")
