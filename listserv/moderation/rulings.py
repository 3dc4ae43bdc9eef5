"""Read what a moderator answered about a held post, in the words of six languages. Pure.

The first own line decides and must be nothing but a command: "ok", "ok always", "no: reason",
"discard", "ban", or "edit" with the new text below it. Anything else is no ruling, and nothing
happens: "ok, but without the last line" must not send the last line.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from templates.lexicon import fold, phrases

MAX_REASON = 2000  # characters that the writer is told
_CUT = re.compile(r"\s*[:\uff1a]\s*|\s+[-\u2013\u2014]\s+")


class Word(StrEnum):
    """Name a ruling as ``words/moderation.toml`` does."""

    OK = "ok"
    ALWAYS = "always"
    NO = "no"
    DISCARD = "discard"
    BAN = "ban"
    EDIT = "edit"


@dataclass(frozen=True, slots=True)
class Ruling:
    """Hold a moderator's word; ``text`` is the reason of a no, or the edited post."""

    word: Word
    text: str = ""


def read(text: str) -> Ruling | None:
    """Return the ruling that an answer's own words are, None where they are none."""
    lines = text.strip("\n").split("\n")
    while lines and not fold(lines[0]):
        lines.pop(0)
    if not lines:
        return None
    first, below = lines[0].strip(), "\n".join(lines[1:]).strip("\n")
    for word in (Word.ALWAYS, Word.OK, Word.DISCARD, Word.BAN):
        if _is(first, word):
            return Ruling(word)
    if _is(first, Word.EDIT):
        return Ruling(Word.EDIT, below) if below.strip() else None
    cut = _CUT.split(first, maxsplit=1)
    if fold(cut[0]) in phrases("moderation", Word.NO):
        rest = cut[1] if len(cut) > 1 else ""
        reason = f"{rest}\n{below}".strip()
        return Ruling(Word.NO, reason[:MAX_REASON])
    return None


def _is(line: str, word: Word) -> bool:
    """Tell whether ``line`` is the word, with or without a thank-you behind it."""
    bare = fold(line)
    known = phrases("moderation", word)
    if bare in known:
        return True
    thanks = phrases("commands", "thanks")
    return any(bare == f"{phrase} {thank}" for phrase in known for thank in thanks)
