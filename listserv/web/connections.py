"""Serve the web door: how many connections a source may hold, and for how long without a word.

uvicorn closes what is idle after an answer and nothing else; here a connection has a time to say
what it wants, to send its form and to take its answer, and a place among others.

SECURITY: open to the world. Places are given as at the SMTP door (mailer/door/callers.py): each
source has a bound, and where all are taken the source that holds most gives one up. A proxy of
``listserv.proxies`` speaks for many and is not counted; while it asks for a visitor, that one is.
Whoever takes an answer by the octet is slow as well: what is not taken fills our memory. One look
a second at all connections, instead of a timer for each.
"""

import asyncio
import contextlib
import fcntl
import functools
import socket
import struct
import termios
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from listserv.web.visitor import client_of
from mailer.door.callers import Callers, Network, is_front, plain_ip, source_of

_OUTQ = struct.Struct("i")
_NO_PLACE = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
    b"Content-Length: 0\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class WebLimits:
    """Bound what connections may take; counts and seconds."""

    per_source: int = 50  # connections; of a declared proxy, requests that it brings at once
    per_network: int = 200  # of a neighbourhood: a /24, a /48
    in_all: int = 1000
    head: float = 15.0  # until the first line and all fields have come
    body: float = 30.0  # until a form has come, and one more for each ``rate`` octets
    answer: float = 60.0  # in which a client takes ``rate`` octets a second, or the whole answer
    rate: int = 1000  # octets a second
    keep: int = 10  # between an answer and the next request
    keep_proxy: int = 75  # longer than nginx keeps its own end: it must never meet a closed one
    look: float = 1.0  # between two looks at all connections

    def for_head(self, kept: int | None) -> float:
        """Return how long a request's head may take; ``kept`` is for an idle connection."""
        return self.head + (kept or 0)

    def for_body(self, got: int) -> float:
        """Return how long a form may take of which ``got`` octets have come."""
        return self.body + got / self.rate


@dataclass(slots=True)
class Guard:
    """Share among all connections what the door owns."""

    limits: WebLimits
    trusted: Sequence[Network]
    callers: "Callers[GuardedConnection]" = field(init=False)
    looking: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self.callers = Callers(self.limits.per_source, self.limits.in_all, self.limits.per_network)

    def look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End whatever has taken too long; go on looking while somebody is here."""
        for connection in self.callers.guests():
            connection.end_if_slow(loop.time())
        self.looking = None
        if self.callers.total:
            self.looking = loop.call_later(self.limits.look, self.look, loop)


class _CountedTransport:
    """Hand on to a transport, and count what is written to it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.written = 0

    def write(self, octets: bytes) -> None:
        self.written += len(octets)
        self._transport.write(octets)

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


class GuardedConnection(H11Protocol):
    """Speak HTTP as uvicorn does, within bounds; a subclass made by ``guarded`` has the guard."""

    guard: Guard

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Find a place, or say that there is none."""
        self._sent = _CountedTransport(transport)
        super().connection_made(cast("asyncio.Transport", self._sent))
        limits, callers = self.guard.limits, self.guard.callers
        peer = plain_ip(self.client[0]) if self.client else ""
        self.source = "" if is_front(peer, self.guard.trusted) else source_of(peer)
        self.timeout_keep_alive = limits.keep if self.source else limits.keep_proxy
        self._since = self.loop.time()  # when what we wait for began
        self._got = 0  # octets since then
        self._before = 0  # octets that had left then
        self._owed = False  # an answer had not been taken whole at the last look
        self._socket = transport.get_extra_info("socket").fileno()
        if not self._find_place(self.source):
            transport.write(_NO_PLACE)
            transport.close()
            return
        callers.enter(self.source, self)
        if not self.source:
            self.app = functools.partial(self._for_a_visitor, self.app)
        if self.guard.looking is None:
            self.guard.looking = self.loop.call_later(limits.look, self.guard.look, self.loop)

    def _find_place(self, source: str) -> bool:
        """Tell whether there is a place for ``source``; cut another's where that has to be."""
        callers = self.guard.callers
        if callers.crowded(source):
            return False
        other = callers.one_to_cut(source) if callers.full() else None
        if other is not None:
            other.cut()
        return not callers.full()

    async def _for_a_visitor(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Count one request of a proxy as its visitor's, from its head to the end of its answer."""
        visitor = source_of(client_of(Request(scope), self.guard.trusted))
        if self.guard.callers.crowded(visitor):
            refusal = Response(status_code=503, headers={"Retry-After": "5"})
            await refusal(scope, receive, send)
            return
        self._count_as(visitor)
        try:
            await app(scope, receive, send)
        finally:
            self._count_as("")

    def _count_as(self, source: str) -> None:
        if not self.transport.is_closing():
            self.guard.callers.leave(self.source, self)
            self.source = source
            self.guard.callers.enter(source, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self.guard.callers.leave(self.source, self)
        super().connection_lost(exc)

    def cut(self) -> None:
        """End this connection at once."""
        self.guard.callers.leave(self.source, self)
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Count what comes; a request that is complete is not idle."""
        waiting, sending = self._waits_for_head(), self._sends_answer()
        self._got += len(data)
        super().data_received(data)
        if waiting and not self._waits_for_head():
            self._since, self._got = self.loop.time(), 0
        if not sending and self._sends_answer():
            self._begin_answer()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        if not self._unsent():
            self._since, self._got = self.loop.time(), 0
        super().on_response_complete()

    @property
    def idle_since(self) -> float | None:
        """Return since when nothing worth its place came or left; None while we are at work."""
        now, rate = self.loop.time(), self.guard.limits.rate
        if self._unsent():
            return min(now, self._since + (self._left() - self._before) / rate)
        if self._waits_for_head():
            return self._since
        return min(now, self._since + self._got / rate) if self.cycle.more_body else None

    def end_if_slow(self, now: float) -> None:
        """Cut the connection where the client has taken too long over anything."""
        if self._unsent():
            slow = self._takes_little(now)
        elif self._owed:  # the whole answer has left since the last look
            self._owed, self._since, slow = False, now, False
        else:
            slow = self._says_little(now)
        if slow:
            self.cut()

    def _takes_little(self, now: float) -> bool:
        self._owed = True
        limits = self.guard.limits
        if now - self._since <= limits.answer:
            return False
        taken = self._left() - self._before
        self._begin_answer()
        return taken < limits.rate * limits.answer

    def _says_little(self, now: float) -> bool:
        limits, waited = self.guard.limits, now - self._since
        if self._waits_for_head():
            return waited > limits.for_head(self.timeout_keep_alive if self.cycle else None)
        if self.cycle.more_body:
            return waited > limits.for_body(self._got)
        self._begin_answer()  # we are at work on it
        return False

    def _begin_answer(self) -> None:
        """Begin to count what the client takes."""
        self._since, self._before = self.loop.time(), self._left()

    def _waits_for_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _sends_answer(self) -> bool:
        return not self._waits_for_head() and not self.cycle.more_body

    def _unsent(self) -> int:
        """Return how many octets of an answer the client has not taken."""
        return self.transport.get_write_buffer_size()

    def _left(self) -> int:
        """Return how many octets the client has taken since it came."""
        kernel = 0  # octets that the system keeps for it
        with contextlib.suppress(OSError):
            kernel = _OUTQ.unpack(fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4)))[0]
        return self._sent.written - self._unsent() - kernel


def guarded(trusted: Sequence[Network], limits: WebLimits | None = None) -> type[GuardedConnection]:
    """Return what uvicorn makes connections of."""
    shared = Guard(limits or WebLimits(), trusted)
    return type("Guarded", (GuardedConnection,), {"guard": shared})


def serve(
    site: ASGIApp,
    listener: socket.socket,
    ready: Callable[[], None],
    trusted: Sequence[Network] = (),
) -> None:
    """Serve until SIGTERM or SIGINT; ``trusted`` are the proxies that speak for many."""
    config = uvicorn.Config(
        site,
        loop="uvloop",
        http=guarded(trusted),
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=32 * 1024,
    )

    class _Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Stop on a signal as uvicorn does, but do not die of it again afterwards."""
            with super().capture_signals():
                yield
                self._captured_signals.clear()

    asyncio.run(_Server(config).serve(sockets=[listener]))
