"""Who says little and slowly, on many connections, keeps nobody else out of either door."""

import contextlib
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.raw_client import RawClient
from tests.tree import Krets, free_port, running, wait_for

LIST = "friends@example.org"
ONE = ["127.0.2.1"]
MANY = [f"127.0.{3 + number // 8}.{1 + number % 8}" for number in range(25)]
FRONT, PROXY = "127.0.0.9", "127.0.0.8"
EHLO = b"EHLO slow.example\r\n"
LETTER = EHLO + b"MAIL FROM:<eve@example.net>\r\nRCPT TO:<friends-join@example.org>\r\nDATA\r\n"
HEAD = b"GET /friends@example.org/join HTTP/1.1\r\nHost: x\r\n"
FORM = b"POST /friends@example.org/join HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n"
WEB = [b"", b"G", HEAD, FORM + b"\r\nemail=", HEAD + b"\r\n" + HEAD]
MAIL = [b"", b"E", EHLO, LETTER, LETTER + b"Subject: a"]


def visit(krets: Krets, source: str) -> None:
    """See a page as another visitor does, at the first try."""
    with socket.create_connection(("127.0.0.1", krets.http_port), 30, (source, 0)) as other:
        other.sendall(HEAD + b"Connection: close\r\n\r\n")
        assert other.recv(4096).startswith(b"HTTP/1.1 200")


def write(krets: Krets, source: str, before: bytes = b"") -> None:
    """Bring a letter as another mail server does, at the first try."""
    with RawClient(("127.0.0.1", krets.smtp_port), greeted=False, source=source) as client:
        client.send(before)
        assert client.reply().startswith(b"220")
        client.begin(to=b"friends-join@example.org")
        assert client.ask(b"Subject: hi\r\n\r\nhello\r\n.").startswith(b"250")


class Flood:
    """Hold connections that say little, and now and then one octet more."""

    def __init__(self, krets: Krets, stack: contextlib.ExitStack) -> None:
        self._krets = krets
        self._stack = stack
        self._held: list[socket.socket] = []

    def open(self, source: str, number: int, *, front: str = "") -> None:
        """Open one at each door; with ``front`` it comes through a front, for ``source``."""
        said, asked = MAIL[number % len(MAIL)], WEB[number % len(WEB)]
        if front:
            said = f"PROXY TCP6 {source} 2001:db8::1 7 25\r\n".encode() + said
            named = f"X-Forwarded-For: {source}\r\n\r\n".encode()
            asked = FORM + named + b"email="
        for port, peer, words in (
            (self._krets.smtp_port, FRONT if front else source, said),
            (self._krets.http_port, PROXY if front else source, asked),
        ):
            made = socket.create_connection(("127.0.0.1", port), 30, (peer, 0))
            self._held.append(self._stack.enter_context(made))
            with contextlib.suppress(OSError):
                made.sendall(words)

    def dribble(self) -> None:
        """Send an octet more on each connection that is still open."""
        for one in self._held:
            with contextlib.suppress(OSError):
                one.sendall(b"x")


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process hold thousands of sockets."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def open_list(krets: Krets) -> Iterator[Krets]:
    krets.settings |= {"KRETS_MAILER__FRONT": FRONT, "KRETS_LISTSERV__PROXIES": PROXY}
    krets.krets("list", "create", LIST)
    with running(krets):
        yield krets


@pytest.mark.parametrize(
    "each", [pytest.param(520, id="some"), pytest.param(2000, id="all", marks=pytest.mark.journey)]
)
@pytest.mark.usefixtures("many_files")
def test_slow_connections_keep_nobody_out(open_list: Krets, each: int) -> None:
    """One address, twenty-five, and a /32 of IPv6 behind a front and a proxy, one after another."""
    with contextlib.ExitStack() as stack:
        flood = Flood(open_list, stack)
        for sources in (ONE, MANY):
            for number in range(each):
                flood.open(sources[number % len(sources)], number)
            flood.dribble()
            for turn in range(3):
                visit(open_list, f"127.0.9.{turn + 1}")
                write(open_list, f"127.0.9.{turn + 1}")
        for number in range(each):  # each has a /64 of its own, and forty a /48
            flood.open(f"2001:db8:{number % 13:x}:{number:x}::1", number, front=FRONT)
        flood.dribble()
        for turn in range(3):
            visit(open_list, f"127.0.9.{turn + 1}")
            write(open_list, FRONT, b"PROXY TCP4 203.0.113.5 192.0.2.1 7 25\r\n")


def test_too_few_files_for_the_connections_are_told_at_the_start(krets: Krets) -> None:
    krets.settings["KRETS_LISTSERV__HTTP"] = f"127.0.0.1:{free_port()}"
    shell = f'ulimit -n 400 && exec "{sys.executable}" -m listserv web'
    with (krets.folder / "web.log").open("wb") as log:
        web = subprocess.Popen(["/bin/sh", "-c", shell], stderr=log, stdout=log, env=krets.env)
        try:
            said = krets.folder / "web.log"
            wait_for("the door", lambda: b"is up" in said.read_bytes())
        finally:
            web.terminate()
            web.wait(20)
    assert "LimitNOFILE=65536" in said.read_text()
