"""An installation of its own for each journey, with a sink as its relay."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailer.rehearsal.sink import Caught, Sink, rehearsal
from tests.tree import Krets


@pytest.fixture
def outbox() -> list[Caught]:
    """Collect what the relay took."""
    return []


@pytest.fixture
def sink(outbox: list[Caught]) -> Iterator[Sink]:
    """Run a relay that says yes to everything."""
    with rehearsal(Sink(keep=outbox.append)) as running:
        yield running


@pytest.fixture
def krets(tmp_path: Path, database_url: str, sink: Sink) -> Iterator[Krets]:
    """Give an installation that is not running yet."""
    made = Krets(tmp_path, relay=f"smtp://127.0.0.1:{sink.port}", database=database_url)
    yield made
    if made.process is not None:
        made.stop()
