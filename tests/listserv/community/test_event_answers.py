"""What members answer to an event, in six languages; the phrases stand in event_replies.txt."""

from pathlib import Path

import pytest

from listserv.answers.own_words import OwnWords
from listserv.community import event_answers

LINES = (Path(__file__).parent / "event_replies.txt").read_text(encoding="utf-8").splitlines()
ROWS = [[one.strip() for one in line.split("|")] for line in LINES if line[:1] not in {"", "#"}]


@pytest.mark.parametrize(("hint", "text", "answer", "guests", "asks"), ROWS)
def test_an_answer_in_words_is_understood(
    hint: str, text: str, answer: str, guests: str, asks: str
) -> None:
    found = event_answers.read(OwnWords(text), hint)
    assert (found.answer or "") == answer
    assert found.guests == int(guests)
    assert found.asks is bool(asks)


def test_a_word_that_is_struck_out_is_no_answer() -> None:
    assert event_answers.read(OwnWords("", unseen="yes"), "en").answer is None
