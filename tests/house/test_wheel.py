"""What is installed elsewhere is whole: catalogues, templates and migrations travel along.

`make release-check` installs it into an environment that has nothing else.
"""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = "import sys; from listserv.__main__ import main; sys.exit(main())"
ROOMS = ("mailer", "templates", "subscriptions", "archive", "listserv")


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build one as pip would, without the network."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder],
        cwd=source,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl" if kind == "wheel" else "*.tar.gz"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from this checkout."""
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Path:
    """Unpack the wheel beside nothing else of ours."""
    room = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(room)  # noqa: S202 - we have just made it
    return room


def krets(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KRETS_")}
    return subprocess.run(
        [sys.executable, "-P", "-c", RUN, *words],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(installed), "TMPDIR": str(folder), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_holds_every_file_of_the_rooms(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    ours = {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert ours - inside == set()
    assert any(name.endswith("/licenses/LICENSE") for name in inside)


def test_the_wheel_that_the_sdist_makes_is_the_same(wheel: Path, tmp_path: Path) -> None:
    sdist = build("sdist", ROOT, tmp_path)
    with tarfile.open(sdist) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # 3.11.2 has none
        tar.extractall(tmp_path / "source")  # noqa: S202 - we have just made it
    (source,) = (tmp_path / "source").iterdir()
    again = build("wheel", source, tmp_path)
    first, second = (
        {name: file.read(name) for name in file.namelist()}
        for file in (zipfile.ZipFile(wheel), zipfile.ZipFile(again))
    )
    assert {name for name, data in first.items() if second.get(name) != data} == set()
    assert second.keys() == first.keys()


def test_the_wheel_starts_by_the_name_that_it_installs(wheel: Path) -> None:
    inside = zipfile.ZipFile(wheel)
    (points,) = (name for name in inside.namelist() if name.endswith("entry_points.txt"))
    assert "krets = listserv.__main__:main" in inside.read(points).decode()


def test_the_wheel_alone_runs_a_command_that_needs_the_database(
    installed: Path, tmp_path: Path
) -> None:
    ran = krets(installed, tmp_path / "empty", "list", "ls", "--json")
    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stderr


@pytest.mark.journey  # `make release-check` walks it too
def test_the_wheel_alone_walks_the_tour_from_an_empty_folder(
    installed: Path, tmp_path: Path
) -> None:
    ran = krets(installed, tmp_path / "empty", "try", "--once")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "\n5. " in ran.stdout
    assert not list((tmp_path / "empty").iterdir())
