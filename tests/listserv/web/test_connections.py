"""Connections of the web door: a bound for each source, a time for each step."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from listserv.web.connections import GuardedConnection, WebLimits, guarded
from mailer.door.callers import Callers, Network, networks, source_of
from tests.tree import wait_for

ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LONG_ASK = b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n"
SHORT = WebLimits(head=0.2, body=0.2, answer=0.2, keep=0, look=0.02)
PIECE = 64 * 1024
LONG = 8 * 1024 * 1024  # more than sockets hold by themselves


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the whole request; answer with much at /long, piece by piece, else with a little."""
    while (await receive()).get("more_body"):
        pass
    pieces = [b"x" * PIECE] * (LONG // PIECE) if scope["path"] == "/long" else [b"hello"]
    length = str(sum(len(piece) for piece in pieces)).encode()
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
    await send(start)
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@dataclass
class Served:
    """Hold a door that runs in a thread."""

    address: tuple[str, int]
    callers: Callers[GuardedConnection]


@contextlib.contextmanager
def served(limits: WebLimits, trusted: tuple[Network, ...] = ()) -> Iterator[Served]:
    """Serve on a real port, in a thread."""
    kind = guarded(trusted, limits)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        config = uvicorn.Config(hello, lifespan="off", log_level="error", http=kind, loop="uvloop")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        try:
            wait_for("the server", lambda: server.started)
            yield Served(listener.getsockname(), kind.guard.callers)
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def called(door: Served, source: str, say: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(door.address, 30, (source, 0)) as made:
        made.sendall(say)
        yield made


def answer(connection: socket.socket) -> bytes:
    """Return the status line, b"" where the door has closed."""
    with contextlib.suppress(ConnectionResetError):
        return connection.recv(4096).partition(b"\r\n")[0]
    return b""


def test_a_source_holds_so_many_connections_and_others_are_served() -> None:
    with served(WebLimits(per_source=3)) as door, contextlib.ExitStack() as stack:
        held = [stack.enter_context(called(door, "127.0.0.2", ASK)) for _ in range(3)]
        assert [answer(one)[9:12] for one in held] == [b"200"] * 3
        fourth = stack.enter_context(called(door, "127.0.0.2"))
        assert answer(fourth)[9:12] == b"503"
        other = stack.enter_context(called(door, "127.0.0.3", ASK))
        assert answer(other)[9:12] == b"200"
        held[0].close()
        assert wait_for("a place", lambda: _served(door, "127.0.0.2"))


def _served(door: Served, source: str) -> bool:
    with called(door, source, ASK) as one:
        return answer(one)[9:12] == b"200"


def test_where_all_places_are_taken_whoever_holds_most_gives_one_up() -> None:
    limits = WebLimits(per_source=3, in_all=6)
    with served(limits) as door, contextlib.ExitStack() as stack:
        for source in ("127.0.0.2", "127.0.0.3"):
            for _ in range(3):
                held = stack.enter_context(called(door, source, ASK))
                assert answer(held)[9:12] == b"200"
        for number in range(4, 8):
            with called(door, f"127.0.0.{number}", ASK) as other:
                assert answer(other)[9:12] == b"200"


def test_a_proxy_speaks_for_many() -> None:
    front = networks(["127.0.0.2"])
    with served(WebLimits(per_source=2), front) as door, contextlib.ExitStack() as stack:
        for _ in range(5):
            proxy = stack.enter_context(called(door, "127.0.0.2", ASK))
            assert answer(proxy)[9:12] == b"200"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET / HTTP/1.1\r\nHo",
        ASK + b"GET /",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
        LONG_ASK,
    ],
)
def test_whoever_takes_too_long_is_cut_off(said: bytes) -> None:
    with served(SHORT) as door, called(door, "127.0.0.1", said) as slow:
        if said == LONG_ASK:
            assert slow.recv(1)  # and no more of it
            wait_for("the door to cut it", lambda: door.callers.total == 0)
        while answer(slow):  # an answer to what was whole, and then the end
            pass


def test_whoever_takes_an_answer_by_the_octet_is_cut_off() -> None:
    with served(replace(SHORT, rate=LONG)) as door, called(door, "127.0.0.1", LONG_ASK) as slow:
        with contextlib.suppress(ConnectionError):
            while slow.recv(1000):
                pass  # far less in a look than the rate asks for
        wait_for("the door to cut it", lambda: door.callers.total == 0)


def test_who_takes_an_answer_slowly_gives_the_place_up_to_others() -> None:
    with served(WebLimits(per_source=3, in_all=6)) as door, contextlib.ExitStack() as stack:
        for number in range(6):
            source = f"127.0.0.{2 + number % 2}"
            slow = stack.enter_context(called(door, source, LONG_ASK))
            assert slow.recv(1)  # its answer has begun, and no more of it is taken
        with called(door, "127.0.0.9", ASK) as other:
            assert answer(other)[9:12] == b"200"


FORM = b"POST / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %b\r\nContent-Length: 9\r\n\r\nabc"
VISIT = b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %b\r\n\r\n"


def test_what_a_proxy_asks_for_one_visitor_is_counted_as_that_ones() -> None:
    """A proxy that hands forms on as they come (Caddy) brings its visitors' slowness along."""
    limits = WebLimits(per_source=3, per_network=4, in_all=6)
    front = networks(["127.0.0.2"])
    with served(limits, front) as door, contextlib.ExitStack() as stack:

        def stalled(visitor: str, count: int) -> None:
            stack.enter_context(called(door, "127.0.0.2", FORM % visitor.encode()))
            wait_for("it to be counted", lambda: door.callers.held(source_of(visitor))[1] == count)

        def visited(visitor: str) -> str:
            with called(door, "127.0.0.2", VISIT % visitor.encode()) as asking:
                status = answer(asking)[9:12].decode()
            wait_for("its end", lambda: door.callers.held("") == (0, 0))
            return status

        for number in range(3):
            stalled(f"2001:db8:0:1::{number:x}", number + 1)
        assert visited("2001:db8:0:1::ffff") == "503", "the /64 has its share"
        assert visited("2001:db8:0:2::1") == "200"
        stalled("2001:db8:0:2::1", 1)
        assert visited("2001:db8:0:3::1") == "503", "and so has the /48"
        for number in range(2):
            stalled(f"198.51.100.{number}", 1)
        assert visited("203.0.113.1") == "200", "all places are taken: the /48 gives one up"
        assert door.callers.held(source_of("2001:db8:0:1::"))[0] == 3


def test_whoever_sends_steadily_has_time() -> None:
    limits = WebLimits(head=15.0, body=30.0, rate=1000, keep=10)
    assert limits.for_head(None) == 15.0
    assert limits.for_head(10) == 25.0
    assert limits.for_body(0) == 30.0
    assert limits.for_body(600_000) == 630.0


def test_a_long_answer_is_taken_whole() -> None:
    with served(WebLimits()) as door, called(door, "127.0.0.1", LONG_ASK) as reader:
        got = 0
        while got < LONG:
            some = reader.recv(65536)
            assert some
            got += len(some)
