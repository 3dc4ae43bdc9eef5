"""Who the sender is measured against, and into what: Postfix's tools, and our own sink.

Postfix's smtp-source and smtp-sink are looked for in the folder named by KRETS_POSTFIX_TOOLS (an
unpacked Debian package: ``dpkg -x postfix_*.deb FOLDER``), in .tools/postfix, and on PATH.
"""

import asyncio
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mailer.rehearsal.sink import Caught, Moment, Sink, SinkReply, accept, run_sink  # noqa: E402 - a script finds its own checkout first

SIZE = 10240  # bytes of a message
SESSIONS = 4
PATIENCE = 60.0  # seconds until a sink must listen
Words = Callable[[int], list[str]]  # of a program, for its port


@dataclass(frozen=True, slots=True)
class Run:
    """Hold one round: messages a second, and the client's CPU seconds for a thousand."""

    rate: float
    cpu: float = 0.0


def tool(name: str) -> tuple[str, dict[str, str]]:
    """Return a Postfix tool and the environment it needs."""
    named = os.environ.get("KRETS_POSTFIX_TOOLS")
    for folder in filter(None, (named, str(ROOT / ".tools" / "postfix"))):
        found = Path(folder) / "usr" / "sbin" / name
        if found.exists():
            libraries = str(Path(folder) / "usr" / "lib" / "postfix")
            return str(found), {**os.environ, "LD_LIBRARY_PATH": libraries}
    on_path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if on_path is None:
        sys.exit(f"{name} was not found: set KRETS_POSTFIX_TOOLS to an unpacked postfix package.")
    return on_path, dict(os.environ)


@contextmanager
def smtp_sink() -> Iterator[int]:
    """Run Postfix's smtp-sink and give its port."""
    program, environment = tool("smtp-sink")
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with _listening(lambda port: [program, *user, f"127.0.0.1:{port}", "1000"], environment) as at:
        yield at


@contextmanager
def fast_sink() -> Iterator[int]:
    """Run our sink in a process of its own (PIPELINING, CHUNKING) and give its port.

    It acknowledges at once: else a client that writes a line at a time, as mlmmj does, waits 40 ms
    for each message.
    """
    words = [sys.executable, str(Path(__file__))]
    with _listening(lambda port: [*words, str(port)], {**os.environ}) as at:
        yield at


@contextmanager
def thinking_sink(seconds: float) -> Iterator[int]:
    """Run our sink, which takes ``seconds`` for each message, and give its port."""
    words = [sys.executable, str(Path(__file__))]
    with _listening(lambda port: [*words, str(port), str(seconds)], {**os.environ}) as at:
        yield at


@contextmanager
def _listening(words: Words, environment: dict[str, str]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    silent = subprocess.DEVNULL
    running = subprocess.Popen(words(port), env=environment, stdout=silent, stderr=silent)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(port):
            if running.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{words(port)[0]} does not listen")
            time.sleep(0.02)
        yield port
    finally:
        running.terminate()
        running.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def reference(port: int, copies: int, sessions: int = SESSIONS, size: int = SIZE) -> Run:
    """Send one message of ``size`` bytes over and over with smtp-source, connections re-used."""
    program, environment = tool("smtp-source")
    words = [program, "-d", "-s", str(sessions), "-l", str(size), "-m", str(copies)]
    before, began = _children_cpu(), time.perf_counter()
    subprocess.run([*words, f"127.0.0.1:{port}"], env=environment, check=True)
    took = time.perf_counter() - began
    return Run(copies / took, (_children_cpu() - before) / copies * 1000)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _serve(port: int, thought: float = 0.0) -> None:
    def think(moment: Moment, _caught: Caught) -> SinkReply | None:
        return SinkReply(delay=thought) if thought and moment is Moment.DOT else None

    made = Sink(script=think if thought else accept, port=port, quick=True)
    await run_sink(made, ready=lambda _port: None, until=asyncio.Event())


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), *map(float, sys.argv[2:])))
