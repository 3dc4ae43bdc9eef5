"""Measure, print one table, and append each row to docs/explanation/measured.jsonl: ``make bench``.

    python tests/bench/bench.py [--copies 20000] [--rounds 5] [--only WORD] [--again] [--dry-run]

The reference is Postfix's ``smtp-source -d -s 4 -l 10240`` into ``smtp-sink``, run between our
rounds; only ratios within one run mean anything on another machine. A row is written when it is
done, and a row that this commit has already is not measured again, so a long run may be stopped.
A benchmark is not a test: it never fails because something is slow.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import bench_dkim  # noqa: E402 - a script finds its own checkout first
import bench_service  # noqa: E402
import growth  # noqa: E402
import mailing  # noqa: E402
import measured  # noqa: E402
from mailing import Sent, Taken  # noqa: E402
from measured import Row  # noqa: E402
from peers import SESSIONS, SIZE, Run, fast_sink, reference, smtp_sink  # noqa: E402

from mailer.authentication.dkim_keys import Algorithm  # noqa: E402
from tests import cluster  # noqa: E402
from tests.tree import Krets  # noqa: E402

# Durable as on a server of one's own: nothing that tests leave out for speed.
DURABLE = {"listen_addresses": "", "max_connections": "50", "shared_buffers": "128MB"}
REFERENCE = 20_000  # copies of a round of smtp-source, at most
Sinks = Callable[[], AbstractContextManager[int]]


class Bench:
    """Hold what the rows share: two installations, made when the first row asks for one."""

    def __init__(self, copies: int, rounds: int, stack: ExitStack) -> None:
        self.copies = copies
        self.rounds = rounds
        self._stack = stack
        self._made: dict[str, Krets] = {}
        self.imports: dict[str, Taken] = {}
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="krets-bench-")))

    def installation(self, database: str) -> Krets:
        """Return the installation on ``database`` (SQLite or PostgreSQL), its list filled."""
        if database not in self._made:
            url = self._postgresql() if database == "PostgreSQL" else ""
            made, took = mailing.installation(self._folder / database, self.copies, url)
            self._made[database], self.imports[database] = made, took
        return self._made[database]

    def _postgresql(self) -> str:
        server = cluster.Cluster(DURABLE)
        self._stack.callback(server.remove)
        server.make()
        server.start()
        cluster.run(str(server.folder), "CREATE DATABASE {}", "bench")
        return cluster.url(str(server.folder), "bench")

    def alternate(self, database: str, sink: Sinks, sign: str) -> tuple[list[Run], list[Sent]]:
        """Let smtp-source and our sender take turns at one sink."""
        krets = self.installation(database)
        theirs, ours = [], []
        with sink() as port:
            for _ in range(self.rounds):
                mailing.freeze(krets)
                theirs.append(reference(port, min(self.copies, REFERENCE)))
                ours.append(mailing.send(krets, port, sign))
        return theirs, ours

    def copies_row(self, what: str, database: str, sink: Sinks, goal: str) -> Row:
        """Measure unsigned copies beside the reference."""
        theirs, ours = self.alternate(database, sink, "nobody")
        source = statistics.median(run.rate for run in theirs)
        source_cpu = statistics.median(run.cpu for run in theirs)
        rate = statistics.median(sent.rate for sent in ours)
        against = f"{rate / source:.2f} of {source:,.0f}/s (its CPU {source_cpu:.3f}){goal}"
        numbers = {"reference": source, "reference_cpu": source_cpu, "ratio": rate / source}
        return _row(what, self.copies, ours, against, numbers)

    def signed_row(self, what: str) -> Row:
        """Measure signed copies beside bare signatures; each per second of CPU time."""
        keys = [bench_dkim.key(Algorithm.RSA)]
        bare = [bench_dkim.rate(lambda _: keys[0].private(bytes(32)), range(500))]
        _, ours = self.alternate("SQLite", smtp_sink, "krets")
        bare.append(bench_dkim.rate(lambda _: keys[0].private(bytes(32)), range(500)))
        one_core = statistics.mean(bare)
        cpu = statistics.median(sent.cpu for sent in ours)
        ratio = 1000 / cpu / one_core
        against = f"{ratio:.2f} of {one_core:,.0f} bare/s of CPU, goal 0.75"
        return _row(what, self.copies, ours, against, {"bare": one_core, "ratio": ratio})

    def themed_row(self, what: str) -> Row:
        """Measure copies of a magazine of 60 KB beside smtp-source, at the same size."""
        krets = self.installation("SQLite")
        theirs, ours = [], []
        with smtp_sink() as port:
            for _ in range(self.rounds):
                mailing.freeze(krets, mailing.THEMED)
                ours.append(mailing.send(krets, port))
                theirs.append(reference(port, min(self.copies, REFERENCE), size=ours[0].size))
        source = statistics.median(run.rate for run in theirs)
        source_cpu = statistics.median(run.cpu for run in theirs)
        ratio = statistics.median(sent.rate for sent in ours) / source
        size = ours[0].size / 1000
        against = f"{ratio:.2f} of {source:,.0f}/s at {size:.0f} KB (its CPU {source_cpu:.3f})"
        numbers = {"reference": source, "reference_cpu": source_cpu, "ratio": ratio}
        return _row(what, self.copies, ours, against, numbers)

    def people_row(self, what: str, database: str) -> Row:
        """Tell how long the members took to come in, as a whole command."""
        self.installation(database)
        return self._taken(what, self.imports[database])

    def frozen_row(self, what: str, database: str) -> Row:
        """Tell how long the audience took to be frozen, as a whole command, and send it."""
        krets = self.installation(database)
        took = mailing.freeze_beside(krets)
        with fast_sink() as port:
            mailing.send(krets, port)
        return self._taken(what, took)

    def _taken(self, what: str, took: Taken) -> Row:
        cpu = took.cpu / self.copies * 1000
        numbers = {"seconds": took.seconds, "cpu": cpu, **took.waits.numbers()}
        figure = f"{took.seconds:.1f} s"
        return Row(what, self.copies, figure, str(took.waits), f"{cpu:.3f} s", numbers=numbers)


def _row(what: str, copies: int, ours: list[Sent], against: str, numbers: dict[str, float]) -> Row:
    middle = sorted(ours, key=lambda sent: sent.rate)[len(ours) // 2]
    cpu = statistics.median(sent.cpu for sent in ours)
    memory = max(sent.memory for sent in ours)
    return Row(
        what,
        copies,
        f"{middle.rate:,.0f}/s",
        against,
        f"{cpu:.3f} s",
        f"{middle.first:.2f}, {middle.seconds:.1f} s",
        f"{memory:.0f} MB",
        numbers
        | {"rate": middle.rate, "cpu": cpu, "first": middle.first, "seconds": middle.seconds}
        | {"memory": memory, "size": middle.size, "window": middle.window, "rounds": len(ours)},
    )


def plan(bench: Bench) -> dict[str, Callable[[str], Row]]:
    """Return the rows of the mailing, by name, in their order."""
    return {
        "members from CSV, SQLite": lambda what: bench.people_row(what, "SQLite"),
        "an issue frozen, SQLite": lambda what: bench.frozen_row(what, "SQLite"),
        "members from CSV, PostgreSQL": lambda what: bench.people_row(what, "PostgreSQL"),
        "an issue frozen, PostgreSQL": lambda what: bench.frozen_row(what, "PostgreSQL"),
        "copies, SQLite, into smtp-sink": lambda what: bench.copies_row(
            what, "SQLite", smtp_sink, ", goal 1.0"
        ),
        "copies, PostgreSQL, into smtp-sink": lambda what: bench.copies_row(
            what, "PostgreSQL", smtp_sink, ", goal 0.6"
        ),
        "copies, SQLite, into krets sink": lambda what: bench.copies_row(
            what, "SQLite", fast_sink, ""
        ),
        "copies, a themed issue of 60 KB, SQLite, into smtp-sink": bench.themed_row,
        "copies with RSA-2048, SQLite, into smtp-sink": bench.signed_row,
    }


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    """Measure what is wanted and not measured yet."""
    now = measured.commit()
    known = {(row.what, row.many) for row in measured.read() if row.commit == now}
    fresh = asked.again or asked.dry_run
    with ExitStack() as stack:
        bench = Bench(asked.copies, asked.rounds, stack)
        for what, measure in plan(bench).items():
            if (fresh or (what, asked.copies) not in known) and asked.only in what:
                yield measure(what)
    if asked.only in "service" or asked.only == "":
        wish = bench_service.Wish(rounds=asked.rounds)
        for what, figure, against in bench_service.measure(wish):
            yield Row(what, 1, figure, against)


def main() -> None:
    """Print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--copies", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, help="turns taken; fewer the more copies there are")
    parser.add_argument("--only", default="", metavar="WORD", help="only rows with it; or service")
    parser.add_argument("--again", action="store_true", help="measure known rows too")
    parser.add_argument("--dry-run", action="store_true", help="append nothing")
    asked = parser.parse_args()
    asked.rounds = asked.rounds or max(1, min(5, 600_000 // asked.copies))
    what = f"Medians of {asked.rounds}; the reference: smtp-source -d -s {SESSIONS} -l {SIZE}.\n"
    print(what + measured.line(measured.HEAD))  # noqa: T201
    for row in rows(asked):
        print(measured.line(row.cells), flush=True)  # noqa: T201
        if not asked.dry_run:
            measured.append(row)
            growth.PICTURE.write_text(growth.picture(measured.read()), encoding="utf-8")


if __name__ == "__main__":
    main()
