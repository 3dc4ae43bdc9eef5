"""Change the copies of a post as its list's owner chose: a subject tag, Reply-To, a footer. Pure.

    changed = change(raw, head, Options(subject_tag="[Garden]", footer=text))

Knows the bytes of a mail and nothing of lists. Whatever is not asked for leaves byte for byte as
it came: a tag touches the Subject alone, Reply-To the header alone, and a footer is put where it
changes least (after plain text, as one more part of a multipart/mixed, else beside the whole of
what was written, which becomes a part of its own; so a signed or HTML text stays whole).
SECURITY: the mail is a stranger's, the options are an owner's. One pass over each; what a
stranger wrote as a boundary is only searched for, never believed to be unique.
"""

import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.header import Header

from mailer.reading.header_words import codec_of
from mailer.reading.message import MessageHeader
from mailer.reading.message import head as read_head

RULE = "_" * 47  # what many lists draw above a footer, and mail programs know to be no words
_BOUNDARY = re.compile(
    rb"""boundary\s*=\s*(?:"([^"\r\n]{1,200})"|([^\s;"]{1,200}))""", re.IGNORECASE
)
_CHARSET = re.compile(rb"""charset\s*=\s*"?([^\s;"]{1,64})""", re.IGNORECASE)
_ASIS = {b"", b"7bit", b"8bit", b"binary"}
_WIDTH = 74  # characters of a quoted-printable line before its soft line end (RFC 2045 section 6.7)


@dataclass(frozen=True, slots=True)
class Options:
    """Say what an owner wants changed; empty text changes nothing."""

    subject_tag: str = ""
    reply_to: str = ""  # an address
    footer: str = ""  # whole lines, with "\n" between them
    slot: str = ""  # ASCII that stands in the footer where each reader's own token goes

    def __bool__(self) -> bool:
        return bool(self.subject_tag or self.reply_to or self.footer)


def change(raw: bytes, head: MessageHeader, options: Options) -> bytes:
    """Return the message with what ``options`` says; ``raw`` has CRLF line ends."""
    fields = b"".join(_fields(raw, head, options))
    last = head.spans[-1][1] if head.spans else 0
    changed = fields + (raw[last : head.body] or b"\r\n") + raw[head.body :]
    return _with_footer(changed, options) if options.footer else changed


def _fields(raw: bytes, head: MessageHeader, options: Options) -> list[bytes]:
    """Return the header's fields with the tag in the first Subject and Reply-To replaced."""
    kept, tagged = [], not options.subject_tag
    for (name, value), (start, end) in zip(head.fields, head.spans, strict=True):
        lowered = name.lower()
        if lowered == "reply-to" and options.reply_to:
            kept.append(b"X-Original-Reply-To:" + raw[start:end].partition(b":")[2])
        elif lowered == "subject" and not tagged:
            tagged = True
            has = options.subject_tag.casefold() in head.text("Subject").casefold()
            kept.append(raw[start:end] if has else _tagged(options.subject_tag, value))
        else:
            kept.append(raw[start:end])
    if not tagged:
        kept.append(_tagged(options.subject_tag, b""))
    if options.reply_to:
        kept.append(f"Reply-To: <{options.reply_to}>\r\n".encode())
    return kept


def _tagged(tag: str, value: bytes) -> bytes:
    """Return a Subject of the tag and, on a line of its own, the value as its writer coded it.

    Blanks between two encoded words are not shown (RFC 2047 section 6.2), so the blank after a
    tag that must be encoded stands within its word.
    """
    if tag.isascii():
        first = b"Subject: " + tag.encode()
    else:
        said = Header(tag + " ", "utf-8", header_name="Subject", maxlinelen=75)
        first = b"Subject: " + said.encode(linesep="\r\n").encode()
    if not value:
        return first + b"\r\n"
    return first + b"\r\n " + _folded(value) + b"\r\n"


def _folded(value: bytes) -> bytes:
    """Fold an unfolded value at its blanks, so that no line is longer than one may be."""
    lines, line = [], b""
    for word in value.split(b" "):
        if line and len(line) + len(word) + 1 > 76:  # noqa: PLR2004 - RFC 5322 section 2.1.1
            lines.append(line)
            line = word
        else:
            line = line + b" " + word if line or lines else word
    return b"\r\n ".join([*lines, line])


def _with_footer(raw: bytes, options: Options) -> bytes:
    head = read_head(raw)
    kind = (head.first("Content-Type") or b"text/plain").lower()
    coding = (head.first("Content-Transfer-Encoding") or b"").strip().lower()
    plain = kind.partition(b";")[0].strip() in {b"text/plain", b"text"}
    if plain and not head.first("Content-Disposition"):
        said = _after_text(head.first("Content-Type") or b"", coding, options)
        if said is not None:
            body = raw[head.body :].rstrip(b"\r\n")
            return raw[: head.body] + body + b"\r\n\r\n" + said
    if kind.startswith(b"multipart/mixed"):
        closing = _closing(raw, head)
        if closing is not None:
            boundary, at = closing
            return raw[:at] + b"--" + boundary + b"\r\n" + _part(options) + raw[at:]
    return _beside(raw, head, options)


def _after_text(content_type: bytes, coding: bytes, options: Options) -> bytes | None:
    """Return the footer as it can stand in this text, or None where it cannot be written there."""
    found = _CHARSET.search(content_type)
    charset = codec_of(found[1].decode("ascii", "replace").lower()) if found else "ascii"
    if charset == "gb18030" or not charset:  # labelled gb2312 or gbk, which hold less
        charset = "ascii"
    if found and found[1].lower() == b"us-ascii":
        charset = "ascii"
    try:
        octets = options.footer.encode(charset)
        ascii_alike = "a_\n".encode(charset) == b"a_\n"
    except (UnicodeError, LookupError):
        return None
    if not ascii_alike:
        return None
    if coding == b"quoted-printable":
        return _quoted(octets, options.slot.encode())
    if coding not in _ASIS or (coding in {b"", b"7bit"} and not octets.isascii()):
        return None
    return octets.replace(b"\n", b"\r\n") + b"\r\n"


def _quoted(octets: bytes, slot: bytes) -> bytes:
    """Return lines as quoted-printable, soft-broken where they grow too long and before a slot."""
    lines: list[bytes] = []
    for line in octets.split(b"\n"):
        for number, piece in enumerate(line.split(slot) if slot else [line]):
            if number:
                lines[-1] += b"="
            coded = binascii.b2a_qp(piece, quotetabs=True, istext=False).replace(b"=\n", b"")
            coded = (slot if number else b"") + coded
            while len(coded) > _WIDTH:
                cut = _WIDTH
                while b"=" in coded[cut - 2 : cut]:
                    cut -= 1
                lines.append(coded[:cut] + b"=")
                coded = coded[cut:]
            lines.append(coded)
    return b"\r\n".join(lines) + b"\r\n"


def _closing(raw: bytes, head: MessageHeader) -> tuple[bytes, int] | None:
    """Return the boundary of a multipart and where its closing line begins (RFC 2046 5.1.1)."""
    found = _BOUNDARY.search(head.first("Content-Type") or b"")
    if found is None:
        return None
    boundary = found[1] or found[2]
    at = raw.rfind(b"\r\n--" + boundary + b"--", head.body - 2)
    return None if at < 0 else (boundary, at + 2)


def _part(options: Options) -> bytes:
    return (
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"Content-Disposition: inline\r\n\r\n"
        + _quoted(options.footer.encode(), options.slot.encode())
    )


def _beside(raw: bytes, head: MessageHeader, options: Options) -> bytes:
    """Put all that was written into a part of its own, and the footer into another."""
    outer: list[bytes] = []
    inner: list[bytes] = []
    for (name, _), (start, end) in zip(head.fields, head.spans, strict=True):
        (inner if name.lower().startswith("content-") else outer).append(raw[start:end])
    if head.first("MIME-Version") is None:
        outer.append(b"MIME-Version: 1.0\r\n")
    body = raw[head.body :]
    boundary = b"=_" + hashlib.sha256(body).hexdigest()[:40].encode()
    outer.append(b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n')
    closing = b"" if body.endswith(b"\r\n") else b"\r\n"
    return b"".join((
        *outer, b"\r\n--", boundary, b"\r\n", *inner, b"\r\n", body, closing,
        b"\r\n--", boundary, b"\r\n", _part(options), b"--", boundary, b"--\r\n",
    ))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cost:
    """Say what one option does to the signatures of one author's mail."""

    option: str
    breaks: tuple[str, ...]  # the domains whose signatures cover what it changes


_TAGS = re.compile(rb"(?:^|;)\s*([a-z]+)\s*=\s*([^;]*)", re.IGNORECASE)


def costs(head: MessageHeader, options: Options, changed: Sequence[str] = ()) -> tuple[Cost, ...]:
    """Tell which DKIM signatures each option breaks (RFC 6376 sections 3.5 and 3.7).

    ``changed`` are further options that change the body of this mail.
    A signature covers the fields that its ``h=`` names and the body; a name that stands there
    more often than the mail has such a field forbids to add one.
    """
    signed = []
    for value in head.all("DKIM-Signature"):
        tags = {k.decode().lower(): b"".join(v.split()) for k, v in _TAGS.findall(value)}
        domain = tags.get("d", b"").decode("ascii", "replace").lower()
        names = {name.decode("ascii", "replace").lower() for name in tags.get("h", b"").split(b":")}
        signed.append((domain, names))
    subject = options.subject_tag.casefold()
    touches = {
        "subject_tag": bool(subject) and subject not in head.text("Subject").casefold(),
        "reply_to_list": bool(options.reply_to),
        "footer": bool(options.footer),
        **dict.fromkeys(changed, True),
    }
    needs = {"subject_tag": "subject", "reply_to_list": "reply-to"}
    return tuple(
        Cost(
            option,
            tuple(sorted({d for d, names in signed if needs.get(option, "") in names | {""}})),
        )
        for option, changes in touches.items()
        if changes
    )
