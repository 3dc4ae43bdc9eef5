"""Decide what an editor's answer to a report leads to; do none of it. Pure.

``next_step`` looks at facts; editor_answers.py gathers them before a transaction begins, and
carries the step out in one.
"""

from dataclasses import dataclass
from enum import StrEnum

from listserv.newsletters.editors.editor_orders import EditorOrder, Verb
from listserv.wiring.listserv_tables import DraftState


class AnswerStep(StrEnum):
    """Say what an answer leads to."""

    SEND = "send"
    SCHEDULE = "schedule"
    CANCEL = "cancel"
    STOP = "stop"
    REVISE = "revise"  # a new text: a new proof
    UNCLEAR = "unclear"  # neither an order nor a text: the report once more
    BLOCKED = "blocked"  # something red stands against it
    CHANGED = "changed"  # what would leave is not what was proved: a new proof
    OLD = "old"  # there is a newer revision
    SENT = "sent"  # it is on its way already
    OVER = "over"  # nothing to stop
    IDLE = "idle"  # nothing to cancel
    ASK = "ask"  # another editor must approve first: they are asked
    ALONE = "alone"  # and there is no other editor
    APPROVED = "approved"  # noted; nobody has said "send" yet
    OWN = "own"  # who approves wrote it, or wants it sent
    NOBODY = "nobody"  # no readers
    RESUME = "resume"  # it was halted by itself, and goes on
    ZONE = "zone"  # the hour is of a zone that this machine does not know
    PAST = "past"  # the hour that was named has gone
    STRANGER = "stranger"  # who answered is no editor
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """Hold what decides about an answer."""

    order: EditorOrder | None
    state: DraftState
    newest: bool = True  # it answers the newest revision
    editor: bool = True  # its sender and the token's owner are editors now
    expired: bool = False
    running: bool = False  # the mailing has not come to its end
    halted: bool = False  # it paused by itself, and this answers the letter that said so
    lost: bool = False  # this machine does not know the list's time zone
    red: bool = False
    same: bool = True  # what would leave is what was proved
    readers: int = 1
    two: bool = False  # it needs the word of two editors
    approved: bool = False  # somebody else has approved this revision
    wished: bool = False  # somebody else wants it sent
    own: bool = False  # who answers wrote this revision
    others: bool = True  # there is another editor to ask
    pending: bool = False  # somebody's wish waits for an approval
    wish_at: float | None = None  # when it is wanted sent, None for at once


def next_step(facts: AnswerFacts, now: float) -> AnswerStep:  # noqa: C901, PLR0911, PLR0912 - a table of cases
    """Return what an answer leads to."""
    order = facts.order
    if not facts.editor:
        return AnswerStep.STRANGER
    if facts.expired:
        return AnswerStep.EXPIRED
    if order is not None and order.verb is Verb.STOP:
        if facts.state is DraftState.SENT:
            return AnswerStep.STOP if facts.running else AnswerStep.OVER
        return AnswerStep.CANCEL if facts.state is DraftState.SCHEDULED else AnswerStep.IDLE
    if facts.state is DraftState.SENT:
        insists = order is not None and order.verb is Verb.SEND and order.anyway
        return AnswerStep.RESUME if facts.halted and insists else AnswerStep.SENT
    if not facts.newest:
        return AnswerStep.OLD
    if order is None:  # a remark is no text, however long
        return AnswerStep.UNCLEAR
    if order.verb in {Verb.TEXT, Verb.ONLY, Verb.FIELDS}:  # seen anew before anything leaves
        return AnswerStep.REVISE
    if order.verb is Verb.CANCEL:
        waits = facts.state is DraftState.SCHEDULED or facts.pending
        return AnswerStep.CANCEL if waits else AnswerStep.IDLE
    if order.verb is Verb.APPROVE:
        return _approval(facts, now)
    if order.at is not None and facts.lost and not order.named:
        return AnswerStep.ZONE
    if order.at is not None and order.at <= now:
        return AnswerStep.PAST
    if not facts.same:
        return AnswerStep.CHANGED
    if facts.red and not order.anyway:
        return AnswerStep.BLOCKED
    if not facts.readers:
        return AnswerStep.NOBODY
    if facts.two and not facts.approved:
        return AnswerStep.ASK if facts.others else AnswerStep.ALONE
    return AnswerStep.SEND if order.at is None else AnswerStep.SCHEDULE


def _approval(facts: AnswerFacts, now: float) -> AnswerStep:
    """Return what an approval leads to: what the other editor wanted, or a note."""
    if not facts.two:
        return AnswerStep.UNCLEAR
    if not facts.same:
        return AnswerStep.CHANGED
    if not facts.wished:
        return AnswerStep.OWN if facts.own else AnswerStep.APPROVED
    if facts.wish_at is None:
        return AnswerStep.SEND
    return AnswerStep.SCHEDULE if facts.wish_at > now else AnswerStep.PAST
