"""Mail somebody the link to their own page, or to an archive that only members read.

    mailed_links.check(call, wanted)    # whether it can be asked for now; the same whoever asks
    mailed_links.mail(call, wanted)     # writes, if there is a member to write to

SECURITY: nobody learns here who is a member. A door answers by ``check`` alone, before ``mail`` has
looked; the link goes to the member's own address, within the budget of automatic mail.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from listserv.actions import links
from listserv.actions.call import Call
from listserv.actions.links import HERE
from listserv.actions.permissions import Action
from listserv.letters.visit import Visit
from listserv.membership import wishes
from mailer.errors import Refused
from mailer.reading.addresses import MailAddress
from subscriptions.lists.roster import MailList, Membership, membership_of
from subscriptions.membership.optin import address_of


class LinkKind(StrEnum):
    """Name what a link opens."""

    ME = "me"  # the member's own page
    READ = "read"  # the archive


class ToldByMail(StrEnum):
    """Name what a member can have mailed by a letter, beside the links."""

    SETTINGS = "settings"
    DATA = "data"  # all that is kept about them
    HELP = "help"
    ARCHIVE = "archive"
    COUNT = "count"  # how many there are is an owner's to see: help


@dataclass(frozen=True, slots=True)
class AskForLink:
    """Ask for a link by mail."""

    list: str
    kind: LinkKind
    who: MailAddress


_SEND: Mapping[LinkKind, Callable[[Visit, Membership], None]] = {
    LinkKind.ME: wishes.settings,
    LinkKind.READ: wishes.way_in,
}


_TELL: Mapping[ToldByMail, Callable[[Visit, Membership], None]] = {
    ToldByMail.SETTINGS: wishes.settings,
    ToldByMail.DATA: wishes.data,
    ToldByMail.HELP: wishes.help_,
    ToldByMail.ARCHIVE: wishes.archive,
    ToldByMail.COUNT: wishes.help_,
}


def list_of(session: Session, address: str, kind: LinkKind) -> MailList:
    """Return a list that has such links; raise Refused for any other."""
    lst = links.list_at(session, address)
    if kind is LinkKind.READ and not lst.closed_part:
        raise Refused(f"{lst.address} has no archive for members alone.", key="no-list")
    return lst


def check(call: Call, wanted: AskForLink) -> MailList:
    """Return the list; raise Temporary in a minute in which strangers get no more mail."""
    with call.session(writes=False) as session:
        call.check_room(session)
        return list_of(session, wanted.list, wanted.kind)


def mail(call: Call, wanted: AskForLink) -> None:
    """Mail the link, if there is a member to mail it to."""
    with call.session(writes=True) as session:
        lst = list_of(session, wanted.list, wanted.kind)
        call.permit(Action.OWN_LINK, session, lst)
        member = membership_of(session, lst.id, wanted.who.key)
        if member is None or member.state not in HERE:
            return
        visit = call.visit(session, lst)
        if visit.allow(address_of(session, member).key, wanted.kind.value):
            _SEND[wanted.kind](visit, member)
    call.ring("deliver")


def tell(call: Call, list_address: str, told: ToldByMail) -> None:
    """Mail a member what they have asked for by mail; its place in the budget was taken before.

    It goes to the address that the list writes to, so that a From line is enough.
    """
    with call.session(writes=True) as session:
        lst = links.list_at(session, list_address)
        call.permit(Action.OWN_LINK, session, lst)
        member = membership_of(session, lst.id, call.by.key)
        if member is not None:
            _TELL[told](call.visit(session, lst), member)
    call.ring("deliver")
