"""Answering an issue's question on a page: the answers as buttons.

SECURITY: the address holds the question's code and the member's own token; a GET only shows.
"""

from collections.abc import Mapping

from starlette.responses import Response

from listserv.actions.links import DeadLink, MailedLink
from listserv.actions.own import voting
from listserv.actions.own.voting import CastVote, VoteShown
from listserv.newsletters.writing.votes import CODE
from listserv.web.forms import field
from listserv.web.page_context import Caller, answer, here, told

_DIGITS = 2  # of an answer's number: listserv/newsletters/writing/votes.py has fewer than 100


def show_vote(caller: Caller) -> Response:
    """Show the question; change nothing."""
    link, code = _link(caller)
    try:
        return _page(caller, voting.show(caller.call(), link, code), 0)
    except DeadLink:
        return told(caller, "vote-unknown", here(caller), status=404)


def vote(caller: Caller, form: Mapping[str, str]) -> Response:
    """Count the answer of a button."""
    said = field(form, "answer")
    number = int(said) if said.isascii() and said.isdecimal() and len(said) <= _DIGITS else 0
    link, code = _link(caller)
    try:
        shown = voting.vote(caller.call(), CastVote(link, code, number))
    except DeadLink:
        return told(caller, "vote-unknown", here(caller), status=404)
    return _page(caller, shown, number if shown.counted else -1)


def _link(caller: Caller) -> tuple[MailedLink, str]:
    return MailedLink(caller.address, caller.token[CODE:]), caller.token[:CODE]


def _page(caller: Caller, shown: VoteShown, said: int) -> Response:
    return answer(
        caller,
        "vote",
        shown.list,
        question=shown.question,
        answers=shown.answers,
        closed=shown.closed,
        said=said,
    )
