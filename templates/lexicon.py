"""Know what people write to us: command words, yes and no, months, in six languages.

The words stand in ``words/*.toml``. They are folded the way ``fold`` folds a line that came in,
so that case, accents (which many leave out), quotes and punctuation never matter.
"""

import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel.dates import get_day_names, get_month_names

from templates.catalogue import LANGUAGES

HERE = Path(__file__).parent / "words"
# "On Wednesday", where the language bends the day's name.
_INTO = {"среду": 2, "пятницу": 4, "субботу": 5}
Phrases = Mapping[str, tuple[tuple[tuple[str, ...], ...], ...]]  # by their first word
_EDGES = "*_\"'`.,;:!()[]<>\u00ab\u00bb\u201e\u201c\u201d-\u2013\u2014\u2026"


def fold(line: str) -> str:
    """Return ``line`` without case, accents, punctuation at its words' ends, and double blanks."""
    letters = line.lower()
    if not line.isascii():  # most lines are: letter by letter costs ten times as much
        plain = unicodedata.normalize("NFKD", line.casefold().replace("\u2019", "'"))
        letters = "".join(c for c in plain if not unicodedata.combining(c))
    words = (word.strip(_EDGES) for word in letters.split())
    return " ".join(word for word in words if word)


@cache
def phrases(name: str, meaning: str) -> frozenset[str]:
    """Return the folded phrases of one meaning in ``words/NAME.toml``, of all languages."""
    found = _read(name)[meaning]
    return frozenset(fold(word) for words in found.values() for word in words)


def tables(name: str) -> Mapping[str, Mapping[str, list[str]]]:
    """Return ``words/NAME.toml`` as it stands: meaning, language, phrases as they are written."""
    return _read(name)


@cache
def gapped(name: str, meaning: str) -> Phrases:
    """Return the phrases of one meaning by their first word: pieces of folded words, in order."""
    found: dict[str, set[tuple[tuple[str, ...], ...]]] = {}
    for words in _read(name)[meaning].values():
        for phrase in words:
            pieces = tuple(tuple(fold(piece).split()) for piece in phrase.split("..."))
            found.setdefault(pieces[0][0], set()).add(pieces)
    longest = {first: sorted(some, key=lambda one: -len(one[0])) for first, some in found.items()}
    return {first: tuple(some) for first, some in longest.items()}


@cache
def meanings(name: str) -> Mapping[str, str]:
    """Return each folded phrase of ``words/NAME.toml`` with its meaning; the first one wins."""
    found: dict[str, str] = {}
    for meaning in _read(name):
        for phrase in phrases(name, meaning):
            found.setdefault(phrase, meaning)
    return found


@cache
def months() -> Mapping[str, int]:
    """Return the folded names of the months, whole and short, with their numbers."""
    found: dict[str, int] = {}
    for language in LANGUAGES:
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                names = get_month_names(width, context, locale=language)
                for number, name in names.items():
                    found.setdefault(fold(name), number)
    return found


@cache
def weekdays() -> Mapping[str, int]:
    """Return the folded names of the days of the week, Monday 0, whole and short."""
    found: dict[str, int] = {}
    for language in LANGUAGES:
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                for number, name in get_day_names(width, context, locale=language).items():
                    found.setdefault(fold(name), number)
    return found | {fold(name): number for name, number in _INTO.items()}


@cache
def _read(name: str) -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))
