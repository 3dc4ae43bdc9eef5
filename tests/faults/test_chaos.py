"""The short form of ``make chaos``: six plugs pulled on each database, many more in journeys."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.faults import table

CHAOS = Path(__file__).with_name("chaos.py")
SAMPLE = {"sqlite": 6, "postgresql": 3}  # faults, for `make test`
LARGE = "1000"  # recipients of a mailing; make chaos has ten thousand
THOUGHT = "0.1"  # seconds that a dot waits at most, so that a mailing outlives a fault
PATIENCE = 900  # seconds; a minute where the cores are ours


@pytest.mark.long
@pytest.mark.timeout(PATIENCE)
@pytest.mark.usefixtures("database_url")
def test_whatever_dies_nothing_accepted_is_lost_and_only_what_was_unsure_comes_twice(
    request: pytest.FixtureRequest,
) -> None:
    database = request.config.getoption("--database")
    pull_plugs(SAMPLE[database], database)


@pytest.mark.journey
@pytest.mark.long
@pytest.mark.timeout(PATIENCE)
@pytest.mark.usefixtures("database_url")
@pytest.mark.parametrize("part", [1, 2])
def test_many_more_faults_lose_and_double_nothing_either(
    request: pytest.FixtureRequest, part: int
) -> None:
    database = request.config.getoption("--database")
    pull_plugs({"sqlite": 20, "postgresql": 10}[database], database)


def pull_plugs(faults: int, database: str) -> None:
    """Run one scenario in a process of its own."""
    many, seed = str(faults), str(random.SystemRandom().randrange(10**6))
    words = (many, "--per-scenario", many, "--database", database, "--seed", seed, "--json")
    # A tree that is measured for coverage is slower, and here time is what is measured.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, CHAOS, *words, "--large", LARGE, "--thought", THOUGHT],
        capture_output=True,
        text=True,
        check=False,
        env=env,
    )
    assert done.stdout or not done.returncode, done.stderr[-3000:]
    if not done.stdout:
        missing(f"No faults here: {done.stderr}")
    row = json.loads(done.stdout)
    print(table.one_line(row))  # noqa: T201 - shown when the test fails
    assert (row["wrong"], done.returncode) == ([], 0)
    assert len(row["faults"]) == faults
    assert row["audit"]["posts"] > 0
    assert row["samples"] > 0


def test_the_page_about_chaos_is_what_its_table_says() -> None:
    written = table.PAGE.read_text(encoding="utf-8")
    assert written == table.page(written, table.read()), "the next `make chaos` writes it"
