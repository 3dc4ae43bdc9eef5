"""What members vote in words, in six languages; the phrases stand in poll_replies.txt."""

from pathlib import Path

import pytest

from listserv.answers.own_words import OwnWords
from listserv.community import poll_answers
from subscriptions.lists import questions
from subscriptions.lists.questions import Question, QuestionKind

LINES = (Path(__file__).parent / "poll_replies.txt").read_text(encoding="utf-8").splitlines()
ROWS = [[one.strip() for one in line.split("|")] for line in LINES if line[:1] not in {"", "#"}]
OPTIONS = {
    "proposal": ["agree", "abstain", "disagree", "block"],
    "choice": ["Red wine", "Blue", "Something else"],
    "date": ["Friday", "Saturday", "Sunday"],
}


@pytest.mark.parametrize(("kind", "hint", "text", "choices"), ROWS)
def test_a_vote_in_words_is_understood(kind: str, hint: str, text: str, choices: str) -> None:
    poll = Question(kind=QuestionKind(kind), options=questions.write_options(OPTIONS[kind]))
    found = poll_answers.read(OwnWords(text), poll, hint).choices
    expected = None if choices == "-" else tuple(int(one) for one in choices.split(",") if one)
    assert found == expected


def test_a_block_without_a_reason_asks_for_one() -> None:
    poll = Question(
        kind=QuestionKind.PROPOSAL, options=questions.write_options(OPTIONS["proposal"])
    )
    assert poll_answers.read(OwnWords("block"), poll, "en").lacks_reason
    given = poll_answers.read(OwnWords("block\n\nIt would ruin the garden."), poll, "en")
    assert not given.lacks_reason
    assert "ruin the garden" in given.reason
