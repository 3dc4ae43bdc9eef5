"""Judge what a calendar has answered to an event: what counts, and why it does not.

    judged = judge(answer, event, keys, automatic=False)
    judged.reply         # EventReply, where it counts
    judged.word          # counter, stale, ... where it does not

RFC 5546 says who may answer: the one attendee whom the organizer invited. Here the organizer's
address is each member's own token, so the one ATTENDEE has to be an address of the person that it
was made for; a mail that was forwarded to somebody else, or delegated, counts for nobody. A
machine's answer that names no state is a maybe. Pure.
"""

from collections.abc import Collection
from dataclasses import dataclass

from listserv.community.calendar_answers import CalendarAnswer
from listserv.community.event_answers import MAX_GUESTS, EventReply
from subscriptions.lists.questions import EventAnswer, Question

_STATES = {
    "ACCEPTED": EventAnswer.YES,
    "DECLINED": EventAnswer.NO,
    "TENTATIVE": EventAnswer.MAYBE,
}
TOLD = frozenset({"counter", "stale", "delegated"})  # reasons that are told to the member


@dataclass(frozen=True, slots=True)
class JudgedCalendar:
    """Hold an answer that counts, or the word for why it does not."""

    reply: EventReply | None
    word: str
    comment: str = ""


def judge(
    said: CalendarAnswer, event: Question, keys: Collection[str], *, automatic: bool
) -> JudgedCalendar:
    """Return what a calendar's answer comes to; ``keys`` are the member's own addresses."""
    word = _refused(said, event, keys)
    if word:
        return JudgedCalendar(None, word)
    one = said.attendees[0]
    answer = _STATES.get(one.partstat)
    if answer is None:
        if one.partstat == "NEEDS-ACTION" or not automatic:
            return JudgedCalendar(None, "no-answer")
        return JudgedCalendar(EventReply(EventAnswer.MAYBE), "maybe")
    guests = min(one.guests, MAX_GUESTS) if answer is EventAnswer.YES else 0
    return JudgedCalendar(EventReply(answer, guests), answer.value, said.comment)


def _refused(said: CalendarAnswer, event: Question, keys: Collection[str]) -> str:
    """Return why an answer does not count, "" where it may: the first reason that holds."""
    one = said.attendees[0] if len(said.attendees) == 1 else None
    theirs = one is not None and one.key in keys
    reasons = {
        "other-event": said.uid != event.uid or said.events != 1,
        "attendees": one is None,
        "stranger": not theirs,
        "delegated": one is not None and one.delegated,
        "counter": said.method in {"COUNTER", "DECLINECOUNTER"},
        "method": said.method != "REPLY",
        "recurrence": said.recurrence,
        "sequence": said.sequence > event.sequence,
        "stale": said.sequence < event.sequence,
    }
    return next((word for word, holds in reasons.items() if holds), "")
