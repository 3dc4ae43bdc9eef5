"""Tell all members once that their list was deleted, or that it goes on after all.

    farewells.begin(visit, back=False, hidden=True)    # a mailing of the ledger, frozen in pieces

Everybody who gets mail of the list gets it, whatever their rhythm; who has paused is left in
peace. Each copy has its reader's way out. Knows words and the ledger; refuses to know who decided.
"""

import re
import secrets
from base64 import b32encode
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

import templates
from listserv.letters import notices
from listserv.letters.notices import face_of
from listserv.letters.post_headers import LEAVE, ListFace, coded, list_fields, phrase
from listserv.letters.visit import Visit
from listserv.mailings import slots
from mailer.ledger import mailing_control, mailings
from mailer.ledger.mailings import Mailing, MailingState
from mailer.ledger.splice import Segments
from subscriptions.lists import deletion
from subscriptions.lists.roster import LANGUAGES, ArchivePolicy, MailList, Membership, Person

KIND = "farewell"  # of a mailing
EXPIRES = 5 * 86400.0  # seconds until a deferred copy is given up
UNDER_WAY = (MailingState.FREEZING, MailingState.SENDING, MailingState.PAUSED)
_MARK = f"{LEAVE}-of-this-reader"  # where the way out goes, until the mail is cut there


def begin(visit: Visit, *, back: bool) -> int:
    """Begin the mailing and return its id; whoever calls rings "sort" afterwards."""
    lst, face = visit.lst, face_of(visit.app, visit.lst)
    mark = f"{_MARK}{secrets.token_hex(8)}"
    message_id = f"notice.{b32encode(secrets.token_bytes(15)).decode().lower()}@{lst.domain}"
    compositions = {
        slots.variant_of(language, named=False, filled=False): _cut(
            _composed(visit, face, language, message_id, mark, back=back), mark
        )
        for language in _languages(visit.session, lst)
    }
    return mailings.create_mailing(
        visit.session,
        kind=KIND,
        list_address=lst.address,
        message_id=message_id,
        policy="never-miss",
        compositions=compositions,
        created=visit.now,
        expires_at=visit.now + EXPIRES,
    )


def stop(session: Session, lst: MailList, kinds: Sequence[str], now: float) -> int:
    """Stop what is under way of some kinds; return how many mailings that were."""
    found = session.scalars(
        select(Mailing.id).where(
            Mailing.list_address.in_(lst.addresses),
            Mailing.kind.in_(kinds),
            Mailing.state.in_(UNDER_WAY),
        )
    ).all()
    for mailing in found:
        mailing_control.stop(session, mailing, now=now)
    return len(found)


def _languages(session: Session, lst: MailList) -> list[str]:
    read = (
        select(Person.language)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.list_id == lst.id)
        .distinct()
    )
    found = {lst.language, *session.scalars(read)}
    return sorted(found & set(LANGUAGES))


def _composed(
    visit: Visit, face: ListFace, language: str, message_id: str, mark: str, *, back: bool
) -> bytes:
    lst = visit.lst
    context = {
        **notices.shown(lst, face),
        "leave_address": face.sub(f"leave+{mark}"),
        "leave_url": f"{face.page}leave/{mark}",
        "back": back,
        "readable": lst.archive is not ArchivePolicy.NONE,
        "hidden": deletion.hides(lst),
        "until": deletion.until(lst),
        "answer_address": face.sub("request"),
    }
    words = templates.notice("member-ended", language, **context)
    fields = [
        f"From: {phrase(lst.title, 'From')}<{face.sub('request')}>",
        f"To: <{face.address}>",
        f"Reply-To: <{face.sub('owner')}>",
        coded("Subject", words.subject),
        f"Date: {format_datetime(datetime.fromtimestamp(visit.now, UTC))}",
        f"Message-ID: <{message_id}>",
        f"Content-Language: {language}",
        list_fields(face, "").removesuffix(b"\r\n").decode(),
        f"List-Unsubscribe: <mailto:{face.sub(f'leave+{mark}')}>,\r\n <{face.page}leave/{mark}>",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: OOF, AutoReply",
        "MIME-Version: 1.0",
    ]
    return "".join(f"{one}\r\n" for one in fields).encode() + notices.content(words)


def _cut(raw: bytes, mark: str) -> Segments:
    """Return the mail with a slot wherever the mark stands."""
    parts = tuple(re.split(re.escape(mark.encode()), raw))
    return Segments(parts, (LEAVE,) * (len(parts) - 1))
