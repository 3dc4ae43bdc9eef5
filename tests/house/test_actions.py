"""Every action is called by the command that bears its name, and rooms below speak no command."""

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType

import click
import pytest

from listserv.actions.permissions import Action
from listserv.cli import cures
from listserv.cli.main import krets

ROOT = Path(__file__).resolve().parents[2]
ACTIONS = ROOT / "listserv/actions"
PACKAGE = "listserv.actions"
ROOMS = ("mailer", "templates", "subscriptions", "archive", "listserv")
# Where somebody stands at the command line, or who reads it runs this machine.
DOORS = ("listserv/cli/", "listserv/trying/", "listserv/run/", "listserv/wiring/")


def begun_by() -> dict[tuple[str, str], set[str]]:
    """Return the actions that each function of listserv/actions begins, by module and name."""
    found: dict[tuple[str, str], set[str]] = {}
    for path in sorted(ACTIONS.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                named = (one for one in ast.walk(node) if isinstance(one, ast.Attribute))
                begins = {
                    Action[one.attr].value
                    for one in named
                    if isinstance(one.value, ast.Name) and one.value.id == "Action"
                }
                found[module, node.name] = begins
    return found


def command(words: str) -> click.Command:
    """Return the command that these words name."""
    context, found = click.Context(krets), krets
    for word in words.split():
        assert isinstance(found, click.Group)
        inner = found.get_command(context, word)
        assert inner is not None, f"there is no command krets {words}"
        found = inner
    return found


def called(function: FunctionType, seen: set[object]) -> Iterator[object]:
    """Yield every function that one reaches, through those of its own room."""
    if function in seen:
        return
    seen.add(function)
    yield function
    module = sys.modules[function.__module__]
    for name in names_in(function.__code__):
        for place in (module, *imported(module)):
            inner = inspect.unwrap(vars(place).get(name)) if callable(vars(place).get(name)) else 0
            if isinstance(inner, FunctionType) and inner.__module__.startswith("listserv."):
                if inner.__module__.startswith(("listserv.cli", "listserv.actions")):
                    yield from called(inner, seen)
                yield inner


def names_in(code: CodeType) -> set[str]:
    inner = (one for one in code.co_consts if isinstance(one, CodeType))
    return {*code.co_names, *(name for one in inner for name in names_in(one))}


def imported(module: object) -> list[object]:
    """Return the modules of actions that a module of the command line has imported."""
    return [
        one
        for one in vars(module).values()
        if inspect.ismodule(one) and one.__name__.startswith("listserv.actions.")
    ]


COMMANDS = [action.value for action in Action if not action.value.startswith("own ")]


@pytest.mark.parametrize("action", COMMANDS)
def test_every_action_is_called_by_the_command_that_bears_its_name(action: str) -> None:
    begin = {
        inspect.unwrap(getattr(importlib.import_module(module), name))
        for (module, name), begins in begun_by().items()
        if action in begins
    }
    callback = inspect.unwrap(command(action).callback or (lambda: None))
    assert begin & set(called(callback, set()))


# Through which doors each action is asked for. A new door (a JSON API) is a column more.
DOORS_OF = {
    "cli": ("listserv/cli",),
    "web": ("listserv/web",),
    "mail": ("listserv/reception", "listserv/owners"),
}
ASKED_FOR = {
    "list delete": {"mail"},
    "event cancel": {"mail"},
    "event create": {"mail"},
    "event set": {"mail"},
    "event tell": {"mail"},
    "poll close": {"mail"},
    "poll create": {"mail"},
    "list rename": {"mail"},
    "list restore": {"mail"},
    "list set": {"mail"},
    "member add": {"mail"},
    "member admit": {"mail"},
    "member allow": {"mail"},
    "member ban": {"mail"},
    "member ls": {"web"},  # as a file, by a code
    "member moderate": {"mail"},
    "member remove": {"mail"},
    "member set": {"mail"},
    "newsletter cancel": {"mail"},
    "newsletter proof": {"web", "mail"},
    "newsletter resume": {"mail"},
    "newsletter schedule": {"mail"},
    "newsletter send": {"mail"},
    "newsletter stop": {"mail"},
    "queue drop": {"mail"},
    "queue refuse": {"mail"},
    "queue release": {"mail"},
    "thread answer": {"mail"},
    "thread close": {"mail"},
    "thread merge": {"mail"},
    "thread reopen": {"mail"},
    "thread follow": {"mail"},
    "thread mute": {"mail"},
    "thread solve": {"mail"},
    "thread split": {"mail"},
    "own address": {"web", "mail"},
    "own answer": {"mail", "web"},
    "own confirm": {"web", "mail"},
    "own export": {"web"},
    "own forget": {"web", "mail"},
    "own join": {"web", "mail"},
    "own leave": {"web", "mail"},
    "own link": {"web", "mail"},
    "own never": {"web", "mail"},
    "own pause": {"web", "mail"},
    "own read": {"web"},
    "own resume": {"web", "mail"},
    "own set": {"web", "mail"},
    "own show": {"web"},
    "own undo": {"mail"},
    "own vote": {"web", "mail"},
}  # and all that do not begin with "own" by the command that bears their name


def asked_for_in(folder: str) -> Iterator[tuple[str, str]]:
    """Yield each function of listserv/actions that a door's modules name, by module and name."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith(PACKAGE):
                known |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                yield known.get(node.value.id, ""), node.attr


def test_each_action_is_asked_for_through_the_doors_that_the_table_names() -> None:
    begins = begun_by()
    found: dict[str, set[str]] = {action.value: set() for action in Action}
    for door, folders in DOORS_OF.items():
        for folder in folders:
            for named in asked_for_in(folder):
                for action in begins.get(named, ()):
                    found[action].add(door)
    said = {
        action.value: ASKED_FOR.get(action, set()) | ({"cli"} if action in COMMANDS else set())
        for action in Action
    }
    assert found == said


def test_no_page_writes_by_itself() -> None:
    """An action owns the transaction, so that what a page does a mail or an API can do alike."""
    writes = [
        path.name
        for path in sorted((ROOT / "listserv/web").glob("*.py"))
        if "store.write(" in path.read_text(encoding="utf-8")
    ]
    assert writes == []


def test_no_command_opens_a_transaction() -> None:
    """What a command reads or changes is an action's, which asks who may and keeps the line."""
    opens = [
        path.name
        for path in sorted((ROOT / "listserv/cli").glob("*.py"))
        if re.search(r"store\.(?:read|write)\(", path.read_text(encoding="utf-8"))
    ]
    assert opens == []


SPEAKS = re.compile(r"(?<![\w-])--[a-z][a-z-]+|`?\bkrets [a-z]+")


def words_of_errors() -> Iterator[tuple[str, str]]:
    """Yield what is said where an error of ours is raised below the doors."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith(DOORS):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                    for one in ast.walk(node.exc):
                        if isinstance(one, ast.Constant) and isinstance(one.value, str):
                            yield f"{name}:{node.lineno}", one.value


def keys_raised() -> set[str]:
    """Return every key that an error is raised with."""
    found = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    for one in node.keywords:
                        if one.arg == "key" and isinstance(one.value, ast.Constant):
                            found.add(str(one.value.value))
    return found


def test_an_error_below_the_doors_names_no_command() -> None:
    """Who reads it may be at a page or a mail; the door has the words (listserv/cli/cures.py)."""
    assert [(place, said) for place, said in words_of_errors() if SPEAKS.search(said)] == []


def test_every_cure_is_of_an_error_that_is_raised() -> None:
    assert set(cures.CURES) - keys_raised() == set()
