"""What is installed elsewhere is whole: catalogues, templates and migrations travel along."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = "import sys; from listserv.cli.main import main; sys.exit(main())"
ROOMS = ("mailer", "templates", "subscriptions", "archive", "listserv")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as pip would, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


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


def test_the_wheel_alone_runs_a_command_that_needs_the_database(
    wheel: Path, tmp_path: Path
) -> None:
    room = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(room)
    ran = subprocess.run(
        [sys.executable, "-P", "-c", RUN, "list", "ls", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(room), "KRETS_MAILER__DATA": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stderr
