"""Leave out of a mail what its list does not carry: files, large files, and HTML. Pure.

    carried = carry(raw, CarryPolicy(files=file_policy.read("pdf"), big=500_000, page=url), note)

A part that goes is replaced where it stands by a line that says what it was; all else stays byte
for byte. What is signed or encrypted (PGP/MIME, S/MIME) and a text/calendar is never touched; where
such a whole holds a file that may not come, the mail is ``sealed`` and a moderator decides. Knows
MIME and refuses to know lists. SECURITY: the mail is a stranger's. A part is what its bytes say as
well as its label; a part whose label stands twice may be read in two ways and is no file that may
come; a mail within a mail is looked into, and one that is encoded is a file.
"""

import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from mailer.reading import message, mime
from mailer.reading.charsets import decode
from mailer.reading.html_text import html_to_text
from mailer.reading.markup import reduced
from mailer.reading.mime import MimePart
from subscriptions.lists import file_policy
from subscriptions.lists.file_policy import FilePolicy, ending_of
from subscriptions.lists.policies import HtmlPolicy

MAX_NAME = 80  # characters of a file's name that a note shows
_SIGNATURES = {"application/pgp-signature", "application/pkcs7-signature"}
_SIGNATURES |= {"application/x-pkcs7-signature"}
_SMIME = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
_SMIME_ENDINGS = {"p7m", "p7s", "p7c", "p7z", ""}
_PGP_ENDINGS = {"asc", "pgp", "gpg", ""}
_CODED = {b"base64", b"quoted-printable", b"x-uuencode", b"uuencode", b"uue", b"x-uue"}
_LABELS = re.compile(rb"^content-(type|disposition)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_UUENCODED = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,200})\r?$", re.MULTILINE)


class PartFate(StrEnum):
    """Say what became of a part."""

    REMOVED = "removed"  # a file that the list does not take
    LINKED = "linked"  # a large one: it stands in the archive
    REDUCED = "reduced"  # HTML without looks, remote pictures and scripts
    TEXT = "text"  # HTML as plain text


@dataclass(frozen=True, slots=True)
class CarryPolicy:
    """Say what a list carries; the beginning changes nothing."""

    files: FilePolicy = field(default_factory=FilePolicy)
    big: int = 0  # bytes from which a file is linked to; 0 for never
    page: str = ""  # the mail's page in the archive; "" links to nothing
    html: HtmlPolicy = HtmlPolicy.KEEP

    def __bool__(self) -> bool:
        large = bool(self.big and self.page)
        return large or not self.files.everything or self.html is not HtmlPolicy.KEEP


@dataclass(frozen=True, slots=True)
class PartChange:
    """Say what became of one part; ``size`` is in decoded bytes."""

    fate: PartFate
    name: str
    type: str
    size: int


# (what became of a part, the page) -> the line that stands for it
Note = Callable[[PartChange, str], str]


@dataclass(frozen=True, slots=True)
class Carried:
    """Hold a mail as it leaves, and what is no longer in it."""

    raw: bytes
    changes: tuple[PartChange, ...] = ()
    sealed: bool = False  # a signed or encrypted whole holds what may not come


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    put: bytes
    change: PartChange


def carry(raw: bytes, policy: CarryPolicy, note: Note) -> Carried:
    """Return the mail without what ``policy`` does not carry; ``raw`` has CRLF line ends."""
    if not policy:
        return Carried(raw)
    edits: list[_Edit] = []
    sealed = False
    for part, above in _walk(mime.cut(raw)):
        if part is None:
            sealed = sealed or not _fits(above, policy.files)
            continue
        edit = _judged(raw, part, above, policy, note)
        if edit is not None:
            edits.append(edit)
    edits.sort(key=lambda one: one.start)
    out, at = [], 0
    for edit in edits:
        out += [raw[at : edit.start], edit.put]
        at = edit.end
    changes = tuple(edit.change for edit in edits)
    return Carried(b"".join((*out, raw[at:])) if edits else raw, changes, sealed)


def _walk(top: MimePart) -> Iterator[tuple[MimePart | None, list[MimePart]]]:
    """Yield each leaf with what it stands in; of a sealed whole None, and the whole at the end."""
    todo: list[tuple[MimePart, list[MimePart]]] = [(top, [])]
    while todo:
        part, above = todo.pop()
        if _is_sealed(part):
            yield None, [*above, part]
        elif part.parts and not (part.kind == "message/rfc822" and _coded(part)):
            todo += [(one, [*above, part]) for one in part.parts]
        else:
            yield part, above


def _is_sealed(part: MimePart) -> bool:
    """Tell whether a part is signed or encrypted as a whole (RFC 1847, RFC 3156, RFC 8551)."""
    if part.kind == "multipart/signed":
        return len(part.parts) == 2 and part.parts[1].kind in _SIGNATURES  # noqa: PLR2004 - RFC 1847
    if part.kind == "multipart/encrypted":
        return len(part.parts) == 2  # noqa: PLR2004 - RFC 1847 section 2.2
    return part.kind in _SMIME and all(ending_of(one) in _SMIME_ENDINGS for one in _names(part))


def _fits(above: list[MimePart], files: FilePolicy) -> bool:
    """Tell whether a sealed whole holds nothing but what may come."""
    whole = above[-1]
    if files.everything or whole.kind in _SMIME:
        return True
    if whole.kind == "multipart/encrypted":
        names = [name for part in whole.parts for name in _names(part)]
        return all(ending_of(name) in _PGP_ENDINGS for name in names)
    signature = whole.parts[1]
    known = {*_PGP_ENDINGS, *_SMIME_ENDINGS, "sig"}
    if not all(ending_of(name) in known for name in _names(signature)):
        return False
    inner = _walk(whole.parts[0])
    return all(part is None or _comes(part, files) for part, _ in inner)


def _judged(
    raw: bytes, part: MimePart, above: list[MimePart], policy: CarryPolicy, note: Note
) -> _Edit | None:
    """Return what is to be put in place of a leaf, None where it stays."""
    if _is_calendar(part):
        return None
    if not _comes(part, policy.files):
        return _noted(raw, part, PartFate.REMOVED, "", note)
    if _is_body(part):
        return _html(raw, part, above, policy.html) if part.kind == "text/html" else None
    if policy.big and policy.page and part.end - part.body > policy.big:
        size = len(part.data())
        return _noted(raw, part, PartFate.LINKED, policy.page, note) if size > policy.big else None
    return None


def _comes(part: MimePart, files: FilePolicy) -> bool:
    """Tell whether a leaf may come."""
    if files.everything or _is_calendar(part):
        return True
    labels = _LABELS.findall(part.raw, part.head, part.body)
    if len({one.lower() for one in labels}) < len(labels):
        return False  # some programs read the first label, others the last
    if _is_body(part):
        return all(files.allows([_text(name)], "", b"") for name in _UUENCODED.findall(part.data()))
    kind = part.kind
    names = _names(part)
    if kind.startswith("multipart/"):
        return False  # nothing could be cut: what it holds is anybody's guess
    if kind.startswith("message/"):
        names, kind = [*names, "mail.eml"], ""
    return files.allows(names, kind, part.data()[: file_policy.LOOK])


def _is_body(part: MimePart) -> bool:
    """Tell whether a leaf is what somebody wrote, and no file."""
    return part.kind in {"text/plain", "text/html"} and not part.attached and not _names(part)


def _is_calendar(part: MimePart) -> bool:
    """Tell whether a part is an invitation, by its bytes as well as by its label."""
    if part.kind != "text/calendar" or any(ending_of(name) != "ics" for name in _names(part)):
        return False
    return part.data()[:2048].lstrip(b"\xef\xbb\xbf \t\r\n")[:15].upper() == b"BEGIN:VCALENDAR"


def _coded(part: MimePart) -> bool:
    return part.fields.get("transfer-encoding", b"").strip().lower() in _CODED


def _names(part: MimePart) -> list[str]:
    """Return every name that a part has been given."""
    found = [part.filename, part.parameter("name")]
    texts = [_text(one) for one in found if one]
    return [one for one in dict.fromkeys(texts) if one.strip()]


def _text(name: str | tuple[str, str] | bytes) -> str:
    if isinstance(name, bytes):
        return decode(name)
    if isinstance(name, tuple):
        return decode(name[1].encode("latin-1", "replace"), name[0])
    return message.text_of(name.encode("utf-8", "surrogateescape"))


def _noted(raw: bytes, part: MimePart, fate: PartFate, page: str, note: Note) -> _Edit:
    name = file_policy.plain_name((_names(part) or [""])[0])
    shown = name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 13]}...{name[-10:]}"
    change = PartChange(fate, shown, part.kind, len(part.data()))
    text = note(change, page).strip() + "\n"
    return _Edit(part.head, part.end, _put(raw, part, "text/plain", text), change)


def _html(raw: bytes, part: MimePart, above: list[MimePart], policy: HtmlPolicy) -> _Edit | None:
    """Return HTML as the list carries it; beside an invitation it stays as it came."""
    beside = above[-1].parts if above and above[-1].kind == "multipart/alternative" else []
    if policy is HtmlPolicy.KEEP or any(_is_calendar(one) for one in beside):
        return None
    data = part.data()
    charset = part.parameter("charset")
    source = decode(data, charset if isinstance(charset, str) else "")
    small = reduced(source) if policy is HtmlPolicy.REDUCE else None
    if small is not None:
        change = PartChange(PartFate.REDUCED, "", "text/html", len(data))
        put = _put(raw, part, "text/html", small + "\n")
        return _Edit(part.head, part.end, put, change)
    change = PartChange(PartFate.TEXT, "", "text/html", len(data))
    place = next((n for n, one in enumerate(beside) if one is part), 0)
    if place and any(one.kind == "text/plain" and one.data().strip() for one in beside[:place]):
        return _Edit(beside[place - 1].end, part.end, b"", change)  # with the boundary before it
    text = html_to_text(source).strip() + "\n"
    return _Edit(part.head, part.end, _put(raw, part, "text/plain", text), change)


def _put(raw: bytes, part: MimePart, kind: str, text: str) -> bytes:
    """Return a part with the text; fields that say nothing of its content stay as they were."""
    span = raw[part.head : part.end]
    head = message.head(span)
    kept = b"".join(
        span[start:end]
        for (name, _), (start, end) in zip(head.fields, head.spans, strict=True)
        if not name.lower().startswith("content-")
    )
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    coded = [
        binascii.b2a_qp(line.encode("utf-8", "replace"), quotetabs=False, istext=True)
        for line in lines
    ]
    body = b"\r\n".join(one.replace(b"=\n", b"=\r\n") for one in coded)
    said = f"Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"
    if part.head > 0:
        said += "Content-Disposition: inline\r\n"
    ends = b"" if part.head > 0 or body.endswith(b"\r\n") else b"\r\n"
    return kept + said.encode() + b"\r\n" + body.rstrip(b"\r\n") + (ends or b"")
