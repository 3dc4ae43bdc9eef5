"""Measure what the rooms' tests cover, on SQLite, and fail where it falls: `make coverage`.

The figure stands in tests/coverage.toml. Tracing doubles what a test costs, so `make test` runs
without it and CI measures beside it.
"""

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "tests" / "coverage.toml"
ROOMS = ("mailer", "templates", "subscriptions", "archive", "listserv")
LOWER = 0.3  # points that hypothesis and the order of tests may cost


def verdict(kept: float, now: float) -> str:
    """Return what is wrong with a figure, "" if nothing is."""
    if now < kept - LOWER:
        return f"Coverage fell from {kept} to {now} %: write the tests that are missing."
    return ""


def main(words: list[str]) -> int:
    """Run the tests, report, compare; ``--resume`` does nothing where this tree was measured."""
    sys.path.insert(0, str(ROOT))
    from tests.green import Green  # noqa: PLC0415 - found beside this folder, not in it

    green = Green("coverage")
    if "--resume" in words and "coverage" in green.before:
        print("Coverage was measured at this tree.")  # noqa: T201
        return 0
    many = str(2 * (os.cpu_count() or 1))
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-n", many, "--dist", "worksteal"),
                *("--database", "sqlite", "-m", "not journey", "--cov", "--cov-branch"),
                *("--cov-report=term", f"--cov-report=json:{report}"),
                *(f"tests/{room}" for room in ROOMS),
            ],
            cwd=ROOT,
            check=False,
        )
        if done.returncode:
            return done.returncode
        totals = json.loads(report.read_text(encoding="utf-8"))["totals"]
    now = round(totals["percent_covered"], 1)
    branches = 100 * totals["covered_branches"] / totals["num_branches"]
    kept = tomllib.loads(RECORD.read_text(encoding="utf-8"))["percent"]
    print(f"Lines and branches: {now} % ({branches:.1f} % of the branches); on record {kept} %.")  # noqa: T201
    if wrong := verdict(kept, now):
        print(wrong, file=sys.stderr)  # noqa: T201
        return 1
    if now > kept + LOWER:
        print(f"It rose: put {now} into {RECORD.relative_to(ROOT)}.")  # noqa: T201
    green.add("coverage")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
