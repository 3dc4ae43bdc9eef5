"""Read what a person answered: a command, a yes, a no, a date, in the words of six languages.

Pure. Knows words and shapes (templates/words); what an answer does is for its handler. The first
own line decides: quotes and signatures are not the writer's words. SECURITY: the text is a
stranger's; whether a machine wrote it is asked before (answers/automatic.py).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from mailer.reading import message
from mailer.reading.message import Head
from templates import lexicon
from templates.lexicon import fold

_SHORT = 8  # words of a line that is a command with a polite frame around it
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DOTTED = re.compile(r"(\d{1,2})[./-](\d{1,2})(?:[./-](\d{4}|\d{2}))?(?!\d)")
_DAY = re.compile(r"(\d{1,2})(?:st|nd|rd|th|:e|er|e)?")
_PREFIX = re.compile(r"\s*[^\s:]{1,12}(?:\[\d+\])?\s?[:\uff1a]\s*")


class Answer(StrEnum):
    """Say what the first own line means."""

    YES = "yes"  # or anything else that is not one of those below
    NO = "no"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Command:
    """Hold a command and the rest of its line; ``verb`` is a heading of words/commands.toml."""

    verb: str
    rest: str = ""


_YES = 3  # words of a yes that is no letter
_VERBS = (
    "help", "join", "leave", "pause", "resume", "settings", "data", "language", "address", "undo",
    "role",
)  # fmt: skip


def first_line(text: str) -> str:
    """Return the first line with a letter, digit or question mark in it."""
    return next((line for line in text.splitlines() if fold(line)), "")


def answer(text: str, *, leaving: bool = False) -> Answer:
    """Return what the first own line of a reply means: everything but a no is a yes.

    ``leaving`` says that leaving was asked about: then "leave" is no refusal.
    """
    line = first_line(text)
    bare = fold(line)
    if bare in lexicon.phrases("commands", "never"):
        return Answer.NEVER
    if bare in lexicon.phrases("commands", "no"):
        return Answer.NO
    if bare in lexicon.phrases("commands", "leave"):
        return Answer.YES if leaving else Answer.NO
    head, _, rest = line.strip().partition(" ")
    cut = re.split(r"[,.:;!\u2013\u2014-]", line.strip(), maxsplit=1)[0]
    for meaning, given in (("never", Answer.NEVER), ("no", Answer.NO)):
        if fold(cut) in lexicon.phrases("commands", meaning):
            return given
    if fold(head) in lexicon.phrases("commands", "no") and _is_thanks(rest):
        return Answer.NO
    return Answer.YES


def is_yes(text: str) -> bool:
    """Tell whether the first own line says yes in so many words, or nothing at all."""
    bare = fold(first_line(text))
    words = lexicon.phrases("commands", "yes") | lexicon.phrases("commands", "join")
    return not bare or bare in words or bare.partition(" ")[0] in words


def is_short_yes(text: str) -> bool:
    """Tell whether the first own line is a yes and little else, or nothing at all."""
    return is_yes(text) and len(fold(first_line(text)).split()) <= _YES


def is_join(text: str) -> bool:
    """Tell whether the first own line asks to join in so many words."""
    return fold(first_line(text)) in lexicon.phrases("commands", "join")


def wants_undo(text: str) -> bool:
    """Tell whether the first own line asks to take something back: the word, a yes, or nothing."""
    bare = fold(first_line(text))
    words = bare.split()
    if len(words) > _SHORT:
        return False
    padded = f" {bare} "
    said = any(f" {phrase} " in padded for phrase in lexicon.phrases("commands", "undo"))
    return said or is_yes(text)


def command(text: str, subject: str = "") -> Command | None:
    """Return the command in the first own line, else in the subject, else None."""
    for line in (first_line(text), _PREFIX.sub("", subject), subject):
        found = _command(line)
        if found is not None:
            return found
    return None


def _command(line: str) -> Command | None:
    bare = "help" if line.strip() == "?" else fold(line)
    words = bare.split()
    known = lexicon.meanings("commands")
    for length in range(min(len(words), 5), 0, -1):
        meaning = known.get(" ".join(words[:length]), "")
        if meaning in _VERBS:
            # A longer sentence that happens to begin with a verb is talk, not a command.
            return Command(meaning, _rest(line, length)) if len(words) <= _SHORT else None
    return None


def _rest(line: str, length: int) -> str:
    """Return ``line`` as written behind its first ``length`` words that say something."""
    left = line.split()
    while left and length:
        length -= bool(fold(left.pop(0)))
    return " ".join(left)


def language(rest: str) -> str:
    """Return the two-letter language that ``rest`` names, "" where it names none we speak."""
    known = lexicon.meanings("commands")
    for word in (fold(rest), *fold(rest).split()):
        if known.get(word, "") in {"sv", "it", "ro", "ru", "nl", "en"}:
            return known[word]
    return ""


def until(rest: str, now: float) -> float | None:
    """Return the moment that ``rest`` names (``until 1 May``, ``2 weeks``), None for no date.

    A day without a year is the next one. A pause until a day ends when that day begins in UTC.
    """
    today = datetime.fromtimestamp(now, UTC).date()
    found = _date(fold(rest).replace("/ ", "/"), rest, today)
    if found is None:
        return None
    return datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp()


def _date(bare: str, rest: str, today: date) -> date | None:
    iso = _ISO.search(rest)
    if iso:
        return _day(int(iso[1]), int(iso[2]), int(iso[3]))
    dotted = _DOTTED.search(rest)
    if dotted:
        year = int(dotted[3]) + (2000 if len(dotted[3]) == 2 else 0) if dotted[3] else 0  # noqa: PLR2004 - digits
        return _coming(year, int(dotted[2]), int(dotted[1]), today)
    words = bare.split()
    month = next((lexicon.months()[word] for word in words if word in lexicon.months()), 0)
    numbers = [int(match[1]) for word in words if (match := _DAY.fullmatch(word))]
    year = next((int(word) for word in words if re.fullmatch(r"20\d\d", word)), 0)
    if month:
        return _coming(year, month, numbers[0] if numbers else 1, today)
    span = numbers[0] if numbers else 1
    for unit, days in (("days", 1), ("weeks", 7), ("months", 30)):
        if any(word in lexicon.phrases("commands", unit) for word in words):
            return today + timedelta(days=span * days)
    return None


def _coming(year: int, month: int, day: int, today: date) -> date | None:
    if year:
        return _day(year, month, day)
    found = _day(today.year, month, day)
    return _day(today.year + 1, month, day) if found is not None and found <= today else found


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def is_thanks(text: str) -> bool:
    """Tell whether the first own line does nothing but thank."""
    return _is_thanks(first_line(text))


def _is_thanks(rest: str) -> bool:
    bare = fold(rest)
    return bare in lexicon.phrases("commands", "thanks") or any(
        bare.startswith(f"{word} ") for word in lexicon.phrases("commands", "thanks")
    )


def subject_of(head: Head) -> str:
    """Return the subject as one line of text."""
    return message.text_of(head.first("subject") or b"")
