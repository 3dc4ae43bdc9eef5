"""What somebody does with their own membership: see it, change it, pause it, leave, be forgotten.

    own_membership.show(call, MailedLink("friends@example.org", token))
    own_membership.pause(call, PauseOwn(link, until=None))

A link that was mailed to somebody shows who they are (links.py); without one it is whoever the call
has shown, at a door that reads mail. Raises DeadLink where the link opens nothing, BadInput where
what is wanted cannot be. SECURITY: the link is worth one address of one membership for three days,
and nothing as soon as that address is taken away or the member is gone; whoever asks for another
address hears the same whatever is known about it.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from archive.pages.member_pages import page_hash
from listserv.actions import links
from listserv.actions.call import Call
from listserv.actions.links import MailedLink
from listserv.actions.permissions import Action
from listserv.answers import own_names
from listserv.answers.rhythm_wishes import RhythmWish
from listserv.letters.ask_payloads import AnyUndo, MemberBefore
from listserv.letters.visit import Visit
from listserv.membership import erasure_requests, fewer_mails, reviving, wishes
from mailer.errors import BadInput, Refused
from mailer.reading import addresses
from subscriptions.lists import attributes, rhythms
from subscriptions.lists.rhythms import DigestChoices
from subscriptions.lists.roster import (
    ListKind,
    MailList,
    Membership,
    MembershipState,
    Person,
    Rhythm,
    one_line,
    state_at,
)
from subscriptions.membership import changes, given_up, member_addresses, personal_data
from subscriptions.membership.changes import DigestChange
from subscriptions.membership.given_up import GivenUp
from subscriptions.membership.member_addresses import OwnAddress
from subscriptions.membership.optin import address_of
from subscriptions.membership.personal_data import Dossier
from subscriptions.permission.asks import Ask, AskPurpose
from subscriptions.permission.consent import Source
from templates import LANGUAGES

RHYTHMS = (
    Rhythm.EACH,
    Rhythm.DAILY,
    Rhythm.WEEKLY,
    Rhythm.FIRST,
    Rhythm.FOLLOWED,
)  # that can be chosen
_PAGE = links.by_ask(AskPurpose.ME)


@dataclass(frozen=True, slots=True)
class SetOwn:
    """Ask for another name, zone, language or rhythm; what is None stays."""

    link: MailedLink
    name: str | None = None
    zone: str | None = None  # "" for the list's
    language: str | None = None
    rhythm: Rhythm | None = None  # on a list where people write
    page: bool | None = None  # of their own in the archive
    digest: DigestChange = field(default=DigestChange())


@dataclass(frozen=True, slots=True)
class PauseOwn:
    """Ask that nothing comes until a moment (seconds since 1970 UTC), or until further notice."""

    link: MailedLink
    until: float | None


@dataclass(frozen=True, slots=True)
class OwnMembership:
    """Show somebody what a list keeps about them; times are seconds since 1970 UTC."""

    list: MailList
    given: str  # the address that mail goes to
    addresses: Sequence[OwnAddress]
    name: str
    language: str  # "" for the list's
    joined: float
    given_up: GivenUp | None  # where their address is not mailed any more
    paused: bool
    paused_until: float | None
    rhythm: Rhythm
    rhythms: Sequence[Rhythm]  # that can be chosen
    digest: DigestChoices
    hours_zone: str
    zone: str
    known: Mapping[str, Sequence[str]]  # attributes
    page: str  # the name of their page in the archive, "" where they want none


def show(call: Call, link: MailedLink) -> OwnMembership:
    """Return what is set and kept."""
    with _own(call, Action.OWN_SHOW, link) as (visit, member):
        session, lst = visit.session, visit.lst
        person = session.get_one(Person, member.person_id)
        told = attributes.of(session, [member.id]).get(member.id, {})
        state = state_at(member.state, member.rhythm, member.paused_until, call.now)
        comes = wishes.rhythm_told(session, lst, member)
        hashed = page_hash(call.app.keyring, lst.identity, member.id)
        return OwnMembership(
            list=lst,
            given=address_of(session, member).given,
            addresses=member_addresses.owned(session, member),
            name=person.name,
            language=person.language,
            joined=member.joined_at,
            given_up=given_up.at(session, member),
            paused=state is MembershipState.PAUSED,
            paused_until=member.paused_until,
            rhythm=member.rhythm,
            digest=rhythms.choices(member),
            hours_zone=comes["in_zone"],
            rhythms=RHYTHMS if lst.kind is ListKind.DISCUSSION else (),
            zone="".join(told.get(attributes.ZONE, [])),
            known={key: values for key, values in told.items() if key != attributes.ZONE},
            page=hashed if member.has_page else "",
        )


def set_(call: Call, wanted: SetOwn) -> None:
    """Change what is set; a language or rhythm that is not offered is passed over."""
    with _own(call, Action.OWN_SET, wanted.link, writes=True) as (visit, member):
        if _by_mail(call) and wanted.language in LANGUAGES:  # its receipt takes it back
            wishes.speak(visit, member, str(wanted.language))
        desk = visit.desk(call.proof().note())
        person = visit.session.get_one(Person, member.person_id)
        if wanted.name is not None:
            name = one_line(own_names.clean(wanted.name), 200, "name")
            if _by_mail(call):
                wishes.call_by_name(visit, member, name)
            person.name = name
        if wanted.zone is not None:
            attributes.put(visit.session, member.id, attributes.ZONE, wanted.zone)
        talks = visit.lst.kind is ListKind.DISCUSSION and member.rhythm in RHYTHMS
        if wanted.rhythm in RHYTHMS and talks:
            changes.change_rhythm(desk, member, wanted.rhythm)
        if visit.lst.kind is ListKind.DISCUSSION:
            changes.change_digest(desk, member, wanted.digest)
        if wanted.language in LANGUAGES:
            person.language = wanted.language
        if wanted.page is not None:
            changes.change_page(desk, member, wanted=wanted.page)


def set_rhythm(call: Call, link: MailedLink, wish: RhythmWish) -> bool:
    """Let mail come as a letter wishes it; False where this list sends nothing so."""
    with _own(call, Action.OWN_SET, link, writes=True) as (visit, member):
        return wishes.change_rhythm(visit, member, wish, call.proof())


def pause(call: Call, wanted: PauseOwn) -> None:
    """Send nothing until then; whoever asked by mail has a receipt that takes it back."""
    with _own(call, Action.OWN_PAUSE, wanted.link, writes=True) as (visit, member):
        if _by_mail(call):
            wishes.pause(visit, member, wanted.until, call.proof())
            return
        if wanted.until is not None and wanted.until <= call.now:
            raise BadInput("A pause ends in the future.", key="past")
        desk = visit.desk(call.proof().note())
        changes.change_state(desk, member, MembershipState.PAUSED, paused_until=wanted.until)


def resume(call: Call, link: MailedLink) -> None:
    """Send again what the list sends; whoever asked by mail has a receipt that takes it back."""
    with _own(call, Action.OWN_RESUME, link, writes=True) as (visit, member):
        if _by_mail(call):
            wishes.resume(visit, member, call.proof())
            return
        changes.change_state(visit.desk(call.proof().note()), member, MembershipState.ACTIVE)


def revive(call: Call, link: MailedLink) -> None:
    """Mail an address again that was given up."""
    with _own(call, Action.OWN_RESUME, link, writes=True) as (visit, member):
        who = address_of(visit.session, member)
        given_up.revive(visit.desk(call.proof().note()), who)


def answer_reach(call: Call, ask: Ask) -> str:
    """Mail an address again that was given up, and whose owner says that it is read."""
    with call.session(writes=True) as session:
        visit = _permitted(call, Action.OWN_RESUME, session, ask)
        return reviving.answered(visit, ask, call.proof())


def answer_receipt(call: Call, ask: Ask, told: AnyUndo, text: str) -> str:
    """Do what an answer to a receipt says of how often mail comes; "" where it says nothing."""
    with call.session(writes=True) as session:
        visit = _permitted(call, Action.OWN_SET, session, ask)
        return fewer_mails.take(visit, ask, told, text, call.proof())


def undo(call: Call, ask: Ask, was: MemberBefore) -> str:
    """Put back what stood before the receipt that a question came with."""
    with call.session(writes=True) as session:
        visit = _permitted(call, Action.OWN_UNDO, session, ask)
        return wishes.undo(visit, ask, was, call.proof())


def ask_address(call: Call, link: MailedLink, address: str) -> bool:
    """Ask at another address whether it is theirs too; tell, for the log alone, if it was asked."""
    with _own(call, Action.OWN_ADDRESS, link, writes=True) as (visit, member):
        done = wishes.ask_address(visit, member, addresses.parse(address))
    call.ring("deliver")
    return done


def add_address(call: Call, ask: Ask) -> str:
    """Take an address that was asked about as one more of the member's."""
    with call.session(writes=True) as session:
        visit = _permitted(call, Action.OWN_ADDRESS, session, ask)
        return wishes.add_address(visit, ask, call.proof())


def receive_at(call: Call, link: MailedLink, address_id: int) -> None:
    """Let this list write to another proven address of theirs."""
    with _own(call, Action.OWN_ADDRESS, link, writes=True) as (visit, member):
        desk = visit.desk(call.proof().note())
        if not member_addresses.receive_at(desk, member, address_id):
            raise BadInput("No list may write to this address for them.", key="no-address")


def take_away(call: Call, link: MailedLink, address_id: int) -> None:
    """Forget an address of theirs that no list writes to."""
    with _own(call, Action.OWN_ADDRESS, link, writes=True) as (visit, member):
        desk = visit.desk(call.proof().note())
        if not member_addresses.take_away(desk, member, address_id):
            raise Refused("A list still writes to this address.", key="address-used")


def export(call: Call, link: MailedLink) -> tuple[str, Dossier]:
    """Return an address key, and everything that is kept about whoever has it."""
    with _own(call, Action.OWN_EXPORT, link) as (visit, member):
        key = address_of(visit.session, member).key
        return key, personal_data.open_dossier(visit.session, call.app.keyring, key, call.now)


def leave(call: Call, link: MailedLink) -> MailList:
    """End the membership at once; a receipt says how to take that back."""
    with _own(call, Action.OWN_LEAVE, link, writes=True) as (visit, member):
        offered = fewer_mails.may_offer(visit, member)
        wishes.leave(visit, member, call.proof(), offered=offered)
    call.ring("deliver")
    return visit.lst


def forget(call: Call, link: MailedLink) -> MailList:
    """End every membership at once, and have everything about them erased."""
    with _own(call, Action.OWN_FORGET, link, writes=True) as (visit, member):
        key, how = address_of(visit.session, member).key, call.proof().how
        erasure_requests.ask(visit.session, call.app.keyring, key, how=how, now=call.now)
    call.ring("erase", "deliver")
    return visit.lst


def _by_mail(call: Call) -> bool:
    return call.by.source is Source.MAIL


def _permitted(call: Call, action: Action, session: Session, ask: Ask) -> Visit:
    """Return the visit of whoever has answered a question, where that is proof enough."""
    lst = session.get_one(MailList, ask.list_id)
    call.known_as(ask.address_key).permit(action, session, lst)
    return call.visit(session, lst)


def _own(
    call: Call, action: Action, link: MailedLink, *, writes: bool = False
) -> AbstractContextManager[tuple[Visit, Membership]]:
    return links.opened(call, action, link, _PAGE, writes=writes)
