"""Read what a moderator answered about a held post, in the words of six languages. Pure.

One line must be nothing but a command with politeness around it: "ok, thanks", "ok always", "yes
please, let it through", "no: reason", "discard", "ban", or "edit" with the new text below it.
Anything else is no ruling, and nothing happens: "ok, but without the last line", on one line or
two, must not send the last line, and "yes and no" is neither.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from listserv.answers import answer_commands
from templates.lexicon import fold, phrases

MAX_REASON = 2000  # characters that the writer is told
_SENTENCE = re.compile(r"\s*[,.;!]+\s*")
_CUT = re.compile(r"\s*[:\uff1a]\s*|\s+[-\u2013\u2014]\s+")


class RulingWord(StrEnum):
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

    word: RulingWord
    text: str = ""


def read(text: str) -> Ruling | None:
    """Return the ruling that an answer's own words are, None where they are none."""
    lines = [line.rstrip() for line in text.strip("\n").split("\n")]
    while lines and (not fold(lines[0]) or _is_greeting(lines[0])):
        lines.pop(0)
    if not lines:
        return None
    first, below = lines[0].strip(), "\n".join(lines[1:]).strip("\n")
    if answer_commands.of_line(first, lambda words: _one_of(words, (RulingWord.EDIT,))):
        return Ruling(RulingWord.EDIT, below) if below.strip() else None
    cut = _CUT.split(first, maxsplit=1)
    if _refuses(cut[0]):
        rest = cut[1] if len(cut) > 1 else ""
        reason = f"{rest}\n{below}".strip()
        return Ruling(RulingWord.NO, reason[:MAX_REASON])
    reasoned = _with_reason(first, below)
    if reasoned is not None:
        return reasoned
    word = answer_commands.find("\n".join(lines), lambda words: _one_of(words, _DECIDE))
    if word is None or (word in {RulingWord.DISCARD, RulingWord.BAN} and _nods("\n".join(lines))):
        return None
    return Ruling(word)


_DECIDE = (RulingWord.ALWAYS, RulingWord.OK, RulingWord.DISCARD, RulingWord.BAN)


def _with_reason(first: str, below: str) -> Ruling | None:
    """Read a clear no, or a bar, whose reason stands behind a comma: "No, that's advertising".

    It must be a reason of the lexicon and nothing that lets the post through, or asks.
    """
    said, _, rest = first.partition(_mark(first))
    words = fold(rest)
    if not words or "?" in first or below or _nods(rest) or _refuses(rest):
        return None
    if not any(f" {one}" in f" {words}" for one in phrases("moderation", "reasons")):
        return None
    if fold(said) and _refuses(said):
        return Ruling(RulingWord.NO, rest.strip()[:MAX_REASON])
    bars = answer_commands.of_line(said, lambda one: _one_of(one, (RulingWord.BAN,)))
    return Ruling(RulingWord.BAN) if bars and not _nods(said) else None


def _mark(line: str) -> str:
    """Return the first mark that parts two clauses, the line's own end where there is none."""
    found = _SENTENCE.search(line)
    return found[0] if found else "\n"


def _is_greeting(line: str) -> bool:
    """Tell whether nothing is said on ``line`` but politeness that is neither yes nor no."""
    return (
        answer_commands.is_polite(line)
        and not _nods(line)
        and answer_commands.of_line(line, lambda words: _one_of(words, tuple(RulingWord))) is None
    )


def _refuses(line: str) -> bool:
    """Tell whether ``line`` is a no, once or twice: "no, please reject it"."""
    if fold(line) in phrases("moderation", RulingWord.NO):
        return True
    if "?" in line or _nods(line):
        return False
    return all(
        answer_commands.of_line(part, lambda words: _one_of(words, (RulingWord.NO,)))
        or answer_commands.is_polite(part)
        for part in line.split(",")
    ) and any(
        answer_commands.of_line(part, lambda words: _one_of(words, (RulingWord.NO,)))
        for part in line.split(",")
    )


def _nods(text: str) -> bool:
    """Tell whether a yes stands anywhere in ``text``: beside a no it makes neither."""
    words = fold(text).split()
    yes = (
        phrases("answers", "yes")
        | phrases("answers", "weak")
        | phrases("moderation", RulingWord.OK)
    )
    return any(word in yes for word in words)


def _one_of(words: list[str], known: tuple[RulingWord, ...]) -> RulingWord | None:
    """Return which of ``known`` words are, all of them, but for what they are about."""
    objects = phrases("moderation", "object") | phrases("issue", "please")
    objects |= phrases("moderation", "for-good")
    for length in range(len(words), 0, -1):
        said, rest = " ".join(words[:length]), words[length:]
        while rest:
            about = next(
                (n for n in range(min(len(rest), 3), 0, -1) if " ".join(rest[:n]) in objects), 0
            )
            if not about:
                break
            rest = rest[about:]
        if rest:
            continue
        found = next((word for word in known if said in phrases("moderation", word)), None)
        if found is not None:
            return found
    return None
