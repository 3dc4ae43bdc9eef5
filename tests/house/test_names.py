"""Names: what somebody greps for leads to one thing."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST_ASKED = 6  # questions in CONTRIBUTING.md
ROOMS = ("listserv", "archive", "subscriptions", "mailer", "templates")

# Files of one name are doors to one thing: a command or a page, and what it asks for.
DOORS = ("listserv/cli/", "listserv/web/", "listserv/actions/")

# Names that told nothing to who had not read the code, and what is said instead.
REFUSED = {
    "aside": "background",
    "bombs": "parse limits",
    "bury": "erase",
    "camera": "screenshots",
    "darkroom": "picture processing",
    "desk": "what it holds: a context, a source",
    "echo": "a repeated quote",
    "entering": "joining, adding",
    "filling": "slots",
    "flight": "flight recorder, in flight",
    "garden": "the folder of krets try",
    "grave": "erased mail",
    "keeping": "retention",
    "look": "how an issue looks is IssueLook; else what was looked at",
    "outgoing": "in flight",
    "plans": "due times",
    "said": "what was said: a state, a field, a text",
    "sheet": "template, MJML, member file",
    "shelf": "threads of a home page",
    "sight": "visibility",
    "sitting": "screenshots",
    "skim": "search a header",
    "standing": "state",
    "tombstone": "erased mail",
    "tombstones": "erased mail",
    "tongue": "language",
    "trail": "trace",
    "watch": "lease",
    "whole": "the thing that is whole",
}


def modules() -> Iterator[Path]:
    """Yield the modules of the rooms; migrations keep the names that they were written with."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "versions" not in path.parts:
                yield path


def classes() -> dict[str, list[str]]:
    """Return where each public class stands."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(path.relative_to(ROOT).as_posix())
    return found


def test_no_public_class_stands_twice() -> None:
    twice = {name: paths for name, paths in classes().items() if len(paths) > 1}
    assert not twice, "call each what only it is: KeyState, FormerState, MembershipState"


def test_a_file_name_stands_twice_only_at_the_door_to_the_same_thing() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        if path.name != "__init__.py":
            found[path.name].append(path.relative_to(ROOT).as_posix())
    twice = [
        paths for paths in found.values() if sum(not path.startswith(DOORS) for path in paths) > 1
    ]
    assert not twice


def test_no_class_or_file_has_a_name_that_was_refused() -> None:
    names = {name.lower() for name in classes()} | {path.stem for path in modules()}
    assert not {f"{name}: {REFUSED[name]}" for name in names & REFUSED.keys()}


def test_what_a_newcomer_greps_for_is_the_name_of_a_file() -> None:
    names = " ".join(path.stem for path in modules())
    asked = {
        "visibility", "threading", "language", "screenshot", "redaction", "trace", "draft",
        "scheduler", "bounce", "erased", "lease", "retention", "role_accounts", "holidays",
    }  # fmt: skip
    assert not {word for word in asked if word not in names}


def test_each_question_of_a_newcomer_is_answered_by_one_grep() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| ([^|]+\?) \| `([^`]+)/` \| `([^`]+)` \|$", page)
    assert len(rows) >= MOST_ASKED
    lost = [
        question
        for question, folder, word in rows
        if not any(
            word in path.stem
            or re.search(
                rf'(?:^def \w*|^(?={word})|^    """[^"]*|^"""[^"]*){word}', text, re.MULTILINE
            )
            for path in (ROOT / folder).glob("*.py")
            for text in [path.read_text(encoding="utf-8")]
        )
    ]
    assert not lost


# What a docstring of ours begins with: what it does, said as an order (PEP 257). One more verb may
# stand here; a noun, an article or "What ..." may not.
_VERBS = """
Accept Add Allow Amend Answer Append Apply Archive Ask Attend Back Begin Believe Blank Bound
Bring Build Cancel Carry Change Check Choose Claim Clean Close Collect Commit Compare Complete
Compose Connect Copy Count Create Cut Decide Delete Describe Discard Do Doubt Draw Drop Empty
Encode End Enrol Enter Erase Escape Examine Fetch Fill Find Finish Follow Forget Free Gather
Give Go Greet Grow Hand Hash Have Hear Hold Ignore Import Insert Invite Join Judge Keep Know
Lead Learn Leave Lengthen Let Lift List Listen Look Mail Make Mark Measure Merge Mend Move Name
Note Open Order Pass Pause Place Point Post Print Prove Put Queue Raise Read Record Refuse
Rehearse Remember Remove Render Replace Report Reserve Restore Return Ring Run Save Say Score
Search See Send Serve Set Settle Share Show Skip Sort Space Speak Split Start Stop Store Sum
Sweep Take Tell Tick Tie Tighten Translate Try Turn Undo Unpack Use Visit Wait Walk Want Weigh
Work Write Yield
"""
VERBS = frozenset(_VERBS.split())


def test_a_docstring_begins_with_a_verb() -> None:
    others = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {said.splitlines()[0]}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and node.name != "krets"  # what it is, as the command says of itself
        and (said := ast.get_docstring(node))
        and re.split(r"[\s,.;:]", said)[0] not in VERBS
    ]
    assert not others
