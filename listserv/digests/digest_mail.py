"""Compose a digest: the threads of its window, each mail's own words, and how to answer each.

Knows the posts of one window and makes a composition for a language; who reads it is for
digest_making.py. Under each mail stand its own reply addresses, as slots: they are each member's
own. SECURITY: every word is a stranger's. What is shown passes the archive's view, so what was
redacted is in no digest; HTML is escaped by the templates; bodies are put into the plain part
after it is set, so that no mail can write a line of ours.
"""

import re
import secrets
from base64 import b32encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

import templates
from archive.pages.views import members_sight
from archive.threads.archive_tables import Message, Thread
from archive.visibility.visibility import Viewer, see
from listserv.letters.post_headers import (
    LEAVE,
    ONE_CLICK,
    ListFace,
    coded,
    list_fields,
    phrase,
)
from listserv.wiring.listserv_tables import Post
from mailer.ledger.splice import Segments
from mailer.reading.bodies import read
from mailer.reading.headers.head_facts import permalink_hash, read_head
from mailer.reading.prose import paragraphs
from mailer.reading.subjects import bare_subject
from mailer.storage.arrivals import Arrival
from mailer.storage.store import get_raw
from subscriptions.lists.roster import ArchivePolicy, MailList

DIGEST, ANSWER, WRITER = "digest", "answer.", "writer."  # slots: the digest's, and one for a post
LONGEST = 6_000  # characters of one mail's own words; the rest is a link
MOST = 60_000  # bytes of all mails' own words: with both parts a digest stays below 200 KB
_MARK = re.compile("\x01(\\d+)\x02")  # where a mail's own words go; no mail can write it
_SLOT = re.compile(rb"(\x03[a-z]+\.?\d*\x04)")


@dataclass(frozen=True, slots=True)
class DigestPost:
    """Hold one mail of a digest as its readers may see it."""

    id: int  # of the post
    subject: str
    author: str
    at: float
    text: str  # own words; "" where there is no room or nothing to show
    cut: bool  # there is more than is shown
    permalink: str  # "" without an archive
    begins: bool


@dataclass(frozen=True, slots=True)
class DigestThread:
    """Hold the mails of one thread in a digest, oldest first."""

    subject: str
    page: str  # "" without an archive
    mails: tuple[DigestPost, ...]

    @property
    def asks(self) -> bool:
        """Tell whether it is a question that nobody has answered."""
        return len(self.mails) == 1 and self.mails[0].begins and "?" in self.mails[0].text


def threads_of(
    session: Session, lst: MailList, face: ListFace, posts: Sequence[int]
) -> list[DigestThread]:
    """Return the threads of these posts: unanswered questions first, then the liveliest."""
    sight = members_sight(session, lst)
    rows = session.execute(
        select(Post, Arrival.raw_sha)
        .join(Arrival, Arrival.id == Post.arrival_id)
        .where(Post.id.in_(posts))
        .order_by(Post.decided_at, Post.id)
    ).all()
    hashes = {row.Post.id: permalink_hash(row.Post.message_id) for row in rows}
    placed = {
        row.hash: row
        for row in session.execute(
            select(Message.hash, Message.raw_sha, Thread.hash.label("thread"), Thread.subject)
            .join(Thread, Thread.id == Message.thread_id)
            .where(Message.list_id == lst.id, Message.hash.in_(list(hashes.values())))
        )
    }
    found: dict[str, list[DigestPost]] = {}
    pages: dict[str, str] = {}
    for post, raw_sha in rows:
        hash_ = hashes[post.id]
        where = placed.get(hash_)
        raw = get_raw(session, where.raw_sha if where else raw_sha) or b""
        mail = _mail(post, raw, hash_, sight)
        if mail is None:
            continue
        archived = where is not None and lst.archive is not ArchivePolicy.NONE
        if archived:
            mail = replace(mail, permalink=f"{face.page}m/{hash_}/")
        key = where.thread if where else bare_subject(mail.subject).casefold()
        pages[key] = f"{face.page}t/{where.thread}/" if archived and where else ""
        found.setdefault(key, []).append(mail)
    threads = [
        DigestThread(bare_subject(mails[0].subject) or mails[0].subject, pages[key], tuple(mails))
        for key, mails in found.items()
    ]
    return sorted(threads, key=lambda one: (not one.asks, -len(one.mails), one.mails[0].at))


def _mail(post: Post, raw: bytes, hash_: str, sight: Viewer) -> DigestPost | None:
    """Return what may be shown of a post; None for one that was taken out."""
    head = read_head(raw)
    seen = see(hash_, head.subject, head.author, read(raw), sight)
    if seen.gone or not raw:
        return None
    text = seen.quoted.text.strip()
    shown = text if len(text) <= LONGEST else text[:LONGEST].rsplit("\n", 1)[0]
    return DigestPost(
        id=post.id,
        subject=seen.subject,
        author=seen.author,
        at=post.decided_at,
        text=shown,
        cut=len(shown) < len(text) or seen.cut,
        permalink="",
        begins=post.begins,
    )


def fitted(threads: Iterable[DigestThread]) -> list[DigestThread]:
    """Return the threads with no more words than a digest may have; what has none is named."""
    left, made = MOST, []
    for thread in threads:
        mails = []
        for mail in thread.mails:
            size = len(mail.text.encode())
            fits = size <= left
            left -= size if fits else 0
            mails.append(mail if fits else replace(mail, text="", cut=True))
        made.append(replace(thread, mails=tuple(mails)))
    return made


def compose(
    threads: Sequence[DigestThread],
    face: ListFace,
    language: str,
    *,
    message_id: str,
    now: float,
    zone: str = "",
    leaves: bool = True,
) -> Segments:
    """Return the digest in ``language``, its slots the reply addresses and the way out."""
    mails = [mail for thread in threads for mail in thread.mails]
    places = {mail.id: number for number, mail in enumerate(mails)}
    local, _, domain = face.address.partition("@")
    context = {
        "list": {
            "title": face.title,
            "address": face.address,
            "page": face.page,
            "request": face.sub("request"),
            "owner": face.sub("owner"),
            "zone": zone,
        },
        "threads": [_shown(thread, places) for thread in threads],
        "how_many": len(mails),
        "reply_prefix": f"{local}-reply+",
        "reply_domain": domain,
        "leave_url": f"{face.page}leave/\x03{LEAVE}\x04",
    }
    words = templates.mail("member-digest", language, **context)
    page = templates.mail_page("member-digest", language, **context)
    text = _MARK.sub(lambda found: _body(mails[int(found[1])].text), words.text)
    raw = _head(face, words.subject, language, message_id, now, leaves=leaves)
    raw += _alternative(text, page)
    pieces = _SLOT.split(raw)
    return Segments(tuple(pieces[::2]), tuple(one[1:-1].decode() for one in pieces[1::2]))


def _shown(thread: DigestThread, places: Mapping[int, int]) -> dict[str, object]:
    return {
        "subject": thread.subject,
        "page": thread.page,
        "mails": [
            {
                "author": mail.author,
                "at": mail.at,
                "subject": mail.subject,
                "mark": f"\x01{places[mail.id]}\x02" if mail.text else "",
                "paragraphs": paragraphs(mail.text),
                "cut": mail.cut,
                "permalink": mail.permalink,
                "place": f"m{places[mail.id] + 1}",
                "token": f"\x03{ANSWER}{mail.id}\x04",
                "writer": f"\x03{WRITER}{mail.id}\x04",
            }
            for mail in thread.mails
        ],
    }


def _body(text: str) -> str:
    """Return own words as they stand in the plain part: no line of theirs can pass for ours."""
    clean = "".join(c if c == "\n" or c.isprintable() or c == "\t" else " " for c in text)
    return clean.strip("\n")


def _head(
    face: ListFace, subject: str, language: str, message_id: str, now: float, *, leaves: bool
) -> bytes:
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
        f"{out if leaves else ''}"
        "Auto-Submitted: auto-generated\r\n"
        "X-Auto-Response-Suppress: OOF, AutoReply\r\n"
        "MIME-Version: 1.0\r\n"
    ).encode()


def _alternative(text: str, html: str) -> bytes:
    mark = f"=_{b32encode(secrets.token_bytes(15)).decode().lower()}"
    parts = "".join(
        f"--{mark}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: 8bit\r\n\r\n{_lines(said)}\r\n"
        for kind, said in (("plain", text), ("html", html))
    )
    head = f'Content-Type: multipart/alternative;\r\n boundary="{mark}"\r\n\r\n'
    return f"{head}{parts}--{mark}--\r\n".encode()


def _lines(text: str) -> str:
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
