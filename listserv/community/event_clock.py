"""Do what is due about events and polls: remind who comes, tell the host who does, close a poll.

    event_clock.attend(app, now)

Seats of who has left the list are given back here, whichever way they left. Each is done once: the
row says so in the transaction that mails. What is due while nothing runs is done as soon as
something does, and not at all once an event has begun.
"""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from listserv.community import event_hosting, event_receipts, poll_hosting, polls, seats
from listserv.letters.visit import Visit
from listserv.wiring.app import App
from subscriptions.lists.questions import (
    EventAnswer,
    Question,
    QuestionAnswer,
    QuestionKind,
    QuestionState,
)
from subscriptions.lists.roster import MailList, Membership, MembershipState

DAY = 86400.0  # seconds before an event that people are reminded, and its host told
SOON = 2 * 3600.0  # seconds before one that was called together on the day itself
BATCH = 20


def attend(app: App, now: float) -> int:
    """Do what is due at ``now``; return how many events and polls that was."""
    with app.store.read() as session:
        waiting = due(session, now)
    for number in waiting:
        with app.store.write() as session:
            question = session.get(Question, number, with_for_update=True)
            if question is not None:
                lst = session.get_one(MailList, question.list_id)
                if lst.deleted_at is None:
                    _attend(Visit(session, app, lst, now), question)
    if waiting:
        app.ring("deliver")
    return len(waiting)


def due(session: Session, now: float) -> list[int]:
    """Return the questions about which something is to be done."""
    events = (
        (Question.kind == QuestionKind.EVENT)
        & Question.state.in_((QuestionState.OPEN, QuestionState.CLOSED))
        & (Question.starts > now)
        & (Question.starts <= now + DAY)
        & or_(~Question.reminded, ~Question.host_told)
    )
    left = (
        select(QuestionAnswer.question_id)
        .join(Membership, Membership.id == QuestionAnswer.membership_id)
        .where(
            Membership.state == MembershipState.LEFT,
            QuestionAnswer.answer != EventAnswer.NO.value,
        )
    )
    given_back = (
        (Question.kind == QuestionKind.EVENT)
        & Question.state.in_((QuestionState.OPEN, QuestionState.CLOSED))
        & (Question.starts > now)
        & Question.id.in_(left)
    )
    polls_over = (
        (Question.kind != QuestionKind.EVENT)
        & (Question.state == QuestionState.OPEN)
        & (Question.until <= now)
    )
    gone = set(session.scalars(select(Question.id).where(polls_over)))
    gone |= set(session.scalars(select(Question.id).where(given_back)))
    found = session.scalars(select(Question).where(events).order_by(Question.id)).all()
    return sorted({*gone, *(one.id for one in found if _is_due(one, now))})[:BATCH]


def _is_due(event: Question, now: float) -> bool:
    return not event.reminded or now >= _host_hour(event)


def _host_hour(event: Question) -> float:
    """Return when the host hears who comes: the day before, or shortly before."""
    starts, opened = event.starts or 0.0, event.opened or 0.0
    return starts - DAY if opened < starts - DAY else starts - SOON


def _attend(visit: Visit, question: Question) -> None:
    if not question.is_event:
        if question.state is QuestionState.OPEN and (question.until or 0.0) <= visit.now:
            polls.close(visit, question)
            for host in event_hosting.hosts_of(visit, question):
                poll_hosting.report(visit, question, host, note="closed")
        return
    if seats.give_back(visit.session, question):
        event_receipts.tell_promoted(visit, question, seats.promote(visit.session, question))
    starts = question.starts or 0.0
    if starts > visit.now + DAY:
        return
    if not question.reminded:
        question.reminded = True
        if (question.opened or 0.0) < starts - DAY:
            event_hosting.tell_all(visit, question, "", "reminder")
    if not question.host_told and visit.now >= _host_hour(question):
        question.host_told = True
        for host in event_hosting.hosts_of(visit, question):
            event_hosting.report(visit, question, host, note="list")
