"""Answer an event or a poll, by the token that was mailed to each member.

    answers.say_event(call, MailedLink(list, token), EventReply(EventAnswer.YES, 2))

SECURITY: the token is good for one member's answer to one question; whoever was given a copy can
answer in its reader's name, and change nothing else. A From line is never asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from listserv.actions import links
from listserv.actions.call import Call
from listserv.actions.links import HERE, DeadLink, MailedLink
from listserv.actions.permissions import Action
from listserv.community import event_receipts, polls, seats
from listserv.community.event_answers import EventReply
from listserv.community.poll_answers import BLOCK
from listserv.community.seats import SeatGiven
from listserv.letters.visit import Visit
from mailer.errors import Refused
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists import questions
from subscriptions.lists.questions import (
    EventAnswer,
    Question,
    QuestionAnswer,
    QuestionKind,
    QuestionState,
)
from subscriptions.lists.roster import MailList, Membership
from subscriptions.permission.asks import Trouble


@dataclass(frozen=True, slots=True)
class QuestionShown:
    """Show a question to one member, with the answer that they have given."""

    list: MailList
    question: Question
    answer: QuestionAnswer | None
    closed: str  # why it cannot be answered any more: closed, cancelled, over; "" where it can


class NotAnswerable(Refused):
    """Say that a question takes this answer no more; ``key`` tells why."""


def show(call: Call, link: MailedLink) -> QuestionShown:
    """Return a question; change nothing."""
    with links.opened(call, Action.OWN_ANSWER, link, _member) as (visit, member):
        question = _question(visit, link)
        given = questions.answer_of(visit.session, question, member)
        return QuestionShown(visit.lst, question, given, over(question, call.now))


def say_event(call: Call, link: MailedLink, said: EventReply, note: str = "") -> SeatGiven:
    """Keep an answer to an event, mail whoever moves up by it; raise NotAnswerable where it ended.

    Who has a seat may give it back until the event begins.
    """
    with links.opened(call, Action.OWN_ANSWER, link, _member, writes=True) as (visit, member):
        event = _question(visit, link, lock=True)
        if not event.is_event:
            raise DeadLink("This link is about no event.", key=Trouble.UNKNOWN)
        ended = over(event, call.now)
        returns = said.answer is EventAnswer.NO and ended == "closed"
        if ended and not returns:
            raise NotAnswerable("This event takes no more answers.", key=ended)
        given = seats.answer(visit.session, event, member, said, call.now, note=note)
        event_receipts.tell_promoted(visit, event, given)
    call.ring("deliver")
    return given


def say_poll(call: Call, link: MailedLink, choices: Sequence[int], reason: str = "") -> str:
    """Count a vote in place of an earlier one; return what was chosen, in words.

    Raise NotAnswerable where the poll has ended, or this member has no vote in a secret ballot.
    """
    with links.opened(call, Action.OWN_ANSWER, link, _member, writes=True) as (visit, member):
        poll = _question(visit, link, lock=True)
        if poll.is_event:
            raise DeadLink("This link is about no poll.", key=Trouble.UNKNOWN)
        ended = over(poll, call.now)
        if ended:
            raise NotAnswerable("This poll takes no more votes.", key=ended)
        _check(poll, choices, reason)
        keyring = visit.app.keyring
        try:
            polls.vote(visit.session, keyring, poll, member, choices, reason, call.now)
        except polls.NotElector as error:
            raise NotAnswerable(error.what, key="not-elector") from None
        return questions.spelled(poll, ",".join(map(str, choices)))


def _check(poll: Question, choices: Sequence[int], reason: str) -> None:
    """Raise NotAnswerable for what cannot be chosen."""
    known = all(0 < one <= len(poll.choices) for one in choices)
    one_only = poll.kind in {QuestionKind.CHOICE, QuestionKind.PROPOSAL}
    if not known or (one_only and len(choices) != 1):
        raise NotAnswerable("That cannot be chosen.", key="unclear")
    if poll.kind is QuestionKind.PROPOSAL and list(choices) == [BLOCK] and not reason:
        raise NotAnswerable("Whoever blocks says why.", key="reason")


def over(question: Question, now: float) -> str:
    """Return why a question takes no answers: draft, closed, cancelled, over; "" where it does."""
    if question.state is not QuestionState.OPEN and question.state is not QuestionState.CLOSED:
        return question.state.value
    if question.starts is not None and now >= question.starts:
        return "over"
    ends = question.ends_by()
    closed = question.state is QuestionState.CLOSED or (ends is not None and now > ends)
    return "closed" if closed else ""


def ids_of(call: Call, lst: MailList, token: str) -> tuple[int, int] | None:
    """Return (membership, question) that a token was made for, None where it is none of these."""
    return call.app.keyring.read_pair(token, TokenPurpose.QUESTION, *lst.addresses)


def _member(session: Session, call: Call, lst: MailList, token: str) -> Membership:
    ids = ids_of(call, lst, token)
    member = session.get(Membership, ids[0]) if ids else None
    if member is None or member.list_id != lst.id:
        raise DeadLink("This link opens nothing.", key=Trouble.UNKNOWN)
    if member.state not in HERE:
        raise DeadLink("Whose link this was is no member any more.", key=Trouble.EXPIRED)
    return member


def _question(visit: Visit, link: MailedLink, *, lock: bool = False) -> Question:
    keyring = visit.app.keyring
    ids = keyring.read_pair(link.token, TokenPurpose.QUESTION, *visit.lst.addresses)
    number = ids[1] if ids else 0
    found = seats.locked(visit.session, number) if lock else visit.session.get(Question, number)
    if found is None or found.list_id != visit.lst.id:
        raise DeadLink("This link is about nothing.", key=Trouble.UNKNOWN)
    return found
