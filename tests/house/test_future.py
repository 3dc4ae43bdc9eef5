"""The set-up goes on working when every locked package has a newer release.

Each locked package gets a stand-in: a wheel with nothing in it, which asks for what the real one
asks for. A lock of the same lines with the stand-ins' hashes is then resolved by the pip that
this Python came with (23.0.1 on Debian 12) against an index on this machine that also offers an
empty newer release of each. The build lock is installed with --no-deps: nothing is resolved there.
"""

import ensurepip
import hashlib
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from packaging.version import Version

from tests.conftest import missing
from tests.house.index import served

NEWER = "99999.0"


def _wheel(folder: Path, name: str, version: str, lines: list[str]) -> str:
    """Write an empty wheel and return its name and hash, as an index links it."""
    stem = f"{name.replace('-', '_')}-{version}"
    path = folder / f"{stem}-py3-none-any.whl"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(lines)
    with zipfile.ZipFile(path, "w") as wheel:
        info = f"{stem}.dist-info"
        wheel.writestr(f"{info}/METADATA", about)
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return f"{path.name}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}"


class Future:
    """An index of stand-ins and newer releases, and locks that name them."""

    def __init__(self, folder: Path, url: str, locks: ModuleType) -> None:
        self.url = url
        pins = {name: locks.lock(name) for name in (locks.BUILD, locks.RUN, locks.TEST)}
        every = {pin.name: pin for lock in pins.values() for pin in lock}
        asks = locks.installed(every.values())
        digests = {}
        for name, pin in every.items():
            same = [p for lock in pins.values() for p in lock if p.name == name]
            extras = {extra for p in same for extra in p.asked.extras}
            lines = [f"Provides-Extra: {extra}\n" for extra in sorted(extras)]
            lines += [f"Requires-Dist: {line}\n" for line in asks.get(name, locks.Asks()).requires]
            page = folder / name
            page.mkdir()
            links = [_wheel(page, name, pin.version, lines), _wheel(page, name, NEWER, [])]
            (page / "index.html").write_text(
                "".join(f'<a href="{link}">{link.partition("#")[0]}</a>\n' for link in links),
                encoding="utf-8",
            )
            digests[name] = links[0].rpartition("=")[2]
        self._lines = {
            name: [(str(pin.asked), digests[pin.name]) for pin in lock]
            for name, lock in pins.items()
        }

    def lock(self, folder: Path, names: list[str], old: str = "", new: str = "") -> list[str]:
        """Write locks that name the stand-ins, in other words where asked; return pip's words."""
        words = []
        for name in names:
            text = "".join(
                f"{line.replace(old, new)} --hash=sha256:{digest}\n"
                for line, digest in self._lines[name]
            )
            (folder / name).write_text(text, encoding="utf-8")
            words += ["-r", name]
        return words


@pytest.fixture(scope="module")
def future(tmp_path_factory: pytest.TempPathFactory, locks: ModuleType) -> Iterator[Future]:
    folder = tmp_path_factory.mktemp("index")
    with served(folder) as url:
        yield Future(folder, url, locks)


@pytest.fixture(scope="module")
def pip() -> Path:
    """Find the wheel of pip that this Python would put into a new environment."""
    places = [Path(ensurepip.__file__).parent / "_bundled"]
    if elsewhere := sysconfig.get_config_var("WHEEL_PKG_DIR"):
        places.insert(0, Path(elsewhere))
    found = [wheel for place in places for wheel in place.glob("pip-*-py3-none-any.whl")]
    if not found:
        missing("This Python came without pip: python3-venv is not installed.")
    return found[0]


def _resolve(
    pip: Path, future: Future, folder: Path, words: list[str]
) -> subprocess.CompletedProcess[str]:
    here = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    return subprocess.run(
        [
            *(sys.executable, pip / "pip", "install", "--dry-run", "--ignore-installed"),
            *("--require-hashes", "--no-cache-dir", "--index-url", future.url, *words),
        ],
        cwd=folder,
        env={**here, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("what", ["run", "test"])
def test_newer_releases_of_everything_change_nothing(
    what: str, pip: Path, future: Future, locks: ModuleType, tmp_path: Path
) -> None:
    names = {"run": [locks.RUN], "test": [locks.RUN, locks.TEST]}[what]
    words = future.lock(tmp_path, names)
    ran = _resolve(pip, future, tmp_path, words)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    would = ran.stdout.rpartition("Would install ")[2].split()
    here = [
        pin
        for name in names
        for pin in locks.lock(name)
        if pin.asked.marker is None or pin.asked.marker.evaluate()
    ]
    assert sorted(would) == sorted(f"{pin.name}-{pin.version}" for pin in here)


def test_the_lock_that_named_no_extra_fails_as_it_did(
    pip: Path, future: Future, locks: ModuleType, tmp_path: Path
) -> None:
    """Otherwise the tests above could not fail."""
    if Version(pip.name.split("-")[1]) >= Version("24.1"):
        pytest.skip("a pip this new takes the locked release for a name with an extra")
    names = [locks.RUN, locks.TEST]
    words = future.lock(tmp_path, names, "coverage[toml]", "coverage")
    ran = _resolve(pip, future, tmp_path, words)
    assert ran.returncode == 1
    assert "coverage[toml]" in ran.stderr
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in ran.stderr or "pinned" in ran.stderr
