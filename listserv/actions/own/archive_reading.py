"""Open an archive that only members read, by a link that was mailed.

    archive_reading.enter(call, MailedLink("friends@example.org", token))

SECURITY: the link is an ask for one membership that works for a day, and no longer than the address
that got it is theirs. What a door remembers of whoever came in, and looks up again at every
request, is the door's own (listserv/web/archive_access.py).
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.actions import links
from listserv.actions.call import Call
from listserv.actions.links import DeadLink, MailedLink
from listserv.actions.own import mailed_links
from listserv.actions.own.mailed_links import LinkKind
from listserv.actions.permissions import Action
from subscriptions.lists.roster import Address, MailList, Membership
from subscriptions.permission import asks
from subscriptions.permission.asks import AskPurpose, Trouble

_MEMBER = links.by_ask(AskPurpose.READ)


@dataclass(frozen=True, slots=True)
class ArchiveReader:
    """Say who may read which archive: a membership, and the address that got the link."""

    list: MailList
    membership: int
    address: int


def enter(call: Call, link: MailedLink) -> ArchiveReader:
    """Return who may read; changes nothing, so that it also tells whether a link still holds."""
    with call.session(writes=False) as session:
        mailed_links.list_of(session, link.list, LinkKind.READ)
    with links.opened(call, Action.OWN_READ, link, _reader) as (visit, member):
        return ArchiveReader(visit.lst, member.id, _asked_at(visit.session, call, visit.lst, link))


def _reader(session: Session, call: Call, lst: MailList, token: str) -> Membership:
    member = _MEMBER(session, call, lst, token)
    row = session.get(Address, _asked_at(session, call, lst, MailedLink(lst.address, token)))
    if row is None or row.person_id != member.person_id:
        raise DeadLink("The address that got this link is theirs no more.", key=Trouble.EXPIRED)
    return member


def _asked_at(session: Session, call: Call, lst: MailList, link: MailedLink) -> int:
    found = asks.look(session, link.token, AskPurpose.READ, list_id=lst.id, now=call.now).ask
    key = found.address_key if found is not None else ""
    return session.scalar(select(Address.id).where(Address.key == key)) or 0
