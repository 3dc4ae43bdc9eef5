"""When somebody says that it is solved, in six languages, and when they only seem to."""

import pytest

from listserv.answers import solved_words
from listserv.answers.own_words import OwnWords
from templates.lexicon import tables

SAYS = [
    "solved",
    "Solved!",
    "SOLVED :-)",
    "thanks, solved!",
    "Thanks Bo, solved!",
    "Thanks! Solved.",
    "Thank you all, problem solved.",
    "Hi all,\n\nsolved, it was the cable.".replace(", it", ". It"),
    "Solved - it was the cable.",
    "Solved, thanks a lot!\n\nIt was the cable.\n\nAnna",
    "It works now, thanks Bo Ek",
    "Tack, löst!",
    "Hej Bo! Tack, det löste sig.",
    "Problemet är löst, tack alla",
    "Grazie, risolto!",
    "Mulțumesc, rezolvat",
    "Multumesc, s-a rezolvat",
    "Спасибо, решено!",
    "Спасибо, вопрос решён",
    "Bedankt, opgelost!",
]
SEEMS = [
    "thanks",
    "Thanks Bo",
    "Is this solved?",
    "Solved?",
    "So it was solved?",
    "not solved",
    "unsolved",
    "solved it differently but still open",
    "Thanks, that almost solved it",
    "solved, but broken again",
    "Solved!\nJust kidding, still broken.",
    "Solved.\n\nOr so I thought.",
    "Solved the first half",
    "Solved in theory",
    "Solved Sudoku",
    "I solved another problem",
    "Was solved last year in another thread",
    "The problem is solved in version 2",
    "Problem solved if you reboot twice.",
    "Let me know when it is solved",
    "It works on my machine",
    "Thanks. Anna solved hers.",
    "Thanks. I will try it and tell you if it works",
    "Inte löst",
    "Tack, nu inte löst",
    "löst papper",
    "Löst?",
    "Non risolto",
    "Nu e rezolvat",
    "Încă nu s-a rezolvat",
    "не решено",
    "Решено на завтра",
    "niet opgelost",
    "Bedankt, nu niet opgelost",
    "",
]


@pytest.mark.parametrize("text", SAYS)
def test_natives_forms_say_it(text: str) -> None:
    assert solved_words.says_solved(OwnWords(text))


@pytest.mark.parametrize("text", SEEMS)
def test_nothing_else_is_taken_for_it(text: str) -> None:
    assert not solved_words.says_solved(OwnWords(text))


def test_a_machine_and_struck_words_say_nothing() -> None:
    assert not solved_words.says_solved(OwnWords("solved", automatic=True))
    assert not solved_words.says_solved(OwnWords("solved", unseen="not solved"))


@pytest.mark.parametrize("meaning", ["solved", "unsolved", "answer"])
def test_each_phrase_mailed_to_us_is_its_command(meaning: str) -> None:
    for phrases in tables("solved")[meaning].values():
        assert [solved_words.command(phrase) for phrase in phrases] == [meaning] * len(phrases)
