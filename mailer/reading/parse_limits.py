"""Say whether a message is safe to parse, by scans that cost a fraction of parsing.

SECURITY: the parser of the standard library recurses once for each nested part, tests each
line against every open boundary and takes quadratic time over a long Content-Type. A message
that would make it take about a second, or about 100 MB, is named here before it gets there.
The scans count what could be structure, so they may count too much (a line of a patch that
begins with two dashes looks like a boundary), never too little.
"""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import compat32

HEADER = 100 * 1024  # octets
FIELDS = 2000
DEPTH = 100
CONTAINERS = 300  # multipart and message parts; the parser copes when all of them nest
PARTS = 10_000
STRUCTURE = 8 * 1024  # octets of one Content-* field
PARAMETERS = 20_000_000  # semicolons times octets of such a field, in all of them
LINES = 600_000  # each line counts once, and a quarter for each container it may be in

_END = re.compile(rb"(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r|\n)")
_FIELD_END = re.compile(rb"[\r\n]+(?![ \t])")
_CONTENT = re.compile(rb"content-[a-z-]{1,40}:[^\r\n]*(?:(?:\r\n|\r|\n)[ \t][^\r\n]*)*")
_CONTAINER = re.compile(rb"content-type:[^!-~]*(?:multipart|message)/")


def header_end(raw: bytes) -> int:
    """Return where the header ends: before the line end that an empty line follows."""
    if raw[:1] in b"\r\n":
        return 0
    found = _END.search(raw)
    return len(raw) if found is None else found.start()


def check_limits(raw: bytes) -> str | None:
    """Return why ``raw`` must not be parsed, or None where it may be."""
    end = header_end(raw)
    if end > HEADER:
        return f"The header is larger than {HEADER // 1024} KiB."
    fields = sum(1 for _ in _FIELD_END.finditer(raw, 0, end))
    if fields > FIELDS:
        return f"The header has more than {FIELDS} fields."
    if raw.count(b"\n--") + raw.count(b"\r--") > PARTS:
        return f"The message may have more than {PARTS} parts."
    return _check_structure(raw)


def _check_structure(raw: bytes) -> str | None:
    lower = raw.lower()
    cost = containers = 0
    for start in _content_fields(lower):
        found = _CONTENT.match(lower, start)
        if found is None:
            continue
        size = len(found[0])
        if size > STRUCTURE:
            return f"A Content field is larger than {STRUCTURE // 1024} KiB."
        cost += size * found[0].count(b";")
        containers += _CONTAINER.match(lower, start) is not None
    if cost > PARAMETERS:
        return "The Content fields have too many parameters."
    if containers > CONTAINERS:
        return f"The message has more than {CONTAINERS} parts that hold others."
    lines = max(raw.count(b"\n"), raw.count(b"\r"))
    if lines * (4 + containers) > LINES * 4:
        return "The message has too many lines for its structure."
    if containers > DEPTH and _depth(raw) > DEPTH:
        return f"The message has parts within parts, more than {DEPTH} deep."
    return None


def _depth(raw: bytes) -> int:
    """Return how deep parts nest; parses, which by now is known to be bounded."""
    deepest = 0
    waiting: list[tuple[Message, int]] = [(message_from_bytes(raw, policy=compat32), 1)]
    while waiting:
        part, depth = waiting.pop()
        deepest = max(deepest, depth)
        inner = part.get_payload()
        if isinstance(inner, list):
            waiting += [(one, depth + 1) for one in inner if isinstance(one, Message)]
    return deepest


def _content_fields(lower: bytes) -> Iterator[int]:
    """Yield where a Content field may begin, in the header or any part's.

    Plain searches: over 25 MB they take milliseconds where a pattern takes seconds.
    """
    if lower.startswith(b"content-"):
        yield 0
    for begin in (b"\ncontent-", b"\rcontent-"):
        place = lower.find(begin)
        while place >= 0:
            yield place + 1
            place = lower.find(begin, place + 1)
