"""Tell in which of the six languages a text is written, or that it is none that we know.

Knows the commonest words, endings and letters of the six and of their neighbours: where one of
these fits best (Norwegian, Czech, Ukrainian), the answer is unknown. Diffs, code, addresses and
trailers are left out, because program code reads as English. Headers are asked only where the text
is too short: mail programs put the writer's menus into Content-Language, not the mail's language.
SECURITY: the text is hostile; it is cut to a fixed length and walked once.
"""

import re
from collections import Counter

from mailer.reading.common_words import ENDINGS, LETTERS, SIX, WORDS

ENOUGH = 1.0  # points; with fewer the text says nothing
FEW = 2  # words; one alone may be a name
LEAD = 1.2  # how much the best must be ahead of the second
LOOKED_AT = 40_000  # characters that are searched for prose
SAMPLE = 4_000  # characters of prose that are judged
ENDING = 0.5  # points of an ending, where a word is 1
LETTER = 0.7  # points of a letter that others do not write
MOST_LETTERS = 4  # words that count by their letters: a list of names is not a language
CODE = 0.08  # a line with this share of signs that prose does not have is code
FEW_SIGNS = 1  # what any line may have
NO_I = 20  # Cyrillic letters after which a Ukrainian text would have had an і
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NO_WORD = re.compile(r"[/\\_@]|\w[.:]\w")  # in an address, a path, a name of code
_DIFF = re.compile(
    r"diff --|@@ -|--- \S+|\+\+\+ \S+|Index: |index [0-9a-f]{7}|={20}|-{3}$| \d+ files? changed"
)
_TRAILER = re.compile(r"[A-Z][a-z]+(?:-[a-z]+)*-(?:by|to)\b.{0,10}:|(?:Cc|Fixes|Link|Closes): ")
_SIGNS = re.compile(r"[{}\[\]=<>|$&%~^+]|\w\(|;$")
_CYRILLIC = re.compile(r"[\u0400-\u052f]")
_FOREIGN = re.compile(r"[іїєґўјњљћђџќѓѕ]")  # no Russian or Bulgarian word has one
_BULGARIAN = re.compile(r"ъ(?![еюяё])")  # Russian writes ъ before these alone


def _by_key(table: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Turn words by language into languages by word."""
    found: dict[str, tuple[str, ...]] = {}
    for code, keys in table.items():
        for key in dict.fromkeys(keys.split()):
            found[key] = (*found.get(key, ()), code)
    return found


def _worth(codes: tuple[str, ...]) -> float:
    """Return what a sign of these languages is worth: all neighbours together are one."""
    six = sum(code in SIX for code in codes)
    return 1 / (six + (len(codes) > six))


_OF_CYRILLIC = {"ru", "uk", "bg"}
_BY_WORD = _by_key(WORDS)
_BY_ENDING = _by_key(ENDINGS)
_BY_LETTER = _by_key(LETTERS)
_LONGEST = max(map(len, _BY_ENDING))


def language_of(text: str, said: str = "") -> str:
    """Return the language of ``text`` as one of the six codes, or "" where it is unknown.

    ``said`` is what the head of the mail says (Content-Language, RFC 3282), a weak witness.
    """
    sample = prose(text)
    words = Counter(_WORD.findall(sample.replace("’", "'")))
    scores = _scores(words)
    cyrillic = len(_CYRILLIC.findall(sample))
    if cyrillic >= NO_I and not _FOREIGN.search(sample):
        scores["uk"] /= 2
    mostly = cyrillic * 2 > sum(len(word) * count for word, count in words.items())
    fit = {code: n for code, n in scores.items() if (code in _OF_CYRILLIC) == mostly}
    first, second = sorted(fit, key=fit.__getitem__, reverse=True)[:2]
    if len(words) >= FEW and fit[first] >= ENOUGH and fit[first] >= LEAD * fit[second]:
        return first if first in SIX else ""
    rival = max(n for code, n in fit.items() if code not in SIX)
    code = said.strip().lower()[:2]
    return code if code in SIX and fit.get(code, 0.0) >= rival / LEAD else ""


def prose(text: str) -> str:
    """Return the beginning of what is sentences in ``text``, in small letters."""
    kept: list[str] = []
    length, in_diff = 0, False
    for line in text[:LOOKED_AT].splitlines():
        if _DIFF.match(line):
            in_diff = True
            continue
        in_diff = in_diff and line[:1] in {"", " ", "+", "-", "\\"}
        bare = " ".join(one for one in line.split() if not _NO_WORD.search(one))
        signs = len(_SIGNS.findall(bare))
        if in_diff or _TRAILER.match(line) or signs > max(FEW_SIGNS, CODE * len(bare)):
            continue
        kept.append(bare)
        length += len(bare)
        if length >= SAMPLE:
            break
    return "\n".join(kept)[:SAMPLE].lower()


def _scores(words: Counter[str]) -> dict[str, float]:
    scores = dict.fromkeys(WORDS, 0.0)
    lettered = 0
    for word, count in words.items():
        codes = _BY_WORD.get(word)
        if codes is None and "'" in word:  # l'errore, c'est, don't: the parts are words
            codes = _BY_WORD.get(word.partition("'")[2])
        points = 1.0
        if codes is None:
            codes, points = _ending(word), ENDING
        for code in codes:
            scores[code] += points * _worth(codes) * min(count, 5)
        if not word.isascii() and lettered < MOST_LETTERS and (marks := _marks(word)):
            lettered += 1
            for code in marks:
                scores[code] += LETTER * _worth(marks)
    return scores


def _ending(word: str) -> tuple[str, ...]:
    """Return the languages in which the longest known ending of ``word`` is one."""
    for size in range(min(_LONGEST, len(word) - 2), 0, -1):
        if codes := _BY_ENDING.get(word[-size:]):
            return codes
    return ()


def _marks(word: str) -> tuple[str, ...]:
    """Return the languages that write every rare letter of ``word``."""
    if _FOREIGN.search(word):
        return ("uk",)  # or one that we tell apart from it nowhere: Belarusian, Serbian
    if _BULGARIAN.search(word):
        return ("bg",)
    if word.endswith("ь"):
        return ("ru", "uk")
    sets = [set(found) for letter in word if (found := _BY_LETTER.get(letter))]
    return tuple(sorted(set.intersection(*sets))) if sets else ()
