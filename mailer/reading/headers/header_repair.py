"""Mend a header that is odd, and give a mail the fields that every mail has.

    mend(raw)                       "Subject : x" and ": nameless" end no header any more
    complete(raw, head, ...)        Message-ID and Date where the writer's program gave none

RFC 5322 section 4.5 has blanks before the colon, and what came as one header must not be cut in
two: readers that stop at such a line take the rest for text. Only odd lines change; a relaxed
signature survives the blank that goes (RFC 6376 section 3.4.2). SECURITY: hostile octets pass
here; one pass over a bounded header, nothing raises.
"""

import base64
import re
from datetime import UTC, datetime
from email.utils import format_datetime

from mailer.reading.message import MessageHeader

MAX_HEADER = 256 * 1024  # octets
_ODD = re.compile(rb"(?:\A|(?<=\n))(?![!-9;-~]+:|[ \t\r\n])")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n|\r\r")
_SPACED = re.compile(rb"([!-9;-~]+)[ \t]+:")
_NAMELESS = re.compile(rb":")
_NAMED = re.compile(rb"([^:\r\n]{1,80}):")
_NOT_NAME = re.compile(rb"[^!-9;-~]+")
_KNOWN = re.compile(
    rb"(?:from|to|cc|date|subject|message-id|mime-version|received|references|in-reply-to"
    rb"|reply-to|sender|return-path|organization|user-agent|importance|priority|keywords|comments"
    rb"|(?:content|list|x|arc|dkim|resent|auto|authentication)-[!-9;-~]{1,60}|precedence)[ \t]*:",
    re.IGNORECASE,
)


def mend(raw: bytes) -> bytes:
    """Return ``raw`` with a header in which every line is a field; most mail is so already."""
    end = _BLANK_LINE.search(raw, 0, MAX_HEADER)
    stop = end.start() if end else min(len(raw), MAX_HEADER)
    if _ODD.search(raw, 0, stop) is None:
        return raw
    lines = raw[:stop].split(b"\n")
    known = [number for number, line in enumerate(lines) if _KNOWN.match(line)]
    last = known[-1] if known else -1
    mended = list(lines)
    for number, line in enumerate(lines):
        if not line.rstrip(b"\r") or line[:1] in b" \t" or _field(line):
            continue
        if number == 0 and line.startswith((b"From ", b">From ")) and not _SPACED.match(line):
            continue  # what stands between mails in an mbox
        fixed = _fixed(line)
        if fixed is None or (number > last and not _KNOWN.match(line)):
            break  # text began without an empty line before it
        mended[number] = fixed
    return b"\n".join(mended) + raw[stop:]


def complete(
    raw: bytes, head: MessageHeader, *, message_id: str, when: float
) -> tuple[bytes, list[str]]:
    """Add Message-ID and Date where there is none (RFC 6409 sections 8.2 and 8.3).

    Return the whole, and the names of what was added; ``when`` is in seconds since 1970.
    """
    added = {}
    if head.first("Message-ID") is None:
        added["Message-ID"] = f"<{message_id}>"
    if head.first("Date") is None:
        added["Date"] = format_datetime(datetime.fromtimestamp(when, UTC))
    fields = "".join(f"{name}: {value}\r\n" for name, value in added.items()).encode("ascii")
    place = head.spans[-1][1] if head.spans else 0
    # SECURITY: text without a header stays text; else a line that begins with a blank would be
    # folded into our field, and "From:" below it would be a header that nobody has judged.
    bare = fields and not head.spans and raw and not raw.startswith((b"\r\n", b"\n"))
    return raw[:place] + fields + (b"\r\n" if bare else b"") + raw[place:], list(added)


def made_id(seed: bytes, domain: str) -> str:
    """Return an id made of what a mail says, so that one which comes twice is known again."""
    return f"{base64.b32encode(seed[:20]).decode('ascii').lower()}@{domain}"


def _field(line: bytes) -> bool:
    name, colon, _ = line.partition(b":")
    return bool(colon and name) and _NOT_NAME.search(name) is None


def _fixed(line: bytes) -> bytes | None:
    """Return an odd line as a field, None where it is none."""
    if spaced := _SPACED.match(line):
        return spaced[1] + b":" + line[spaced.end() :]
    if _NAMELESS.match(line):
        return b"X-Unnamed" + line
    if named := _NAMED.match(line):
        return b"X-Odd-" + _NOT_NAME.sub(b"-", named[1]).strip(b"-") + b":" + line[named.end() :]
    return None
