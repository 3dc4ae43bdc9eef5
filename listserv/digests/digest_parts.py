"""Write a digest for programs that take it apart: MIME (RFC 2046 section 5.1.5) and RFC 1153.

In both each mail has a head of its own: an answer to everybody goes to its Reply-To, one to its
author alone to its From, and References say where it stands. Knows no words: what is said around
the mails is rendered before. SECURITY: heads are encoded, own words cannot end a part (its mark is
random) nor look like the line between two mails.
"""

import re
import secrets
from base64 import b32encode
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from listserv.digests.digest_threads import DigestPost
from listserv.letters.post_headers import ListFace, coded, phrase

DIGEST, ANSWER, WRITER = "digest", "answer.", "writer."  # slots: the digest's, and one for a post
NAMED = 20  # mails that one names in its References
BEHIND_CONTENTS, BETWEEN = "-" * 70, "-" * 30  # RFC 1153
_ID = re.compile(r"[!-;=?-~]{3,900}")  # no brackets, no spaces, ASCII


def token(mail: DigestPost) -> str:
    """Return the slot of a mail's reply address."""
    return f"\x03{ANSWER}{mail.id}\x04"


def writer(mail: DigestPost) -> str:
    """Return the slot of the address that reaches a mail's author alone."""
    return f"\x03{WRITER}{mail.id}\x04"


def body(text: str) -> str:
    """Return own words as they stand in a plain part: no line of theirs can pass for ours."""
    clean = "".join(c if c == "\n" or c.isprintable() or c == "\t" else " " for c in text)
    return clean.strip("\n")


def lines(text: str) -> str:
    """Return text with CRLF and no line above 900 characters (RFC 5322 section 2.1.1: 998)."""
    whole = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        rest = line
        while len(rest.encode()) > 900:  # noqa: PLR2004 - octets
            at = rest.rfind(" ", 0, 220)
            at = at if at > 0 else 220
            whole.append(rest[:at])
            rest = rest[at:]
        whole.append(rest)
    return "\r\n".join(whole)


def mime(text: str, mails: Sequence[DigestPost], face: ListFace) -> bytes:
    """Return a multipart/mixed: the contents, and a multipart/digest of the mails."""
    outer, inner = _mark(), _mark()
    plain = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    parts = "".join(
        f"--{inner}\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        f"{_head(mail, face)}MIME-Version: 1.0\r\n{plain}{lines(_words(mail))}\r\n"
        for mail in mails
    )
    return (
        f'Content-Type: multipart/mixed;\r\n boundary="{outer}"\r\n\r\n'
        f"--{outer}\r\n{plain}{lines(text)}\r\n"
        f'--{outer}\r\nContent-Type: multipart/digest;\r\n boundary="{inner}"\r\n\r\n'
        f"{parts}--{inner}--\r\n--{outer}--\r\n"
    ).encode()


def plain(text: str, mails: Sequence[DigestPost], face: ListFace) -> bytes:
    """Return one text as RFC 1153 has it: the contents, a long line, then mail by mail."""
    said = [f"{text.rstrip()}\n\n{BEHIND_CONTENTS}\n"]
    said += [
        f"{_unfolded(_head(mail, face, coded_too=False))}\n{_apart(_words(mail))}\n\n{BETWEEN}\n"
        for mail in mails
    ]
    ends = f"End of {' '.join(face.title.split())} Digest"
    said.append(f"{ends}\n{'*' * len(ends)}\n")
    head = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    return f"{head}{lines(chr(10).join(said))}\r\n".encode()


def _words(mail: DigestPost) -> str:
    """Return a mail's own words, and where there is more of it."""
    more = mail.permalink if mail.cut or mail.files else ""
    said = [body(mail.text), "\n".join(f"[{one}]" for one in mail.files), more]
    return "\n\n".join(filter(None, said))


def _head(mail: DigestPost, face: ListFace, *, coded_too: bool = True) -> str:
    local, _, domain = face.address.partition("@")
    when = format_datetime(datetime.fromtimestamp(mail.at, UTC))
    name = mail.author or face.title
    called = phrase(name, "From") if coded_too else f'"{name.replace(chr(34), chr(39))}" '
    subject = coded("Subject", mail.subject) if coded_too else f"Subject: {mail.subject}"
    named = [f"<{one}>" for one in mail.references if _ID.fullmatch(one)][-NAMED:]
    fields = [
        f"Date: {when}",
        f"From: {called}<{local}-reply+{writer(mail)}@{domain}>",
        subject,
        f"To: <{face.address}>",
        f"Reply-To: <{local}-reply+{token(mail)}@{domain}>",
    ]
    if _ID.fullmatch(mail.message_id):
        fields.append(f"Message-ID: <{mail.message_id}>")
    if named:
        fields += [f"In-Reply-To: {named[-1]}", "References: " + "\r\n ".join(named)]
    return "".join(f"{field}\r\n" for field in fields)


def _unfolded(head: str) -> str:
    return head.replace("\r\n ", " ").replace("\r\n", "\n")


def _apart(text: str) -> str:
    """Return own words without a line that ends a mail of an RFC 1153 digest."""
    return "\n".join(f" {one}" if one.startswith(BETWEEN) else one for one in text.split("\n"))


def _mark() -> str:
    return f"=_{b32encode(secrets.token_bytes(15)).decode().lower()}"
