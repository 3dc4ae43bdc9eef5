"""A command starts with what it needs: its start is most of what it costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("listserv", "archive", "subscriptions", "mailer")
SLOW = ("alembic", "archive.pages", "babel", "cryptography", "jinja2", "mailer.reading.bodies")


def loaded(*words: str, folder: Path) -> list[str]:
    """Return the modules that a process has which ran this command."""
    told = f"import sys; sys.argv[1:] = {words!r}\n"
    told += "from listserv.cli.main import main\n"
    told += "try:\n    main()\nexcept SystemExit:\n    pass\n"
    told += "print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", told],
        env={"KRETS_MAILER__DATA": str(folder)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr.split()


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Give the modules of a command whose data folder is there already."""
    folder = tmp_path_factory.mktemp("data")
    loaded("list", "ls", folder=folder)
    return loaded("list", "ls", folder=folder)


@pytest.mark.parametrize("slow", SLOW)
def test_a_plain_command_starts_without(slow: str, modules: list[str]) -> None:
    assert "subscriptions.lists.roster" in modules
    assert [name for name in modules if name == slow or name.startswith(f"{slow}.")] == []


def test_every_table_of_the_house_is_named_for_migrations_and_backups() -> None:
    declared = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Assign) and "__tablename__" in map(
                    ast.unparse, node.targets
                ):
                    declared.add(ast.literal_eval(node.value))
    told = "import listserv.wiring.every_table\nfrom mailer.storage.store import Base\n"
    told += "print(*Base.metadata.tables)"
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert declared
    assert declared - set(done.stdout.split()) == set()
