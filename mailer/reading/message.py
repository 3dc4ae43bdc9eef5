"""Read a message that a stranger wrote: its header, its ids, its limits, its digest.

Knows header fields and what makes two mails the same; bodies are read by whoever shows them.
SECURITY: hostile octets pass here. ``head``, ``content_digest`` and what they use never raise
and take one pass; ``parse`` refuses what ``check_limits`` names, because the parser behind it
can be made to work for minutes.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.feedparser import BytesFeedParser
from email.message import Message
from email.policy import compat32

from mailer.errors import Refused
from mailer.reading.header_words import addresses_of, decode, one_line, text_of
from mailer.reading.parse_limits import check_limits

__all__ = [
    "MessageHeader",
    "addresses_of",
    "check_limits",
    "content_digest",
    "decode",
    "head",
    "in_reply_to",
    "message_id",
    "one_line",
    "parse",
    "references",
    "text_of",
    "with_crlf",
]

_HEADER = 256 * 1024  # octets of header that are read; check_limits refuses far fewer
_CHUNK = 64 * 1024  # octets
_ANCESTORS = 100  # References kept: the first, which began the thread, and the nearest
_STRAY = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")
_ANY_END = re.compile(rb"\r\n|\r|\n")
_LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
# What the standard library's parser takes for a field; any other line ends the header.
_FIELD = re.compile(rb"([!-9;-~]+):(.*)", re.DOTALL)
_ID = re.compile(r"<([^<>]{1,995})>")
_BLANK = re.compile(r"\s+")
_TRACE = {
    "received",
    "x-received",
    "received-spf",
    "return-path",
    "delivered-to",
    "x-original-to",
    "authentication-results",
}


@dataclass(frozen=True, slots=True)
class MessageHeader:
    """Hold a message's header: (name as spelled, unfolded value) in order; ``body`` begins there.

    A value is octets without line ends, blanks at both ends cut off; ``text_of`` makes it text.
    """

    fields: tuple[tuple[str, bytes], ...]
    spans: tuple[tuple[int, int], ...]  # where each field stands, its line end included
    body: int

    def first(self, name: str) -> bytes | None:
        """Return the first value of the field ``name``, whatever its case."""
        wanted = name.lower()
        return next((value for said, value in self.fields if said.lower() == wanted), None)

    def all(self, name: str) -> list[bytes]:
        """Return every value of the field ``name``, in order."""
        wanted = name.lower()
        return [value for said, value in self.fields if said.lower() == wanted]

    def text(self, name: str) -> str:
        """Return the first value of ``name`` as one line of text, "" where there is none."""
        return text_of(self.first(name) or b"")


def head(raw: bytes) -> MessageHeader:
    """Return the header of ``raw``, unfolded (RFC 5322 section 2.2.3); never raise.

    A leading mbox "From " line is passed over; a line that is no field ends the header.
    """
    fields: list[tuple[str, list[bytes]]] = []
    spans: list[tuple[int, int]] = []
    body = 0
    for number, (line, start, end) in enumerate(_lines(raw)):
        body = start
        if not line:
            body = end
            break
        found = _FIELD.match(line)
        if line[:1] in b" \t" and fields:
            fields[-1][1].append(line)
            spans[-1] = (spans[-1][0], end)
        elif found is not None:
            fields.append((found[1].decode("ascii"), [found[2]]))
            spans.append((start, end))
        elif number or not line.startswith((b"From ", b">From ")):
            break
        body = end
    unfolded = tuple((name, b"".join(lines).strip(b" \t")) for name, lines in fields)
    return MessageHeader(unfolded, tuple(spans), body)


def message_id(found: MessageHeader) -> str | None:
    """Return the Message-ID without angle brackets, or None where there is none to speak of."""
    return next(iter(_ids(found.first("Message-ID"), bare=True)), None)


def references(found: MessageHeader) -> tuple[str, ...]:
    """Return the ids of References, oldest first, each once; of very many the ends."""
    ids = list(dict.fromkeys(_ids(b" ".join(found.all("References")))))
    if len(ids) > _ANCESTORS:
        ids = ids[:1] + ids[1 - _ANCESTORS :]
    return tuple(ids)


def in_reply_to(found: MessageHeader) -> tuple[str, ...]:
    """Return the ids of In-Reply-To, which may hold prose around them."""
    return tuple(dict.fromkeys(_ids(found.first("In-Reply-To"))))[:_ANCESTORS]


def content_digest(raw: bytes) -> bytes:
    """Return SHA-256 of what the author sent: all but the fields that transport adds or changes.

    Two deliveries of one mail agree, whatever way they came and however they were folded.
    """
    found = head(raw)
    digest = hashlib.sha256()
    for name, value in found.fields:
        key = name.lower()
        if key not in _TRACE and not key.startswith(("arc-", "x-spam-")):
            digest.update(b"%b:%d:%b\n" % (key.encode("ascii"), len(value), value))
    digest.update(b"\n")
    digest.update(memoryview(raw)[found.body :])
    return digest.digest()


def with_crlf(raw: bytes) -> bytes:
    """Return ``raw`` as it may travel: every line end CRLF, no NUL (RFC 5321 section 2.3.8).

    Only mail that a server in front answered for can need it; the bytes as they came stay in
    the store.
    """
    if not _STRAY.search(raw):
        return raw
    return _ANY_END.sub(b"\r\n", raw.replace(b"\0", b""))


def parse(raw: bytes) -> Message:
    """Return ``raw`` as the standard library's message; raise Refused where that is not safe."""
    reason = check_limits(raw)
    if reason is not None:
        raise Refused(reason)
    # In chunks: email.message_from_bytes would hold the text in four bytes a character.
    parser = BytesFeedParser(policy=compat32)
    for start in range(0, len(raw), _CHUNK):
        parser.feed(raw[start : start + _CHUNK])
    return parser.close()


def _lines(raw: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (line, where it starts, where the next one does), up to a bounded header."""
    place = 0
    while place < min(len(raw), _HEADER):
        found = _LINE.match(raw, place)
        if found is None:
            return
        yield found[1], place, found.end()
        place = found.end()


def _ids(value: bytes | None, *, bare: bool = False) -> Iterator[str]:
    """Yield the ids of a field; ``bare`` also takes a value that forgot its angle brackets."""
    text = decode(value or b"")
    any_found = False
    for match in _ID.finditer(text):
        spelled = _BLANK.sub("", match[1])
        if spelled and spelled.isprintable():
            any_found = True
            yield spelled
    alone = text.strip(" \t<>")
    if bare and not any_found and "@" in alone and alone.isprintable() and " " not in alone:
        yield alone[:995]
