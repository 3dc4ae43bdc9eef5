"""One fair gate before SQLite's only writer, shared by every process on the data folder.

Two locks, taken in order: ordinary writers queue at the *turnstile* and then pass the *gate*;
ingest goes straight to the gate. So at most one ordinary transaction (under ~20 ms by house
rule) is ever ahead of a message that waits for its 250. flock wakes its waiters without an
order, so now and then a second one slips in: bounded, and cheaper than a queue of our own.
flock(2) belongs to an open file, so each passage opens its own; a process that dies gives its
place back at once.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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

    @contextmanager
    def passing(self, *, first: bool = False) -> Iterator[None]:
        """Hold the gate for the length of one write transaction."""
        if first:
            with _locked(self._gate):
                yield
            return
        with _locked(self._turnstile), _locked(self._gate):
            yield

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
