"""Commit mail as the door does, beside something else, and tell how long each commit waited.

    python tests/bench/beside.py

(the second half: commit a message of 10 KB every 20 ms on the environment's database until standard
input ends, then print the waits in ms as JSON.) A commit is ingest's own: first at the gate.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from listserv.wiring import config  # noqa: E402 - a script finds its own checkout first
from listserv.wiring.app import App  # noqa: E402
from mailer.storage.store import pack, put_packed  # noqa: E402
from tests.tree import Krets  # noqa: E402

EVERY = 0.02  # seconds between two messages
SIZE = 10_240


@dataclass(slots=True)
class Waits:
    """Hold the waits of commits in ms; empty until the measured work is over."""

    sorted: list[float] = field(default_factory=list)

    def share(self, part: float) -> float:
        """Return the wait that ``part`` of all commits stayed under."""
        return self.sorted[min(int(len(self.sorted) * part), len(self.sorted) - 1)]

    def __str__(self) -> str:
        return (
            f"{len(self.sorted):,} commits beside it: p50 {self.share(0.5):.0f},"
            f" p99 {self.share(0.99):.0f} ms"
        )

    def numbers(self) -> dict[str, float]:
        """Return what a row of the table keeps."""
        return {"commits": len(self.sorted), "p50": self.share(0.5), "p99": self.share(0.99)}


@contextmanager
def ingest(krets: Krets) -> Iterator[Waits]:
    """Let mail come in while the block runs; the waits are there when it is over."""
    program = subprocess.Popen(
        [sys.executable, str(Path(__file__))],
        env=krets.env,
        cwd=krets.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    waits = Waits()
    try:
        assert program.stdout is not None
        program.stdout.readline()  # it is ready
        yield waits
    finally:
        said, _ = program.communicate()
    waits.sorted[:] = sorted(json.loads(said))


def commit_until(stop: threading.Event, app: App) -> Iterator[float]:
    """Commit a message every 20 ms; yield the ms that each took."""
    while not stop.wait(EVERY):
        packed = pack(os.urandom(SIZE))
        began = time.perf_counter()
        with app.store.write(first=True) as session:
            put_packed(session, [packed])
        yield (time.perf_counter() - began) * 1000


def main() -> None:
    """Work until standard input ends."""
    app = App(config.load(os.environ))
    stop = threading.Event()
    with app.store.write(first=True):
        pass
    print("ready", flush=True)  # noqa: T201 - a program
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    print(json.dumps([round(wait, 2) for wait in commit_until(stop, app)]))  # noqa: T201
    app.close()


if __name__ == "__main__":
    main()
