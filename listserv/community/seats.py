"""Give out the seats of an event: who comes, who waits, and who moves up when one is free.

    done = seats.answer(session, event, member, EventReply(EventAnswer.YES, guests=2), now)
    done.answer, done.promoted

Whoever has a seat keeps it until they give it back. Who waits moves up in the order in which they
said yes, the first whose whole party has room; nobody is parted from their guests. Runs in a write
with the event's row locked, so that two cannot have the last seat. Knows no mail.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.community.event_answers import EventReply
from subscriptions.lists import questions
from subscriptions.lists.questions import EventAnswer, Question, QuestionAnswer
from subscriptions.lists.roster import Membership, MembershipState

YES, NO, MAYBE, WAITING = EventAnswer


@dataclass(frozen=True, slots=True)
class SeatGiven:
    """Say what an answer came to, and who has moved up by it (memberships)."""

    answer: EventAnswer
    guests: int
    before: EventAnswer | None = None
    full: bool = False  # there was no room for more guests: what stood before stands
    place: int = 0  # of who waits, from 1
    promoted: Sequence[int] = field(default=())


def locked(session: Session, number: int) -> Question | None:
    """Return a question that nobody else changes meanwhile."""
    return session.get(Question, number, with_for_update=True)


def answer(
    session: Session,
    event: Question,
    member: Membership,
    said: EventReply,
    now: float,
    *,
    note: str = "",
) -> SeatGiven:
    """Keep a member's answer in place of an earlier one."""
    if said.answer is None:
        raise ValueError(said)
    row = questions.answer_of(session, event, member)
    before = EventAnswer(row.answer) if row is not None else None
    if row is None:
        row = QuestionAnswer(
            question_id=event.id, membership_id=member.id, answer="", guests=0, note="", since=0.0
        )
    row.at = now
    row.note = note or row.note
    wanted, party = said.answer, 1 + said.guests
    if wanted is YES:
        held = 1 + row.guests if before is YES else 0
        if not event.seats or party <= free(session, event) + held:
            row.answer, row.guests, row.since = YES, said.guests, 0.0
        elif before is YES:
            return SeatGiven(YES, row.guests, before, full=True)
        else:
            since = row.since if before is WAITING else now
            row.answer, row.guests, row.since = WAITING, said.guests, since
    else:
        row.answer, row.guests, row.since = wanted, 0, 0.0
    session.add(row)
    session.flush()
    moved = promote(session, event)
    stands = EventAnswer(row.answer)
    place = place_of(session, event, row) if stands is WAITING else 0
    return SeatGiven(stands, row.guests, before, place=place, promoted=moved)


def promote(session: Session, event: Question) -> list[int]:
    """Let those move up who have room now; return their memberships."""
    moved: list[int] = []
    room = free(session, event)
    for row in waiting(session, event):
        if event.seats and 1 + row.guests > room:
            continue
        row.answer, row.since = YES, 0.0
        room -= 1 + row.guests
        if row.membership_id is not None:
            moved.append(row.membership_id)
    session.flush()
    return moved


def give_back(session: Session, event: Question) -> int:
    """Take back the seats of who has left the list; return how many answers that were."""
    rows = session.scalars(
        select(QuestionAnswer)
        .join(Membership, Membership.id == QuestionAnswer.membership_id)
        .where(
            QuestionAnswer.question_id == event.id,
            QuestionAnswer.answer != NO.value,
            Membership.state == MembershipState.LEFT,
        )
    ).all()
    for row in rows:
        row.answer, row.guests, row.since = NO, 0, 0.0
    session.flush()
    return len(rows)


def move_up(session: Session, event: Question, member: Membership) -> bool:
    """Give who waits a seat by the host's word, though there is none left; tell if they waited."""
    row = questions.answer_of(session, event, member)
    if row is None or row.answer != WAITING:
        return False
    row.answer, row.since = YES, 0.0
    session.flush()
    return True


def waiting(session: Session, event: Question) -> Sequence[QuestionAnswer]:
    """Return who waits, the first first."""
    return session.scalars(
        select(QuestionAnswer)
        .where(QuestionAnswer.question_id == event.id, QuestionAnswer.answer == WAITING.value)
        .order_by(QuestionAnswer.since, QuestionAnswer.id)
    ).all()


def place_of(session: Session, event: Question, row: QuestionAnswer) -> int:
    """Return where somebody stands among those who wait, from 1."""
    return [one.id for one in waiting(session, event)].index(row.id) + 1


def taken(session: Session, event: Question) -> int:
    """Return how many seats are taken, guests among them."""
    rows = session.scalars(
        select(QuestionAnswer.guests).where(
            QuestionAnswer.question_id == event.id, QuestionAnswer.answer == YES.value
        )
    )
    return sum(1 + guests for guests in rows)


def free(session: Session, event: Question) -> int:
    """Return how many seats are free, never fewer than none."""
    return max(0, event.seats - taken(session, event)) if event.seats else 0


def counts(session: Session, event: Question) -> dict[str, int]:
    """Return how many have answered what, and how many people come."""
    found = dict.fromkeys([one.value for one in EventAnswer], 0)
    for row in questions.answers(session, event):
        found[row.answer] = found.get(row.answer, 0) + 1
    return found | {"people": taken(session, event)}
