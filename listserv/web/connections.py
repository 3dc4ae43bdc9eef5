"""Serve the web door: how many connections a source may hold, and for how long without a word.

uvicorn closes what is idle after an answer and nothing else; here a connection has a time to say
what it wants, to send its form and to take its answer, and a place among others.

SECURITY: open to the world. Places are given as at the SMTP door (mailer/door/callers.py): each
source has a bound, and where all are taken the source that holds most gives one up. A proxy of
``listserv.proxies`` speaks for many and is not counted. One look a second at all connections,
instead of a timer for each.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from mailer.door.callers import Callers, Network, is_front, plain_ip, source_of

_NO_PLACE = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
    b"Content-Length: 0\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class WebLimits:
    """Bound what connections may take; counts and seconds."""

    per_source: int = 50  # connections; proxies that are declared are not counted
    in_all: int = 1000
    head: float = 15.0  # until the first line and all fields have come
    body: float = 30.0  # until a form has come, and one more for each ``rate`` octets
    rate: int = 1000  # octets a second
    answer: float = 60.0  # without the client's taking any octet of its answer
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
        self.callers = Callers(self.limits.per_source, self.limits.in_all)

    def look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End whatever has taken too long; go on looking while somebody is here."""
        for connection in self.callers.guests():
            connection.end_if_slow(loop.time())
        self.looking = None
        if self.callers.total:
            self.looking = loop.call_later(self.limits.look, self.look, loop)


class GuardedConnection(H11Protocol):
    """Speak HTTP as uvicorn does, within bounds; a subclass made by ``guarded`` has the guard."""

    guard: Guard

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Find a place, or say that there is none."""
        super().connection_made(transport)
        limits, callers = self.guard.limits, self.guard.callers
        peer = plain_ip(self.client[0]) if self.client else ""
        self.source = "" if is_front(peer, self.guard.trusted) else source_of(peer)
        self.timeout_keep_alive = limits.keep if self.source else limits.keep_proxy
        self._since = self.loop.time()  # when what we wait for began
        self._got = 0  # octets since then
        self._due = 0  # octets of an answer that the client had not taken
        if callers.crowded(self.source) or (callers.full() and not self._take_place()):
            transport.write(_NO_PLACE)
            transport.close()
            return
        callers.enter(self.source, self)
        if self.guard.looking is None:
            self.guard.looking = self.loop.call_later(limits.look, self.guard.look, self.loop)

    def _take_place(self) -> bool:
        other = self.guard.callers.one_to_cut(self.source)
        if other is not None:
            other.cut()
        return other is not None

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
        waiting = self._waits_for_head()
        self._got += len(data)
        super().data_received(data)
        if waiting and not self._waits_for_head():
            self._since, self._got = self.loop.time(), 0

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._since, self._got = self.loop.time(), 0
        super().on_response_complete()

    @property
    def idle_since(self) -> float | None:
        """Return since when nothing worth its place came; None while a request is answered."""
        if self._waits_for_head():
            return self._since
        if self.cycle.more_body:
            return min(self.loop.time(), self._since + self._got / self.guard.limits.rate)
        return None

    def end_if_slow(self, now: float) -> None:
        """Cut the connection where the client has taken too long over anything."""
        limits = self.guard.limits
        if self._waits_for_head():
            kept = self.timeout_keep_alive if self.cycle is not None else None
            slow = now - self._since > limits.for_head(kept)
        elif self.cycle.more_body:
            slow = now - self._since > limits.for_body(self._got)
        else:
            slow = self._takes_nothing(now, limits.answer)
        if slow:
            self.cut()

    def _waits_for_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _takes_nothing(self, now: float, patience: float) -> bool:
        """Tell whether an answer has stood for so long without a single octet's being taken."""
        due = self.transport.get_write_buffer_size()
        if due == 0 or due != self._due:
            self._since, self._due = now, due
        return now - self._since > patience


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
