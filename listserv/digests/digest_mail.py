"""Compose a digest in one language, in the form its readers chose, below the size that all show.

    compose(threads, face, "sv", DigestForm.PAGE, message_id=id, now=now, zone=zone)

A page is HTML and the same as text, with a way to answer below each mail; the other forms are
digest_parts.py's. Reply addresses are slots: they are each member's own. Gmail clips a mail above
102 KB, so what has no room is named, with a link. SECURITY: every word is a stranger's. HTML is
escaped by the templates; bodies are put into the plain part after it is set, so that no mail can
write a line of ours.
"""

import re
import secrets
from base64 import b32encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import templates
from listserv.digests import digest_parts
from listserv.digests.digest_parts import DIGEST, body, lines, token, writer
from listserv.digests.digest_threads import DigestPost, DigestThread, fitted
from listserv.letters.post_headers import (
    LEAVE,
    ONE_CLICK,
    ListFace,
    coded,
    list_fields,
    phrase,
)
from mailer.ledger.splice import Segments
from mailer.reading.prose import paragraphs
from subscriptions.lists.rhythms import DigestForm

LIMIT = 96_000  # bytes of a copy, its slots filled; a signature may come on top
WORDS, MAILS = 42_000, 60  # bytes of own words, and mails, in the largest digest
TRIES = (1.0, 0.75, 0.55, 0.4, 0.25, 0.12, 0.05)  # of that, until it is small enough
TOKEN = 26  # bytes that fill a slot
NAMED = 60  # threads without room that are named; the others are counted
_MARK = re.compile("\x01(\\d+)\x02")  # where a mail's own words go; no mail can write it
_SLOT = re.compile(rb"(\x03[a-z]+\.?\d*\x04)")


def compose(
    threads: Sequence[DigestThread],
    face: ListFace,
    language: str,
    form: DigestForm,
    *,
    message_id: str,
    now: float,
    zone: str = "",
) -> Segments:
    """Return the digest, its slots the reply addresses and the way out."""
    for much in TRIES:
        some = fitted(threads, int(WORDS * much), max(1, int(MAILS * much)))
        context = _context(some, face, zone)
        name = "member-digest" if form is DigestForm.PAGE else "member-digest-parts"
        words = templates.mail(name, language, **context)
        raw = _head(face, words.subject, language, message_id, now)
        raw += _content(some, face, language, form, words.text, context)
        pieces = _SLOT.split(raw)
        made = Segments(tuple(pieces[::2]), tuple(one[1:-1].decode() for one in pieces[1::2]))
        if sum(map(len, made.parts)) + TOKEN * len(made.slots) <= LIMIT:
            break
    return made


def _content(
    threads: Sequence[DigestThread],
    face: ListFace,
    language: str,
    form: DigestForm,
    text: str,
    context: Mapping[str, Any],
) -> bytes:
    """Return a digest's Content fields and body."""
    mails = [mail for thread in threads for mail in thread.mails]
    if form is DigestForm.MIME:
        return digest_parts.mime(text, mails, face)
    if form is DigestForm.PLAIN:
        return digest_parts.plain(text, mails, face)
    page = templates.mail_page("member-digest", language, **context)
    return _alternative(_MARK.sub(lambda found: body(mails[int(found[1])].text), text), page)


def _context(threads: Sequence[DigestThread], face: ListFace, zone: str) -> dict[str, Any]:
    shown = [thread for thread in threads if thread.mails]
    mails = [mail for thread in shown for mail in thread.mails]
    rest = [thread for thread in threads if not thread.mails]
    places = {mail.id: number for number, mail in enumerate(mails)}
    local, _, domain = face.address.partition("@")
    return {
        "list": {
            "title": face.title,
            "address": face.address,
            "page": face.page,
            "request": face.sub("request"),
            "owner": face.sub("owner"),
            "zone": zone,
        },
        "threads": [_shown(thread, places) for thread in shown],
        "rest": [
            {"subject": one.subject, "page": one.page, "many": one.left} for one in rest[:NAMED]
        ],
        "more_threads": len(rest[NAMED:]),
        "first": min(thread.first for thread in threads),
        "last": max(thread.last for thread in threads),
        "how_many": len(mails) + sum(thread.left for thread in threads),
        "reply_prefix": f"{local}-reply+",
        "reply_domain": domain,
        "leave_url": f"{face.page}leave/\x03{LEAVE}\x04",
    }


def _shown(thread: DigestThread, places: Mapping[int, int]) -> dict[str, object]:
    return {
        "subject": thread.subject,
        "page": thread.page,
        "left": thread.left,
        "code": thread.mails[0].code,
        "mails": [_mail(mail, places[mail.id]) for mail in thread.mails],
    }


def _mail(mail: DigestPost, place: int) -> dict[str, object]:
    return {
        "author": mail.author,
        "at": mail.at,
        "subject": mail.subject,
        "mark": f"\x01{place}\x02" if mail.text else "",
        "paragraphs": paragraphs(mail.text),
        "cut": mail.cut,
        "permalink": mail.permalink,
        "files": mail.files,
        "message_id": f"<{mail.message_id}>",
        "place": f"m{place + 1}",
        "token": token(mail),
        "writer": writer(mail),
    }


def _head(face: ListFace, subject: str, language: str, message_id: str, now: float) -> bytes:
    local, _, domain = face.address.partition("@")
    when = format_datetime(datetime.fromtimestamp(now, UTC))
    out = f"List-Unsubscribe: <mailto:{local}-leave+\x03{LEAVE}\x04@{domain}>,\r\n"
    out += f" <{face.page}leave/\x03{LEAVE}\x04>\r\n"
    if face.one_click:
        out += ONE_CLICK.decode()
    return (
        f"From: {phrase(face.title, 'From')}<{face.address}>\r\n"
        f"To: <{face.address}>\r\n"
        f"Reply-To: <{local}-reply+\x03{DIGEST}\x04@{domain}>\r\n"
        f"{coded('Subject', subject)}\r\n"
        f"Date: {when}\r\nMessage-ID: <{message_id}>\r\n"
        f"Content-Language: {language}\r\n"
        f"{list_fields(face, '').decode()}"
        f"{out}"
        "Auto-Submitted: auto-generated\r\n"
        "X-Auto-Response-Suppress: OOF, AutoReply\r\n"
        "MIME-Version: 1.0\r\n"
    ).encode()


def _alternative(text: str, html: str) -> bytes:
    mark = f"=_{b32encode(secrets.token_bytes(15)).decode().lower()}"
    parts = "".join(
        f"--{mark}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: 8bit\r\n\r\n{lines(said)}\r\n"
        for kind, said in (("plain", text), ("html", html))
    )
    head = f'Content-Type: multipart/alternative;\r\n boundary="{mark}"\r\n\r\n'
    return f"{head}{parts}--{mark}--\r\n".encode()
