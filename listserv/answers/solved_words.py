"""Read whether somebody says that their question is solved ("Thanks Bo, solved!").

    says_solved(OwnWords("Solved, thanks a lot!\\n\\nIt was the cable."))     # True
    says_solved(OwnWords("Thanks. Is this solved?"))                        # False

Only the first line below a greeting is asked, and all words of its sentences up to the one that
says it must be known in one language: what says that it is solved, thanks, a name behind thanks.
Nothing behind it may take it back ("... but it is broken again"), nor ask. What is missed is said
once more; what is marked falsely misleads everybody. Pure.
"""

import re
from dataclasses import dataclass
from functools import cache

from listserv.answers.own_words import OwnWords
from templates.catalogue import LANGUAGES
from templates.lexicon import fold, tables

_LONGEST = 6  # words of a phrase
_WORDS = 16  # of a sentence that says it
_REST = 4_000  # characters below it that may take it back
_NAMES = 2  # words of a name
_LINES = 3  # of a letter, of which the first may greet
_SENTENCE = re.compile(r"[.!;\u2026]+(?:\s|$)|\s[-\u2013\u2014]+\s")
_FACES = re.compile(r"[:;]-?[)D(]|[\U0001f300-\U0001faff\u2600-\u27bf\ufe0f]")
_EVERYWHERE = ("thanks", "ok", "okay", "super")


@dataclass(frozen=True, slots=True)
class _Known:
    """Hold the folded phrases of one language."""

    says: frozenset[str]  # what is looked for
    around: frozenset[str]
    contrary: frozenset[str]


def says_solved(own: OwnWords) -> bool:
    """Tell whether a letter's first line says that what its writer asked is solved."""
    return not own.automatic and not own.unseen and _says(own.text, "solved")


def command(text: str) -> str:
    """Return "solved", "unsolved" or "answer" where a letter to us says it, else ""."""
    return next((one for one in ("unsolved", "answer", "solved") if _says(text, one)), "")


def _says(text: str, meaning: str) -> bool:
    bare = _FACES.sub(" ", text).strip()
    if "?" in bare:
        return False
    lines = [line for line in bare.splitlines() if fold(line)]
    return any(_says_in(lines, _phrases(language, meaning)) for language in LANGUAGES)


def _says_in(lines: list[str], known: _Known) -> bool:
    """Tell whether the first line that does not greet says it, and nothing takes it back."""
    for number, line in enumerate(lines[:_LINES]):
        sentences = [one for one in _SENTENCE.split(line) if fold(one)]
        for place, sentence in enumerate(sentences):
            found = _read(sentence, known)
            if found is None:
                return False
            if found:
                rest = " ".join([*sentences[place + 1 :], *lines[number + 1 :]])
                return not _takes_back(rest[:_REST], known)
    return False


def _takes_back(text: str, known: _Known) -> bool:
    folded = f" {fold(text)} "
    return any(f" {one} " in folded for one in known.contrary)


def _read(sentence: str, known: _Known) -> bool | None:
    """Tell whether a sentence says it, or merely thanks and greets; None for anything else."""
    given = [word for word in re.split(r"[\s,:]+|(?<=\w)/", sentence) if fold(word)]
    words = [fold(word) for word in given]
    if len(words) > _WORDS:
        return None
    found, at, names, called = False, 0, 0, False
    while at < len(words):
        length = _length(words, at, known)
        if length:
            said = " ".join(words[at : at + length])
            found, called = found or said in known.says, said not in known.says
            at += length
        elif called and names < _NAMES and _is_name(given[at], known):
            names += 1
            at += 1
        else:
            return None
    return found


def _length(words: list[str], at: int, known: _Known) -> int:
    """Return how many words from ``at`` on are a known phrase, 0 for none."""
    for length in range(min(_LONGEST, len(words) - at), 0, -1):
        said = " ".join(words[at : at + length])
        if said in known.says or said in known.around:
            return length
    return 0


def _is_name(word: str, known: _Known) -> bool:
    return word[:1].isupper() and not word.isupper() and fold(word) not in known.contrary


@cache
def _phrases(language: str, meaning: str) -> _Known:
    """Return one language's phrases: "nu" is "now" in two of ours and "not" in a third."""
    words = tables("solved")
    said, around, against = (
        frozenset(map(fold, words[name][language])) for name in (meaning, "around", "contrary")
    )
    return _Known(said, around | frozenset(_EVERYWHERE), against)
