"""Answering an event or a poll on a page: what can be answered as buttons.

SECURITY: the address holds the member's own token for one question; a GET only shows.
"""

import re
from collections.abc import Mapping

from starlette.responses import Response

from listserv.actions.links import DeadLink
from listserv.actions.own import answers
from listserv.actions.own.answers import NotAnswerable, QuestionShown
from listserv.community.event_answers import MAX_GUESTS, EventReply
from listserv.community.poll_answers import MAX_REASON
from listserv.web.forms import field
from listserv.web.page_context import Caller, answer, here, told
from subscriptions.lists.questions import EventAnswer, QuestionKind

_SAID = {one.value: one for one in (EventAnswer.YES, EventAnswer.NO, EventAnswer.MAYBE)}
_DIGITS = 2


def show_question(caller: Caller) -> Response:
    """Show the question, and what was answered; change nothing."""
    try:
        return _page(caller, answers.show(caller.call(), caller.link))
    except DeadLink:
        return told(caller, "vote-unknown", here(caller), status=404)


def answer_question(caller: Caller, form: Mapping[str, str]) -> Response:
    """Keep the answer of a button."""
    try:
        shown = answers.show(caller.call(), caller.link)
        word = _come(caller, form) if shown.question.is_event else _vote(caller, form)
        return _page(caller, answers.show(caller.call(), caller.link), word)
    except DeadLink:
        return told(caller, "vote-unknown", here(caller), status=404)


def _come(caller: Caller, form: Mapping[str, str]) -> str:
    said = _SAID.get(field(form, "answer"))
    guests = _number(field(form, "guests"))
    if said is None or guests > MAX_GUESTS:
        return "unclear"
    reply = EventReply(said, guests if said is EventAnswer.YES else 0)
    try:
        given = answers.say_event(caller.call(), caller.link, reply)
    except NotAnswerable as ended:
        return str(ended.key)
    return "full" if given.full else given.answer.value


def _vote(caller: Caller, form: Mapping[str, str]) -> str:
    several = [_number(value) for name, value in form.items() if re.fullmatch(r"c\d{1,2}", name)]
    one = _number(field(form, "choice"))
    choices = sorted({number for number in [*several, one] if number})
    try:
        answers.say_poll(caller.call(), caller.link, choices, field(form, "reason")[:MAX_REASON])
    except NotAnswerable as ended:
        return str(ended.key)
    return "counted"


def _number(said: str) -> int:
    return int(said) if said.isascii() and said.isdecimal() and len(said) <= _DIGITS else 0


def _page(caller: Caller, shown: QuestionShown, word: str = "") -> Response:
    given = shown.answer
    if shown.question.is_event:
        return answer(
            caller,
            "answer",
            shown.list,
            event=shown.question,
            given=given.answer if given else "",
            guests=given.guests if given else 0,
            most=MAX_GUESTS,
            closed=shown.closed,
            word=word,
        )
    said = given.answer.split(",") if given else []
    return answer(
        caller,
        "ballot",
        shown.list,
        poll=shown.question,
        choices=shown.question.choices,
        several=shown.question.kind in {QuestionKind.DATE, QuestionKind.VOLUNTEERS},
        chosen=[_number(one) for one in said],
        reason=given.note if given else "",
        closed=shown.closed,
        word=word,
    )
