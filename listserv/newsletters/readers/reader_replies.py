"""Readers' answers to an issue: to its editors, to a thread under it, or to a discussion list.

Which of the three is a setting of the list (``replies``). Where answers stand under the issue, its
copies carry a Reply-To with a token of the issue, for mail programs that drop In-Reply-To. What is
archived of an answer is its writer's own words, as a mail of its own. SECURITY: the quoted issue
holds its reader's own way out, as a token in a link; no quotation, no attachment and no token goes
into the archive. Who may answer is judged by the rules of posts, as on a members' discussion list.
"""

import hashlib
import re
from dataclasses import replace
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.filing import mail_threading
from listserv.letters import incoming_letter
from listserv.newsletters.readers import token_removal
from listserv.posts.facts import PostReading
from listserv.posts.permalinks import publish_permalink
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Issue
from mailer.ledger.mailings import Mailing
from mailer.reading import message
from mailer.reading.addresses import parse
from mailer.reading.headers import head_facts, mail_dates
from mailer.reading.message import MessageHeader
from mailer.storage.arrivals import Arrival
from mailer.storage.store import pack, put_packed
from mailer.storage.tokens import Keyring, TokenPurpose
from subscriptions.lists.roster import ArchivePolicy, ListKind, MailList
from subscriptions.lists.terms import EDITORS, THREAD

_ISSUE = 1 << 39  # of a token's number: an issue by its Message-ID, no row of the archive
_KNOWN = 500  # issues that a reply can be to, the newest
_NAMED = 50  # ids that a mail may name
# Ids that the standard library writes as they are; it raises at some others.
_PLAIN = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,250}@(?:[\w.-]{1,250}|\[[\w.:]{1,60}\])", re.ASCII)
_ID = re.compile(r"<([^<>\s]{1,998})>")


def address(keyring: Keyring, lst: MailList, message_id: str) -> str:
    """Return where answers to an issue go, "" for the list's own address, which is its editors'."""
    if lst.replies == THREAD and lst.archive is not ArchivePolicy.NONE:
        token = keyring.standing(TokenPurpose.REPLY, lst.address, _number(message_id))
        return f"{lst.name}-reply+{token}@{lst.domain}"
    return lst.replies if "@" in (lst.replies or EDITORS) else ""


def answered(session: Session, lst: MailList, head: MessageHeader, number: int | None) -> str:
    """Return the Message-ID of the issue under which a mail belongs, "" where it does not.

    ``number`` is the token's, where the mail came to one. Nothing is archived of somebody who
    asks for that; their answer goes to the editors.
    """
    threaded = lst.kind is ListKind.NEWSLETTER and lst.replies == THREAD
    if not threaded or lst.archive is ArchivePolicy.NONE or head_facts.asks_privacy(head):
        return ""
    if number is not None and number & _ISSUE:
        return next((one for one in _issues(session, lst) if _number(one) == number), "")
    named = [
        one
        for field in ("in-reply-to", "references")
        for value in head.all(field)
        for one in _ID.findall(message.text_of(value))
    ][-_NAMED:]
    if number is not None:
        named.append(mail_threading.answered(session, lst.id, number) or "")
    found = session.scalars(
        select(Mailing.message_id)
        .join(Issue, Issue.mailing_id == Mailing.id)
        .where(Mailing.message_id.in_(named), Issue.list_id == lst.id)
        .limit(1)
    ).first()
    return found or (_thread(session, lst, named) if named else "")


def keep(
    app: App, session: Session, lst: MailList, arrival: Arrival, reading: PostReading, issue: str
) -> None:
    """Put an answer under its issue."""
    raw = own_mail(arrival, reading, lst, issue, token_removal.proves(app.keyring, *lst.addresses))
    kept = pack(raw)
    put_packed(session, [kept])
    mail_threading.place(session, lst, raw, kept.sha, arrival.received_at, answers=issue)
    publish_permalink(app, session, lst, kept.sha)


def blanked(app: App, session: Session, lst: MailList, reading: PostReading) -> PostReading:
    """Return a post to a list, without tokens of the newsletters whose answers come to it.

    It quotes an issue as a rule, and with it its writer's own way out, which the list's members
    and its archive would read. Nothing but a token changes.
    """
    named = session.scalars(select(MailList).where(MailList.replies.in_(lst.addresses))).all()
    if not named:
        return reading
    ours = token_removal.proves(app.keyring, *(one for each in named for one in each.addresses))
    raw = token_removal.blank(reading.raw, ours)
    return reading if raw == reading.raw else replace(reading, raw=raw, head=message.head(raw))


def own_mail(
    arrival: Arrival, reading: PostReading, lst: MailList, issue: str, ours: token_removal.Proves
) -> bytes:
    """Return an answer as the archive keeps it: who, when, under what, and their own words."""
    letter = incoming_letter.read(arrival, reading.raw)
    made = EmailMessage(policy=SMTP)
    if letter.author is not None:
        who = parse(letter.author.given)
        made["From"] = Address(letter.name[:80], addr_spec=who.wire)
    made["To"] = lst.address
    made["Subject"] = token_removal.bare(" ".join(letter.subject.split()), ours)[:200]
    written = head_facts.clamp_date(
        mail_dates.read_date(letter.head.first("date") or b""), arrival.received_at
    )
    made["Date"] = formatdate(written)
    own = reading.message_id if _PLAIN.fullmatch(reading.message_id) else ""
    made["Message-ID"] = f"<{own or f'reply-{arrival.id}@{lst.domain}'}>"
    named = [one for one in _ID.findall(letter.head.text("in-reply-to")) if one != issue]
    made["References"] = " ".join(f"<{one}>" for one in [issue, *named[:1]])
    made.set_content(token_removal.bare(letter.text, ours).strip() or "-")
    return made.as_bytes()


def _thread(session: Session, lst: MailList, named: list[str]) -> str:
    """Return the issue above an archived answer that is answered in its turn."""
    known = set(_issues(session, lst))
    return next((one for one in mail_threading.beside(session, lst.id, named) if one in known), "")


def _issues(session: Session, lst: MailList) -> list[str]:
    return list(
        session.scalars(
            select(Mailing.message_id)
            .join(Issue, Issue.mailing_id == Mailing.id)
            .where(Issue.list_id == lst.id)
            .order_by(Mailing.id.desc())
            .limit(_KNOWN)
        )
    )


def _number(message_id: str) -> int:
    """Return what stands for an issue in a token: below 2**40, and no row of the archive."""
    made = hashlib.sha256(message_id.encode()).digest()
    return _ISSUE | int.from_bytes(made[:5], "big") & (_ISSUE - 1)
