"""Find out who signs a list's copies, and whether they may offer one-click leaving (RFC 8058)."""

import time
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.letters import writer_alias
from listserv.letters.notices import HANDED_ON, KIND
from listserv.wiring import vouching
from listserv.wiring.config import Settings
from listserv.wiring.listserv_tables import Post
from mailer.authentication import dkim, dkim_keys, verdict
from mailer.authentication.verdict import UNKNOWN, Authentication
from mailer.ledger.mailings import MailingView
from mailer.ledger.splice import Segments, Stamp
from mailer.reading import message
from mailer.reading.message import MessageHeader
from mailer.storage.arrivals import Arrival
from mailer.storage.tokens import Keyring

POST = "post"  # the kind of a mailing that its members write


class AuthoredMail(NamedTuple):
    """Hold a mail that somebody else wrote: its header, and whose it is as far as is known."""

    head: MessageHeader
    found: Authentication = UNKNOWN
    munged: bool = False  # its From is an alias of ours (letters/writer_alias.py)


class Signer(StrEnum):
    """Say who signs: the values of ``mailer.sign``."""

    KRETS = "krets"
    RELAY = "relay"  # declared to cover List-Unsubscribe and List-Unsubscribe-Post
    NOBODY = "nobody"


def one_click(
    session: Session, settings: Settings, domain: str, now: float, post: AuthoredMail | None = None
) -> bool:
    """Tell whether copies of lists at ``domain`` may carry List-Unsubscribe-Post.

    RFC 8058 section 3.1 wants an https address, section 4 a signature over both fields; ``post``
    is a mail that somebody else wrote.
    """
    if not settings.listserv.base_url.startswith("https://"):
        return False
    if post is not None and not _may_sign(session, domain, post):
        return False
    return signs(session, settings, domain, now)


def signs(session: Session, settings: Settings, domain: str, now: float) -> bool:
    """Tell whether mail of lists at ``domain`` is signed as that domain, by us or by the relay."""
    signer = Signer(settings.mailer.sign)
    return signer is Signer.RELAY or (
        signer is Signer.KRETS and dkim_keys.signs(session, domain, now)
    )


def stamping(
    settings: Settings, clock: Callable[[], float] = time.time, keyring: Keyring | None = None
) -> Callable[[Session, MailingView, Segments], Stamp | None]:
    """Return what the sender asks once per composition: the stamp of its copies, or None.

    ``keyring`` tells the aliases in From that are ours; without one there are none.
    """

    def munged(mailing: MailingView, head: MessageHeader) -> bool:
        address = mailing.list_address
        return keyring is not None and writer_alias.is_alias(head, keyring, address)

    def chosen(session: Session, mailing: MailingView, segments: Segments) -> Stamp | None:
        if Signer(settings.mailer.sign) is not Signer.KRETS:
            return None
        first = segments.parts[0]
        handed_on = mailing.kind == KIND and first.startswith(HANDED_ON.encode())
        if handed_on and not munged(mailing, message.head(first)):
            return None  # a stranger's letter: its From may claim to be one of us
        domain = mailing.list_address.rpartition("@")[2]
        if mailing.kind == POST:
            head = message.head(b"".join(segments.parts))
            found = _judged(session, mailing)
            if not _may_sign(session, domain, AuthoredMail(head, found, munged(mailing, head))):
                return None
        keys = dkim_keys.signing_keys(session, domain, clock())
        return dkim.stamp(segments, keys, clock) if keys else None

    return chosen


def _may_sign(session: Session, domain: str, post: AuthoredMail) -> bool:
    if post.munged:
        return True
    ours = vouching.organisations(session, domain)
    return vouching.may_sign(post.head, ours, post.found)


def _judged(session: Session, mailing: MailingView) -> Authentication:
    """Return what was found of the mail that became ``mailing``."""
    found = select(Arrival.authentication).join(Post, Post.arrival_id == Arrival.id)
    return verdict.read(session.scalar(found.where(Post.mailing_id == mailing.id)) or "")
