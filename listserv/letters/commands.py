"""Read a mail to LIST-request@ as one command: what the reader of wishes finds, ready to be done.

Pure. Whose command it is, and whether they are asked first, is for its handler
(reception/incoming.py). SECURITY: the text is a stranger's; whether a machine wrote it is asked
before (answers/automatic.py).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from listserv.answers import dates, mailed_commands, own_words
from listserv.answers.own_words import OwnWords
from mailer.reading import message
from mailer.reading.message import MessageHeader
from templates import lexicon
from templates.catalogue import LANGUAGES
from templates.lexicon import fold

_SHORT = 8  # words of a line that gives somebody a role
_PHRASE = 5  # words of the longest phrase
_REST = 200  # characters of a command that are kept


@dataclass(frozen=True, slots=True)
class Command:
    """Hold a command, and what it names: a day, a language, an address, who gets which role."""

    verb: str
    rest: str = ""


def first_line(text: str) -> str:
    """Return the first line with a letter, digit or question mark in it."""
    return next((line for line in text.splitlines() if fold(line)), "")


def is_join(text: str) -> bool:
    """Tell whether the first own line asks to join in so many words."""
    return fold(first_line(text)) in lexicon.phrases("commands", "join")


def command(text: str, subject: str = "") -> Command | None:
    """Return the command in a text, else in its subject, else None."""
    said, replied = own_words.of_subject(subject)
    for line in (first_line(text), said):
        found = _role(line)
        if found is not None:
            return found
    read = mailed_commands.read(OwnWords(text, subject=said, replied=replied), date(2000, 1, 1))
    if read.means == "unclear":
        return None
    rest = (read.said if read.means == "pause" else read.rest)[:_REST]
    return Command(read.means, rest)


def _role(line: str) -> Command | None:
    """Return what gives somebody a role: an owner's "make anna@example.org moderator"."""
    words = fold(line).split()
    for length in range(min(len(words), _PHRASE), 0, -1):
        if " ".join(words[:length]) in lexicon.phrases("commands", "role"):
            return Command("role", _behind(line, length)) if len(words) <= _SHORT else None
    return None


def _behind(line: str, length: int) -> str:
    """Return ``line`` as written behind its first ``length`` words that say something."""
    left = line.split()
    while left and length:
        length -= bool(fold(left.pop(0)))
    return " ".join(left)


def language(rest: str) -> str:
    """Return the two-letter language that ``rest`` names, "" where it names none we speak."""
    return rest if rest in LANGUAGES else ""


def until(rest: str, now: float) -> float | None:
    """Return the moment at which mail comes again, None where ``rest`` names no day.

    That is the beginning, in UTC, of the first day on which it does.
    """
    found = dates.read(rest, datetime.fromtimestamp(now, UTC).date())
    if found is None:
        return None
    day = found.resumes
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def subject_of(head: MessageHeader) -> str:
    """Return the subject as one line of text."""
    return message.text_of(head.first("subject") or b"")
