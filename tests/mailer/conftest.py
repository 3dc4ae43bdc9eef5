"""A door that runs on a real port for the length of a test."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mailer.door.smtp_in import DoorSettings, SmtpDoor, SmtpReply
from mailer.storage.store import Store
from tests.raw_client import RawClient

HERE = "here.test"
UNKNOWN = SmtpReply(550, "5.1.1", "No such list here")


def ours(sender: str, recipient: str, client: str) -> SmtpReply | None:
    """Accept whatever is at our domain, as the roof would for known lists."""
    return None if recipient.lower().endswith("@" + HERE) else UNKNOWN


@dataclass
class RunningDoor:
    """Hold a door that runs in a thread of its own, and how to reach it."""

    address: tuple[str, int]
    lmtp: tuple[str, int]
    lmtp_path: str
    rung: list[int] = field(default_factory=list)
    door: SmtpDoor | None = None
    loop: asyncio.AbstractEventLoop | None = None

    def client(self, *, greeted: bool = True) -> RawClient:
        return RawClient(self.address, greeted=greeted)

    def lmtp_client(self, *, unix: bool = False) -> RawClient:
        return RawClient(self.lmtp_path if unix else self.lmtp)

    def close(self, grace: float) -> "Future[None]":
        """Begin to close the door."""
        assert self.loop is not None
        assert self.door is not None
        return asyncio.run_coroutine_threadsafe(self.door.close(grace), self.loop)


OpenDoor = Callable[..., RunningDoor]


@pytest.fixture
def open_door(store: Store, tmp_path: Path) -> Iterator[OpenDoor]:
    """Give a function that opens a door; all are closed afterwards."""
    with contextlib.ExitStack() as stack:

        def opened(
            settings: DoorSettings | None = None,
            *,
            of: Store | None = None,
            **doors: Callable[..., object],
        ) -> RunningDoor:
            return stack.enter_context(
                _running(of or store, settings or DoorSettings(HERE), tmp_path, doors)
            )

        yield opened


@contextlib.contextmanager
def _running(
    store: Store, settings: DoorSettings, folder: Path, doors: dict[str, Any]
) -> Iterator[RunningDoor]:
    ready: Future[RunningDoor] = Future()
    stop = threading.Event()

    async def live() -> None:
        running = RunningDoor(("", 0), ("", 0), str(folder / "lmtp"))
        doors.setdefault("verdict", ours)
        doors.setdefault("after_commit", lambda: running.rung.append(1))
        door = running.door = SmtpDoor(store, settings, **doors)
        running.loop = asyncio.get_running_loop()
        await door.open()
        running.address = await door.listen("127.0.0.1", 0)
        running.lmtp = await door.listen_lmtp("127.0.0.1", 0)
        await door.listen_lmtp_unix(Path(running.lmtp_path))
        ready.set_result(running)
        await asyncio.to_thread(stop.wait)
        if door.is_open:
            await door.close(grace=0.2)

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    try:
        yield ready.result(20)
    finally:
        stop.set()
        thread.join(20)
