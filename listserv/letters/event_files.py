"""Write the calendar files that mails bring along: what is to come, and what somebody gave up.

    published(session, app, lst, member, now)   # all coming events, for who joins
    given_up(session, app, lst, member, now)    # what a member had said yes to, for who leaves

Knows a member's own answers, and no one else's.
"""

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.letters.notices import Enclosure, face_of
from listserv.letters.post_headers import ListFace
from listserv.wiring.app import App
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.questions import (
    EventAnswer,
    Question,
    QuestionAnswer,
    QuestionKind,
    QuestionState,
)
from subscriptions.lists.roster import MailList, Membership
from subscriptions.membership import optin
from templates.calendar import CalendarEvent, write

MOST = 30  # events in one file
_KNOWN = (QuestionState.OPEN, QuestionState.CLOSED)


def calendar_event(face: ListFace, event: Question, now: float, text: str = "") -> CalendarEvent:
    """Return an event as calendars have it, without who comes."""
    if event.starts is None or event.ends is None:
        raise ValueError(event.id)
    return CalendarEvent(
        uid=event.uid,
        sequence=event.sequence,
        title=event.title,
        starts=event.starts,
        ends=event.ends,
        stamp=now,
        place=event.place,
        text=text or event.text,
        url=f"{face.page}events/",
        cancelled=event.state is QuestionState.CANCELLED,
    )


def coming(session: Session, lst: MailList, now: float) -> list[Question]:
    """Return the events of a list that are to come, the next one first."""
    found = (
        select(Question)
        .where(
            Question.list_id == lst.id,
            Question.kind == QuestionKind.EVENT,
            Question.state.in_(_KNOWN),
            Question.ends > now,
        )
        .order_by(Question.starts, Question.id)
        .limit(MOST)
    )
    return list(session.scalars(found))


def published(
    session: Session, app: App, lst: MailList, member: Membership, now: float
) -> tuple[list[dict[str, object]], list[Enclosure]]:
    """Return what is to come, each with the member's own page for it, and all of it as one file."""
    events = coming(session, lst, now)
    if not events:
        return [], []
    face = face_of(app, lst)
    make = app.keyring.pair_maker(TokenPurpose.QUESTION, lst.address)
    told: list[dict[str, object]] = [
        {
            "title": one.title,
            "starts": one.starts,
            "ends": one.ends,
            "zone": one.zone or "UTC",
            "url": f"{face.page}answer/{make(member.id, one.id)}",
        }
        for one in events
    ]
    file = write("PUBLISH", [calendar_event(face, one, now) for one in events])
    return told, [_enclosed("PUBLISH", file)]


def given_up(
    session: Session, app: App, lst: MailList, member: Membership, now: float
) -> list[Enclosure]:
    """Return one file that takes out of a calendar what the member had said yes to."""
    face = face_of(app, lst)
    make = app.keyring.pair_maker(TokenPurpose.QUESTION, lst.address)
    address = optin.address_of(session, member).wire
    found = [
        replace(
            calendar_event(face, one, now),
            sequence=one.sequence + 1,
            organizer=face.sub(f"reply+{make(member.id, one.id)}"),
            by=face.title,
            attendee=address,
            cancelled=True,
        )
        for one in _accepted(session, lst, member, now)
    ]
    return [_enclosed("CANCEL", write("CANCEL", found))] if found else []


def _accepted(session: Session, lst: MailList, member: Membership, now: float) -> list[Question]:
    theirs = select(QuestionAnswer.question_id).where(
        QuestionAnswer.membership_id == member.id, QuestionAnswer.answer == EventAnswer.YES.value
    )
    return list(
        session.scalars(
            select(Question)
            .where(
                Question.list_id == lst.id,
                Question.id.in_(theirs),
                Question.kind == QuestionKind.EVENT,
                Question.state.in_(_KNOWN),
                Question.starts > now,
            )
            .order_by(Question.starts)
            .limit(MOST)
        )
    )


def _enclosed(method: str, file: str) -> Enclosure:
    data = file.encode("utf-8", "replace")
    return Enclosure(f"text/calendar; charset=utf-8; method={method}", "events.ics", data)
