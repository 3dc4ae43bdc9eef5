"""Pick a few fields out of a header by search: reading all of it costs ten times as much.

``mailer.reading.message.head`` says what a header is; this says the same of the fields asked for (a
test compares them). Nearly every header has line ends of one kind and no stray line: that one is
cut at its line ends; what is odd is left to patterns. SECURITY: hostile octets pass here; one pass,
nothing raises.
"""

import re
from dataclasses import dataclass

from mailer.reading.message import MessageHeader

MAX_HEADER = 256 * 1024  # octets that are looked at
MAX_KNOWN = 5_000  # names of fields that are remembered
_KNOWN: set[bytes] = set()
_FOLDED = (b" ", b"\t")
_NAME = re.compile(rb"[!-9;-~]+")
_KIND = re.compile(rb"[a-z]+-[a-z-]{1,30}")
# Begins with a set of octets: such a search is ten times as fast as one that begins with a group.
# No possessive quantifier: Python 3.11.2 (Debian 12) matches by some of them what they exclude.
_END = re.compile(rb"[\r\n](?:(?<=\r)\n|(?<=\r)(?!\n)|(?<=\n))(?:\r\n|\r|\n)")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_STRAY = re.compile(rb"[\r\n](?![!-9;-~]+:|[ \t\r\n])")  # begins a line that is no field
_FIRST = re.compile(rb"[!-9;-~]+:")
_VALUE = rb"):([^\r\n]*(?:(?:\r\n|\r|\n)[ \t][^\r\n]*)*)"


@dataclass(frozen=True, slots=True)
class HeaderSearch:
    """Hold the search for some fields; make one at the head of a module.

    ``plain`` has the names in lower case, ``kinds`` what names of a kind begin with.
    """

    pattern: re.Pattern[bytes]
    plain: frozenset[bytes]
    kinds: tuple[bytes, ...]


def wanted(*names: str) -> HeaderSearch:
    """Return the search for the fields ``names``; ``content-*`` is any of that kind."""
    spelled = "|".join(re.escape(name).replace(r"\*", "[a-z-]{1,30}") for name in names)
    lower = [name.lower().encode("ascii") for name in names]
    return HeaderSearch(
        re.compile(rb"[\r\n](" + spelled.encode("ascii") + _VALUE, re.IGNORECASE),
        frozenset(name for name in lower if not name.endswith(b"*")),
        tuple(name[:-1] for name in lower if name.endswith(b"*")),
    )


def search_header(
    raw: bytes, search: HeaderSearch, start: int = 0, end: int | None = None
) -> MessageHeader:
    """Return the header that begins at ``start``, with no field but those of ``search``.

    ``body`` is counted from the beginning of ``raw``; ``spans`` are left out.
    """
    end = len(raw) if end is None else end
    first = _LINE_END.match(raw, start, end)
    if first is not None:
        return MessageHeader((), (), first.end())
    begin = start
    if raw.startswith((b"From ", b">From "), start):
        line = _LINE_END.search(raw, start, end)
        begin = end if line is None else line.end()
        if line is None or _LINE_END.match(raw, begin, end):
            return MessageHeader((), (), begin if line is None else _after(raw, begin))
    if not _FIRST.match(raw, begin, end):
        return MessageHeader((), (), begin)
    limit = min(end, start + MAX_HEADER)
    found = _plain(raw, search, begin, limit)
    return _odd(raw, search, begin, limit) if found is None else found


def _plain(raw: bytes, search: HeaderSearch, begin: int, limit: int) -> MessageHeader | None:
    """Read a header whose lines all end alike; None where a pattern must look."""
    stop = raw.find(b"\n\n", begin, limit)
    twice = raw.find(b"\r\n\r\n", begin, limit if stop < 0 else stop)
    if twice >= 0:
        stop, body = twice, twice + 4
        region = raw[begin:stop].replace(b"\r\n", b"\n")
    elif stop >= 0:
        body = stop + 2
        region = raw[begin:stop]
    else:
        return None
    if b"\r" in region or (twice >= 0 and b"\n\n" in region):
        return None
    fields: list[tuple[bytes, list[bytes]]] = []
    kept = False
    for line in region.split(b"\n"):
        if line[:1] in _FOLDED:
            if kept:
                fields[-1][1].append(line)
            continue
        name, colon, value = line.partition(b":")
        lower = name.lower()
        if not colon or (lower not in _KNOWN and not _named(lower)):
            return None
        kept = lower in search.plain or (
            lower.startswith(search.kinds) and _KIND.fullmatch(lower) is not None
        )
        if kept:
            fields.append((name, [value]))
    return MessageHeader(
        tuple((name.decode("ascii"), b"".join(v).strip(b" \t")) for name, v in fields), (), body
    )


def _named(name: bytes) -> bool:
    """Tell whether ``name`` can be a field's; remember it."""
    if not _NAME.fullmatch(name):
        return False
    if len(_KNOWN) < MAX_KNOWN:
        _KNOWN.add(name)
    return True


def _odd(raw: bytes, search: HeaderSearch, begin: int, limit: int) -> MessageHeader:
    last = _END.search(raw, begin, limit)
    stop, body = (limit, limit) if last is None else (last.start(), last.end())
    stray = _STRAY.search(raw, begin, stop)
    if stray is not None:
        stop = stray.start()
        body = stray.end()
    found = search.pattern.findall(b"\n" + raw[begin:stop])
    return MessageHeader(
        tuple(
            (name.decode("ascii"), _LINE_END.sub(b"", value).strip(b" \t")) for name, value in found
        ),
        (),
        body,
    )


def _after(raw: bytes, place: int) -> int:
    return place + (2 if raw.startswith(b"\r\n", place) else 1)
