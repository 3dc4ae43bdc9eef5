"""Answering an event or a poll on a page: what can be answered as buttons.

SECURITY: the address holds the member's own token for one question; a GET only shows.
"""

from collections.abc import Mapping

from starlette.responses import Response

from listserv.actions.links import DeadLink
from listserv.actions.own import answers
from listserv.actions.own.answers import NotAnswerable, QuestionShown
from listserv.community.event_answers import MAX_GUESTS, EventReply
from listserv.web.forms import field
from listserv.web.page_context import Caller, answer, here, told
from subscriptions.lists.questions import EventAnswer

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
    said = _SAID.get(field(form, "answer"))
    many = field(form, "guests")
    guests = int(many) if many.isascii() and many.isdecimal() and len(many) <= _DIGITS else 0
    try:
        if said is None or guests > MAX_GUESTS:
            return _page(caller, answers.show(caller.call(), caller.link), "unclear")
        reply = EventReply(said, guests if said is EventAnswer.YES else 0)
        try:
            given = answers.say_event(caller.call(), caller.link, reply)
            word = "full" if given.full else given.answer.value
        except NotAnswerable as ended:
            word = str(ended.key)
        return _page(caller, answers.show(caller.call(), caller.link), word)
    except DeadLink:
        return told(caller, "vote-unknown", here(caller), status=404)


def _page(caller: Caller, shown: QuestionShown, word: str = "") -> Response:
    given = shown.answer
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
