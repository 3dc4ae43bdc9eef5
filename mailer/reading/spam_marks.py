"""Read what a spam filter has written into a header: rspamd, SpamAssassin, and what is like them.

    found = spam_marks.read(head)       marked, score

Pure. SECURITY: anybody can write these fields. Whether a filter of ours did is for who asks: they
are heard only where a mail server in front of us is named, and only to be stricter.
"""

import re
from dataclasses import dataclass

from mailer.reading.message import MessageHeader

_YES = re.compile(r"\s*(?:yes|true|spam)\b", re.IGNORECASE)
_SCORE = re.compile(r"(?:score|hits)=(-?\d{1,6}(?:\.\d{1,6})?)", re.IGNORECASE)
_RSPAMD = re.compile(
    r"default:\s*(true|false)[^\[]{0,40}\[(-?\d{1,6}(?:\.\d{1,6})?)", re.IGNORECASE
)
_NUMBER = re.compile(r"\s*(-?\d{1,6}(?:\.\d{1,6})?)\s*(?:/|$|\()")
_FLAGS = ("X-Spam-Flag", "X-Spam", "X-Spam-Status")
_SCORES = ("X-Spam-Score", "X-Rspamd-Score")


@dataclass(frozen=True, slots=True)
class SpamMark:
    """Say what a filter thought of a mail; ``score`` is None where none stands there."""

    marked: bool = False
    score: float | None = None


def read(head: MessageHeader) -> SpamMark:
    """Return the strictest word of all that stand in a header."""
    marked = any(_YES.match(value) for name in _FLAGS for value in _values(head, name))
    scores = [
        float(found[1])
        for name, pattern in (
            ("X-Spam-Status", _SCORE),
            *((name, _NUMBER) for name in _SCORES),
        )
        for value in _values(head, name)
        if (found := pattern.search(value))
    ]
    for value in _values(head, "X-Spamd-Result"):
        found = _RSPAMD.search(value)
        if found is not None:
            marked = marked or found[1].lower() == "true"
            scores.append(float(found[2]))
    return SpamMark(marked, max(scores, default=None))


def _values(head: MessageHeader, name: str) -> list[str]:
    return [value[:2000].decode("latin-1") for value in head.all(name)]
