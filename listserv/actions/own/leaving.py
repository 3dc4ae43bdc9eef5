"""Leave by the link or the address that every mail of a list carries.

    leaving.leave(call, MailedLink("friends@example.org", token))

SECURITY: the standing token is all the proof there is and never expires; it is good for this one
membership and for nothing else, so that whoever is given a copy can take its reader off and no
more. A receipt says how to take that back.
"""

from dataclasses import dataclass

from listserv.actions import links
from listserv.actions.call import Call
from listserv.actions.links import MailedLink
from listserv.actions.permissions import Action
from listserv.membership import fewer_mails, wishes
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.roster import MailList, MembershipState
from subscriptions.membership.optin import address_of

_BY_LINK = links.by_standing_token(TokenPurpose.LEAVE)


@dataclass(frozen=True, slots=True)
class Leaver:
    """Say who a link takes off which list, and whether they have left before."""

    list: MailList
    given: str
    left: bool


def show(call: Call, link: MailedLink) -> Leaver:
    """Return who would leave; change nothing."""
    with links.opened(call, Action.OWN_LEAVE, link, _BY_LINK) as (visit, member):
        given = address_of(visit.session, member).given
        return Leaver(visit.lst, given, left=member.state is MembershipState.LEFT)


def leave(call: Call, link: MailedLink, *, one_click: bool = False) -> Leaver:
    """End the membership at once and without a question, the first time and every other.

    With ``one_click`` a mail program asks (RFC 8058), and its reader is offered nothing else.
    """
    with links.opened(call, Action.OWN_LEAVE, link, _BY_LINK, writes=True) as (visit, member):
        given = address_of(visit.session, member).given
        offered = not one_click and fewer_mails.may_offer(visit, member)
        left = not wishes.leave(visit, member, call.proof(), offered=offered)
    call.ring("deliver")
    return Leaver(visit.lst, given, left)
