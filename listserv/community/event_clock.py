"""Do what is due about events and polls: remind who comes, tell the host who does, close a poll.

    event_clock.due(session, now)       # what the clock (run/scheduler.py) rings for
    event_clock.wakes(session, now)     # when it is to ring next
    event_clock.attend(app, now)

Seats of who has left the list are given back here, whichever way they left. Each is done once: the
row says so in the transaction that mails. What is due while nothing runs is done as soon as
something does, and not at all once an event has begun; nor while its list is deleted.
"""

import math
from collections.abc import Collection
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from listserv.community import event_hosting, event_receipts, poll_hosting, polls, seats
from listserv.letters.visit import Visit
from listserv.wiring.app import App
from mailer.errors import Temporary
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
AGAIN = 3600.0  # seconds until one is looked at again that could not be attended to
BATCH = 20
_later: WeakKeyDictionary[App, dict[int, float]] = WeakKeyDictionary()  # those, until when
_log = structlog.get_logger("krets.events")
_COMING = (Question.kind == QuestionKind.EVENT) & Question.state.in_(
    (QuestionState.OPEN, QuestionState.CLOSED)
)
_POLL = (Question.kind != QuestionKind.EVENT) & (Question.state == QuestionState.OPEN)
_KEPT = Question.list_id.in_(select(MailList.id).where(MailList.deleted_at.is_(None)))


def attend(app: App, now: float) -> int:
    """Do what is due at ``now``; return how many events and polls that was."""
    later = _later.setdefault(app, {})
    with app.store.read() as session:
        waiting = due(session, now, but=[one for one, until in later.items() if until > now])
    for number in waiting:
        try:
            _attend_to(app, number, now)
        except Temporary:
            raise
        except Exception:  # noqa: BLE001 - a door: one question must not stop all mail behind it
            _log.exception("a question could not be attended to", question=number)
            later[number] = now + AGAIN
    if waiting:
        app.ring("deliver")
    return len(waiting)


def _attend_to(app: App, number: int, now: float) -> None:
    with app.store.write() as session:
        question = session.get(Question, number, with_for_update=True)
        if question is None:
            return
        lst = session.get_one(MailList, question.list_id)
        if lst.deleted_at is None:  # it may have been deleted since
            _attend(Visit(session, app, lst, now), question)


def due(session: Session, now: float, but: Collection[int] = ()) -> list[int]:
    """Return the questions about which something is to be done, some at a time, without ``but``."""
    soon = (Question.starts <= now + DAY) & or_(~Question.reminded, ~Question.host_told)
    left = (
        select(QuestionAnswer.question_id)
        .join(Membership, Membership.id == QuestionAnswer.membership_id)
        .where(
            Membership.state == MembershipState.LEFT,
            QuestionAnswer.answer != EventAnswer.NO.value,
        )
    )
    ahead = _COMING & (Question.starts > now) & _KEPT
    gone = set(session.scalars(select(Question.id).where(_POLL, _KEPT, Question.until <= now)))
    gone |= set(session.scalars(select(Question.id).where(ahead, Question.id.in_(left))))
    found = session.scalars(select(Question).where(ahead, soon).order_by(Question.id)).all()
    gone |= {one.id for one in found if _is_due(one, now)}
    return sorted(gone.difference(but))[:BATCH]


def wakes(session: Session, now: float) -> float:
    """Return when something becomes due by its hour, infinity for never."""
    host_hour = case(
        (Question.opened < Question.starts - DAY, Question.starts - DAY),
        else_=Question.starts - SOON,
    )
    ahead = _COMING & (Question.starts > now) & _KEPT
    moments = session.execute(
        select(
            select(func.min(Question.until)).where(_POLL, _KEPT).scalar_subquery(),
            select(func.min(Question.starts - DAY))
            .where(ahead, ~Question.reminded)
            .scalar_subquery(),
            select(func.min(host_hour)).where(ahead, ~Question.host_told).scalar_subquery(),
        )
    ).one()
    return min((one for one in moments if one is not None), default=math.inf)


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
