"""Read a command out of an answer as people write it: greeted, praised, thanked and signed.

    find("Hi Krets,\n\nlooks good, please send it.\n\nThanks, Olga", read)   # read(["send", "it"])

Whatever is not politeness must be the command, every word of it, on one line; a question mark, or
anything more to say above or below it, makes no command at all. So a "but" needs no list of words
for "but". Knows six languages' politeness and no command. Pure.
"""

from collections.abc import Callable
from functools import cache
from typing import TypeVar

from templates import lexicon
from templates.lexicon import fold, phrases

T = TypeVar("T")
_LONGEST = 5  # words of a polite phrase
_WORDS = 20  # of a line that may be a command
_LINES = 12  # of an answer that may be one
_NAME = 4  # words of a name below it
_ENDS = (("commands", "thanks"), ("answers", "bye"))
_BYES = (("answers", "bye"),)
_STARTS = (("answers", "greeting"),)
_BETWEEN = (
    ("answers", "yes"), ("answers", "weak"), ("issue", "please"), ("issue", "praise"),
    ("issue", "joining"),
)  # fmt: skip


def find(text: str, read: Callable[[list[str]], T | None]) -> T | None:
    """Return what ``read`` makes of the one line that says more than politeness, else None."""
    lines = [line for line in text.splitlines() if fold(line)]
    if len(lines) > _LINES or "?" in text:
        return None
    found: T | None = None
    for line in lines:
        if found is not None:
            if not (is_polite(line) or is_name(line)):
                return None
            continue
        found = of_line(line, read)
        if found is None and not is_polite(line):
            return None
    return found


def of_line(line: str, read: Callable[[list[str]], T | None]) -> T | None:
    """Return what ``read`` makes of a line, with as little politeness taken off as it takes."""
    for words in _peeled(line):
        found = read(words) if words else None
        if found is not None:
            return found
    return None


def is_polite(line: str) -> bool:
    """Tell whether a line says nothing but politeness."""
    return any(not words for words in _peeled(line))


def is_name(line: str) -> bool:
    """Tell whether a line below a command is its writer's name: "Olga", "/ Anna Berg"."""
    words = line.strip(" \t-/\u2013\u2014").split()
    return 0 < len(words) <= _NAME and all(
        word[0].isupper() and fold(word) not in _names_nobody() and not set(word) & set(":;!")
        for word in words
    )


@cache
def _names_nobody() -> frozenset[str]:
    some = [phrases("answers", one) for one in ("no", "not", "but", "doubt", "stop", "never")]
    when = [phrases("issue", one) for one in ("today", "tomorrow", "tonight", "later")]
    return frozenset().union(*some, *when, lexicon.weekdays(), lexicon.months())


def _peeled(line: str) -> list[list[str]]:
    """Return the words of ``line``, then with politeness off at either end, the longest first."""
    given = [word for word in line.split() if fold(word)]
    if len(given) > _WORDS:
        return []
    words = fold(line).split()
    if len(words) != len(given):
        given = words
    seen = {(0, len(words))}
    waiting = [(0, len(words))]
    for start, end in waiting:  # it grows
        for span in _shorter(words, given, start, end):
            if span not in seen:
                seen.add(span)
                waiting.append(span)
    return [words[start:end] for start, end in sorted(seen, key=lambda span: span[0] - span[1])]


def _shorter(words: list[str], given: list[str], start: int, end: int) -> list[tuple[int, int]]:
    stops = [at + 1 for at in range(start, end) if given[at][-1] in ".,!;" or at + 1 == end]
    found = [(at, end) for at in stops if _praises(words[start:at])]
    found += [(start, at) for at in stops if at < end and _praises(words[at:end])]
    for length in range(1, min(_LONGEST, end - start) + 1):
        front = " ".join(words[start : start + length])
        back = " ".join(words[end - length : end])
        if front in _polite():
            found.append((start + length, end))
        if back in _polite():
            found.append((start, end - length))
        if front in _known(_STARTS) and start + length < end and _capital(given[start + length]):
            found.append((start + length + 1, end))  # "Hi Krets"
        tail = " ".join(words[max(start, end - 1 - length) : end - 1])
        if tail in _known(_ENDS) and _capital(given[end - 1]):
            found.append((start, end - 1))  # "Thanks, Olga"
        elif tail in _known(_BYES) and fold(given[end - 1]) in lexicon.months():
            found.append((start, end - 1))  # "Groet, Jan"
    return found


def _praises(words: list[str]) -> bool:
    """Tell whether ``words`` are a sentence, or a half of one, that praises and says no more."""
    nods = phrases("answers", "weak")
    return any(word in nods for word in words) and all(word in _praise() for word in words)


@cache
def _praise() -> frozenset[str]:
    said = {word for phrase in phrases("issue", "praising") for word in phrase.split()}
    return (phrases("answers", "weak") | said) - _names_nobody()


def _capital(word: str) -> bool:
    return word[:1].isupper() and fold(word) not in _names_nobody()


@cache
def _polite() -> frozenset[str]:
    # "It would be good to send it" is no praise of what is there.
    would = phrases("issue", "would")
    return (_known(_ENDS) | _known(_STARTS) | _known(_BETWEEN)) - would


@cache
def _known(kinds: tuple[tuple[str, str], ...]) -> frozenset[str]:
    return frozenset().union(*(phrases(*kind) for kind in kinds)) - {""}
