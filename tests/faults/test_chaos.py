"""The short form of ``make chaos``: forty plugs pulled on SQLite, ten on PostgreSQL."""

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
FAULTS = {"sqlite": 20, "postgresql": 5}  # in each half; two halves share the cores


@pytest.mark.timeout(400)
@pytest.mark.parametrize("half", ["first", "second"])
@pytest.mark.usefixtures("database_url")
def test_whatever_dies_nothing_accepted_is_lost_and_only_what_was_unsure_comes_twice(
    request: pytest.FixtureRequest, half: str
) -> None:
    database = request.config.getoption("--database")
    many = str(FAULTS[database])
    seed = str(random.SystemRandom().randrange(10**6))
    words = (many, "--per-scenario", many, "--database", database, "--seed", seed, "--json")
    words = (*words, "--large", "2000")
    # A tree that is measured for coverage is slower, and here time is what is measured.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, CHAOS, *words], capture_output=True, text=True, check=False, env=env
    )
    if not done.stdout:
        missing(f"No faults here: {done.stderr[-500:]}")
    row = json.loads(done.stdout)
    print(f"{half} half: {table.one_line(row)}")  # noqa: T201 - shown when the test fails
    assert (row["wrong"], done.returncode) == ([], 0)
    assert len(row["faults"]) == FAULTS[database]
    assert row["audit"]["posts"] > 0
    assert row["samples"] > 0


def test_the_page_about_chaos_is_what_its_table_says() -> None:
    written = table.PAGE.read_text(encoding="utf-8")
    assert written == table.page(written, table.read()), "the next `make chaos` writes it"
