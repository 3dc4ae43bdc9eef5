"""Everything documented exists, and everything that exists is documented."""

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path
from types import ModuleType

import click
import pytest

from listserv.cli.main import VERSION
from listserv.wiring import config

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]
)


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    """Load tools/reference.py, which writes the pages."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_settings_page_is_what_the_settings_say(reference: ModuleType) -> None:
    written = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    assert written == reference.settings_page(), "run `make docs`"


def test_the_commands_page_is_what_the_commands_say(reference: ModuleType) -> None:
    written = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
    assert written == reference.commands_page(reference.root_command()), "run `make docs`"


def test_every_command_and_option_says_what_it_does(reference: ModuleType) -> None:
    silent = []
    for name, command in reference.walk("krets", reference.root_command()):
        if not command.help:
            silent.append(name)
        silent += [
            f"{name} {option.opts[0]}"
            for option in command.params
            if isinstance(option, click.Option) and not option.hidden and not option.help
        ]
    assert not silent


def shown_commands(text: str) -> list[list[str]]:
    """Return the ``krets`` lines that a document shows, as words."""
    found = []
    joined = text.replace("\\\n", " ")
    for line in re.findall(r"^(?:    )?(?:\$ )?(?:.venv/bin/)?(krets .*)$", joined, re.MULTILINE):
        words = shlex.split(line, comments=True)
        stop = next((i for i, word in enumerate(words) if word in {"|", ">", "<", "&"}), None)
        found.append(words[1:stop])
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_krets_line_in_a_document_names_a_command_and_its_options(
    path: Path, reference: ModuleType
) -> None:
    if path.name == "commands.md":
        pytest.skip("made from the commands themselves")
    for words in shown_commands(path.read_text(encoding="utf-8")):
        command: click.Command = reference.root_command()
        rest = list(words)
        known = set(_options(command))
        while isinstance(command, click.Group):
            given = [word for word in rest if not word.startswith("-")]
            assert given, f"{words}: which command"
            below = command.get_command(click.Context(command), given[0])
            assert below is not None, f"krets {' '.join(words)}: no such command"
            command = below
            rest = rest[rest.index(given[0]) + 1 :]
            known |= set(_options(command))
        named = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert named <= known | {"--help"}, f"krets {' '.join(words)}"


def _options(command: click.Command) -> list[str]:
    return [word for p in command.params for word in [*p.opts, *p.secondary_opts]]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_make_line_in_a_document_names_a_target(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", text, re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("    "))  # not in examples
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    broken = [link for link in links if not (path.parent / link).exists()]
    assert not broken


def test_every_setting_named_in_a_document_exists() -> None:
    known = {name for name, _, _ in config.described()}
    variables = {f"KRETS_{name.replace('.', '__').upper()}" for name in known}
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        named = set(re.findall(r"\b(?:listserv|mailer|archive)\.[a-z_]+\b(?!\.|/|\()", text))
        unknown = {n for n in named - known if f"`{n}`" in text and not _is_module(n)}
        assert not unknown, path
        assert set(re.findall(r"\bKRETS_[A-Z]+__[A-Z_]+?\b(?=[= `])", text)) <= variables | {
            "KRETS_SECTION__KEY",
            "KRETS_SECTION__KEY_FILE",
        } | {f"{name}_FILE" for name in variables}, path


def _is_module(name: str) -> bool:
    room, _, module = name.partition(".")
    return (ROOT / room / f"{module}.py").exists() or (ROOT / room / module).is_dir()


def test_every_dependency_has_its_line_of_reason() -> None:
    read = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = read["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    asked += read["dependency-groups"]["build"]
    names = {re.match(r"[A-Za-z0-9_.-]+", line)[0] for line in asked}  # type: ignore[index]
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([^`]+)` \| [^|]{20,} \|", page, re.MULTILINE))
    assert names - told == set(), "without a line in docs/dependencies.md"
    assert told - names == set(), "documented but not asked for"


def test_what_deploy_starts_exists(reference: ModuleType) -> None:
    """The parts of the compose file and the units are commands, and their settings are settings."""
    text = (ROOT / "deploy/compose.yaml").read_text(encoding="utf-8")
    parts = re.findall(r"<<: \*krets\n    command: \[ (\w+) \]", text)
    assert sorted(parts) == ["clock", "smtp", "web", "worker"]
    root = reference.root_command()
    known = {f"KRETS_{name.replace('.', '__').upper()}" for name, _, _ in config.described()}
    assert set(re.findall(r"^    (KRETS_\w+):", text, re.MULTILINE)) <= known
    unit = (ROOT / "deploy/systemd/krets@.service").read_text(encoding="utf-8")
    parts += re.findall(r"krets@([a-z]+)", unit)
    assert all(root.get_command(click.Context(root), part) for part in parts)


def test_the_version_is_one_and_what_changes_next_stands_first() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", changes, re.MULTILINE)[0] == "Unreleased"
