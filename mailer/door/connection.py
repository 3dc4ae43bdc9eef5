"""A connection of the inbound door: octets in, lines out, a deadline. Imports aiosmtpd alone.

From aiosmtpd comes the life of a connection: session, timer, the coroutine that talks, and
the table of commands. Input is ours, in one buffer without asyncio's reader between, because
lines and messages must be judged by their exact octets; and replies are gathered, to be
written when the client must have them (RFC 2920).

SECURITY: at most one step of unread input is buffered, then the socket is left alone; a
client that reads nothing, or says nothing for too long, is cut off.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from aiosmtpd.smtp import SMTP

from mailer.door import smtp_replies
from mailer.door.callers import Callers, is_front, plain_ip, source_of
from mailer.door.group_commit import Budget, Intake
from mailer.door.limits import DoorSettings
from mailer.door.rates import Rates
from mailer.door.recipient_verdicts import Verdicts
from mailer.door.smtp_replies import SmtpReply

_MANY = 64 * 1024  # octets of replies or unread input before we wait for the other side
_LINGER = 5.0  # seconds for a last reply to leave before the connection is cut


@dataclass(slots=True)
class House:
    """Share among all sessions what the door owns; ``clock`` gives seconds since 1970 UTC."""

    settings: DoorSettings
    intake: Intake
    verdicts: Verdicts
    callers: "Callers[Connection]"
    budget: Budget
    rates: Rates
    clock: Callable[[], float]
    sessions: set["Connection"] = field(default_factory=set)
    closing: bool = False


class Connection(SMTP):
    """Read lines, gather replies, keep the deadline; subclasses know what the lines mean."""

    transport: asyncio.Transport | None

    def __init__(self, house: House, loop: asyncio.AbstractEventLoop) -> None:
        settings = house.settings
        super().__init__(
            None,
            data_size_limit=settings.max_size,
            enable_SMTPUTF8=True,
            hostname=settings.hostname,
            timeout=settings.limits.session,
            loop=loop,
        )
        self._house = house
        self._settings = settings
        self._limits = settings.limits
        self._inbox = bytearray()
        self._out: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._eof = False
        self._over = False  # nothing more is read after this command
        self._patient = False  # the client waits for us, not we for it
        self._secure = False
        self._errors = 0  # since the last message
        self.deadline = math.inf  # loop time by which this command or message must be complete
        self._peer = ""  # IP address of the connection
        self._trusted = False  # it is a front, or a local socket
        self._client = ""  # IP address of the client as a front named it, else the peer's
        self._source = ""  # what it is counted by; "" for a front that has introduced nobody
        self.idle_since: float | None = 0.0  # loop time; None: it must not be cut now

    @classmethod
    @cache
    def _names(cls) -> list[str]:
        return [name for name in dir(cls) if name.startswith("smtp_")]

    def __dir__(self) -> list[str]:
        """Name the commands alone: aiosmtpd looks through dir() twice for each connection."""
        return self._names()

    # The connection: what asyncio tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn who calls and start the conversation."""
        peer = transport.get_extra_info("peername")
        self._peer = plain_ip(peer[0]) if isinstance(peer, tuple) else ""
        self._trusted = not self._peer or is_front(self._peer, self._settings.front)
        self._client = "" if self._trusted else self._peer
        self._source = source_of(self._client)
        self.idle_since = self.loop.time()
        self._house.sessions.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """End the conversation; a message that waits for its commit is committed all the same."""
        self._house.sessions.discard(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Keep input for whoever reads, within bounds."""
        self._inbox += data
        if len(self._inbox) > _MANY and self.transport is not None:
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """Remember that nothing more comes; what came is still answered, except over TLS."""
        self._eof = True
        self._wake()
        return not self._secure

    def expire(self) -> None:
        """Close because the client took too long; never between a commit and its reply."""
        if self._patient:
            self._over = True
            return
        self._hang_up(smtp_replies.TOO_SLOW)

    _timeout_cb = expire  # aiosmtpd's timer, set once: the limit of the whole session

    def retire(self) -> None:
        """Close because the door does, unless a transaction is under way."""
        if self._between() and not self._inbox and not self._patient:
            self._hang_up(smtp_replies.CLOSING)

    def _between(self) -> bool:
        """Tell whether no transaction is under way."""
        return True

    def give_way(self) -> None:
        """Close because somebody else needs the place more."""
        self._house.callers.leave(self._source, self)
        self._hang_up(smtp_replies.TOO_MANY_HERE)

    def abandon(self) -> None:
        """Cut the connection."""
        if self.transport is not None:
            self.transport.abort()

    def _hang_up(self, last: SmtpReply) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self._say(last)
            self._flush()
            self._close()

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.close()
            if self.transport.get_write_buffer_size():
                # A client that reads nothing would keep a closing transport open for ever.
                self.loop.call_later(_LINGER, self.transport.abort)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _more(self) -> bool:
        """Wait for input; return False where none will come."""
        if self._eof:
            return False
        before = len(self._inbox)
        self._flush()
        if self.transport is not None:
            self.transport.resume_reading()
        self._waiter = self.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        return len(self._inbox) > before

    async def _begins_with(self, octets: bytes) -> bool:
        """Tell whether what comes next is ``octets``, read or not; wait no longer than needed."""
        while len(self._inbox) < len(octets) and octets.startswith(self._inbox):
            if not await self._more():
                return False
        return self._inbox.startswith(octets)

    async def _exactly(self, size: int) -> bytes:
        """Return the next ``size`` octets, or fewer where no more will come."""
        while len(self._inbox) < size and await self._more():
            pass
        octets = bytes(self._inbox[:size])
        del self._inbox[:size]
        return octets

    def _say(self, reply: SmtpReply) -> None:
        self._out.append(reply.wire)
        if reply.code >= 500:  # noqa: PLR2004 - RFC 5321 section 4.2.1
            self._errors += 1

    async def _drain_replies(self) -> None:
        """Write what a client asked for in one go once it is much, and wait until it is read."""
        if len(self._out) > _MANY // 64:
            self._flush()
            await self._writer.drain()

    def _flush(self) -> None:
        if self._out and self.transport is not None and not self.transport.is_closing():
            self.transport.write(b"".join(self._out))
        self._out.clear()

    async def _next_line(self, limit: int) -> bytes | None:
        """Return the next line with its end (shortened where over ``limit``); None at the end."""
        start = 0
        while (end := self._inbox.find(b"\n", start)) < 0:
            del self._inbox[limit + 1 :]  # a longer line is refused whatever it says
            start = len(self._inbox)
            if not await self._more():
                return None
        line = bytes(self._inbox[: end + 1])
        del self._inbox[: end + 1]
        return line
