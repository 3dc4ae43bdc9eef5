"""The inbound door: listeners for SMTP and LMTP on one event loop, and one committing thread.

Knows sockets and how to open and close; the conversation is in smtp_session, the commit in
intake. It refuses to know what a list is: ``verdict`` says whether a recipient is ours.

    door = Door(store, Settings(hostname="lists.example.org"), verdict, after_commit=ring)
    await door.open()
    host, port = await door.listen("127.0.0.1", 8025)
    await door.listen_lmtp_unix(Path("/run/krets/lmtp"))
    ...
    await door.close()

SECURITY: open to the world. Connections are counted in all, by address and by neighbourhood, every
command and message has a deadline, and memory for mail has one budget. Closing commits what was
received whole and answers for it; what was not is for the client to send again.
"""

import asyncio
import contextlib
import logging
import math
import socket
import time
from collections.abc import Callable
from pathlib import Path

from mailer.door.callers import Callers
from mailer.door.connection import House
from mailer.door.group_commit import Budget, Intake
from mailer.door.limits import DoorLimits, DoorSettings
from mailer.door.rates import Rates
from mailer.door.recipient_verdicts import RecipientVerdict, SizeVerdict, Verdicts
from mailer.door.smtp_replies import SmtpReply
from mailer.door.smtp_session import LmtpSession, SmtpSession
from mailer.errors import Misconfigured
from mailer.storage.store import Store

__all__ = ["DoorLimits", "DoorSettings", "RecipientVerdict", "SizeVerdict", "SmtpDoor", "SmtpReply"]

_log = logging.getLogger(__name__)

_BACKLOG = 512


class SmtpDoor:
    """Accept mail on any number of listeners and keep it in ``store``.

    ``verdict`` and ``fits`` run in threads and may read the database. ``after_commit`` runs in
    the committing thread after each commit; what it raises is logged and changes nothing.
    """

    def __init__(
        self,
        store: Store,
        settings: DoorSettings,
        verdict: RecipientVerdict,
        *,
        fits: SizeVerdict | None = None,
        after_commit: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._settings = settings
        self._verdict = verdict
        self._fits = fits
        self._after_commit = after_commit
        self._clock = clock
        self._servers: list[asyncio.Server] = []
        self._sockets: list[Path] = []
        self._house: House | None = None
        self._watch: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start the committing thread and the watch over deadlines; listeners come after."""
        limits = self._settings.limits
        loop = asyncio.get_running_loop()
        budget = Budget(limits.waiting)
        self._house = House(
            settings=self._settings,
            intake=Intake(self._store, self._after_commit, budget, loop),
            verdicts=Verdicts(self._verdict, self._fits, limits.verdict_ttl),
            callers=Callers(limits.per_ip, limits.connections, limits.per_network),
            budget=budget,
            rates=Rates(self._settings.rates),
            clock=self._clock,
        )
        self._watch = loop.create_task(_expire_the_slow(self._house))

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Listen for SMTP; return the bound address (``port`` may be 0)."""
        return await self._listen(SmtpSession, host, port)

    async def listen_lmtp(self, host: str, port: int) -> tuple[str, int]:
        """Listen for LMTP on TCP; never port 25 (RFC 2033 section 5)."""
        return await self._listen(LmtpSession, host, port)

    async def adopt(self, listener: socket.socket, *, lmtp: bool = False) -> None:
        """Serve a socket that listens already: the parent bound it, and keeps it when we die."""
        loop = asyncio.get_running_loop()
        house = self._opened()
        kind = LmtpSession if lmtp else SmtpSession
        if listener.family == socket.AF_UNIX:
            server = await loop.create_unix_server(lambda: kind(house, loop), sock=listener)
        else:
            server = await loop.create_server(
                lambda: kind(house, loop), sock=listener, backlog=_BACKLOG
            )
        self._servers.append(server)

    async def listen_lmtp_unix(self, path: Path, mode: int = 0o660) -> None:
        """Listen for LMTP on a unix socket, whose file mode says who may deliver."""
        loop = asyncio.get_running_loop()
        house = self._opened()
        try:
            server = await loop.create_unix_server(
                lambda: LmtpSession(house, loop), str(path), backlog=_BACKLOG
            )
        except OSError as error:
            raise Misconfigured(
                f"Cannot listen on the socket {path} ({error.strerror or error}).",
                "Set mailer.lmtp to a path that this user may create.",
            ) from error
        path.chmod(mode)  # noqa: ASYNC240 - once, at start
        self._servers.append(server)
        self._sockets.append(path)

    async def close(self, grace: float = 10.0) -> None:
        """Stop accepting, give messages under way ``grace`` seconds, commit, and end."""
        house = self._opened()
        house.closing = True
        for server in self._servers:
            server.close()
        for session in list(house.sessions):
            session.retire()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while house.sessions:  # noqa: ASYNC110 - once, at the end
                    await asyncio.sleep(0.01)
        for session in list(house.sessions):
            session.abandon()
        await house.intake.close()
        house.verdicts.close()
        if self._watch is not None:
            self._watch.cancel()
        for path in self._sockets:
            path.unlink(missing_ok=True)
        self._servers.clear()
        self._house = None

    @property
    def is_open(self) -> bool:
        """Tell whether the door is between ``open`` and the end of ``close``."""
        return self._house is not None

    @property
    def waiting(self) -> int:
        """Return how many bytes of mail are in memory, received or not yet committed."""
        return self._house.budget.taken if self._house is not None else 0

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return self._house.callers.total if self._house is not None else 0

    def _opened(self) -> House:
        if self._house is None:
            raise RuntimeError("the door is not open: await door.open() first")
        return self._house

    async def _listen(self, kind: type[SmtpSession], host: str, port: int) -> tuple[str, int]:
        loop = asyncio.get_running_loop()
        house = self._opened()
        try:
            server = await loop.create_server(
                lambda: kind(house, loop), host, port, backlog=_BACKLOG
            )
        except OSError as error:
            raise Misconfigured(
                f"Cannot listen on {host}:{port} ({error.strerror or error}).",
                "Free the port or set another; ports below 1024 need a privilege.",
            ) from error
        self._servers.append(server)
        bound = server.sockets[0].getsockname()
        return str(bound[0]), int(bound[1])


async def _expire_the_slow(house: House) -> None:
    """Close whatever has passed its deadline: one look at all, instead of a timer for each."""
    loop = asyncio.get_running_loop()
    pause = min(1.0, house.settings.limits.idle / 4)
    while True:
        await asyncio.sleep(pause)
        now = loop.time()
        for session in list(house.sessions):
            if session.deadline < now:
                session.deadline = math.inf
                session.expire()
