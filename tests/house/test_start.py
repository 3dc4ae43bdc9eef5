"""A command starts with what it needs: its start is most of what it costs."""

import ast
import subprocess
import sys
from pathlib import Path

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


def test_a_plain_command_starts_without_what_is_slow_to_import(tmp_path: Path) -> None:
    loaded("list", "ls", folder=tmp_path)  # makes the database
    modules = loaded("list", "ls", folder=tmp_path)
    assert "subscriptions.lists.roster" in modules
    found = [name for name in modules if f"{name}.".startswith(tuple(f"{one}." for one in SLOW))]
    assert found == []


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
