"""Know who somebody is by a link or an address that was mailed to them.

    with opened(call, Action.OWN_VOTE, link, find) as (visit, member): ...

``find`` says what the link's token is: an ask of one purpose, or a standing token that is good for
ever. It is looked up in the transaction of what it is for, and the permission asked for whoever it
shows. Without a token it is whoever the call has shown already, at a door that reads mail. Raises
DeadLink where the link opens nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from listserv.actions.call import Call
from listserv.actions.permissions import Action
from listserv.letters.visit import Visit
from mailer.errors import Refused
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.roster import (
    MailList,
    Membership,
    MembershipState,
    find_list,
    membership_of,
)
from subscriptions.membership.optin import address_of
from subscriptions.permission import asks
from subscriptions.permission.asks import AskPurpose, Trouble

HERE = frozenset({MembershipState.ACTIVE, MembershipState.PAUSED})


class DeadLink(Refused):
    """Say that a link opens nothing; ``key`` tells whether it ever did."""


@dataclass(frozen=True, slots=True)
class MailedLink:
    """Name a list and the token of a link; without one it is whoever the call has shown."""

    list: str
    token: str = ""


Find = Callable[[Session, Call, MailList, str], Membership]


@contextmanager
def opened(
    call: Call, action: Action, link: MailedLink, find: Find, *, writes: bool = False
) -> Iterator[tuple[Visit, Membership]]:
    """Give whose membership a link shows, where this proof is enough for the action."""
    with call.session(writes=writes) as session:
        lst = list_at(session, link.list)
        member = find(session, call, lst, link.token) if link.token else _shown(session, call, lst)
        known = call.known_as(address_of(session, member).key) if link.token else call
        known.permit(action, session, lst)
        yield known.visit(session, lst), member
        session.flush()


def list_at(session: Session, address: str) -> MailList:
    """Return the list with this address; raise Refused for any other, however it is spelled."""
    found = find_list(session, address)
    if found is None:
        raise Refused(f"There is no list {address[:80]!r}.", key="no-list")
    return found


def by_ask(purpose: AskPurpose) -> Find:
    """Return what finds a member by an ask of this purpose, while they are one."""

    def find(session: Session, call: Call, lst: MailList, token: str) -> Membership:
        found = asks.look(session, token, purpose, list_id=lst.id, now=call.now)
        if found.ask is None or found.trouble is not None:
            raise DeadLink("This link opens nothing.", key=found.trouble or Trouble.UNKNOWN)
        member = session.get(Membership, found.ask.ref)
        if member is None or member.list_id != lst.id or member.state not in HERE:
            raise DeadLink("Whose link this was is no member any more.", key=Trouble.EXPIRED)
        return member

    return find


def by_standing_token(purpose: TokenPurpose) -> Find:
    """Return what finds somebody by a token that is good for ever, whatever they are now."""

    def find(session: Session, call: Call, lst: MailList, token: str) -> Membership:
        ref = call.app.keyring.read(token, purpose, *lst.addresses)
        member = session.get(Membership, ref) if ref else None
        if member is None or member.list_id != lst.id:
            key = "proof" if ref is not None and not ref else Trouble.UNKNOWN
            raise DeadLink("This link opens nothing.", key=key)
        return member

    return find


def _shown(session: Session, call: Call, lst: MailList) -> Membership:
    member = membership_of(session, lst.id, call.by.key)
    if member is None:
        raise DeadLink(f"{call.by.name} has never been on this list.", key=Trouble.UNKNOWN)
    return member
