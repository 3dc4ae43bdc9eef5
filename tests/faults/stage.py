"""One installation under fire: the tree and its supervisor, relay, poster, sampler and disk."""

import contextlib
import itertools
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import redis

from listserv.wiring import valkey
from mailer.errors import Temporary
from mailer.ledger.mailings import UnsurePolicy
from mailer.rehearsal.sink import Sink, rehearsal
from tests import warm
from tests.cluster import Cluster
from tests.faults.book import Book, Sampler
from tests.faults.disk import Disk
from tests.faults.posting import Poster
from tests.faults.prepared import ISSUE, LARGE, NEWS, SMALL, Measure, Prepared
from tests.faults.relay import Relay
from tests.tree import Krets

WORKERS = 3  # the first sorts, the other two send
CONNECTIONS = 8  # of all senders together
PER_SENDER = CONNECTIONS // (WORKERS - 1)
SUPERVISOR = 0.2  # seconds before a tree that ended is started again
T = TypeVar("T")
_SEND = ("newsletter", "send", NEWS, "-", "--yes", "--anyway", "--policy")


class Supervisor(threading.Thread):
    """Start the tree again when it ends, as systemd would."""

    def __init__(self, krets: Krets) -> None:
        super().__init__(daemon=True, name="supervisor")
        self.starts = 0
        self._krets = krets
        self._ending = threading.Event()

    def run(self) -> None:
        while not self._ending.is_set():
            self._krets.spawn()
            self.starts += 1
            while self._krets.process is not None and self._krets.process.poll() is None:
                if self._ending.wait(0.05):
                    return
            self._ending.wait(SUPERVISOR)

    def end(self) -> None:
        """Leave the tree as it is."""
        self._ending.set()
        self.join(10)


@dataclass(slots=True)
class Stage:
    """Hold everything that a fault may touch and everything that is looked at afterwards."""

    krets: Krets
    relay: Relay
    poster: Poster
    sampler: Sampler
    supervisor: Supervisor
    book: Book
    measure: Measure
    issued: dict[int, str]
    disk: Disk | None = None
    cluster: Cluster | None = None
    cluster_disk: Disk | None = None
    turns: Iterator[UnsurePolicy | None] = field(  # what goes to many next; None is a post
        default_factory=lambda: itertools.cycle(
            (UnsurePolicy.NEVER_TWICE, None, UnsurePolicy.NEVER_MISS)
        )
    )

    def parts(self, kind: str) -> list[int]:
        """Return the processes of the tree whose name begins with ``krets KIND``."""
        found = []
        for pid in self.krets.pids():
            with contextlib.suppress(OSError):
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                if name.startswith(f"krets {kind}"):
                    found.append(pid)
        return found

    def a_part(self, kind: str, chance: random.Random) -> int:
        """Return one process of this kind, waiting until there is one."""
        return chance.choice(self.until(f"a {kind}", lambda: self.parts(kind)))

    def tracebacks(self) -> int:
        """Return how many tracebacks the log has: a fault should be told in a line."""
        return self.krets.log.count("Traceback (most recent call last)")

    def owned(self, pids: list[int]) -> set[int]:
        """Return the epochs that these processes own."""
        return set(self.until("the owners", lambda: (self.book.owners(pids),))[0])

    def doorbell(self) -> redis.Redis:
        """Return a client of the tree's own Valkey."""
        return redis.Redis.from_url(valkey.url(self.krets.folder / "data"), socket_timeout=2)

    def valkey(self) -> int | None:
        """Return the process of the tree's own Valkey."""
        for pid in self.krets.pids()[1:]:
            with contextlib.suppress(OSError):
                if b"unixsocket" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        return None

    def until(self, what: str, check: Callable[[], T], patience: float = 60.0) -> T:
        """Return the first true value of ``check``; a database that is away is no answer."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            with contextlib.suppress(Temporary):
                if value := check():
                    return value
            time.sleep(0.04)
        told = [line for line in self.krets.log.splitlines() if "a post was decided" not in line]
        raise StuckError(f"waited {patience:.0f} s for {what}", *told[-12:])

    def issue(self, policy: UnsurePolicy) -> None:
        """Send an issue to the large newsletter by command."""
        done = self.krets.krets(*_SEND, policy.value, "--json", stdin=self._draft())
        self.issued[json.loads(done)["mailing"]] = NEWS

    def begin_issue(self) -> warm.Child:
        """Send an issue to the large newsletter by a process of its own."""
        draft = self.krets.folder / "draft.md"
        draft.write_text(self._draft(), encoding="utf-8")
        with draft.open("rb") as given, (self.krets.folder / "send.log").open("ab") as log:
            streams = [given.fileno(), log.fileno(), log.fileno()]
            words = [*_SEND, UnsurePolicy.NEVER_TWICE.value]
            return warm.stove().spawn(words, self.krets.env, self.krets.folder, streams)

    def _draft(self) -> str:
        return ISSUE.format(number=len(self.issued) + 1)

    def status(self) -> dict[str, Any]:
        """Return what ``krets newsletter status`` says of the newest issue."""
        newest = str(max(self.issued))
        return cast("dict[str, Any]", self.krets.json("newsletter", "status", newest))

    def keep_busy(self) -> None:
        """Begin another mailing where the open ones come to an end, and see it under way."""

        def feed() -> bool:
            if self.book.owed() < self.measure.large * 1.2:
                policy = next(self.turns)
                if policy is None:
                    self.poster.also(LARGE)
                else:
                    self.issue(policy)
            return True

        self.until("the database to take a mailing", feed)
        self.until("mail to flow", lambda: time.monotonic() - self.relay.last < 0.1)


class StuckError(Exception):
    """Nothing moves any more; the arguments are what was waited for, and the log's end."""


@contextmanager
def staged(
    folder: Path,
    prepared: Prepared,
    measure: Measure,
    chance: random.Random,
) -> Iterator[Stage]:
    """Run an installation made from ``prepared`` until the block ends."""
    relay = Relay(random.Random(chance.random()), measure.thought)  # noqa: S311 - repeatable
    data = folder / "data"
    disk = Disk(data) if prepared.small_disk else None
    database = prepared.install(data)
    with rehearsal(Sink(script=relay, keep=relay.keep)) as sink:
        krets = Krets(
            folder,
            relay=f"smtp://127.0.0.1:{sink.port}",
            database=database,
            settings={
                "KRETS_MAILER__WORKERS": str(WORKERS),
                "KRETS_MAILER__CONNECTIONS": str(CONNECTIONS),
            },
        )
        book = Book(database, data)
        stage = Stage(
            krets=krets,
            relay=relay,
            poster=Poster(krets, SMALL, measure.pace, relay.first_copy),
            sampler=Sampler(book),
            supervisor=Supervisor(krets),
            book=book,
            measure=measure,
            issued={},
            disk=disk,
            cluster=prepared.cluster,
            cluster_disk=prepared.cluster_disk,
        )
        try:
            stage.supervisor.start()
            stage.until("the tree to be up", lambda: krets.get("/healthz")[0] == 200)
            stage.poster.start()
            stage.sampler.start()
            yield stage
        finally:
            stage.supervisor.end()
            for pid in krets.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            krets.kill_tree() if krets.process is not None else None
            if disk is not None:
                disk.remove()
