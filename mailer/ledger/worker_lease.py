"""Hold one worker's right to send: its epoch, its lease and its flight recorder.

The lease is granted by the database's clock and checked here by a steady clock that was read
before it was asked for, less a margin: so we stop believing in it before anybody else does.
On SQLite the database's clock is this machine's, so a step of that clock is seen too.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from mailer.ledger.flight_recorder import FlightRecorder

MARGIN = 0.5  # seconds


def boot_clock() -> float:
    """Return seconds since boot, those asleep included: a suspended worker must notice."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


@dataclass(frozen=True, slots=True)
class Clock:
    """Hold the two clocks of this process: seconds since 1970, and steady seconds."""

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = boot_clock


class WorkerLease:
    """Hold one epoch's right to send."""

    def __init__(self, epoch: int, recorder: FlightRecorder, clock: Clock, *, local: bool) -> None:
        self.epoch = epoch
        self.recorder = recorder
        self._clock = clock
        self._local = local  # the database's clock is our wall clock
        self._steady = 0.0
        self._wall = 0.0

    def extend(self, asked_steady: float, asked_wall: float, lease: float) -> None:
        """Believe in a lease of ``lease`` seconds that was asked for at those times."""
        self._steady = asked_steady + lease - MARGIN
        self._wall = asked_wall + lease - MARGIN

    def holds(self) -> bool:
        """Tell whether the lease surely still runs."""
        if self._clock.steady() >= self._steady:
            return False
        return not self._local or self._clock.wall() < self._wall

    def give_up(self) -> None:
        """Send nothing more in this epoch."""
        self._steady = 0.0
