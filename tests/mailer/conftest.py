"""A door on a real port, and a client that sends exactly the octets it is told to."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from mailer.smtp_in import Door, Settings, SmtpReply
from mailer.store import Store

HERE = "here.test"
UNKNOWN = SmtpReply(550, "5.1.1", "No such list here")


def ours(sender: str, recipient: str, client: str) -> SmtpReply | None:
    """Accept whatever is at our domain, as the roof would for known lists."""
    return None if recipient.lower().endswith("@" + HERE) else UNKNOWN


class RawClient:
    """Speak octets to a door, and read replies as lines."""

    def __init__(self, address: tuple[str, int] | str, *, greeted: bool = True) -> None:
        unix = isinstance(address, str)
        self.socket = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        self.socket.settimeout(20)
        self.socket.connect(address)
        self._file = self.socket.makefile("rb")
        if greeted:
            assert self.reply().startswith(b"220 ")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def reply(self) -> bytes:
        """Return one reply, all its lines; b"" where the door has closed."""
        lines = []
        while True:
            try:
                line = self._file.readline()
            except ConnectionResetError:
                line = b""
            lines.append(line)
            if line[3:4] != b"-":
                return b"".join(lines)

    def ask(self, line: bytes) -> bytes:
        self.send(line + b"\r\n")
        return self.reply()

    def codes(self) -> list[int]:
        """Return the codes of all replies until the door closes."""
        return [int(line[:3]) for line in iter(self.reply, b"")]

    def begin(self, hello: bytes = b"EHLO client.test", to: bytes = b"list@here.test") -> None:
        """Go to where DATA's content may be sent."""
        assert self.ask(hello).startswith(b"250")
        assert self.ask(b"MAIL FROM:<anna@example.org>").startswith(b"250")
        assert self.ask(b"RCPT TO:<%b>" % to).startswith(b"250")
        assert self.ask(b"DATA").startswith(b"354")

    def mail(self, content: bytes = b"Subject: hi\r\n\r\nhello\r\n") -> bytes:
        """Send a whole message and return what the door says to its end."""
        self.begin()
        return self.ask(content + b".")


@dataclass
class RunningDoor:
    """Hold a door that runs in a thread of its own, and how to reach it."""

    address: tuple[str, int]
    lmtp: tuple[str, int]
    lmtp_path: str
    rung: list[int] = field(default_factory=list)
    door: Door | None = None
    loop: asyncio.AbstractEventLoop | None = None

    def client(self, *, greeted: bool = True) -> RawClient:
        return RawClient(self.address, greeted=greeted)

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
            settings: Settings | None = None,
            *,
            of: Store | None = None,
            **doors: Callable[..., object],
        ) -> RunningDoor:
            return stack.enter_context(
                _running(of or store, settings or Settings(HERE), tmp_path, doors)
            )

        yield opened


@contextlib.contextmanager
def _running(
    store: Store, settings: Settings, folder: Path, doors: dict[str, Any]
) -> Iterator[RunningDoor]:
    ready: Future[RunningDoor] = Future()
    stop = threading.Event()

    async def live() -> None:
        running = RunningDoor(("", 0), ("", 0), str(folder / "lmtp"))
        doors.setdefault("verdict", ours)
        doors.setdefault("after_commit", lambda: running.rung.append(1))
        door = running.door = Door(store, settings, **doors)
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
