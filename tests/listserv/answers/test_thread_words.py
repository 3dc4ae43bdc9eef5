"""What is wished for one thread: what is a wish in six languages, and what only looks like one."""

import pytest

from listserv.answers import thread_words
from listserv.answers.own_words import OwnWords
from templates.lexicon import tables

WISHES = {
    "mute": [
        "mute",
        "Hi,\n\nplease mute this thread.\n\nThanks, Anna",
        "MUTE THIS CONVERSATION",
        "unsubscribe me from this thread please",
        "Hej! Tysta den här tråden tack\n\n/Bo",
        "Silenzia questa discussione, grazie",
        "vă rog să ignorați această discuție",
        "Заглушите, пожалуйста, эту тему",
        "Demp dit gesprek alsjeblieft",
        "mute #k7f3q2abcd",
    ],
    "follow": [
        "follow",
        "I would like to follow this thread",
        "Följ tråden",
        "Vorrei seguire questa discussione",
        "vreau să urmăresc această discuție",
        "Хочу следить за этой темой",
        "Ik wil dit gesprek graag volgen",
    ],
    "unmute": [
        "unmute",
        "sluta tysta tråden",
        "riattiva questa discussione",
        "reactivează discuția",
        "niet meer dempen",
    ],
    "unfollow": [
        "stop following",
        "sluta följa tråden",
        "non seguire più",
        "nu mai urmăresc",
        "больше не следить за темой",
        "niet meer volgen",
    ],
}
OTHERS = [
    "Riattivare",  # their membership
    "отключить",
    "Why did you mute me?",
    "How do I mute a thread?",
    "please mute anna",
    "Follow the money.",
    "I follow your point, but the beds are too deep.",
    "mute and follow",
    "Do not mute me in the meeting",
    "leave",
    "stop",
    "Thanks for following up",
    "",
]


@pytest.mark.parametrize(("verb", "text"), [(v, one) for v, some in WISHES.items() for one in some])
def test_a_wish_is_understood_as_people_write_it(verb: str, text: str) -> None:
    found = thread_words.read(OwnWords(text))
    assert found is not None
    assert found.verb == verb


@pytest.mark.parametrize("text", OTHERS)
def test_what_only_looks_like_a_wish_is_none(text: str) -> None:
    assert thread_words.read(OwnWords(text)) is None


@pytest.mark.parametrize("verb", thread_words.VERBS)
def test_every_phrase_of_the_table_is_its_wish_alone(verb: str) -> None:
    for phrases in tables("threads")[verb].values():
        for phrase in phrases:
            assert thread_words.read(OwnWords(phrase)) == thread_words.ThreadWord(verb), phrase


def test_a_mute_may_end_when_one_is_named_and_a_follow_may_not() -> None:
    mutes = {
        "en": "mute",
        "sv": "tysta",
        "it": "silenzia",
        "ro": "ignoră",
        "ru": "заглушить",
        "nl": "demp",
    }
    for language, phrases in tables("threads")["named"].items():
        for phrase in phrases:
            found = thread_words.read(OwnWords(f"{mutes[language]} {phrase}"))
            assert found == thread_words.ThreadWord("mute", named=True), phrase
    assert thread_words.read(OwnWords("follow unless named")) is None


def test_a_subject_is_read_where_the_text_is_empty_and_it_answers_nothing() -> None:
    assert thread_words.read(OwnWords("", subject="mute")) == thread_words.ThreadWord("mute")
    assert thread_words.read(OwnWords("", subject="mute", replied=True)) is None
    assert thread_words.read(OwnWords("What is this?", subject="mute")) is None


def test_a_code_and_a_link_name_a_thread() -> None:
    hash_ = "k7f3q2abcd" + "a" * 42
    assert thread_words.code("mute #K7F3Q2ABCD") == "k7f3q2abcd"
    assert thread_words.code(f"https://lists.example/f@example.org/t/{hash_}/#x mute") == hash_
    assert thread_words.code("mute #jobs and a#k7f3q2abcd") == ""
