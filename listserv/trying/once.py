"""``krets try --once``: everything runs in a process of its own, and a visitor walks beside it.

The visitor is the parent: it waits until all is up, walks, and ends what it started, however
the walk went. Whatever is told goes through ``tell``, which knows the words.
"""

import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import NoReturn, Protocol

import structlog

from listserv.trying.tour import Tour
from listserv.trying.walk import Stuck, VisitorWalk
from listserv.wiring.valkey import die_with_parent
from mailer.errors import KretsError

_UP = 120.0  # seconds until everything must be up


class Tell(Protocol):
    """Say one of the things in try-said.txt."""

    def __call__(self, what: str, **values: object) -> None:
        """Say it."""
        ...


def walk(run: Callable[[Callable[[Tour], None]], int], language: str, tell: Tell) -> int:
    """Start what ``run`` runs, walk the tour, end it; return 0, or 1 where a step got stuck.

    What cannot start says why itself, and its exit code is returned.
    """
    began = time.monotonic()
    child, heard = _start(run)
    try:
        with os.fdopen(heard) as pipe:
            ready, _, _ = select.select([pipe], [], [], _UP)
            told = pipe.readline() if ready else ""
        if not told:
            return _end(child) or 1
        code = _walk(VisitorWalk(Tour(**json.loads(told)), language, _visitor()), tell)
        code = _end(child) or code
    except BaseException:  # Ctrl-C too: nothing stays behind
        _end(child)
        raise
    if code == 0:
        tell("walked", seconds=f"{time.monotonic() - began:.0f}")
    return code


def _walk(visitor: VisitorWalk, tell: Tell) -> int:
    try:
        for number, (name, values) in enumerate(visitor.steps(), start=1):
            tell(f"walked-{name}", number=number, **values)
    except Stuck as stuck:
        tell("stuck", number=stuck.number, page=stuck.page)
        return 1
    return 0


def _visitor() -> str:
    """Return an address that nobody here has had yet."""
    return f"visitor-{time.time_ns() // 1_000_000:x}@example.net"


def _start(run: Callable[[Callable[[Tour], None]], int]) -> tuple[int, int]:
    """Fork; return the child and what can be read of it: where it is, once it is up."""
    heard, speaks = os.pipe()
    child = os.fork()
    if not child:
        os.close(heard)
        _be_started(run, speaks)
    os.close(speaks)
    return child, heard


def _be_started(run: Callable[[Callable[[Tour], None]], int], speaks: int) -> NoReturn:
    code = 1
    try:
        die_with_parent()
        code = run(lambda tour: _speak(speaks, tour))
    except KretsError as error:
        sys.stderr.write(f"{error.what}\n{error.fix}\n")
        code = error.exit_code
    except KeyboardInterrupt:
        code = 130
    except BaseException:  # noqa: BLE001 - a door: this process ends here
        structlog.get_logger("krets.try").exception("krets try could not run")
    finally:
        sys.stderr.flush()
        os._exit(code)


def _speak(pipe: int, tour: Tour) -> None:
    os.write(pipe, json.dumps(asdict(tour)).encode() + b"\n")
    os.close(pipe)


def _end(child: int) -> int:
    """End what was started, wait for it, and return its exit code."""
    os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
