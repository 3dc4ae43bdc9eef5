"""What is green is left out of the next run of the same tree, and of no other."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.green import Green, tree

TESTS = """
import pytest
from pathlib import Path

SEEN = Path({seen!r})

@pytest.mark.parametrize("name", ["one", "two", "three"])
def test_walk(name):
    with SEEN.open("a") as file:
        file.write(name + "\\n")
    if name == "two" and not Path({mended!r}).exists():
        pytest.fail("not yet")
    if name == "three":
        pytest.skip("not here")
"""
PLUGIN = """
from pathlib import Path

from tests import green

def pytest_addoption(parser):
    parser.addoption("--database", default="sqlite")

def pytest_configure(config):
    config.pluginmanager.register(green.Resuming(config, Path({root!r}), Path({folder!r})))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a checkout with three journeys: one is green, one is red, one cannot be walked."""
    made = tmp_path / "checkout"
    made.mkdir()
    mended, seen = tmp_path / "mended", tmp_path / "seen"
    (made / "test_it.py").write_text(TESTS.format(seen=str(seen), mended=str(mended)))
    plugin = PLUGIN.format(root=str(made), folder=str(tmp_path / "green"))
    (made / "conftest.py").write_text(plugin)
    git(made, "init", "-q")
    git(made, "add", ".")
    git(made, "commit", "-qm", "Begin")
    return made


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def walk(checkout: Path, *words: str) -> tuple[int, list[str]]:
    """Run the journeys; return the exit code and what was walked."""
    seen = checkout.parent / "seen"
    seen.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words, "."],
        cwd=checkout,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return done.returncode, sorted(seen.read_text().split()) if seen.exists() else []


@pytest.mark.parametrize("processes", [("-n", "1"), pytest.param((), marks=pytest.mark.journey)])
def test_a_second_run_walks_what_was_red_or_could_not_be_walked(
    checkout: Path, processes: tuple[str, ...]
) -> None:
    assert walk(checkout, *processes) == (1, ["one", "three", "two"])
    (checkout.parent / "mended").touch()
    assert walk(checkout, *processes) == (0, ["three", "two"])
    assert walk(checkout, *processes) == (0, ["three"])


def test_a_run_with_nothing_left_is_green(checkout: Path) -> None:
    (checkout.parent / "mended").touch()
    assert walk(checkout)[0] == 0
    assert walk(checkout, "-k", "not three") == (0, [])


def test_another_tree_begins_anew_and_the_old_one_is_remembered(checkout: Path) -> None:
    (checkout.parent / "mended").touch()
    walk(checkout)
    more = checkout / "more.txt"
    more.write_text("not even added")
    assert walk(checkout) == (0, ["one", "three", "two"])
    more.unlink()
    assert walk(checkout) == (0, ["three"])


def test_without_git_nothing_is_remembered(tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    assert tree(tmp_path / "checkout") == ""
    found = Green("sqlite", tmp_path / "checkout", tmp_path / "green")
    found.add("one")
    assert not (tmp_path / "green").exists()


@pytest.mark.parametrize(
    ("now", "falls"), [(90.1, False), (89.8, False), (89.6, True), (95, False)]
)
def test_coverage_may_fall_by_three_tenths(now: float, *, falls: bool) -> None:
    found = importlib.util.spec_from_file_location("coverage_tool", ROOT / "tools" / "coverage.py")
    assert found is not None
    assert found.loader is not None
    tool = importlib.util.module_from_spec(found)
    found.loader.exec_module(tool)
    assert bool(tool.verdict(90.0, now)) is falls
