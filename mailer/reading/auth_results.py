"""Take Authentication-Results that bear our own name out of a mail (RFC 8601 section 5).

    without(raw, ours)    # raw, less what a stranger wrote in our name

Knows the field and who is said to have written it. SECURITY: hostile octets pass here, and
readers behind us believe what bears our name. So a blank before the colon, a fold, a comment, a
version, a quoted or an encoded name change nothing, and neither does a line that is no field:
what some reader may take for the header ends at the first empty line. One pass.
"""

import re
from collections.abc import Collection, Iterator

from mailer.reading.from_domains import domain_of
from mailer.reading.header_words import text_of

FIELD = re.compile(rb"authentication-results[ \t]*:", re.IGNORECASE)
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_SAYS = 2000  # octets of a value in which its writer's name stands
_HEADER = 256 * 1024  # octets in which the field is looked for


def without(raw: bytes, ours: Collection[str]) -> bytes:
    """Return ``raw`` without the results that bear a name of ``ours`` (lower-case A-labels).

    A result that names nobody goes too. The very same bytes come back where none does.
    """
    if not present(raw):
        return raw
    kept = bytearray()
    done = 0
    for start, end in _results(raw):
        if _writer(raw[start:end].partition(b":")[2]) in {"", *ours}:
            kept += raw[done:start]
            done = end
    return bytes(kept + raw[done:]) if done else raw


def present(raw: bytes) -> bool:
    """Tell whether ``raw`` may hold such a field at all."""
    return FIELD.search(raw, 0, _HEADER) is not None


def _results(raw: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each such field stands, its folded lines and last line end included."""
    place, begun = 0, -1
    while place < min(len(raw), _HEADER):
        found = _LINE.match(raw, place)
        if found is None or not found[0].strip(b"\r\n"):
            break
        if found[0][:1] not in b" \t":
            if begun >= 0:
                yield begun, place
            begun = place if FIELD.match(raw, place) else -1
        place = found.end()
    if begun >= 0:
        yield begun, place


def _writer(value: bytes) -> str:
    """Return the authserv-id of a value (RFC 8601 section 2.2) as domains are compared."""
    text = text_of(value[:_SAYS])
    place, depth = 0, 0
    while place < len(text) and (depth or text[place] in " ("):
        if text[place] == "\\":
            place += 1
        else:
            depth += (text[place] == "(") - (text[place] == ")")
        place += 1
    quoted = text[place : place + 1] == '"'
    name = re.split(r'(?<!\\)"' if quoted else r"[\s;(/]", text[place + quoted :], maxsplit=1)[0]
    return domain_of(name.replace("\\", ""))
