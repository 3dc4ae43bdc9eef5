"""What the locks pin is all that an installer may take, today and after newer releases."""

import re
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def every(locks: ModuleType) -> list:
    """Return the pins of all three locks."""
    return [p for name in (locks.BUILD, locks.RUN, locks.TEST) for p in locks.lock(name)]


def test_no_locked_package_asks_for_more_than_the_locks_say(locks: ModuleType, every: list) -> None:
    assert locks.faults(locks.installed(every)) == [], "run `make lock`"


def test_only_what_its_marker_excludes_here_went_unread(locks: ModuleType, every: list) -> None:
    """`make lock` reads those too, from the package index."""
    unread = {pin.name for pin in every} - locks.installed(every).keys()
    here = {p.name for p in every if p.asked.marker is None or p.asked.marker.evaluate()}
    assert unread & here <= locks.WHOLE, "installed in another version: run tools/prepare test"


def test_the_lock_that_stopped_working_is_found_out(locks: ModuleType, every: list) -> None:
    """It said coverage where pytest-cov asks for coverage[toml]."""
    text = "".join(pin.text for pin in every).replace("coverage[toml]==", "coverage==")
    asked = locks.project()
    found = locks.left_open(
        locks.read(text), locks.installed(every), [*asked["run"], *asked["dev"]]
    )
    assert len(found) == 1
    assert re.match(r"pytest-cov asks for coverage\[toml\]\S*: .* name \[toml\]", found[0])


@pytest.mark.parametrize(
    ("lock", "asks", "problem"),
    [
        ({"a": ""}, {"a": ["b"]}, "a asks for b: not in the lock"),
        ({"a": "", "b": ""}, {"a": ["b>=2"]}, "a asks for b>=2: the lock has 1.0"),
        ({"a": "", "b": ""}, {"a": ["b[x]"]}, "a asks for b[x]: the lock does not name [x]"),
        (
            {"a": "", "b": " ; python_full_version < '3.11.3'"},
            {"a": ["b; python_version < '3.12'"]},
            "a asks for b; python_version < '3.12': not in the lock (Python 3.11.15",
        ),
        (
            {"a": "", "b": " ; sys_platform == 'linux'"},
            {"a": ["b; sys_platform != 'win32'"]},
            "a asks for b; sys_platform != 'win32': not in the lock (Python 3.11.0, darwin",
        ),
        ({"a[x]": ""}, {"a": ["b; extra == 'x'"]}, "a asks for b; extra == 'x': not in the lock"),
    ],
)
def test_what_a_lock_leaves_open_is_said_with_who_asks_and_where(
    locks: ModuleType, lock: dict[str, str], asks: dict[str, list[str]], problem: str
) -> None:
    text = "".join(f"{n}==1.0{mark} \\\n    --hash=sha256:00\n" for n, mark in lock.items())
    said = {name: locks.Asks(tuple(lines)) for name, lines in asks.items()}
    found = locks.left_open(locks.read(text), said, ["a"])
    assert len(found) == 1
    assert found[0].startswith(problem)


def test_what_only_an_extra_asks_for_or_is_not_for_us_leaves_nothing_open(
    locks: ModuleType,
) -> None:
    pins = locks.read("a==1.0 \\\n    --hash=sha256:00\n")
    asks = {"a": locks.Asks(("b; extra == 'x'", "c; sys_platform == 'win32'"), ">=3.11")}
    assert locks.left_open(pins, asks, ["a>=1"]) == []


def test_a_package_that_refuses_one_of_our_pythons_is_found(locks: ModuleType) -> None:
    pins = locks.read("a==1.0 \\\n    --hash=sha256:00\n")
    found = locks.left_open(pins, {"a": locks.Asks((), ">=3.12")}, ["a"])
    assert found == ["a 1.0 is not for Python >=3.12 (Python 3.11.0, linux x86_64)"]


@pytest.mark.parametrize("line", ["a==1.0", "a>=1.0 \\\n    --hash=sha256:00", "a"])
def test_a_line_without_a_version_or_a_hash_is_refused(locks: ModuleType, line: str) -> None:
    with pytest.raises(ValueError, match=r"^a.*: not a version with its hashes"):
        locks.read(f"{line}\n")


def test_the_locks_name_every_dependency_and_no_address(locks: ModuleType) -> None:
    asked = locks.project()
    for group, names in {
        "build": [locks.BUILD],
        "run": [locks.RUN],
        "dev": [locks.RUN, locks.TEST],
    }.items():
        pinned = {pin.name for name in names for pin in locks.lock(name)}
        wanted = {locks.canonicalize_name(Requirement(line).name) for line in asked[group]}
        assert wanted - pinned == set(), f"not in {names}: run `make lock`"
    for name in (locks.BUILD, locks.RUN, locks.TEST):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8")


def test_what_runs_needs_no_test_tool(locks: ModuleType) -> None:
    asked = locks.project()
    run = {pin.name for pin in locks.lock(locks.RUN)}
    tools = {Requirement(line).name for line in asked["dev"]}
    tools -= {Requirement(line).name for line in asked["run"]}
    assert tools & run == set()
    prepared = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^try:.*\n\t@tools/prepare\n", prepared, re.MULTILINE)
    image = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    assert set(re.findall(r"requirements[\w-]*\.lock", image)) == {locks.BUILD, locks.RUN}
