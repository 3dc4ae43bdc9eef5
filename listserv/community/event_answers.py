"""Read what a member answers to "do you come?", in the words of six languages.

    read("Ja, gärna! Vi blir tre.", "sv")    # yes, guests=2
    read("Can I park there?", "en")          # answer None, asks=True

The first clause that says something decides; a later one that says the opposite makes it unclear,
because a seat that is taken by a misunderstanding is another's. "Yes, maybe with Bo" is a yes.
What is asked beside an answer is told apart, for the host to read. Knows nothing of seats. Pure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from listserv.answers import clauses, known_words
from listserv.answers.clauses import Clause
from listserv.answers.known_words import WordedText
from listserv.answers.own_words import OwnWords
from subscriptions.lists.questions import EventAnswer
from templates import lexicon
from templates.lexicon import fold, phrases

TABLES = ("answers", "events")
MAX_GUESTS = 20
_LOOKED = 2000  # characters
_NUMBERED = {"1": EventAnswer.YES, "2": EventAnswer.NO, "3": EventAnswer.MAYBE}
_PLUS = re.compile(r"(?<![\w+])\+\s?(\d{1,2})(?![\d/]|[ -]\d)")
_FEW = 4  # words between a number and what it counts
_DOUBT = frozenset(("maybe",))


@dataclass(frozen=True, slots=True)
class EventReply:
    """Hold what was understood: an answer (None where none is clear), guests, and a question."""

    answer: EventAnswer | None
    guests: int = 0
    asks: bool = False


def read(own: OwnWords, hint: str = "", *, numbered: bool = False) -> EventReply:
    """Read an answer; ``numbered`` says that the question offered numbers."""
    text = own.text[:_LOOKED].strip()
    if not text and own.subject:
        text = own.subject[:_LOOKED].strip()
    bare = text.split("\n")[0].strip(" .):;!")
    if numbered and bare in _NUMBERED:
        return EventReply(_NUMBERED[bare])
    said = known_words.read(text, hint, TABLES)
    parts = clauses.cut(said)
    asks = any(part.asks and not part.polite for part in parts) or text.endswith("?")
    found = _answer(parts)
    guests = _guests(text, said)
    if guests and not asks and not any(_verdict(part) for part in parts):
        found = EventAnswer.YES  # "+2" alone, or "we will be four"
    if guests > MAX_GUESTS or own.unseen:
        return EventReply(None, asks=asks)
    return EventReply(found, guests if found is EventAnswer.YES else 0, asks)


def _answer(parts: tuple[Clause, ...]) -> EventAnswer | None:
    verdicts = [one for part in parts if (one := _verdict(part)) is not None]
    if not verdicts:
        return None
    clear = {one for one in verdicts if one is not EventAnswer.MAYBE}
    if len(clear) < 2:  # noqa: PLR2004 - a contradiction
        return verdicts[0]
    last = next(part for part in reversed(parts) if _verdict(part) is not None)
    return _verdict(last) if last.turned else None  # "I would love to, but I am away"


def _verdict(part: Clause) -> EventAnswer | None:
    """Return what one clause says, None for nothing."""
    if part.asks or part.hollow:
        return None
    coming = part.has("come", "confirm") or (part.has("yes") and not part.has("itsme"))
    if part.has(*_DOUBT) and not (part.has("yes") and not part.has("come")):
        return EventAnswer.MAYBE
    if part.plain_no or part.has("away", "never", "auto"):  # "I am out of town"
        return EventAnswer.NO
    if coming:
        return EventAnswer.NO if part.negated else EventAnswer.YES
    if part.has("able") and (part.negated or not part.unknown):
        return EventAnswer.NO if part.negated else EventAnswer.YES
    nods = part.has("weak") and not part.unknown and not part.negated
    return EventAnswer.YES if nods else None


def _guests(text: str, said: WordedText) -> int:
    """Return how many a member brings along."""
    plus = _PLUS.search(text)
    if plus:
        return int(plus[1])
    words = [word.text for word in said.words]
    for at, number in _numbers(words):
        if _counts(words, at, "guest"):
            return number
        if (
            _stands_before(words, at, "plus")
            and not _counts(words, at, "party")
            and _ends(said, at)
        ):
            return number
        if _stands_before(words, at, "we-are") or _counts(words, at, "party"):
            return max(0, number - 1)
    joined = f" {' '.join(words)} "
    return 1 if any(f" {phrase} " in joined for phrase in _phrases("partner")) else 0


def _numbers(words: list[str]) -> Iterator[tuple[int, int]]:
    for at, word in enumerate(words):
        number = int(word) if word.isdecimal() and len(word) <= 3 else _spelled().get(word, 0)  # noqa: PLR2004 - digits
        if number:
            yield at, number


def _ends(said: WordedText, at: int) -> bool:
    """Tell whether nothing is counted behind a number: "plus two", and no "with 2 cars"."""
    return at + 1 == len(said.words) or bool(said.words[at].stop)


def _counts(words: list[str], at: int, meaning: str) -> bool:
    behind = f"{' '.join(words[at + 1 : at + 1 + _FEW])} "
    return any(behind.startswith(f"{phrase} ") for phrase in _phrases(meaning))


def _stands_before(words: list[str], at: int, meaning: str) -> bool:
    line = f" {' '.join(words[max(0, at - _FEW) : at])}"
    return any(line.endswith(f" {phrase}") for phrase in _phrases(meaning))


@cache
def _phrases(meaning: str) -> frozenset[str]:
    return phrases("events", meaning)


@cache
def _spelled() -> dict[str, int]:
    table = lexicon.tables("dates")["number"]
    found = {fold(word): int(value) for value, words in table.items() for word in words}
    ones = {"en", "ett", "een", "un", "una", "uno", "o", "one", "a", "an", "i", "e"}
    for number, name in enumerate(("two", "three", "four", "five"), start=2):
        found |= dict.fromkeys(_phrases(name), number)
    return {word: number for word, number in found.items() if word not in ones}
