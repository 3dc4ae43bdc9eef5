"""Group commit: many accepted messages, one durable transaction, then their 250s.

One thread takes all that wait (bounded by count and bytes), packs them outside the
transaction, commits them in one and only then lets their sessions answer (RFC 5321 section
6.1). While it commits, the next group gathers, so the disk's pace makes the groups; and where
other transactions are open a commit waits two milliseconds for them, because one costs more.
Knows the store and arrivals; knows nothing of SMTP.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mailer.errors import Temporary
from mailer.storage.arrivals import Incoming, keep
from mailer.storage.store import Store, pack

_log = logging.getLogger(__name__)

# One transaction stays under the 20 ms of a write:
GROUP_ROWS = 1000  # messages and recipients
GROUP_BYTES = 8 * 1024 * 1024  # raw bytes
_LINGER = 0.002  # seconds that a commit waits for transactions that are open


class Budget:
    """Count the bytes of mail that are in memory, received or waiting for their commit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self.taken = 0

    def take(self, size: int) -> bool:
        """Reserve ``size`` bytes, or return False where they are not to be had."""
        with self._lock:
            if self.taken + size > self._most:
                return False
            self.taken += size
            return True

    def give(self, size: int) -> None:
        """Return ``size`` reserved bytes."""
        with self._lock:
            self.taken -= size


class Reservation:
    """Hold a growing share of the budget for one message, until the intake takes it over."""

    STEP = 64 * 1024  # bytes

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._size = self.STEP  # taken already
        self.short = False  # there was a time when more was not to be had

    def cover(self, size: int) -> bool:
        """Grow to ``size`` bytes; return False where the budget has not as much."""
        if not self.short and size > self._size:
            step = max(size - self._size, self.STEP)
            self.short = not self._budget.take(step)
            self._size += 0 if self.short else step
        return not self.short

    def hand_over(self) -> int:
        """Return the bytes that another owner gives back from now on."""
        size, self._size = self._size, 0
        return size

    def give_back(self) -> None:
        """Return what is still held."""
        self._budget.give(self._size)
        self._size = 0


@dataclass(frozen=True, slots=True)
class _Waiting:
    incoming: Incoming
    committed: asyncio.Future[None]
    reserved: int


class Intake:
    """Commit messages in groups, in a thread of its own, for the sessions of one event loop.

    Every method belongs to that loop; only the commit itself runs in the thread.
    """

    def __init__(
        self,
        store: Store,
        after_commit: Callable[[], None],
        budget: Budget,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._store = store
        self._after_commit = after_commit
        self._budget = budget
        self._loop = loop
        self._queue: deque[_Waiting] = deque()
        self._coming = 0  # transactions whose message may still be submitted
        self._busy = False  # a commit is under way
        self._lingering: asyncio.TimerHandle | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")

    @property
    def waiting(self) -> int:
        """Return how many messages wait for a commit to begin."""
        return len(self._queue)

    def expect(self, more: int) -> None:
        """Say that ``more`` (or fewer, below zero) transactions are open: worth a moment's wait."""
        self._coming += more
        self._go_on()

    def submit(self, incoming: Incoming, reserved: int) -> asyncio.Future[None]:
        """Queue ``incoming``; the future ends when it is committed, or fails with the reason.

        ``reserved`` bytes go back to the budget then, whoever still waits for the answer.
        """
        waiting = _Waiting(incoming, self._loop.create_future(), reserved)
        self._queue.append(waiting)
        self._go_on()
        return waiting.committed

    async def close(self) -> None:
        """Commit what waits and end the thread."""
        self._coming = 0
        self._go_on()
        while self._busy or self._queue:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(_LINGER)
        self._thread.shutdown()

    def _go_on(self) -> None:
        """Begin the next commit, at once or when those who are nearly there have come."""
        if self._busy or not self._queue:
            return
        if self._coming <= 0:
            self._begin()
        elif self._lingering is None:
            self._lingering = self._loop.call_later(_LINGER, self._begin)

    def _begin(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        group: list[_Waiting] = []
        size = rows = 0
        while self._queue and size < GROUP_BYTES and rows < GROUP_ROWS:
            group.append(self._queue.popleft())
            size += len(group[-1].incoming.raw)
            rows += 1 + len(group[-1].incoming.recipients)
        self._busy = True
        self._thread.submit(self._work, group)

    def _end(self) -> None:
        self._busy = False
        self._go_on()

    # In the thread.

    def _work(self, group: list[_Waiting]) -> None:
        try:
            self._settle(group)
        finally:
            self._loop.call_soon_threadsafe(self._end)

    def _settle(self, group: list[_Waiting]) -> None:
        """Commit ``group`` and tell its sessions; where it fails for no outer reason, one by one.

        So a message that the database cannot take does not hold up its neighbours.
        """
        try:
            self._commit(group)
        except Exception as error:  # noqa: BLE001 - a door's thread: every reason becomes a 451
            if len(group) > 1 and not isinstance(error, Temporary):
                for waiting in group:
                    self._settle([waiting])
                return
            if isinstance(error, Temporary):  # an outage, not a bug: a line each, no traceback
                _log.warning("could not store %d messages: %s", len(group), error.what)
            else:
                _log.exception("could not store %d messages", len(group))
            self._tell(group, error)
            return
        self._tell(group, None)
        try:
            self._after_commit()
        except Exception:  # noqa: BLE001 - the mail is safe whatever the bell says
            _log.exception("the bell after a commit did not ring; a sweeper will")

    def _commit(self, group: list[_Waiting]) -> None:
        batch = [waiting.incoming for waiting in group]
        packed = [pack(incoming.raw) for incoming in batch]
        with self._store.write(first=True) as session:
            keep(session, batch, packed)

    def _tell(self, group: list[_Waiting], error: Exception | None) -> None:
        for waiting in group:
            self._budget.give(waiting.reserved)
        self._loop.call_soon_threadsafe(_answer, group, error)


def _answer(group: list[_Waiting], error: Exception | None) -> None:
    for waiting in group:
        if waiting.committed.done():
            continue  # the client went away; its message stays, and a retry is known by its digest
        if error is None:
            waiting.committed.set_result(None)
        else:
            waiting.committed.set_exception(error)
