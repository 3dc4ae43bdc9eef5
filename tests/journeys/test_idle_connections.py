"""Thousands of connections that say nothing, and everybody else is served."""

import contextlib
import resource
import socket
from collections.abc import Iterator

import pytest

from tests.raw_client import RawClient
from tests.tree import Krets, running

ADDRESSES = [f"127.0.1.{number}" for number in range(1, 41)]


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process hold ten thousand sockets."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    "each", [pytest.param(700, id="some"), pytest.param(5000, id="all", marks=pytest.mark.journey)]
)
@pytest.mark.usefixtures("many_files")
def test_idle_connections_of_forty_addresses_keep_nobody_out(krets: Krets, each: int) -> None:
    krets.krets("list", "create", "friends@example.org")
    with running(krets), contextlib.ExitStack() as stack:
        held = []
        for number in range(each):
            for port in (krets.smtp_port, krets.http_port):
                source = (ADDRESSES[number % len(ADDRESSES)], 0)
                one = socket.create_connection(("127.0.0.1", port), 30, source)
                held.append(stack.enter_context(one))
        for _ in range(5):
            assert krets.get("/friends@example.org/join")[0] == 200
            with RawClient(("127.0.0.1", krets.smtp_port)) as client:
                client.begin(to=b"friends-join@example.org")
                assert client.ask(b"Subject: hi\r\n\r\nhello\r\n.").startswith(b"250")
