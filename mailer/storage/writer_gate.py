"""Queue fairly before SQLite's only writer, for every process on the data folder.

Two locks, taken in order: ordinary writers queue at the *turnstile* and then pass the *gate*;
ingest goes straight to the gate. So at most one ordinary transaction (under ~20 ms by house
rule) is ever ahead of a message that waits for its 250. flock wakes its waiters without an
order, so now and then a second one slips in: bounded, and cheaper than a queue of our own.
Mail comes in bursts, and a client's next message is milliseconds behind its last 250: while
ingest commits again and again, ordinary writers stand back for a moment, a bounded one.
flock(2) belongs to an open file, so each passage opens its own; a process that dies gives its
place back at once.
"""

import fcntl
import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BREATH = 0.010  # seconds after an ingest commit in which the next one is probably on its way
_COURTESY = 0.040  # seconds that an ordinary writer stands back for a burst, at most
_MOMENT = struct.Struct("d")  # time.monotonic() of the last ingest commit: one clock a machine


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with _opened(path) as fd:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)  # closing gives the lock back


class Gate:
    """Let writers through one at a time; ``first`` is for ingest alone."""

    def __init__(self, folder: Path) -> None:
        self._gate = folder / "write.gate"
        self._turnstile = folder / "write.turnstile"
        self._folder = folder
        self._moment: mmap.mmap | None = None  # shared by all processes, and across a fork

    @contextmanager
    def passing(self, *, first: bool = False) -> Iterator[None]:
        """Hold the gate for the length of one write transaction."""
        if first:
            try:
                with _locked(self._gate):
                    yield
            finally:
                _MOMENT.pack_into(self._shared(), 0, time.monotonic())
            return
        with _locked(self._turnstile):
            self._let_a_burst_pass()
            with _locked(self._gate):
                yield

    def _let_a_burst_pass(self) -> None:
        until = time.monotonic() + _COURTESY
        while (now := time.monotonic()) < until:
            (last,) = _MOMENT.unpack_from(self._shared())
            if not 0 <= now - last < _BREATH:  # a moment of before the last boot is in the future
                return
            time.sleep(_BREATH - (now - last))

    def _shared(self) -> mmap.mmap:
        if self._moment is None:
            with _opened(self._gate) as fd:
                if os.fstat(fd).st_size < _MOMENT.size:
                    # Written, not only made longer: on a full disk a hole would end us by SIGBUS.
                    os.pwrite(fd, bytes(_MOMENT.size), 0)
                self._moment = mmap.mmap(fd, _MOMENT.size)
        return self._moment

    @contextmanager
    def alone(self, errand: str) -> Iterator[bool]:
        """Tell whether ``errand`` is ours now; never waits."""
        with _opened(self._folder / f"{errand}.alone") as fd:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
