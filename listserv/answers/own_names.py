"""Read the name that a member gives themselves: "my name is Anna Berg", "call me Anna, please".

    read("Hi! Could you change my name to Anna de Vries? Thanks")     # "Anna de Vries"
    clean("Anna\u202e  Berg")                                          # "Anna Berg"

A name's words begin with a capital, or the name stands in quotes; nothing else may be said but
politeness. "My name is on your list" and "My name is Anna and I want to leave" give no name. Pure.
SECURITY: a name stands in mails to others and on pages, so it keeps no character that is not seen
or that turns the writing, and nothing of an address or a link.
"""

import re
import unicodedata
from functools import cache

from listserv.answers import answer_commands
from templates import lexicon
from templates.lexicon import fold, phrases

LONGEST = 80  # characters of a name given by mail
_WORDS = 6  # of one
_LINE = 24  # words of a line that gives one
_BEFORE = 7  # words of a phrase
_MARKS = 3  # accents on one letter
_QUOTES = "\"'«»„“”\u2018\u2019*_"
_QUOTED = re.compile('["«„“”\u2018]([^"«»„“”\u2018\u2019]{1,120})["»“”\u2019]')
_NEVER = re.compile(r"[@<>\\/|=\[\]{}#%&:;!?\d_^~+]|www\.|\.\w{2,}$", re.IGNORECASE)
_ENDS = ".,:;!\u2013\u2014-"
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def clean(text: str) -> str:
    """Return a name on one line, without characters that are unseen or turn the writing."""
    seen = ""
    marks = 0
    for letter in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(letter)
        marks = marks + 1 if kind in {"Mn", "Me"} else 0
        if letter in "\t\r\n" or kind[0] == "Z":
            seen += " "
        elif kind not in _UNSEEN and marks <= _MARKS:
            seen += letter
    return " ".join(seen.split())


def read(text: str) -> str:
    """Return the one name that a text gives its writer; "" where it gives none, or says more."""
    lines = [clean(line) for line in text.splitlines() if fold(line)]
    asks = "?" in text
    found = ""
    for line in lines:
        if found:
            if not (answer_commands.is_polite(line) or answer_commands.is_name(line)):
                return ""
            continue
        found = _of_line(line, asks=asks)
        if not found and not answer_commands.is_polite(line):
            return ""
    return found


def _of_line(line: str, *, asks: bool) -> str:
    words = line.replace("?", ".").split()
    if len(words) > _LINE:
        return ""
    for start in range(len(words)):
        if not _adds_nothing(words[:start]):
            continue
        for length in range(min(_BEFORE, len(words) - start - 1), 0, -1):
            said = fold(" ".join(words[start : start + length]))
            colon = words[start + length - 1].endswith((":", "="))
            known = said in phrases("names", "wished") or (
                said in phrases("names", "told") and not asks
            )
            alone = length > 1 or colon or said in phrases("names", "wished")
            if known and alone and (name := _named(words[start + length :])):
                return name
    return ""


def _adds_nothing(words: list[str]) -> bool:
    """Tell whether words are politeness, a greeting by name, or such as stand around a wish."""
    if not words or answer_commands.is_polite(" ".join(words)):
        return True
    for length in range(min(len(words), _BEFORE), 0, -1):
        tail = fold(" ".join(words[-length:]))
        known = tail in phrases("names", "around")
        if known and _adds_nothing(words[:-length]):
            return True
    return False


def _named(words: list[str]) -> str:
    """Return the name that begins a sentence's rest, "" where more is said than a name."""
    quoted = _QUOTED.match(" ".join(words).lstrip("-\u2013\u2014 "))
    if quoted:
        behind = " ".join(words).lstrip("-\u2013\u2014 ")[quoted.end() :].strip(_ENDS + " ")
        return _may_be(quoted[1]) if _ends(behind.split()) else ""
    words = words[1:] if words and words[0] in {"-", "\u2013", "\u2014"} else words
    for end in range(1, len(words) + 1):
        tail = words[end:]
        closed = words[end - 1][-1] in ".,!;" and len(words[end - 1]) > 2  # noqa: PLR2004 - "J."
        if tail and not ((closed or tail[0][:1].islower()) and _ends(tail)):
            continue
        name = words[:end]
        if all(map(_is_part, name)) and _capital(name[0]) and _capital(name[-1]):
            return _may_be(" ".join(name))
    return ""


def _ends(words: list[str]) -> bool:
    if not words:
        return True
    said = " ".join(words)
    if answer_commands.is_polite(said):
        return True
    return any(
        fold(" ".join(words[:length])) in phrases("names", "behind") and _ends(words[length:])
        for length in range(min(len(words), _BEFORE), 0, -1)
    )


def _is_part(word: str) -> bool:
    return _capital(word) or fold(word) in phrases("names", "particles")


def _capital(word: str) -> bool:
    """Tell whether a word may be a name's: it begins large, or where no letter is large."""
    bare = word.strip(_QUOTES)
    first = bare[:1]
    if bare[1:2] == "'" and not first.isupper():  # d'Arco
        first = bare[2:3]
    large = first.isupper() or (first.isalpha() and first.lower() == first.upper())
    return large and fold(bare) not in _nobody()


@cache
def _nobody() -> frozenset[str]:
    some = [phrases("answers", one) for one in ("no", "not", "but", "stop", "never")]
    return frozenset().union(*some, lexicon.weekdays(), lexicon.months()) - {"may", "june", "april"}


def _may_be(text: str) -> str:
    """Return a cleaned name, "" where it is none: too long, no letters, or an address."""
    name = clean(text.strip(_QUOTES + " ")).rstrip(",!;")
    if name.endswith(".") and len(name.split()[-1]) > 3:  # noqa: PLR2004 - "Jr." keeps its dot
        name = name[:-1]
    inside = any(word[-1] in ".,!;" and len(word) > 3 for word in name.split()[:-1])  # noqa: PLR2004
    fits = len(name) <= LONGEST and len(name.split()) <= _WORDS and not _NEVER.search(name)
    return name if fits and not inside and any(map(str.isalpha, name)) else ""
