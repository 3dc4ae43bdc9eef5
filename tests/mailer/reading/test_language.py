"""Languages: told by their commonest words; where those are too few, nothing is said."""

from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from mailer.reading.language import tongue_of

LOCALE = Path(__file__).resolve().parents[3] / "templates" / "locale"
ALL_AT_ONCE = 150  # characters; a longer text of ours may speak six languages


def sentences(language: str) -> list[str]:
    """Return what we say in a language ourselves, a sentence or two each."""
    path = LOCALE / language / "LC_MESSAGES" / "krets.po"
    found = []
    for message in read_po(BytesIO(path.read_bytes())):
        text = message.string if isinstance(message.string, str) else (message.string or [""])[0]
        if 60 <= len(text) < ALL_AT_ONCE:
            found.append(text)
    return found


@pytest.mark.parametrize("language", ["sv", "it", "ro", "ru", "nl", "en"])
def test_one_sentence_is_enough_for_most(language: str) -> None:
    """Of our own sentences four in five are told, and hardly one is taken for another."""
    told = [tongue_of(text) for text in sentences(language)]
    assert told.count(language) >= 0.8 * len(told)
    wrong = [one for one in told if one not in {language, ""}]
    assert len(wrong) <= 0.02 * len(told)  # some sentences of ours list words of six languages


@pytest.mark.parametrize(
    ("text", "said", "language"),
    [
        ("Yes.", "", ""),
        ("Tack!", "sv-SE", "sv"),
        ("", "x" * 1000, ""),
        ("Das ist nicht das, was ich mit der Liste wollte.", "", "de"),
        ("Добрий день, шановні", "", ""),
        ("1234 5678", "en", "en"),
    ],
)
def test_few_words_leave_it_to_the_head(text: str, said: str, language: str) -> None:
    assert tongue_of(text, said) == language
