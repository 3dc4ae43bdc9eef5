"""The fixture of those who test a sender."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailer.rehearsal.sink import Caught, Script, Sink, accept, rehearsal
from mailer.storage.store import Store
from tests.mailer.sending.sender_rig import (
    Rig,
    contextmanagers,
)


@pytest.fixture
def rig(store: Store, tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Give a maker of rigs; everything is closed at the end."""
    opened: list[Rig] = []
    with contextmanagers() as enter:

        def make(script: Script = accept, **options: object) -> Rig:
            caught: list[Caught] = []
            sink = enter(rehearsal(Sink(script, keep=caught.append, **options)))  # type: ignore[arg-type]
            opened.append(Rig(store, tmp_path, sink, caught))
            return opened[-1]

        yield make
        for one in opened:
            for sender in one.senders:
                sender.close()
