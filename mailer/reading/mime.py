"""Cut a mail at its boundaries (RFC 2046) without copying it: parts are spans of its bytes.

Knows Content fields, multiparts, nested mails and transfer encodings, and takes what real mail has:
missing ends, boundaries that never come, base64 with anything in it. The parser of the standard
library goes line by line through every attachment; this one searches. SECURITY: hostile bytes pass
here. The walk is iterative, each level is one search over its own span, levels, parts and
boundaries are counted, and nothing raises.
"""

import binascii
import re
from dataclasses import dataclass, field
from email.message import Message
from functools import lru_cache
from typing import Any

from mailer.reading.headers.header_search import search_header, wanted

MAX_DEPTH = 101  # levels that are cut; a part below is not looked into
MAX_PARTS = 10_000
MAX_MARKS = 100_000  # lines that begin like a boundary, which one mail may make us look at
MAX_BLANK = 200  # octets after a boundary that may be blanks
MAX_FIELD = 8 * 1024  # octets of a Content field; the standard library is quadratic in it
_CONTENT = wanted("content-*")
_UNSTUFFED = {"x-uuencode", "uuencode", "uue", "x-uue"}
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_MAIL = "message/rfc822"


@dataclass(frozen=True, slots=True)
class ContentField:
    """Hold what a Content-Type or Content-Disposition field says."""

    kind: str  # "text/plain"; of a disposition its first word
    parameters: dict[str, str | tuple[str, str]]  # a pair is (charset, octets as Latin-1)
    boundary: bytes = b""


@dataclass(eq=False, slots=True)
class MimePart:
    """Hold one part: what its Content fields say, where its body is, which parts it has."""

    raw: bytes
    head: int  # where its header begins
    body: int
    end: int
    fields: dict[str, bytes]  # by what follows "content-", unfolded
    default: str = "text/plain"
    parts: list["MimePart"] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Return the type, in lower case; what is not one is text (RFC 2045 section 5.2)."""
        value = self.fields.get("type")
        return self.default if value is None else _said(value).kind or "text/plain"

    def parameter(self, name: str) -> str | tuple[str, str]:
        """Return a parameter of Content-Type, "" where there is none."""
        value = self.fields.get("type")
        return "" if value is None else _said(value).parameters.get(name, "")

    @property
    def filename(self) -> str | tuple[str, str]:
        """Return the name that the part was given, "" where it has none."""
        value = self.fields.get("disposition")
        named = "" if value is None else _disposition(value).parameters.get("filename", "")
        return named or self.parameter("name")

    @property
    def attached(self) -> bool:
        """Tell whether the part asks to be a file."""
        return self.fields.get("disposition", b"").strip().lower().startswith(b"attachment")

    def data(self) -> bytes:
        """Return the decoded body; one that cannot be decoded comes as it stands."""
        coded = self.raw[self.body : self.end]
        coding = self.fields.get("transfer-encoding", b"").strip().lower().decode("latin-1")
        if coding == "quoted-printable":
            return binascii.a2b_qp(coded)
        if coding == "base64":
            return _unbase64(coded)
        return _unuue(coded) if coding in _UNSTUFFED else coded

    @property
    def mail(self) -> "MimePart | None":
        """Return the mail that this part brings, where it is one."""
        return self.parts[0] if self.kind == _MAIL and self.parts else None


def cut(raw: bytes) -> MimePart:
    """Return ``raw`` cut into its parts."""
    top = _part(raw, 0, len(raw), "text/plain")
    todo: list[tuple[MimePart, int]] = [(top, 1)]
    count, left = 1, MAX_MARKS
    while todo and count < MAX_PARTS and left > 0:
        part, depth = todo.pop()
        if depth >= MAX_DEPTH:
            continue
        spans, default, looked = _inside(part, left)
        part.parts = [_part(raw, start, end, default) for start, end in spans]
        count, left = count + len(spans), left - looked
        todo.extend((inner, depth + 1) for inner in part.parts)
    return top


def _inside(part: MimePart, left: int) -> tuple[list[tuple[int, int]], str, int]:
    """Return (where the parts of ``part`` stand, what they are by default, lines looked at)."""
    kind = part.kind
    if kind == _MAIL:
        return [(part.body, part.end)], "text/plain", 1
    value = part.fields.get("type")
    if not kind.startswith("multipart/") or value is None:
        return [], "", 0
    boundary = _said(value).boundary
    if not boundary:
        return [], "", 0
    spans, looked = _between(part.raw, part.body, part.end, b"--" + boundary, left)
    return spans, _MAIL if kind == "multipart/digest" else "text/plain", looked


def _part(raw: bytes, start: int, end: int, default: str) -> MimePart:
    found = search_header(raw, _CONTENT, start, end)
    fields: dict[str, bytes] = {}
    for name, value in found.fields:
        fields.setdefault(name[8:].lower(), value[:MAX_FIELD])
    return MimePart(raw, start, found.body, end, fields, default)


def _between(
    raw: bytes, start: int, end: int, mark: bytes, left: int
) -> tuple[list[tuple[int, int]], int]:
    """Return (where each part between the lines of ``mark`` begins and ends, lines looked at)."""
    spans: list[tuple[int, int]] = []
    line_end = b"\n" if raw.find(b"\n", start, end) >= 0 else b"\r"
    begin, looked = -1, 0
    place = start if raw.startswith(mark, start) else raw.find(line_end + mark, start, end) + 1
    while place > 0 and looked < left:
        looked += 1
        after = place + len(mark)
        tail = raw[after : min(end, after + MAX_BLANK)]
        last = tail.startswith(b"--")
        rest = tail[2 * last :].lstrip(b" \t")
        if not rest or rest[:1] in {b"\n", b"\r"}:
            if begin != place:  # else two such lines stand in a row, whatever they say
                if begin >= 0:
                    spans.append((begin, _before(raw, begin, place)))
                if last:
                    return spans, looked
            begin = after + len(tail) - len(rest) + (2 if rest[:2] == b"\r\n" else bool(rest))
        place = raw.find(line_end + mark, after - 1, end) + 1
    if begin >= 0:
        spans.append((min(begin, end), _before(raw, min(begin, end), end)))
    return spans, looked


def _before(raw: bytes, begin: int, place: int) -> int:
    """Return where a part ends: the line end before its boundary belongs to that."""
    if raw[max(begin, place - 2) : place] == b"\r\n":
        return place - 2
    return place - 1 if place > begin and raw[place - 1] in b"\r\n" else place


@lru_cache(maxsize=512)
def _said(value: bytes) -> ContentField:
    """Read a Content-Type by the standard library, which knows RFC 2231 and its abuses."""
    holder = Message()
    holder["content-type"] = value.decode("ascii", "surrogateescape")
    try:
        boundary = holder.get_boundary("")
        kind = holder.get_content_type()
    except _BROKEN:
        return ContentField("application/octet-stream", {})
    mark = boundary.encode("utf-8", "surrogateescape") if isinstance(boundary, str) else b""
    return ContentField(kind, _parameters(holder, "content-type"), mark)


@lru_cache(maxsize=512)
def _disposition(value: bytes) -> ContentField:
    holder = Message()
    holder["content-disposition"] = value.decode("ascii", "surrogateescape")
    return ContentField("", _parameters(holder, "content-disposition"))


# What the standard library raises over hostile parameters.
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, AssertionError)


def _parameters(holder: Message, name: str) -> dict[str, str | tuple[str, str]]:
    try:
        pairs: Any = holder.get_params(header=name, unquote=True) or []
    except _BROKEN:
        return {}
    found: dict[str, str | tuple[str, str]] = {}
    for key, value in pairs[1:]:
        told = (value[0] or "", value[2]) if isinstance(value, tuple) else value
        found.setdefault(key.lower(), told)
    return found


def _unbase64(coded: bytes) -> bytes:
    """Return what base64 says; one cut short as far as it goes, what is none as it stands."""
    try:
        return binascii.a2b_base64(coded)
    except binascii.Error:
        digits = b"".join(coded.split()).rstrip(b"=")
        if _NOT_BASE64.search(digits):
            return coded
        whole = digits[: len(digits) - 1] if len(digits) % 4 == 1 else digits
        return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4)) or coded


def _unuue(coded: bytes) -> bytes:
    """Return what stands between begin and end, as far as it is uuencoded."""
    out: list[bytes] = []
    begun = False
    for line in coded.splitlines():
        if not begun:
            begun = line.startswith(b"begin ")
        elif line.strip() in {b"end", b"`"}:
            break
        else:
            try:
                out.append(binascii.a2b_uu(line))
            except binascii.Error:
                return coded  # not what it says
    return b"".join(out) if begun else coded
