"""Explaining a reply: what its writer said, from a message or from bare text."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from listserv.cli.explain import explain

# Two that lists would suffer from, two curiosities (tests/mailer/reading/test_quotes.py).
KNOWN = {"embedded_email_1.txt", "embedded_email_german_6.txt", "spam_1.txt"}
REPLY = "Yes.\n\nOn 3 Mar 2025, Anna <anna@example.org> wrote:\n> Is it?\n"


def told(data: bytes) -> str:
    """Return the ``text`` that the command prints as JSON."""
    result = CliRunner().invoke(explain, ["reply", "-", "--json"], input=data)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert list(found) == ["text"]
    return str(found["text"])


@pytest.mark.parametrize(
    "head",
    [
        "",
        "From: Bo <bo@example.org>\nSubject: Re: x\n\n",
        "From bo@example.org Mon Mar  3 10:00:00 2025\nFrom: Bo <bo@example.org>\n\n",
        "From: Bo <bo@example.org>\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n\r\n",
    ],
)
def test_a_message_and_bare_text_say_the_same(head: str) -> None:
    """With header fields or without."""
    assert told((head + REPLY).encode()) == "Yes."


@pytest.mark.parametrize("text", ["Note: call me.", "send", "", "http://example.org/: see\n\nBo"])
def test_a_text_that_only_looks_like_a_head_is_text(text: str) -> None:
    """A colon in the first line makes no message."""
    assert told(text.encode()) == text


def test_real_replies_are_told_as_people_would(corpora: Path) -> None:
    """Of 64 real replies all but the known ones come out as expected."""
    wrong = set()
    for path in sorted((corpora / "replies" / "emails").iterdir()):
        expected = (corpora / "replies" / "trimmed" / path.name).read_text(encoding="utf-8")
        own = "\n".join(line for line in expected.splitlines() if not line.startswith(">"))
        if told(path.read_bytes()).split() != (own.strip() or expected).split():
            wrong.add(path.name)
    assert wrong <= KNOWN
