"""Issues that go wrong while they are sent: paused by themselves, and the editors told.

``judge`` is pure: too many refusals, or complaints, among those who were answered for. What the
relay refuses counts, and what comes back to a member's own return path. Such a pause comes once for
an issue: whoever lets it go on has seen the numbers. Knows nothing of why servers refuse.
"""

from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from listserv.letters.notices import AnswerAddress
from listserv.letters.request import Visit, language_of, write
from listserv.mailings.slots import KIND
from listserv.newsletters.editors import mailing_endings, reviews
from listserv.newsletters.sending import issue_sending
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import DraftUnderReview, Issue
from mailer.ledger import mailings
from mailer.ledger.mailings import Mailing, MailingState
from mailer.reading.bounce_reasons import BounceKind
from subscriptions.lists import terms
from subscriptions.lists.roster import MailList, find_list
from subscriptions.lists.terms import Canary
from subscriptions.membership import bouncing
from subscriptions.membership.bouncing import Bounced

LEAST = 50  # answered for, below which no share says anything
COMPLAINTS = 3  # below which chance is enough
COMPLAINED = 0.005  # share of readers: big providers stop at 0.3 % of all their mail
EVERY = 10  # seconds between looks


@dataclass(frozen=True, slots=True)
class Counts:
    """Count what has become of an issue so far."""

    accepted: int
    refused: int  # by the relay, or what came back
    complaints: int

    @property
    def answered(self) -> int:
        """Return for how many something is known."""
        return self.accepted + self.refused


def judge(counts: Counts, canary: Canary) -> str:
    """Return why an issue should not go on by itself: refused, complaints, or ""."""
    least = min(LEAST, canary.many) if canary.many else LEAST
    if counts.answered < least:
        return ""
    if counts.refused * 100 > canary.percent * counts.answered:
        return "refused"
    many = counts.complaints >= COMPLAINTS
    return "complaints" if many and counts.complaints > COMPLAINED * counts.answered else ""


def look(app: App, now: float) -> int:
    """Look at all issues that are being sent; return how many were paused."""
    with app.store.read() as session:
        found = [(number, _judged(session, number)) for number in _sent_now(session)]
    paused = 0
    for number, (why, counts) in found:
        if why:
            with app.store.write() as session:
                paused += _pause(session, app, number, why, counts, now)
    if paused:
        app.ring("deliver")
    return paused


def tripped(session: Session, mailing_id: int) -> float | None:
    """Return when an issue was paused by itself, or None."""
    return session.scalar(select(Issue.tripped).where(Issue.mailing_id == mailing_id))


def _sent_now(session: Session) -> list[int]:
    return list(
        session.scalars(
            select(Issue.mailing_id)
            .join(Mailing, Mailing.id == Issue.mailing_id)
            .where(Mailing.state == MailingState.SENDING, Issue.tripped.is_(None))
            .order_by(Issue.mailing_id)
        )
    )


def _judged(session: Session, number: int) -> tuple[str, Counts]:
    held = terms.read(session.get_one(Issue, number).terms)
    status = mailings.status(session, number)
    back = bouncing.count(session, number)
    complained = select(func.count(Bounced.membership_id.distinct())).where(
        Bounced.mailing_id == number, Bounced.kind == BounceKind.COMPLAINT
    )
    counts = Counts(status.accepted - back, status.refused + back, session.scalar(complained) or 0)
    return judge(counts, terms.read_canary(held.canary)), counts


def _pause(session: Session, app: App, number: int, why: str, counts: Counts, now: float) -> bool:
    """Pause an issue that is still being sent, once, and tell its editors."""
    moved = (
        update(Mailing)
        .where(Mailing.id == number, Mailing.kind == KIND, Mailing.state == MailingState.SENDING)
        .values(state=MailingState.PAUSED)
        .returning(Mailing.list_address)
    )
    address = session.scalar(moved)
    issue = session.get_one(Issue, number)
    lst = find_list(session, address) if address else None
    if lst is None or issue.tripped is not None:
        return False
    issue.tripped = now
    _tell(session, app, lst, issue, why, counts, now)
    return True


def _tell(
    session: Session, app: App, lst: MailList, issue: Issue, why: str, counts: Counts, now: float
) -> None:
    visit = Visit(session=session, app=app, lst=lst, now=now)
    ending = mailing_endings.read(session, issue.mailing_id)
    edition = session.scalar(
        select(DraftUnderReview).where(DraftUnderReview.mailing_id == issue.mailing_id)
    )
    context: dict[str, object] = {
        "subject": issue.subject,
        "why": why,
        "number": issue.mailing_id,
        "accepted": counts.accepted,
        "refused": counts.refused,
        "complaints": counts.complaints,
        "waiting": ending.counts.open,
        "reasons": ending.reasons,
        "by_mail": edition is not None,
    }
    for member in issue_sending.editors(session, lst):
        to = issue_sending.reader_of(session, lst, member).to
        door = None
        if edition is not None:
            door = AnswerAddress("reply", reviews.open_question(visit, edition, to, reviews.HALTED))
        language = language_of(visit, to)
        write(visit, to, "editor-halted", language, member.id, context=context, door=door)
