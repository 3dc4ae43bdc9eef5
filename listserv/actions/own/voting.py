"""Answer the question of an issue, by a link or an address with the reader's own token.

    voting.vote(call, CastVote(link, code, 2))

SECURITY: the token is good for one member's answers; whoever was given a copy can answer in its
reader's name, and change nothing else. Nobody is told what was answered before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from listserv.actions import links
from listserv.actions.call import Call
from listserv.actions.links import HERE, DeadLink, MailedLink
from listserv.actions.permissions import Action
from listserv.letters.visit import Visit
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists import ballots
from subscriptions.lists.ballots import Vote
from subscriptions.lists.roster import MailList, Membership
from subscriptions.permission.asks import Trouble

_TOKEN = links.by_standing_token(TokenPurpose.VOTE)


@dataclass(frozen=True, slots=True)
class CastVote:
    """Ask that an answer is counted; answers are numbered from 1."""

    link: MailedLink
    code: str  # of the question, in the link before the token
    answer: int


@dataclass(frozen=True, slots=True)
class VoteShown:
    """Show a question with its answers."""

    list: MailList
    question: str
    answers: Sequence[str]
    closed: bool
    counted: bool = False
    changed: bool = False  # it is another answer than before


def show(call: Call, link: MailedLink, code: str) -> VoteShown:
    """Return a question; change nothing."""
    with links.opened(call, Action.OWN_VOTE, link, _voter) as (visit, _):
        return _shown(visit, _asked(visit, code))


def vote(call: Call, wanted: CastVote) -> VoteShown:
    """Count an answer in place of an earlier one; say whether it was counted."""
    with links.opened(call, Action.OWN_VOTE, wanted.link, _voter, writes=True) as (visit, member):
        asked = _asked(visit, wanted.code)
        changed = ballots.chosen(visit.session, asked, member) != wanted.answer
        counted = ballots.cast(visit.session, asked, member, wanted.answer, call.now)
        return replace(_shown(visit, asked), counted=counted, changed=changed)


def voter(call: Call, link: MailedLink) -> Membership:
    """Return whose token it is; raise DeadLink where that is no member."""
    with links.opened(call, Action.OWN_VOTE, link, _voter) as (_, member):
        return member


def _voter(session: Session, call: Call, lst: MailList, token: str) -> Membership:
    member = _TOKEN(session, call, lst, token)
    if member.state not in HERE:
        raise DeadLink("Whose link this was is no member any more.", key=Trouble.EXPIRED)
    return member


def _asked(visit: Visit, code: str) -> Vote:
    found = ballots.find(visit.session, visit.lst.id, code)
    if found is None:
        raise DeadLink("This link is about no question.", key=Trouble.UNKNOWN)
    return found


def _shown(visit: Visit, asked: Vote) -> VoteShown:
    closed = visit.now > asked.asked + ballots.OPEN
    return VoteShown(visit.lst, asked.question, ballots.answers_of(asked), closed)
