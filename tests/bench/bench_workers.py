"""Let one, two and three workers send, on one PostgreSQL and one Redis, as on many machines.

    python tests/bench/bench_workers.py [--copies 4000] [--dry-run]

Each is ``krets worker`` as a process of its own, with four connections. Into two sinks: one that
answers at once, where this machine's cores are the limit, and one that thinks 20 ms over each dot,
as relays elsewhere do. Once more with three into the second, one of them killed (SIGKILL) when a
third is accepted: nobody may be lost, and at most one transaction a connection be unsure (an issue
is never sent twice by itself). A rate is of the ledger's marks, from the first to the last.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import mailing  # noqa: E402 - a script finds its own checkout first
import measured  # noqa: E402
from measured import Row  # noqa: E402
from peers import fast_sink, thinking_sink  # noqa: E402
from sqlalchemy import func, select  # noqa: E402

from listserv.wiring.valkey import Valkey, url  # noqa: E402
from mailer.ledger import mailings  # noqa: E402
from mailer.ledger.claim_owners import Owner  # noqa: E402
from mailer.ledger.mailings import Mailing, MailingState, Recipient, RecipientState  # noqa: E402
from mailer.storage.store import Store  # noqa: E402
from tests import cluster  # noqa: E402
from tests.tree import Krets, wait_for  # noqa: E402

DURABLE = {"listen_addresses": "", "max_connections": "50", "shared_buffers": "128MB"}
PATIENCE = 600.0  # seconds that a round may take on a machine that does other things too
THOUGHT = 0.02  # seconds


@dataclass(frozen=True, slots=True)
class Round:
    """Hold what one mailing came to."""

    rate: float  # marks a second
    seconds: float  # from the first mark to the last
    unsure: int  # their dots may have left; of an issue nobody gets a second copy by itself


@contextlib.contextmanager
def installation(copies: int) -> Iterator[Krets]:
    """Give a newsletter with ``copies`` members on a PostgreSQL and a Redis of their own."""
    with contextlib.ExitStack() as stack:
        server = cluster.Cluster(DURABLE)
        stack.callback(server.remove)
        server.make()
        server.start()
        cluster.run(str(server.folder), "CREATE DATABASE {}", "bench")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="krets-bench-")))
        (folder / "bell" / "run").mkdir(parents=True)
        bell = Valkey(folder / "bell")
        bell.start()
        stack.callback(bell.stop)
        database = cluster.url(str(server.folder), "bench")
        krets, _ = mailing.installation(folder / "krets", copies, database, apart=False)
        krets.settings["KRETS_MAILER__REDIS"] = url(folder / "bell")
        yield krets


@contextlib.contextmanager
def workers(krets: Krets, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run the clock and ``count`` workers; all are up before the block begins."""
    log = krets.folder / "parts.log"
    log.write_bytes(b"")
    parts = ["clock", *["worker"] * count]
    with log.open("ab") as errors:
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "listserv", part],
                env=krets.env,
                cwd=krets.folder,
                stdout=errors,
                stderr=errors,
            )
            for part in parts
        ]
    try:
        wait_for("every part", lambda: log.read_text().count(" is up (") == len(parts), PATIENCE)
        yield running[1:]
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(60)


def send(krets: Krets, port: int, count: int, *, kill: bool = False) -> Round:
    """Send one issue with ``count`` workers, one of which is killed on the way if so wished."""
    krets.relay = f"smtp://127.0.0.1:{port}"
    store = Store(krets.database, krets.folder / "data")
    with contextlib.closing(store), workers(krets, count) as running:
        mailing.freeze(krets)
        if kill:
            wait_for("a third", lambda: accepted(store)[0] * 3 >= accepted(store)[1], PATIENCE)
            sender = wait_for("somebody who sends", lambda: who_sends(store), PATIENCE)
            next(process for process in running if process.pid == sender).kill()
        wait_for("the end", lambda: ended(store), PATIENCE)
        return told(store)


def newest(store: Store) -> int:
    with store.read() as session:
        return session.scalar(select(func.max(Mailing.id))) or 0


def accepted(store: Store) -> tuple[int, int]:
    """Return how many of the newest mailing are accepted, and of how many."""
    with store.read() as session:
        chosen = Recipient.mailing_id == newest(store)
        is_there = func.count().filter(Recipient.state == RecipientState.ACCEPTED)
        done, whole = session.execute(select(is_there, func.count()).where(chosen)).one()
    return done, whole


def ended(store: Store) -> bool:
    time.sleep(0.25)
    with store.read() as session:
        state = select(Mailing.state).order_by(Mailing.id.desc()).limit(1)
        return session.scalar(state) == MailingState.DONE


def who_sends(store: Store) -> int:
    """Return the process id of a worker that has claimed recipients, 0 where none has."""
    with store.read() as session:
        claims = select(Owner.pid).join(Recipient, Recipient.epoch == Owner.epoch)
        return session.scalar(claims.where(Recipient.state == RecipientState.CLAIMED).limit(1)) or 0


def told(store: Store) -> Round:
    """Return what the ledger says of the newest mailing; an accepted row keeps when it was."""
    with store.read() as session:
        number = newest(store)
        first, last, done = session.execute(
            select(func.min(Recipient.due), func.max(Recipient.due), func.count()).where(
                Recipient.mailing_id == number, Recipient.state == RecipientState.ACCEPTED
            )
        ).one()
        found = mailings.status(session, number)
    if found.accepted + found.unsure != found.audience:
        raise RuntimeError(f"the ledger does not add up: {found}")
    return Round(done / (last - first), last - first, found.unsure)


def rows(copies: int) -> Iterator[Row]:
    """Measure one sink after the other."""
    sinks = {
        "krets sink": (fast_sink, copies * 4),
        f"a sink that thinks {THOUGHT * 1000:.0f} ms": (lambda: thinking_sink(THOUGHT), copies),
    }
    for name, (sink, many) in sinks.items():
        with installation(many) as krets, sink() as port:
            send(krets, port, 1)  # everything is warm, the database too
            found = {count: send(krets, port, count) for count in (1, 2, 3)}
            one = found[1].rate
            against = ", ".join(
                f"{n}: {r.rate:,.0f}/s ({r.rate / one:.2f})" for n, r in found.items()
            )
            numbers = {f"rate{count}": this.rate for count, this in found.items()}
            what = f"1, 2 and 3 workers, PostgreSQL, into {name}"
            yield Row(what, many, f"{found[3].rate:,.0f}/s", against, numbers=numbers)
            if sink is fast_sink:
                continue
            killed = send(krets, port, 3, kill=True)
            against = (
                f"lost 0, unsure {killed.unsure}; {killed.seconds:.1f} s,"
                f" without the kill {found[3].seconds:.1f} s"
            )
            numbers = {"seconds": killed.seconds, "unsure": killed.unsure}
            yield Row(
                "the same with 3, one killed at a third",
                many,
                f"{killed.rate:,.0f}/s",
                against,
                numbers=numbers,
            )


def main() -> None:
    """Print the rows as they come."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--copies", type=int, default=4000)
    parser.add_argument("--dry-run", action="store_true", help="append nothing")
    asked = parser.parse_args()
    print(measured.line(measured.HEAD))  # noqa: T201
    for row in rows(asked.copies):
        print(measured.line(row.cells), flush=True)  # noqa: T201
        if not asked.dry_run:
            measured.append(row)


if __name__ == "__main__":
    main()
