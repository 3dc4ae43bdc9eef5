"""docs/reference/answers.md names every word with which a mail's way can end, and none besides."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from listserv.answers.machine_kinds import MachineKind
from listserv.letters import unanswered
from listserv.posts.rules import RULES, Decision

HOUSE = Path(__file__).resolve().parents[2]
TABLE = (HOUSE / "docs/reference/answers.md").read_text(encoding="utf-8")
WRITERS = [
    "membership/joining", "membership/reviving", "membership/wishes", "reception/moderator_answers",
    "newsletters/editors/editor_answers", "newsletters/editors/proof_replies",
    "newsletters/editors/reviews", "owners/owner_commands", "owners/roles",
    "reception/author_replies", "reception/event_letters", "reception/incoming",
    "reception/poll_letters", "reception/question_letters", "reception/replies",
    "reception/thread_letters", "reception/vote_letters",
]  # fmt: skip
# They return why something may not be done, or a key: words of a mail, not of an arrival.
OTHERS = re.compile(r"_?against|_against_|_may$|_author_key|asked_in|_doubt|invite$|__str__")
LAST = [row.rstrip(" |").rpartition(" | ")[2] for row in TABLE.splitlines() if row[:1] == "|"]
BOUNCE = "N N"  # a bounce's kind and what was done: docs/explanation/bounces.md
NOTED = {note for cell in LAST for note in re.findall(r"`([^`]+)`", cell)}
SHAPES = [
    re.compile(re.escape(one).replace(r"\.\.\.", ".+").replace("N", "(?:N|.+)")) for one in NOTED
]


def notes() -> Iterator[tuple[str, str]]:
    """Yield every note that a handler can return, with where it stands; ``N`` for what varies."""
    for name in WRITERS:
        tree = ast.parse((HOUSE / f"listserv/{name}.py").read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef) or OTHERS.search(function.name):
                continue
            if not isinstance(function.returns, ast.Name) or function.returns.id != "str":
                continue
            for one in ast.walk(function):
                if isinstance(one, ast.Return) and one.value is not None:
                    yield from (
                        (name, text) for text in _texts(one.value) if text not in {"", BOUNCE}
                    )


def _texts(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.JoinedStr):
        yield "".join(str(one.value) if isinstance(one, ast.Constant) else "N"
                      for one in value.values)  # fmt: skip
    elif isinstance(value, ast.IfExp):
        yield from _texts(value.body)
        yield from _texts(value.orelse)


@pytest.mark.parametrize(("where", "note"), sorted(set(notes())))
def test_a_note_that_a_handler_can_write_stands_in_the_table(where: str, note: str) -> None:
    known = [shape for shape in SHAPES if shape.fullmatch(note)]
    assert known, f"{where} notes {note!r}, which docs/reference/answers.md does not know"


@pytest.mark.parametrize("kind", [kind.value for kind in MachineKind])
def test_each_kind_of_automatic_mail_is_named_and_counted_as_automatic(kind: str) -> None:
    assert f"`{kind}`" in TABLE
    assert unanswered.reason(f"request not-answered: {kind}") == kind
    assert unanswered.kind(kind) is unanswered.Silence.AUTOMATIC


def test_each_rule_that_ends_a_post_without_a_word_is_in_the_table() -> None:
    source = (HOUSE / "listserv/posts/rules.py").read_text(encoding="utf-8")
    silent = [
        node.name.replace("_", "-")
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and "DISCARD" in ast.unparse(node)
    ]
    named = set(RULES) & set(silent)
    assert named
    for rule in sorted(named):
        assert f"`discard {rule}`" in TABLE, rule
        assert unanswered.reason(f"discard {rule}") == rule


@pytest.mark.parametrize(
    ("note", "why"),
    [
        ("join asked", ""), ("join joined-pending", "joined-pending"),
        ("request over-budget: help", "over-budget"), ("from not-relayed: absence", "absence"),
        ("request not-answered: from-not-theirs", "from-not-theirs"), ("accept", ""),
        ("join not-answered: no author", "no author"),
        ("bounces auto-reply not-counted", "auto-reply"),
        ("bounces hard counted", ""), ("discard banned", "banned"), ("reply not-understood", ""),
    ],
)  # fmt: skip
def test_what_counts_as_unanswered(note: str, why: str) -> None:
    assert unanswered.reason(note) == why
    assert Decision.DISCARD.word == "discard"
