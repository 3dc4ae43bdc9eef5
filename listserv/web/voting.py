"""Answering an issue's question on a page: the answers as buttons.

SECURITY: the address holds the question's code and the member's own token; a GET only shows.
"""

from collections.abc import Mapping

from sqlalchemy.orm import Session
from starlette.responses import Response

from listserv.newsletters.readers import voting
from listserv.newsletters.writing.votes import CODE
from listserv.web.forms import field
from listserv.web.page_context import Caller, answer, list_of, told
from subscriptions.lists import ballots
from subscriptions.lists.ballots import Vote
from subscriptions.lists.roster import MailList, Membership


def show_vote(caller: Caller) -> Response:
    """Show the question; change nothing."""
    with caller.app.store.read() as session:
        lst = list_of(session, caller)
        vote, member = _found(session, caller, lst)
        return _page(caller, lst, vote, member)


def vote(caller: Caller, form: Mapping[str, str]) -> Response:
    """Count the answer of a button."""
    said = field(form, "answer")
    number = int(said) if said.isascii() and said.isdecimal() and len(said) < 3 else 0  # noqa: PLR2004 - MAX_ANSWERS
    with caller.app.store.write() as session:
        lst = list_of(session, caller)
        asked, member = _found(session, caller, lst)
        counted = (
            asked is not None
            and member is not None
            and ballots.cast(session, asked, member, number, caller.now)
        )
        return _page(caller, lst, asked, member, said=number if counted else -1)


def _found(
    session: Session, caller: Caller, lst: MailList
) -> tuple[Vote | None, Membership | None]:
    code, token = caller.token[:CODE], caller.token[CODE:]
    member = voting.voter(caller.visit(session, lst), token)
    return ballots.find(session, lst.id, code) if member is not None else None, member


def _page(
    caller: Caller, lst: MailList, asked: Vote | None, member: Membership | None, said: int = 0
) -> Response:
    if asked is None or member is None:
        return told(caller, "vote-unknown", lst, status=404)
    offered = ballots.answers_of(asked)
    closed = caller.now > asked.asked + ballots.OPEN
    return answer(
        caller, "vote", lst, question=asked.question, answers=offered, closed=closed, said=said
    )
