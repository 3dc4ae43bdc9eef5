"""Carry out an editor's answer to a report: send, send later, cancel, stop, or a new revision.

    editor_answers.reply(app, arrival, route, letter)     an answer to a token of an issue

What an answer leads to stands in answer_steps.py, issues that wait for an hour in
scheduled_issues.py. The fence is the edition's row: of two orders at
once, and of one order said twice, one moves it from open to sent; everybody else is told that it is
on its way. What leaves is composed anew and compared with what was proved: other bytes make a new
proof and no mailing.
SECURITY: an order needs the token of the newest revision AND a sender who is an editor now, so
that a report passed on to a friend sends nothing; the token's owner must be one still. What an
editor may do is told by whoever calls (``Permitted``), in the transaction that does it.
"""

import contextlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from listserv.letters import transaction
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import Visit, language_of, whom, write
from listserv.newsletters.editors import editor_orders, reviews
from listserv.newsletters.editors.answer_steps import AnswerFacts, AnswerStep, next_step
from listserv.newsletters.editors.editor_orders import EditorOrder, Verb
from listserv.newsletters.editors.reviews import DraftReview
from listserv.newsletters.editors.scheduled_issues import (
    fence,
    first_hour,
    move,
    start_sending,
    tell,
)
from listserv.newsletters.sending import issue_sending
from listserv.newsletters.sending.issue_sending import Reader, SendingSurvey
from listserv.newsletters.writing import mailed_draft
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import DraftState, DraftUnderReview
from listserv.wiring.outcome import ArrivalOutcome
from listserv.wiring.routes import Route
from mailer.ledger import mailing_control, mailings
from mailer.ledger.mailings import MailingState
from mailer.storage.arrivals import Arrival
from subscriptions.lists import terms
from subscriptions.lists.roster import MailList, find_list, membership_of
from subscriptions.membership import optin
from subscriptions.permission import asks, budget
from subscriptions.permission.asks import Ask, AskPurpose

# Tells whether the editor of a key may take this step with a draft, and keeps the line of it.
Permitted = Callable[[Visit, str, AnswerStep, int], AbstractContextManager[bool]]
TRIES = 3  # of one answer while others answer too
_RUNNING = (MailingState.FREEZING, MailingState.SENDING, MailingState.PAUSED)


class _MovedError(Exception):
    """Somebody else has changed the edition since it was read: look at it anew."""


@dataclass(frozen=True, slots=True)
class PreparedAnswer:
    """Hold one answer with all that was read and made for it before the transaction."""

    lst: MailList
    ask: Ask
    edition: DraftUnderReview
    reader: Reader | None  # who answered, if that is an editor
    facts: AnswerFacts
    seen: DraftReview


def reply(
    app: App, arrival: Arrival, route: Route, letter: IncomingLetter, permitted: Permitted
) -> ArrivalOutcome:
    """Carry out an answer to a report; automatic mail answers nothing.

    ``permitted`` is asked in the transaction whether the editor of this key may take this step.
    """
    for left in reversed(range(TRIES)):
        case = None if letter.automatic else _read(app, route, letter, time.time())
        with contextlib.suppress(_MovedError):
            done = transaction.act(
                app, arrival, route, letter, _work(case, letter, permitted, again=left > 0)
            )
            break
    for bell in ("sort", "archive"):
        app.ring(bell)
    return done


def _work(
    case: PreparedAnswer | None, letter: IncomingLetter, permitted: Permitted, *, again: bool
) -> Callable[[Visit], str]:
    """Return what carries out one answer; it raises _MovedError where it must be read ``again``."""

    def work(visit: Visit) -> str:
        if case is None:
            return f"not-answered: {letter.automatic or 'unknown-token'}"
        # Locked: what is seen here stands until the answer has gone out.
        edition = visit.session.get_one(DraftUnderReview, case.edition.id, with_for_update=True)
        moved = fence(edition) != fence(case.edition)
        step = next_step(case.facts, visit.now)
        if moved and step in _MOVES:
            if again:
                raise _MovedError
            step = AnswerStep.SENT if edition.state == DraftState.SENT else AnswerStep.IDLE
        optin.prove(visit.session, whom(case.ask), visit.now)
        key = case.reader.to.key if case.reader is not None else ""
        with permitted(visit, key, step, edition.id) as may:
            step = step if may else AnswerStep.STRANGER
            return f"{_DO[step](visit, case, edition, step)}: edition {edition.id}"

    return work


def is_for_issue(session: Session, route: Route, now: float) -> bool:
    """Tell whether a token is about an issue."""
    lst = find_list(session, route.list_address)
    if lst is None:
        return False
    return (
        asks.look(session, route.token, AskPurpose.ISSUE, list_id=lst.id, now=now).ask is not None
    )


def _read(app: App, route: Route, letter: IncomingLetter, now: float) -> PreparedAnswer | None:
    with app.store.read() as session:
        lst = find_list(session, route.list_address)
        if lst is None:
            return None
        found = asks.look(session, route.token, AskPurpose.ISSUE, list_id=lst.id, now=now)
        edition = session.get(DraftUnderReview, found.ask.ref) if found.ask is not None else None
        if found.ask is None or edition is None:
            return None
        editor = reviews.editor_of(session, lst, letter.author)
        owner = membership_of(session, lst.id, found.ask.address_key)
        entitled = editor is not None and owner is not None and issue_sending.is_editor(owner)
        reader = issue_sending.reader_of(session, lst, editor) if editor is not None else None
        me = editor.id if editor is not None else 0
        others = any(one.member != me for one in issue_sending.provers(session, lst))
        state = None
        if edition.mailing_id is not None:
            state = mailings.status(session, edition.mailing_id).state
    clock = terms.clock(lst.zone)
    order = editor_orders.read(letter.text, now, clock or ZoneInfo("UTC"))
    facts = AnswerFacts(
        order=order,
        state=DraftState(edition.state),
        newest=found.ask.revision == edition.revision,
        editor=entitled,
        expired=found.trouble is asks.Trouble.EXPIRED,
        running=state in _RUNNING,
        halted=state is MailingState.PAUSED
        and found.ask.wording == reviews.HALTED
        and found.ask.revision == edition.revision,
        lost=clock is None,
        two=lst.four_eyes,
        approved=bool(edition.approved) and editor is not None and edition.approved != editor.id,
        wished=bool(edition.wished) and editor is not None and edition.wished != editor.id,
        own=editor is not None and editor.id in {edition.editor, edition.wished},
        others=others,
        pending=bool(edition.wished),
        wish_at=edition.due if edition.wished else None,
    )
    seen = DraftReview(edition.source)
    if reader is not None and entitled and edition.state != DraftState.SENT:
        source = edition.source
        text = facts.newest and order is not None and order.verb is Verb.TEXT
        if text:
            source = reviews.letter_source(letter, edition)
        elif facts.newest and order is not None:
            source = mailed_draft.with_fields(source, _fields(order))
        seen = reviews.look(
            app,
            lst,
            source,
            reader,
            now,
            message_id=edition.message_id,
            files=mailed_draft.files_of(letter.raw) if text else (),
            before=edition.source,
        )
        reviews.keep_pictures(app, lst, seen, now)
        facts = _with(facts, seen.survey, edition)
    return PreparedAnswer(lst, found.ask, edition, reader, facts, seen)


def _with(
    facts: AnswerFacts, survey: SendingSurvey | None, edition: DraftUnderReview
) -> AnswerFacts:
    if survey is None:
        return facts
    same = survey.ready.digest == edition.digest
    return replace(facts, red=bool(survey.red), same=same, readers=survey.readers)


def _fields(order: EditorOrder) -> dict[str, str]:
    """Return what an order changes on top of the draft."""
    return {"segment": order.segment} if order.segment else dict(order.fields)


def _send(visit: Visit, case: PreparedAnswer, edition: DraftUnderReview, step: AnswerStep) -> str:
    survey, reader = case.seen.survey, case.reader
    if survey is None or reader is None:
        return _trouble(visit, case, edition, step)
    if not move(visit.session, case.edition, DraftState.SENT, visit.now, by=reader.to.given):
        return _answer(visit, case, edition, AnswerStep.SENT)
    start_sending(visit, survey, edition, reader, reader.to.given)
    return "sending"


def _schedule(
    visit: Visit, case: PreparedAnswer, edition: DraftUnderReview, step: AnswerStep
) -> str:
    survey, reader = case.seen.survey, case.reader
    at, zone, hour = _when(case)
    if survey is None or reader is None or at is None:
        return _trouble(visit, case, edition, step)
    at = first_hour(visit.session, visit.lst, at, hour, visit.now)
    who = {"by": reader.to.given, "editor": reader.member}
    values = {"due": at, "zone": zone, "hour": hour, **who}
    move(visit.session, case.edition, DraftState.SCHEDULED, visit.now, **values)
    context: dict[str, object] = {
        "subject": survey.draft.subject,
        "audience": survey.readers,
        "at": at,
        "zone": zone,
        "hour": hour.replace("T", " "),
    }
    tell(visit, reader, "editor-scheduled", edition, context)
    return "scheduled"


def _when(case: PreparedAnswer) -> tuple[float | None, str, str]:
    """Return moment, zone and readers' own hour: of an answer, or of what is approved."""
    order = case.facts.order
    if order is not None and order.verb is Verb.SEND:
        return order.at, order.zone, order.hour
    return case.edition.due, case.edition.zone, case.edition.hour


def _ask(visit: Visit, case: PreparedAnswer, edition: DraftUnderReview, step: AnswerStep) -> str:
    """Ask the other editors for their word; each gets the proof and a report of their own."""
    survey, reader = case.seen.survey, case.reader
    if survey is None or reader is None:
        return _trouble(visit, case, edition, step)
    at, zone, hour = _when(case)
    move(
        visit.session,
        case.edition,
        DraftState.OPEN,
        visit.now,
        due=at,
        zone=zone,
        hour=hour,
        wished=reader.member,
    )
    visit.session.refresh(edition)
    for other in issue_sending.provers(visit.session, visit.lst):
        if other.member == reader.member:
            continue
        proofs = reviews.proofs_for(visit.app, visit.lst, survey, other)
        theirs = replace(case.seen, proofs=proofs)
        reviews.tell_proof(visit, theirs, other, edition, note="wish", wish=reader.to.given)
    return _answer(visit, case, edition, step)


def _approve(
    visit: Visit, case: PreparedAnswer, edition: DraftUnderReview, step: AnswerStep
) -> str:
    if case.reader is not None:
        edition.approved = case.reader.member
        visit.session.flush()
    return _answer(visit, case, edition, step)


def _cancel(visit: Visit, case: PreparedAnswer, edition: DraftUnderReview, step: AnswerStep) -> str:
    move(visit.session, case.edition, DraftState.OPEN, visit.now, wished=0)
    return _answer(visit, case, edition, step)


def _stop(visit: Visit, case: PreparedAnswer, edition: DraftUnderReview, step: AnswerStep) -> str:
    if edition.mailing_id is not None:
        mailing_control.stop(visit.session, edition.mailing_id, now=visit.now)
    return _answer(visit, case, edition, step)


def _resume(visit: Visit, case: PreparedAnswer, edition: DraftUnderReview, step: AnswerStep) -> str:
    if edition.mailing_id is not None:
        mailing_control.resume(visit.session, edition.mailing_id)
        edition.revision += 1  # the word is good once: a later pause is a person's
        visit.session.flush()
    return _answer(visit, case, edition, step)


def _revise(visit: Visit, case: PreparedAnswer, edition: DraftUnderReview, step: AnswerStep) -> str:
    if case.reader is None or case.seen.survey is None:
        return _trouble(visit, case, edition, step)
    note = "unscheduled" if edition.state == DraftState.SCHEDULED else ""
    if note:
        move(visit.session, case.edition, DraftState.OPEN, visit.now)
        visit.session.refresh(edition)
    reviews.revise(visit, edition, case.seen, case.reader)
    order = case.facts.order
    if not note and order is not None and order.verb in _NOTES:
        note = _NOTES[order.verb]
    note = "changed" if step is AnswerStep.CHANGED else note
    reviews.tell_proof(visit, case.seen, case.reader, edition, note=note)
    return "proved"


def _again(visit: Visit, case: PreparedAnswer, edition: DraftUnderReview, step: AnswerStep) -> str:
    if case.reader is None or case.seen.survey is None:
        return _trouble(visit, case, edition, step)
    note = step.value
    if step is AnswerStep.UNCLEAR and edition.state == DraftState.SCHEDULED:
        note = "still"  # it goes out at its hour all the same
    reviews.tell_proof(visit, case.seen, case.reader, edition, note=note)
    return step.value


def _trouble(
    visit: Visit, case: PreparedAnswer, edition: DraftUnderReview, _step: AnswerStep
) -> str:
    if case.reader is None or case.seen.trouble is None:
        return "nothing"
    order = case.facts.order
    only = order is not None and order.verb is Verb.ONLY and case.facts.newest
    return reviews.tell_trouble(visit, case.seen, case.reader, edition, only=only)


def _answer(visit: Visit, case: PreparedAnswer, edition: DraftUnderReview, step: AnswerStep) -> str:
    """Say in one mail what became of an order that sends nothing."""
    if case.reader is None:
        return step.value
    counts = None
    if edition.mailing_id is not None:
        counts = mailings.status(visit.session, edition.mailing_id)
    visit.session.refresh(edition)
    context: dict[str, object] = {
        "word": step.value,
        "subject": mailed_draft.fields_of(edition.source).get("subject", ""),
        "counts": counts,
        "by": "" if edition.by == case.reader.to.given else edition.by,
        "at": edition.changed,
        "running": case.facts.running,
    }
    tell(visit, case.reader, "editor-answer", edition, context)
    return step.value


def _stranger(
    visit: Visit, case: PreparedAnswer, _edition: DraftUnderReview, step: AnswerStep
) -> str:
    """Tell whoever owns the token that somebody who is no editor has answered."""
    to = whom(case.ask)
    member = membership_of(visit.session, visit.lst.id, to.key)
    if member is None or not issue_sending.is_editor(member):
        return step.value
    if budget.allow(visit.session, to.key, kind="editor-stranger", now=visit.now):
        subject = mailed_draft.fields_of(case.edition.source).get("subject", "")
        context: dict[str, object] = {
            "word": step.value, "subject": subject, "counts": None, "by": "", "at": visit.now,
            "running": False,
        }  # fmt: skip
        write(visit, to, "editor-answer", language_of(visit, to), member.id, context=context)
    return step.value


_NOTES = {Verb.ONLY: "readers", Verb.FIELDS: "fields"}
# Steps that change the edition: of two at once, only the first still finds what it has read.
_MOVES = {
    *(
        AnswerStep.SEND,
        AnswerStep.SCHEDULE,
        AnswerStep.CANCEL,
        AnswerStep.REVISE,
        AnswerStep.CHANGED,
    ),
    *(AnswerStep.ASK, AnswerStep.APPROVED),
}
_DO: dict[AnswerStep, Callable[[Visit, PreparedAnswer, DraftUnderReview, AnswerStep], str]] = {
    AnswerStep.SEND: _send,
    AnswerStep.SCHEDULE: _schedule,
    AnswerStep.CANCEL: _cancel,
    AnswerStep.ASK: _ask,
    AnswerStep.APPROVED: _approve,
    AnswerStep.STOP: _stop,
    AnswerStep.RESUME: _resume,
    AnswerStep.REVISE: _revise,
    AnswerStep.CHANGED: _revise,
    AnswerStep.UNCLEAR: _again,
    AnswerStep.BLOCKED: _again,
    AnswerStep.ZONE: _again,
    AnswerStep.OLD: _again,
    AnswerStep.STRANGER: _stranger,
    **dict.fromkeys(
        (
            *(
                AnswerStep.SENT,
                AnswerStep.OVER,
                AnswerStep.IDLE,
                AnswerStep.NOBODY,
                AnswerStep.PAST,
                AnswerStep.EXPIRED,
            ),
            *(AnswerStep.ALONE, AnswerStep.OWN),
        ),
        _answer,
    ),
}
