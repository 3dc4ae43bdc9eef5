"""Make the mail that a moderator edited: the writer's header, the moderator's text.

Fields stay byte for byte, but for those that spoke of the old body and signatures that no longer
hold. The text says at its end that it was edited: nobody's words change unseen.
"""

import quopri

from mailer.reading.message import Head

MAX_LINE = 900  # octets; a longer line needs quoted-printable (RFC 5321 section 4.5.3.1.6)
_ABOUT_BODY = ("content-", "arc-")
_GONE = {"mime-version", "dkim-signature", "domainkey-signature", "lines", "autocrypt"}


def edited(raw: bytes, head: Head, text: str, mark: str) -> bytes:
    """Return the mail ``raw`` with ``text``, and below it ``mark``, as its whole body."""
    kept = b"".join(
        _ended(raw[start:end])
        for (name, _), (start, end) in zip(head.fields, head.spans, strict=True)
        if name.lower() not in _GONE and not name.lower().startswith(_ABOUT_BODY)
    )
    body = f"{text.strip()}\n\n{mark}\n".replace("\r\n", "\n").replace("\r", "\n").encode()
    coding = b"7bit" if body.isascii() else b"8bit"
    if any(len(line) > MAX_LINE for line in body.split(b"\n")) or b"\0" in body:
        body, coding = quopri.encodestring(body), b"quoted-printable"
    return (
        kept
        + b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        + b"Content-Transfer-Encoding: "
        + coding
        + b"\r\n\r\n"
        + body.replace(b"\n", b"\r\n")
    )


def _ended(field: bytes) -> bytes:
    return field.rstrip(b"\r\n") + b"\r\n"
