"""Tell how a mailing ended, once, to everybody who must hear of it.

The editors (or the owners, where there is none) get a report about each issue, with addresses; the
writer of a post hears only that, and how many, could not be reached in time, never who. The row
says what has been told (``mailing.told``), so a kill between two mails repeats none and loses none.
"""

import re
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from listserv.letters import notices
from listserv.letters.notices import AnswerAddress
from listserv.letters.request import Visit, language_of, write
from listserv.mailings import slots
from listserv.newsletters.editors import reviews
from listserv.newsletters.sending import issue_sending
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import DraftUnderReview, Issue, Post
from mailer.client.smtp_transaction import UNCARRIED
from mailer.ledger import mailings
from mailer.ledger.mailings import Mailing, MailingState, Recipient, RecipientState, Status
from mailer.reading import message
from mailer.reading.addresses import parse
from mailer.storage.arrivals import Arrival
from mailer.storage.store import get_raw
from subscriptions.lists import ballots
from subscriptions.lists.roster import MailList, MembershipState, Role, find_list, membership_of
from subscriptions.membership import optin
from subscriptions.permission import budget

AT_ONCE = 5  # endings told in one look
NAMED = 20  # people named in a report; the commands name all
_EXPIRED = "expired: "
UNCARRIED_MAIL = "member-uncarried"
_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")  # RFC 3463


@dataclass(frozen=True, slots=True)
class Ending:
    """Say how a mailing ended; ``people`` are some of the refused, each with the reason."""

    mailing: int
    kind: str
    list_address: str
    counts: Status
    reasons: tuple[tuple[str, int], ...]  # of the refused, each with how many
    expired: tuple[tuple[str, int], ...]  # of those among them that were put off until too late
    people: tuple[tuple[str, str], ...]
    uncarried: tuple[tuple[str, int], ...] = ()  # of the refused: what our own relay cannot carry


def tell(app: App, now: float) -> int:
    """Tell of mailings that have ended; return of how many."""
    with app.store.read() as session:
        found = [read(session, number) for number in untold(session)]
    for ending in found:
        if ending.counts.claimed:  # stopped, and some copies are still on their way
            continue
        with app.store.write() as session:
            if _claim(session, ending.mailing, now):
                _tell(session, app, ending, now)
    if found:
        app.ring("deliver")
    return len(found)


def untold(session: Session) -> list[int]:
    """Return some mailings that have ended and nobody has heard of it."""
    waiting = select(Mailing.id).where(
        text("told IS NULL AND kind <> 'notice'"),  # the words of the partial index
        Mailing.state.in_((MailingState.DONE, MailingState.STOPPED)),
    )
    return list(session.scalars(waiting.order_by(Mailing.id).limit(AT_ONCE)))


def read(session: Session, mailing_id: int) -> Ending:
    """Read how a mailing ended."""
    mailing = session.get_one(Mailing, mailing_id)
    refused = session.execute(
        select(Recipient.address, Recipient.code, Recipient.reason)
        .where(Recipient.mailing_id == mailing_id, Recipient.state == RecipientState.REFUSED)
        .order_by(Recipient.id)
        .execution_options(yield_per=1000)
    )
    reasons, late, uncarried = Counter[str](), Counter[str](), Counter[str]()
    people: list[tuple[str, str]] = []
    for address, code, reason in refused:
        named = name_reason(code, reason)
        reasons[named] += 1
        late[named] += reason.startswith(_EXPIRED)
        uncarried[named] += reason.startswith(UNCARRIED)
        if len(people) < NAMED:
            people.append((address, named))
    return Ending(
        mailing=mailing_id,
        kind=mailing.kind,
        list_address=mailing.list_address,
        counts=mailings.status(session, mailing_id),
        reasons=tuple(reasons.most_common(10)),
        expired=tuple((+late).most_common()),
        people=tuple(people),
        uncarried=tuple((+uncarried).most_common()),
    )


def name_reason(code: int, reason: str) -> str:
    """Return a server's answer as its codes alone: its words may hold an address."""
    enhanced = _ENHANCED.search(reason)
    known = (str(code or ""), enhanced[0] if enhanced else "")
    return " ".join(filter(None, known)) or "-"


def _claim(session: Session, mailing_id: int, now: float) -> bool:
    told = (
        update(Mailing)
        .where(Mailing.id == mailing_id, Mailing.told.is_(None))
        .values(told=now)
        .returning(Mailing.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(told) is not None


def _tell(session: Session, app: App, ending: Ending, now: float) -> None:
    lst = find_list(session, ending.list_address)
    if lst is None:
        return
    if ending.kind == slots.KIND:
        _report(session, app, lst, ending, now)
        return
    if ending.uncarried:
        _own_up(session, app, lst, ending, now)
    if ending.expired and ending.counts.state is not MailingState.STOPPED:
        _excuse(session, app, lst, ending, now)


def _report(session: Session, app: App, lst: MailList, ending: Ending, now: float) -> None:
    subject = session.scalar(select(Issue.subject).where(Issue.mailing_id == ending.mailing))
    context: dict[str, object] = {
        "subject": subject or "",
        "stopped": ending.counts.state is MailingState.STOPPED,
        "number": ending.mailing,
        "counts": ending.counts,
        "reasons": ending.reasons,
        "people": ending.people,
        "vote": ballots.result(session, ending.mailing),
        "more": ending.counts.refused - len(ending.people),
    }
    visit = Visit(session=session, app=app, lst=lst, now=now)
    edition = session.scalar(
        select(DraftUnderReview).where(DraftUnderReview.mailing_id == ending.mailing)
    )
    for member in issue_sending.editors(session, lst):
        to = issue_sending.reader_of(session, lst, member).to
        door = None
        if edition is not None:  # whoever answers "stop" here hears that it is over
            door = AnswerAddress("reply", reviews.open_question(visit, edition, to))
        language = language_of(visit, to)
        write(visit, to, "editor-sent", language, member.id, context=context, door=door)


def _excuse(session: Session, app: App, lst: MailList, ending: Ending, now: float) -> None:
    """Tell a post's writer, if that is a member, within the budget of automatic mail."""
    post = session.scalar(select(Post).where(Post.mailing_id == ending.mailing))
    member = membership_of(session, lst.id, post.author) if post is not None else None
    if post is None or member is None or member.state is MembershipState.LEFT:
        return
    if not budget.allow(session, parse(post.author).key, kind="member-unreached", now=now):
        return
    notices.send_to_member(
        session,
        app,
        lst,
        member,
        "member-unreached",
        now=now,
        context={
            "subject": _subject(session, post),
            "unreached": sum(count for _, count in ending.expired),
            "reasons": ending.expired,
        },
        in_reply_to=post.message_id,
    )


def _subject(session: Session, post: Post) -> str:
    arrival = session.get(Arrival, post.arrival_id)
    raw = get_raw(session, arrival.raw_sha) if arrival is not None else None
    subjects = message.head(raw).all("subject") if raw else []
    return message.text_of(subjects[0])[:200] if subjects else ""


def _own_up(session: Session, app: App, lst: MailList, ending: Ending, now: float) -> None:
    """Tell a post's writer and the owners that our own relay could not carry it."""
    post = session.scalar(select(Post).where(Post.mailing_id == ending.mailing))
    if post is None:
        return
    context = {
        "subject": _subject(session, post),
        "unreached": sum(count for _, count in ending.uncarried),
        "reasons": ending.uncarried,
    }
    owners = optin.owners_of(session, lst, Role.OWNER)
    hear = [(member, True) for member in owners]
    author = membership_of(session, lst.id, post.author)
    if author is not None and author.id not in {one.id for one in owners}:
        here = author.state is not MembershipState.LEFT
        if here and budget.allow(session, parse(post.author).key, kind=UNCARRIED_MAIL, now=now):
            hear.append((author, False))
    for member, owner in hear:
        notices.send_to_member(
            session,
            app,
            lst,
            member,
            UNCARRIED_MAIL,
            now=now,
            context={**context, "owner": owner},
            seven_bit=True,  # the relay that it tells of has to take it
        )
