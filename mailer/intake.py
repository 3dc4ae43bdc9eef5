"""Group commit: many accepted messages, one durable transaction, then their 250s.

One thread takes all that wait (bounded by count and bytes), packs them outside the
transaction, commits them in one and only then lets their sessions answer (RFC 5321 section
6.1). While it commits, the next group gathers, so the disk's pace makes the groups.
Knows the store and arrivals; knows nothing of SMTP.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from mailer.arrivals import Incoming, keep
from mailer.errors import Temporary
from mailer.store import Store, pack

_log = logging.getLogger(__name__)

# One transaction stays under the 20 ms of a write:
GROUP_ROWS = 1000  # messages and recipients
GROUP_BYTES = 8 * 1024 * 1024  # raw bytes


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
    """Commit messages in groups, in a thread of its own, for the sessions of one event loop."""

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
        self._change = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Return how many messages wait for a commit to begin."""
        return len(self._queue)

    def submit(self, incoming: Incoming, reserved: int) -> asyncio.Future[None]:
        """Queue ``incoming``; the future ends when it is committed, or fails with the reason.

        ``reserved`` bytes go back to the budget then, whoever still waits for the answer.
        """
        waiting = _Waiting(incoming, self._loop.create_future(), reserved)
        with self._change:
            self._queue.append(waiting)
            self._change.notify()
        return waiting.committed

    def close(self) -> None:
        """Commit what waits and end the thread; blocks until then."""
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            self._settle(group)

    def _next_group(self) -> list[_Waiting]:
        """Wait for mail and take what fits into one transaction; empty at the end of work."""
        with self._change:
            self._change.wait_for(lambda: self._queue or self._closing)
            group: list[_Waiting] = []
            size = rows = 0
            while self._queue and size < GROUP_BYTES and rows < GROUP_ROWS:
                group.append(self._queue.popleft())
                size += len(group[-1].incoming.raw)
                rows += 1 + len(group[-1].incoming.recipients)
            return group

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
        try:
            self._loop.call_soon_threadsafe(_answer, group, error)
        except RuntimeError:
            _log.info("the loop closed before %d answers", len(group))


def _answer(group: list[_Waiting], error: Exception | None) -> None:
    for waiting in group:
        if waiting.committed.done():
            continue  # the client went away; its message stays, and a retry is known by its digest
        if error is None:
            waiting.committed.set_result(None)
        else:
            waiting.committed.set_exception(error)
