"""Pull plugs, many times, and append what came of it to a table: ``make chaos N=200``.

Each scenario is one installation that is struck again and again; its line is written when its
audit is done, so a run that is killed loses one scenario and the next run goes on. A seed and a
commit say how to repeat one: ``python tests/faults/chaos.py 30 --database sqlite --seed 7``.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.cluster import ClusterMissing  # noqa: E402 - a script finds its own checkout first
from tests.faults import disk, kinds, table  # noqa: E402
from tests.faults.kinds import Strike  # noqa: E402
from tests.faults.prepared import Measure, Prepared, prepared  # noqa: E402
from tests.faults.scenario import Outcome, play  # noqa: E402
from tests.faults.table import Row  # noqa: E402

PER_SCENARIO = 30
ALONE = "KRETS_CHAOS_ALONE"


def main() -> int:
    """Run until ``N`` more faults stand in the table; exit 1 where a promise was broken."""
    asked = _arguments()
    _in_a_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tested = commit()
    chance = random.Random(asked.seed)  # noqa: S311 - a run can be repeated
    measure = Measure(large=asked.large, thought=asked.thought)
    gathered = broken = 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="krets-chaos-")))
        ready = _prepare(stack, folder, measure, asked.database)
        turns = itertools.cycle(ready)
        while ready and gathered < asked.faults:
            database = next(turns)
            seed = asked.seed if asked.seed is not None else chance.randrange(10**6)
            many = min(asked.per_scenario, asked.faults - gathered)
            outcome = _play(folder, ready[database], measure, asked.only, seed, many)
            gathered += len(outcome.felt)
            broken += len(outcome.wrong)
            if not outcome.felt:
                sys.stderr.write("\n".join(outcome.wrong) + "\n")
                break
            row = _row(tested, database, measure, seed, outcome)
            if asked.json:
                sys.stdout.write(json.dumps(row) + "\n")
            else:
                table.append(row, asked.table)
                sys.stdout.write(table.one_line(row) + "\n")
            sys.stdout.flush()
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("faults", type=int, metavar="N", help="how many faults to gather")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--seed", type=int, help="repeat: the seed of one scenario")
    parser.add_argument("--only", help="only faults whose name has this word in it")
    parser.add_argument("--per-scenario", type=int, default=PER_SCENARIO, metavar="N")
    parser.add_argument("--large", type=int, default=Measure().large, help="members of a mailing")
    parser.add_argument(
        "--thought", type=float, default=Measure().thought, help="seconds a dot waits, at most"
    )
    parser.add_argument("--table", type=Path, default=table.TABLE, help="the file to append to")
    parser.add_argument("--json", action="store_true", help="print the rows, and append nothing")
    return parser.parse_args()


def _in_a_namespace() -> None:
    """Begin again in namespaces of our own: no mount and no process outlives a killed run."""
    if not os.environ.get(ALONE) and disk.fits():
        os.environ[ALONE] = "1"
        words = ["unshare", *disk.ALONE, sys.executable, *sys.argv]
        os.execvp(words[0], words)  # noqa: S606 - our own words


def _prepare(stack: ExitStack, folder: Path, measure: Measure, wanted: str) -> dict[str, Prepared]:
    """Make the lists on each database that is wanted and can be had here."""
    ready = {}
    for database in ("sqlite", "postgresql") if wanted == "both" else (wanted,):
        place = folder / database
        place.mkdir()
        try:
            ready[database] = stack.enter_context(prepared(place, database, measure))
        except ClusterMissing as missing:
            sys.stderr.write(f"{missing}\n")
    return ready


def plan(
    known: dict[str, tuple[Strike, int]], chance: random.Random, many: int
) -> list[tuple[str, Strike]]:
    """Choose ``many`` faults by their weights, each kind at least once where there is room."""
    names = list(known)
    weights = [weight for _, weight in known.values()]
    some = chance.sample(names, min(many, len(names)))
    some += chance.choices(names, weights, k=many - len(some))
    chance.shuffle(some)
    return [(name, known[name][0]) for name in some]


def _play(
    folder: Path, ready: Prepared, measure: Measure, only: str | None, seed: int, many: int
) -> Outcome:
    known = kinds.kinds(disk=ready.small_disk, postgresql=ready.cluster is not None)
    known = {name: kind for name, kind in known.items() if not only or only in name}
    chance = random.Random(seed)  # noqa: S311
    place = folder / f"scenario-{time.monotonic_ns()}"
    place.mkdir()
    try:
        return play(place, ready, measure, plan(known, chance, many), seed)
    finally:
        if keep := os.environ.get("KRETS_CHAOS_KEEP"):
            shutil.copy(place / "serve.log", Path(keep) / f"{seed}-{place.name}.log")
        shutil.rmtree(place, ignore_errors=True)


def _row(tested: str, database: str, measure: Measure, seed: int, outcome: Outcome) -> Row:
    return {
        "commit": tested,
        "database": database,
        "seed": seed,
        "day": time.strftime("%Y-%m-%d"),
        "recipients": measure.large,
        "seconds": round(outcome.seconds),
        "samples": outcome.samples,
        "tracebacks": outcome.tracebacks,
        "audit": asdict(outcome.audit) if outcome.audit else None,
        "faults": [_felt(asdict(one)) for one in outcome.felt],
        "wrong": [what[:1500] for what in outcome.wrong[:20]],
    }


def _felt(one: dict[str, object]) -> dict[str, object]:
    return {name: round(x, 2) if isinstance(x, float) else x for name, x in one.items()}


def commit() -> str:
    """Return the commit that is tested, with a + where the tree has changes."""
    words = ["git", "-C", str(ROOT)]
    head = _said([*words, "rev-parse", "--short=9", "HEAD"])
    changes = _said([*words, "status", "--porcelain", "--untracked-files=no", "--", "*.py"])
    return head + ("+" if changes else "")


def _said(words: Sequence[str]) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
