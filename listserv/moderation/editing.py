"""Make the mail that a moderator edited: the writer's header, the moderator's text, the files.

Fields stay byte for byte, but for those that spoke of the old body and signatures that no longer
hold. Whatever came with the post and is no text of it (a file, a picture, a calendar entry, a
forwarded mail) goes along byte for byte; its HTML form goes, because it says the old words. The
text says at its end that it was edited: nobody's words change unseen. SECURITY: the parts are a
stranger's and are not read, only cut out.
"""

import hashlib
import quopri

from mailer.reading import mime
from mailer.reading.message import MessageHeader
from mailer.reading.mime import MimePart

MAX_LINE = 900  # octets; a longer line needs quoted-printable (RFC 5321 section 4.5.3.1.6)
_ABOUT_BODY = ("content-", "arc-")
_GONE = {"mime-version", "dkim-signature", "domainkey-signature", "lines", "autocrypt"}
_WORDS = {"text/plain", "text/html", "text/enriched", "text/x-amp-html", "text/watch-html"}
_SEALS = {
    "application/pgp-signature",
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
}


def edited(raw: bytes, head: MessageHeader, text: str, mark: str) -> bytes:
    """Return the mail ``raw`` with ``text``, and below it ``mark``, in place of its own text."""
    kept = b"".join(
        _ended(raw[start:end])
        for (name, _), (start, end) in zip(head.fields, head.spans, strict=True)
        if name.lower() not in _GONE and not name.lower().startswith(_ABOUT_BODY)
    )
    said = _text_part(text, mark)
    files = [raw[part.head : part.end] for part in files_of(raw)]
    fields = kept + b"MIME-Version: 1.0\r\n"
    if not files:
        return fields + said
    boundary = b"=_" + hashlib.sha256(raw).hexdigest()[:40].encode()
    opening = b"--" + boundary + b"\r\n"
    return b"".join((
        fields, b'Content-Type: multipart/mixed; boundary="', boundary, b'"\r\n\r\n',
        opening, said,
        *(b"\r\n" + opening + one for one in files),
        b"\r\n--", boundary, b"--\r\n",
    ))  # fmt: skip


def files_of(raw: bytes) -> list[MimePart]:
    """Return the parts of a mail that are no text of its own, in order."""
    top = mime.cut(raw)
    found: list[MimePart] = []
    todo = [top]
    while todo:
        part = todo.pop()
        if part.parts and part.kind.startswith("multipart/"):
            todo += reversed(part.parts)
        elif part is not top and not _is_words(part):
            found.append(part)
    return found


def _is_words(part: MimePart) -> bool:
    """Tell whether a part is what its writer wrote, or only seals what they wrote."""
    if part.kind in _SEALS:
        return True
    disposition = part.fields.get("disposition", b"").strip().lower()
    named = b"attachment" in disposition or b"filename" in disposition
    return part.kind in _WORDS and not named and not part.parameter("name")


def _text_part(text: str, mark: str) -> bytes:
    body = f"{text.strip()}\n\n{mark}\n".replace("\r\n", "\n").replace("\r", "\n").encode()
    coding = b"7bit" if body.isascii() else b"8bit"
    if any(len(line) > MAX_LINE for line in body.split(b"\n")) or b"\0" in body:
        body, coding = quopri.encodestring(body), b"quoted-printable"
    return (
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
        + coding
        + b"\r\n\r\n"
        + body.replace(b"\n", b"\r\n")
    )


def _ended(field: bytes) -> bytes:
    return field.rstrip(b"\r\n") + b"\r\n"
