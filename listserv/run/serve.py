"""``krets serve``: one process tree with every part, and the clock that rings forgotten bells.

The parent imports everything, lets go of the database before a fork, binds the ports (so a part
that is started again misses no caller), forks the parts, and then only reaps, restarts and ticks.
A part dies with its parent; the lock on the data folder is shared by the whole tree, so a new
tree begins when the last process of the old one is gone.
"""

import gc
import mmap
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from listserv.run.scheduler import Ticker
from listserv.wiring.app import App
from listserv.wiring.valkey import Valkey, die_with_parent, name_process
from mailer.errors import KretsError

TICK = 1.0  # seconds between looks at the database
_QUICK = 2.0  # a part that lives shorter than this is restarted with growing pauses
_OWN_FILES = 100  # of a part, beside its connections: database, pages, doorbell, logs
_SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_log = structlog.get_logger("krets.serve")


class Board:
    """Show which parts are up: one byte each in memory that the whole tree shares."""

    DOWN, STARTING, UP = 0, 1, 2

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self._bytes = mmap.mmap(-1, max(1, len(names)))

    def set(self, name: str, state: int) -> None:
        """Write the state of one part."""
        self._bytes[self.names.index(name)] = state

    def states(self) -> dict[str, int]:
        """Return the state of every part."""
        return {name: self._bytes[place] for place, name in enumerate(self.names)}


@dataclass(slots=True)
class ServedPart:
    """Hold one child process: what it runs, and how often it had to be started."""

    name: str
    run: Callable[[Callable[[], None]], None]  # gets a function to call when it is up
    pid: int = 0
    started: float = 0.0
    failures: int = 0
    due: float = 0.0  # monotonic time of the next start


class ProcessTree:
    """Run the parts of ``krets serve`` until a signal asks to stop."""

    def __init__(self, app: App, parts: Mapping[str, Callable[[Callable[[], None]], None]]) -> None:
        self._app = app
        self._clock = Ticker(app)
        self._parts = [ServedPart(name, run) for name, run in parts.items()]
        self._valkey = None if app.settings.mailer.redis else Valkey(app.data)
        self._valkey_due = 0.0
        self.board = Board([part.name for part in self._parts])

    def run(self, announce: Callable[[], None], *, hangup_ends: bool = False) -> int:
        """Run until SIGTERM or SIGINT (or SIGHUP, if ``hangup_ends``); return the exit code."""
        ending = {signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hangup_ends else [])}
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        name_process("krets serve")
        self._tend_valkey(first=True)
        gc.collect()
        gc.freeze()  # the parts share this memory until they write to it
        announced = False
        next_tick = time.monotonic()
        while True:
            self._start_due()
            if not announced and all(s == Board.UP for s in self.board.states().values()):
                announce()
                announced = True
            wait = min(TICK, 0.05) if not announced else TICK
            got = signal.sigtimedwait(_SIGNALS, min(wait, self._until_due()))
            if got is not None and got.si_signo in ending:
                return self._stop()
            self._reap()
            self._tend_valkey()
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + TICK
                self._clock.try_tick()

    def _until_due(self) -> float:
        now = time.monotonic()
        waits = [part.due - now for part in self._parts if not part.pid]
        return max(0.01, min([TICK, *waits]))

    def _start_due(self) -> None:
        for part in self._parts:
            if not part.pid and time.monotonic() >= part.due:
                self._fork(part)

    def _fork(self, part: ServedPart) -> None:
        parent = os.getpid()
        self._app.close()  # what the clock holds open must not cross a fork
        self.board.set(part.name, Board.STARTING)
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            part.pid = os.fork()
        except OSError as error:  # no memory or no process left: the others go on
            _log.error("a part could not be started", part=part.name, reason=error.strerror)
            part.due = time.monotonic() + 2
            return
        part.started = time.monotonic()
        if part.pid:
            return
        code = 1
        try:
            die_with_parent()
            name_process(f"krets {part.name}")
            if os.getppid() != parent:
                os._exit(1)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.default_int_handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            part.run(lambda: self.board.set(part.name, Board.UP))
            code = 0
        except KeyboardInterrupt:
            code = 0
        except KretsError as error:
            _log.error("a part could not run", part=part.name, what=error.what, fix=error.fix)
            code = error.exit_code
        except BaseException:  # noqa: BLE001 - a door: the parent starts the part again
            _log.exception("a part failed", part=part.name)
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        for part in self._parts:
            if not part.pid:
                continue
            pid, status = os.waitpid(part.pid, os.WNOHANG)
            if pid:
                self._ended(part, status)

    def _ended(self, part: ServedPart, status: int) -> None:
        lived = time.monotonic() - part.started
        part.failures = part.failures + 1 if lived < _QUICK else 0
        pause = min(5.0, 0.1 * 2**part.failures) if part.failures else 0.0
        part.pid, part.due = 0, time.monotonic() + pause
        self.board.set(part.name, Board.DOWN)
        code = os.waitstatus_to_exitcode(status)
        _log.warning("a part ended and is started again", part=part.name, code=code)

    def _tend_valkey(self, *, first: bool = False) -> None:
        if self._valkey is None or self._valkey.running() or time.monotonic() < self._valkey_due:
            return
        self._app.close()
        try:
            self._valkey.start()
        except KretsError as error:
            if first:
                raise
            self._valkey_due = time.monotonic() + 2
            _log.warning("the doorbell's server is away", what=error.what)

    def _stop(self) -> int:
        grace = self._app.settings.mailer.grace + 5
        alive = [part for part in self._parts if part.pid]
        for part in alive:
            os.kill(part.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while alive and time.monotonic() < deadline:
            signal.sigtimedwait({signal.SIGCHLD}, 0.1)
            for part in list(alive):
                pid, _ = os.waitpid(part.pid, os.WNOHANG)
                if pid:
                    alive.remove(part)
        for part in alive:
            _log.warning("a part did not end in time and is killed", part=part.name)
            os.kill(part.pid, signal.SIGKILL)
            os.waitpid(part.pid, 0)
        if self._valkey is not None:
            self._valkey.stop()
        return 0


def allow_files(connections: int, most: int = 65_536) -> None:
    """Let this process open as many files as the system allows it: each connection is one.

    ``connections`` is what it may have to hold; a limit below that is told at the start, not by
    callers who find the door shut.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    needed = connections + _OWN_FILES
    if hard != resource.RLIM_INFINITY and hard < needed:
        _log.error(
            "this process may open too few files for its connections: set LimitNOFILE=65536 in its"
            " unit, or raise `ulimit -Hn` where it is started",
            may_open=hard,
            needs=needed,
        )
