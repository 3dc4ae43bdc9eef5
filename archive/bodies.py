"""Read the body of a mail as one text and a list of attachments.

Knows MIME (RFC 2045-2049), alternatives, nested mails, wrong labels. SECURITY: everything here
is hostile. Parsing is stdlib's lenient compat32 behind caps on depth, parts and decoded size;
the walk is iterative; nothing raises; what cannot be read is shown as the bytes look.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message as Part
from typing import Any

from archive.charsets import clean, decode
from archive.flowed import unflow
from archive.heads import read_author
from archive.plaintext import html_to_text
from archive.quotes import Block, Kind, Quoted, split
from mailer.errors import Refused
from mailer.message import head, parse, text_of
from mailer.store import compress, decompress

VERSION = 2  # of what ``pack`` writes; a higher one makes old rows be read anew
MAX_DEPTH = 100
MAX_PARTS = 1_000
MAX_TEXT = 500_000  # bytes of text that are decoded and shown: a novel; the raw holds all
MAX_ATTACHMENTS = 100
_SIGNATURES = {"application/pgp-signature", "application/pkcs7-signature"}
_SIGNATURES |= {"application/x-pkcs7-signature"}
# What compat32 raises over hostile headers, parameters and transfer encodings.
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)


@dataclass(frozen=True, slots=True)
class Attachment:
    """Hold what is told of a part that is not shown; ``size`` is in decoded bytes."""

    name: str
    type: str
    size: int


@dataclass(frozen=True, slots=True)
class Reading:
    """Hold a mail's body as a reader sees it."""

    quoted: Quoted
    attachments: tuple[Attachment, ...] = ()
    cut: bool = False  # the text is longer than MAX_TEXT


def read(raw: bytes) -> Reading:
    """Read the mail ``raw``."""
    text, attachments = read_text(raw)
    return Reading(split(text), attachments, cut=len(text) >= MAX_TEXT)


def read_text(raw: bytes) -> tuple[str, tuple[Attachment, ...]]:
    """Return (the text of ``raw``, its attachments)."""
    mail = _parse(raw)
    if mail is not None:
        # One mail that surprises the parser must not keep the others' pages from being made.
        with contextlib.suppress(*_BROKEN):
            return _walk(mail)
    return clean(decode(raw[head(raw).body :][:MAX_TEXT])), ()


def _walk(mail: Part) -> tuple[str, tuple[Attachment, ...]]:
    texts: list[str] = []
    attachments: list[Attachment] = []
    left = MAX_TEXT
    for part in _shown(mail):
        kind = _type(part)
        if kind == "message/rfc822":
            texts.append(_forwarded(part, left))
            left -= len(texts[-1])
        elif _is_text(part, kind):
            piece = _text(part, kind, left)
            left -= len(piece)
            if piece.strip():
                texts.append(piece.strip("\n"))
        elif kind not in _SIGNATURES and len(attachments) < MAX_ATTACHMENTS:
            attachments.append(_attachment(part, kind))
    return "\n\n".join(texts)[:MAX_TEXT], tuple(attachments)


def pack(reading: Reading) -> bytes:
    """Return ``reading`` as bytes for the database."""
    blocks = [[block.kind.value, block.text] for block in reading.quoted.blocks]
    files = [[a.name, a.type, a.size] for a in reading.attachments]
    return compress(json.dumps([blocks, files, reading.cut], ensure_ascii=False).encode())


def unpack(data: bytes) -> Reading:
    """Return what ``pack`` was given."""
    blocks, files, cut = json.loads(decompress(data))
    return Reading(
        Quoted(tuple(Block(Kind(kind), text) for kind, text in blocks)),
        tuple(Attachment(name, kind, size) for name, kind, size in files),
        cut=cut,
    )


def _parse(raw: bytes) -> Part | None:
    """Return the parsed mail, or None for one that is not safe to parse."""
    with contextlib.suppress(Refused, *_BROKEN):
        return parse(raw)
    return None


def _shown(mail: Part) -> Iterator[Part]:
    """Yield the leaves that a reader should see, of alternatives the best one."""
    stack = [(mail, 0)]
    seen = 0
    while stack and seen < MAX_PARTS:
        part, depth = stack.pop()
        seen += 1
        kind = _type(part)
        parts = _inside(part)
        if kind == "message/rfc822" or not parts or depth >= MAX_DEPTH:
            yield part
            continue
        if kind == "multipart/alternative":
            parts = _best(parts)
        stack.extend((p, depth + 1) for p in reversed(parts[:MAX_PARTS]))


def _inside(part: Part) -> list[Any]:
    """Return the parts of a part; never decodes (stdlib does when asked for a lone payload)."""
    payload = part.get_payload() if part.is_multipart() else []
    return [p for p in payload if isinstance(p, Part)]


def _best(parts: list[Any]) -> list[Any]:
    """Return the alternative to show, plain text first, and calendars beside it."""
    plain = [p for p in parts if _type(p) == "text/plain" and _bytes(p).strip()]
    others = [p for p in parts if p not in plain and _type(p) == "text/calendar"]
    rich = [p for p in parts if _type(p) == "text/html" or p.is_multipart()]
    return (plain[:1] or rich[-1:] or parts[:1]) + others


def _type(part: Part) -> str:
    with contextlib.suppress(*_BROKEN):
        return part.get_content_type()
    return "application/octet-stream"


def _parameter(part: Part, name: str) -> str:
    with contextlib.suppress(*_BROKEN):
        value = part.get_param(name)
        if isinstance(value, tuple):
            return decode(value[2].encode("latin-1", "replace"), value[0] or "")
        return str(value) if value else ""
    return ""


def _is_text(part: Part, kind: str) -> bool:
    if kind not in {"text/plain", "text/html", "text/enriched"} and not kind.startswith("text/x-"):
        return False
    disposition = str(part.get("content-disposition", "")).strip().lower()
    return not disposition.startswith("attachment")


def _text(part: Part, kind: str, limit: int) -> str:
    data = _bytes(part)[: max(0, limit)]
    text = clean(decode(data, _parameter(part, "charset")).replace("\r\n", "\n"), "\n\t\r")
    text = text.replace("\r", "\n")
    if kind == "text/html":
        return html_to_text(text)
    if _parameter(part, "format").lower() == "flowed":
        return unflow(text, delsp=_parameter(part, "delsp").lower() == "yes")
    return text


def _bytes(part: Part) -> bytes:
    with contextlib.suppress(*_BROKEN):
        data = part.get_payload(decode=True)
        if isinstance(data, bytes):
            return data
    with contextlib.suppress(*_BROKEN):
        payload = part.get_payload()
        if isinstance(payload, str):
            return payload.encode("utf-8", "surrogateescape")
    return b""


def _forwarded(part: Part, limit: int) -> str:
    """Return a nested mail in the words of a forwarded one, so that it reads as quoted."""
    inner = next(iter(_inside(part)), None)
    if inner is None:
        return ""
    author, _ = read_author(_field(inner, "from"))
    lines = ["---------- Forwarded message ----------"]
    lines += [f"From: {author}", f"Subject: {text_of(_field(inner, 'subject'))}", ""]
    for leaf in _shown(inner):
        if limit > 0 and _is_text(leaf, _type(leaf)):
            lines.append(_text(leaf, _type(leaf), limit))
            limit -= len(lines[-1])
    return "\n".join(lines)


def _field(part: Part, name: str) -> bytes:
    return _octets(str(part.get(name, "")))


def _octets(text: str) -> bytes:
    """Return what stdlib made text of; a charset such as UTF-7 can make halves of characters."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _attachment(part: Part, kind: str) -> Attachment:
    name = ""
    with contextlib.suppress(*_BROKEN):
        name = part.get_filename() or ""
    named = text_of(_octets(name))
    return Attachment(named.replace("/", "_")[:120], kind[:80], len(_bytes(part)))
