"""Pick a few fields out of a header by search: reading all of it costs ten times as much.

``mailer.message.head`` says what a header is; this says the same of the fields asked for (a test
compares them). SECURITY: hostile octets pass here; one pass, nothing raises.
"""

import re
from dataclasses import dataclass

from mailer.message import Head

MAX_HEADER = 256 * 1024  # octets that are looked at
# Begins with a set of octets: such a search is ten times as fast as one that begins with a group.
_END = re.compile(rb"[\r\n](?:(?<=\r)\n)?+(?>\r\n|\r|\n)")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_STRAY = re.compile(rb"[\r\n](?![!-9;-~]+:|[ \t\r\n])")  # begins a line that is no field
_FIRST = re.compile(rb"[!-9;-~]+:")
_VALUE = rb"):([^\r\n]*(?:(?>\r\n|\r|\n)[ \t][^\r\n]*)*)"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Hold the search for some fields; make one at the head of a module."""

    pattern: re.Pattern[bytes]


def wanted(*names: str) -> Wanted:
    """Return the search for the fields ``names``; ``content-*`` is any of that kind."""
    spelled = "|".join(re.escape(name).replace(r"\*", "[a-z-]{1,30}") for name in names)
    return Wanted(re.compile(rb"[\r\n](" + spelled.encode("ascii") + _VALUE, re.IGNORECASE))


def skim(raw: bytes, search: Wanted, start: int = 0, end: int | None = None) -> Head:
    """Return the header that begins at ``start``, with no field but those of ``search``.

    ``body`` is counted from the beginning of ``raw``; ``spans`` are left out.
    """
    end = len(raw) if end is None else end
    first = _LINE_END.match(raw, start, end)
    if first is not None:
        return Head((), (), first.end())
    begin = start
    if raw.startswith((b"From ", b">From "), start):
        line = _LINE_END.search(raw, start, end)
        begin = end if line is None else line.end()
        if line is None or _LINE_END.match(raw, begin, end):
            return Head((), (), begin if line is None else _after(raw, begin))
    if not _FIRST.match(raw, begin, end):
        return Head((), (), begin)
    limit = min(end, start + MAX_HEADER)
    last = _END.search(raw, begin, limit)
    stop, body = (limit, limit) if last is None else (last.start(), last.end())
    stray = _STRAY.search(raw, begin, stop)
    if stray is not None:
        stop = stray.start()
        body = stray.end()
    found = search.pattern.findall(b"\n" + raw[begin:stop])
    return Head(
        tuple(
            (name.decode("ascii"), _LINE_END.sub(b"", value).strip(b" \t")) for name, value in found
        ),
        (),
        body,
    )


def _after(raw: bytes, place: int) -> int:
    return place + (2 if raw.startswith(b"\r\n", place) else 1)
