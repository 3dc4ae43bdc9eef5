"""Take out of a moderator's edited text what their mail program and their manners put there. Pure.

    post_text(below, author_of_mail="Mia Ek", before=old_text)

What a moderator sends back as the new text has the attribution line of their program above it, the
marks of a quote before each line, and their own name below: none of that is the writer's. What
already stood in the post stays, also where it looks alike. Knows lines and nothing of mail.
"""

import difflib
import re

from mailer.reading.mail_program_phrases import ATTRIBUTION_START, is_attribution
from templates.lexicon import fold, phrases

_MARK = re.compile(r"^>+ ?")
_WRAPPED = 3  # lines that an attribution spans at most
_LONGEST = 300  # characters of an attribution
_CLOSING = 6  # words of a line that closes a letter
SHOWN = 30  # lines of a change that are shown to its writer
_BLANK = re.compile(r"\n{3,}")


def post_text(text: str, author_of_mail: str, before: str) -> str:
    """Return a post's new text, less its moderator's attribution, quote marks and signature."""
    known = {fold(line) for line in before.splitlines()}
    lines = _trimmed(text.replace("\r\n", "\n").split("\n"))
    lines = _without_attribution(lines, known)
    filled = [line for line in lines if line.strip()]
    if filled and all(line.startswith(">") for line in filled):
        lines = _without_attribution([_MARK.sub("", line) for line in lines], known)
    signed = any(line.rstrip() == "--" for line in before.splitlines())
    lines = _without_signature(lines, author_of_mail, known, signed=signed)
    return _BLANK.sub("\n\n", "\n".join(_trimmed(lines)))


def reason(text: str, author_of_mail: str) -> str:
    """Return the reason of a refusal: without the moderator's greeting below it."""
    lines = _without_attribution(_trimmed(text.split("\n")), set())
    return "\n".join(_trimmed(_without_signature(lines, author_of_mail, set())))


def changes(before: str, after: str) -> tuple[list[str], list[str]]:
    """Return (lines left out, lines put in), in order, at most SHOWN of each."""
    old = [line.strip() for line in before.splitlines() if line.strip()]
    new = [line.strip() for line in after.splitlines() if line.strip()]
    out: list[str] = []
    put: list[str] = []
    matched = difflib.SequenceMatcher(None, old[:2000], new[:2000], autojunk=False)
    for kind, a, b, c, d in matched.get_opcodes():
        if kind != "equal":
            out += old[a:b]
            put += new[c:d]
    return out[:SHOWN], put[:SHOWN]


def _trimmed(lines: list[str]) -> list[str]:
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return lines[start:end]


def _without_attribution(lines: list[str], known: set[str]) -> list[str]:
    """Drop an attribution, perhaps wrapped, at the top and at the end."""
    for count in range(_WRAPPED, 0, -1):
        if _says_who_wrote(lines[:count], known):
            lines = _trimmed(lines[count:])
            break
    for count in range(_WRAPPED, 0, -1):
        if _says_who_wrote(lines[-count:], known):
            return _trimmed(lines[:-count])
    return lines


def _says_who_wrote(lines: list[str], known: set[str]) -> bool:
    """Tell whether these lines are one attribution: none is empty, none stood in the post."""
    bare = [line.lstrip("> ").strip() for line in lines]
    if not bare or not all(bare) or any(fold(line) in known for line in bare):
        return False
    told = " ".join(bare)
    whole = len(bare) == 1 or ATTRIBUTION_START.match(told) is not None
    return whole and len(told) < _LONGEST and is_attribution(told)


def _without_signature(
    lines: list[str], name: str, known: set[str], *, signed: bool = False
) -> list[str]:
    """Drop what a moderator writes below: their mark, their name, a closing before it.

    A post that is ``signed`` has such a mark of its own, which stays.
    """
    for at, line in enumerate(lines):
        if line.rstrip() == "--" and not signed:
            lines = lines[:at]
            break
    lines = _trimmed(lines)
    names = {fold(name), *fold(name).split()[:1]} - {""}
    if lines and fold(lines[-1]) in names and fold(lines[-1]) not in known:
        lines = _trimmed(lines[:-1])
    while len(lines) > 1 and _closes(lines[-1]) and fold(lines[-1]) not in known:
        lines = _trimmed(lines[:-1])
    return lines


def _closes(line: str) -> bool:
    said = fold(line)
    closings = phrases("answers", "bye") | phrases("answers", "thanks")
    return 0 < len(said.split()) <= _CLOSING and said in closings
