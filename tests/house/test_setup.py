"""Set-up does what is needed, once, and names in one line what it cannot have."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.index import served

ROOT = Path(__file__).resolve().parents[2]
FILES = (
    "pyproject.toml", "requirements-build.lock", "requirements.lock", "requirements-test.lock",
)  # fmt: skip
# It writes down what it was asked to install, and fails where it should.
PYTHON = """#!/bin/sh
case "$*" in
    *"pip install"*) echo "$*" >>installed; [ ! -e broken ] ;;
    *version\\)*) echo "3.11.2 (stub)" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a checkout whose .venv has a Python that only takes notes."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/prepare", tmp_path / "tools")
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").write_text(PYTHON)
    (programs / "python").chmod(0o755)
    (programs / "activate").write_text(f"VIRTUAL_ENV={tmp_path.resolve()}/.venv\n")
    return tmp_path


def prepare(checkout: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    return subprocess.run(
        ["tools/prepare", *words],
        cwd=checkout,
        env={**kept, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def installed(checkout: Path) -> list[str]:
    """Return which locks were installed since the last question."""
    notes = checkout / "installed"
    text = notes.read_text(encoding="utf-8") if notes.exists() else ""
    notes.unlink(missing_ok=True)
    return sorted({word for word in text.split() if word.endswith(".lock")})


BUILD, RUN, TEST = "requirements-build.lock", "requirements.lock", "requirements-test.lock"


def test_what_runs_is_installed_without_what_tests_and_then_not_again(checkout: Path) -> None:
    assert prepare(checkout).returncode == 0
    assert installed(checkout) == [BUILD, RUN]
    again = prepare(checkout)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert installed(checkout) == []


def test_between_running_and_testing_nothing_is_installed_twice(checkout: Path) -> None:
    prepare(checkout)
    installed(checkout)
    prepare(checkout, "test")
    assert TEST in installed(checkout)
    for words in ((), ("test",), ("run",)):
        assert prepare(checkout, *words).returncode == 0
        assert installed(checkout) == []


def test_a_changed_lock_is_installed_by_who_needs_it(checkout: Path) -> None:
    prepare(checkout, "test")
    installed(checkout)
    with (checkout / TEST).open("a") as lock:
        lock.write("# another\n")
    prepare(checkout)
    assert installed(checkout) == []
    prepare(checkout, "test")
    assert TEST in installed(checkout)
    with (checkout / RUN).open("a") as lock:
        lock.write("# another\n")
    prepare(checkout)
    assert installed(checkout) == [BUILD, RUN]
    prepare(checkout, "test")
    assert TEST in installed(checkout)


def test_what_could_not_be_installed_is_tried_again(checkout: Path) -> None:
    (checkout / "broken").touch()
    ran = prepare(checkout)
    assert ran.returncode == 69
    assert "the next run goes on from here" in ran.stderr.splitlines()[-1]
    installed(checkout)
    (checkout / "broken").unlink()
    assert prepare(checkout).returncode == 0
    assert installed(checkout) == [BUILD, RUN]


def test_a_set_up_that_ended_half_way_with_another_lock_is_not_taken_for_the_old_one(
    checkout: Path,
) -> None:
    prepare(checkout)
    before = (checkout / RUN).read_text(encoding="utf-8")
    (checkout / RUN).write_text(before + "# another\n", encoding="utf-8")
    (checkout / "broken").touch()
    prepare(checkout)
    installed(checkout)
    (checkout / "broken").unlink()
    (checkout / RUN).write_text(before, encoding="utf-8")
    prepare(checkout)
    assert installed(checkout) == [BUILD, RUN]


@pytest.mark.parametrize("python", ["/bin/false", "nonesuch"])
def test_a_python_that_will_not_do_is_named_with_what_brings_one(
    checkout: Path, python: str
) -> None:
    ran = prepare(checkout, PYTHON=python)
    assert ran.returncode == 78
    (line,) = ran.stderr.splitlines()
    assert python in line
    assert "3.11" in line
    assert " Run: " in line
    assert (checkout / ".venv/bin/python").exists()


def test_a_linked_environment_is_left_to_whoever_linked_it(checkout: Path) -> None:
    (checkout / ".venv").rename(checkout / "elsewhere")
    (checkout / ".venv").symlink_to("elsewhere")
    assert prepare(checkout).returncode == 0
    assert installed(checkout) == []


def test_the_first_pip_is_the_locked_one_or_none(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("first_pip", ROOT / "tools/first_pip.py")
    assert spec is not None
    assert spec.loader is not None
    first_pip = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(first_pip)
    name, _ = first_pip.pinned((ROOT / BUILD).read_text(encoding="utf-8"))
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / name).write_bytes(b"a wheel")
    (tmp_path / "pip/index.html").write_text(f'<a href="{name}#sha256=00">{name}</a>')
    digest = hashlib.sha256(b"a wheel").hexdigest()
    lock = f"pip=={name.split('-')[1]} \\\n    --hash=sha256:{digest}\n"
    with served(tmp_path) as index:
        assert first_pip.fetch(index, lock) == (name, b"a wheel")
        with pytest.raises(SystemExit, match="nothing was kept"):
            first_pip.fetch(index, lock.replace(digest, "0" * 64))
        with pytest.raises(SystemExit, match="has no pip-0"):
            first_pip.fetch(index, lock.replace(name.split("-")[1], "0"))
