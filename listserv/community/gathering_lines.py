"""Read the lines with which a mail to LIST-event@ or LIST-poll@ begins: labels, and until when.

Knows the labels of six languages and front matter; refuses to know what they are for. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from listserv.answers import dates
from listserv.community import moments
from templates.lexicon import fold, phrases

MAX_TEXT = 20_000  # characters
MAX_TITLE = 200
_LABELLED = re.compile(
    r"\s*[*_]{0,2}([^\W\d_][^:\uff1a\n]{1,30}?)[*_]{0,2}\s*[:\uff1a][*_]{0,2}\s*(.*)\Z"
)
_FENCE = "---"
_FRONT = re.compile(r"\s*([a-z_]{2,20})\s*:\s*(.*?)\s*\Z", re.IGNORECASE)
_FEW = 5  # words of a label


@dataclass(frozen=True, slots=True)
class GatheringLine:
    """Hold one line: the label that it begins with ("" for none), and what stands behind it."""

    label: str
    value: str


def cut(text: str, labels: tuple[str, ...]) -> tuple[list[GatheringLine], str]:
    """Return the lines of the first paragraph, each with its label, and the rest of a text."""
    lines = text[:MAX_TEXT].strip().splitlines()
    head: list[GatheringLine] = []
    at = 0
    for at, line in enumerate(lines):
        if not line.strip():
            following = next((one for one in lines[at:] if one.strip()), "")
            if not head or not any(one.label for one in head) or not read(following, labels).label:
                break
            continue
        head.append(read(line, labels))
    else:
        at = len(lines)
    return head, "\n".join(lines[at:]).strip()


def read(line: str, labels: tuple[str, ...]) -> GatheringLine:
    """Return a line with its label, if it has one of ``labels``."""
    found = _LABELLED.match(line)
    if found is not None:
        for label in labels:
            if fold(found[1]) in phrases("gatherings", label):
                return GatheringLine(label, found[2].strip())
    return GatheringLine("", line.strip())


def behind(line: str, label: str) -> str:
    """Return what stands behind a phrase that a line begins with, "" where it does not."""
    words = line.split()
    for length in range(min(len(words) - 1, _FEW), 0, -1):
        if fold(" ".join(words[:length])) in phrases("gatherings", label):
            return " ".join(words[length:])
    return ""


def front_matter(source: str) -> tuple[Mapping[str, str], str] | None:
    """Return the fields and the text of a file that begins with front matter, else None."""
    lines = source.lstrip("\ufeff").replace("\r\n", "\n").split("\n")
    if not lines or lines[0].strip() != _FENCE:
        return None
    ends = next((at for at, line in enumerate(lines[1:], 1) if line.strip() == _FENCE), 0)
    if not ends:
        return None
    return dict(_fields(lines[1:ends])), "\n".join(lines[ends + 1 :]).strip()


def _fields(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        found = _FRONT.match(line)
        if found is not None:
            value = found[2]
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            yield found[1].lower(), value


def deadline(said: str, now: float, zone: tzinfo) -> float | None:
    """Return until when: the end of a day that is named, or an hour; None where it is unclear."""
    moment = moments.read(said, now, zone)
    if moment is not None:
        return moment.starts.timestamp() if not moment.trouble else None
    today = datetime.fromtimestamp(now, zone).date()
    found = dates.read(said, today)
    if found is None:
        return None
    begins = datetime.combine(found.day + timedelta(days=1), time(), zone)
    return begins.astimezone(UTC).timestamp() - 1
