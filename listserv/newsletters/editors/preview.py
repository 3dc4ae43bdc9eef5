"""Show a proof as a page: the newest revision as some readers get it, linked for one editor.

    preview.link(app, lst, edition, member, now)      the address, for a month
    preview.open_link(session, app, lst, token, now)  what it opens, None where it opens nothing
    preview.copy_for(app, lst, opened, reader)        that reader's copy, cut into what a page shows

SECURITY: the link is a standing token over list, edition, day and the editor's membership, good for
nothing else; whoever is no editor any more opens nothing with it. The copy's way out does nothing.
"""

import email
import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from listserv.letters.notices import face_of
from listserv.newsletters.composing import issues
from listserv.newsletters.sending import issue_sending, ready_issue
from listserv.newsletters.sending.issue_sending import PROOF, Reader
from listserv.newsletters.writing import drafts
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import DraftUnderReview
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.roster import LANGUAGES, MailList, Membership, MembershipState, Person

DAY = 86400
LASTS = 31  # days
LOOKED_AT = 2_000  # members among whom samples are found
_TOKEN = re.compile(r"(\d{1,12})-(\d{1,6})-([a-z2-7]{26})")
_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)")
_SCHEMES = re.compile(r"color-scheme\s*:\s*light dark")


@dataclass(frozen=True, slots=True)
class Opened:
    """Hold what a link opens: an edition, and the readers as whom it can be seen."""

    edition: DraftUnderReview
    readers: tuple[Reader, ...]  # the editor first


@dataclass(frozen=True, slots=True)
class PreviewCopy:
    """Hold one reader's copy."""

    head: str
    html: str
    text: str
    raw: bytes


def link(app: App, lst: MailList, edition: int, member: int, now: float) -> str:
    """Return the address of an edition's page for one editor."""
    day = int(now // DAY)
    token = app.keyring.standing(TokenPurpose.PROOF, _scope(lst.address, edition, day), member)
    return f"{face_of(app, lst).page}proof/{edition}-{day}-{token}"


def open_link(session: Session, app: App, lst: MailList, token: str, now: float) -> Opened | None:
    """Return what a link opens now."""
    found = _TOKEN.fullmatch(token)
    if found is None or not 0 <= now // DAY - int(found[2]) <= LASTS:
        return None
    scopes = [_scope(one, int(found[1]), int(found[2])) for one in lst.addresses]
    ref = app.keyring.read(found[3], TokenPurpose.PROOF, *scopes)
    member = session.get(Membership, ref) if ref else None
    edition = session.get(DraftUnderReview, int(found[1]))
    if member is None or edition is None or member.list_id != lst.id:
        return None
    if edition.list_id != lst.id or not issue_sending.is_editor(member):
        return None
    return Opened(edition, (issue_sending.reader_of(session, lst, member), *_samples(session, lst)))


def copy_for(
    app: App, lst: MailList, edition: DraftUnderReview, reader: Reader, now: float
) -> PreviewCopy:
    """Return the copy of ``reader``; raise BadInput where the draft cannot be read any more."""
    draft = drafts.read(edition.source.encode())
    issue = ready_issue.make(app, lst, draft, now, message_id=edition.message_id)
    raw = issues.proof(
        issue,
        reader.name,
        reader.to.wire,
        reader.language,
        app.keyring.standing(TokenPurpose.LEAVE, lst.address, PROOF),
        message_id=f"preview.{edition.id}@{lst.domain}",
    )
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    parts = {}
    for kind in ("html", "plain"):
        body = mail.get_body((kind,)) if isinstance(mail, EmailMessage) else None
        parts[kind] = str(body.get_content()) if body is not None else ""
    head = "\n".join(f"{name}: {value}" for name, value in mail.items())
    return PreviewCopy(head, parts["html"], parts["plain"].replace("\r\n", "\n"), raw)


def in_light(html: str, *, dark: bool) -> str:
    """Return HTML as a mail program by day, or by night, would show it, whatever the browser's."""
    said = _DARK.sub("(min-width: 0px)" if dark else "(max-width: 0px)", html)
    return _SCHEMES.sub(f"color-scheme: {'dark' if dark else 'light'}", said)


def _scope(address: str, edition: int, day: int) -> str:
    return f"{address} {edition} {day}"


def _samples(session: Session, lst: MailList) -> list[Reader]:
    """Return a few readers who differ: the longest name, no name, and one of each language."""
    active = (
        select(Membership.id)
        .where(Membership.list_id == lst.id, Membership.state == MembershipState.ACTIVE)
        .order_by(Membership.id)
        .limit(LOOKED_AT)
    )

    chosen = select(Membership).join(Person, Person.id == Membership.person_id)
    chosen = chosen.where(Membership.id.in_(active)).limit(1)
    asked = [
        chosen.order_by(func.length(Person.name).desc(), Membership.id),
        chosen.where(Person.name == "").order_by(Membership.id),
    ]
    asked += [chosen.where(Person.language == code).order_by(Membership.id) for code in LANGUAGES]
    found = [session.scalars(one).first() for one in asked]
    members = {member.id: member for member in found if member is not None}
    return [issue_sending.reader_of(session, lst, member) for member in members.values()]
