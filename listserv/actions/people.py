"""What concerns a person on every list: show everything, forget them, keep them out, let them in.

    people.forget(call, ForgetPerson("anna@example.org", dry_run=True))
    people.allow(call, AllowAddress("eve@example.com", list="friends@example.org"))

SECURITY: "never mail me" and a complaint are lifted only with a note of how they took that back;
whoever was forgotten is let in by nobody but themselves.
"""

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from listserv.actions.call import Call
from listserv.actions.members import draw_again
from listserv.actions.permissions import Action
from listserv.membership import person_erasure
from listserv.moderation import bans
from mailer.errors import Refused
from mailer.reading import addresses
from subscriptions.membership import personal_data
from subscriptions.membership.personal_data import Dossier
from subscriptions.permission import bars, suppression
from subscriptions.permission.consent import ConsentNote, Source


@dataclass(frozen=True, slots=True)
class ForgetPerson:
    """Ask that whoever owns an address is erased from every list."""

    address: str
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class PersonForgotten:
    """Name what was erased, or would be."""

    addresses: tuple[str, ...]
    lists: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Barred:
    """Say whom something stands against, and what."""

    address: str
    why: str
    list: str  # "" for every list
    since: float
    by: str


@dataclass(frozen=True, slots=True)
class BanAddress:
    """Ask that what comes from an address to a list is discarded."""

    list: str
    address: str


@dataclass(frozen=True, slots=True)
class AllowAddress:
    """Ask that what stands against an address is lifted: on one list its ban, or everything."""

    address: str
    list: str | None = None
    note: ConsentNote = field(
        default=ConsentNote("", Source.CLI, confirmed_by="statement")
    )  # how they took back that they want no mail
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class AddressAllowed:
    """Name what was lifted, or would be: reasons, and the lists whose bans."""

    address: str
    reasons: tuple[str, ...]
    lists: tuple[str, ...]


def export(call: Call, address: str) -> Dossier:
    """Return everything about whoever owns an address."""
    key, keyring = addresses.parse(address).key, call.app.keyring
    with call.reading_all(Action.MEMBER_EXPORT) as session:
        found = personal_data.open_dossier(session, keyring, key, call.now)
    if found.empty:
        raise Refused(f"Krets knows nothing about {address}.")
    return found


def forget(call: Call, wanted: ForgetPerson) -> PersonForgotten:
    """Erase whoever owns an address, with all their addresses and their mails in the archives."""
    key, keyring = addresses.parse(wanted.address).key, call.app.keyring
    with call.reading_all(Action.MEMBER_FORGET) as session:
        found = personal_data.open_dossier(session, keyring, key, call.now)
    known = (
        found.addresses
        or any(entry.email for entry in found.consent)
        or any(one.reason != "erased" for one in found.suppression)
    )
    if not known:
        raise Refused(f"Krets knows nothing about {wanted.address}, or forgot it before.")
    if not wanted.dry_run:
        person_erasure.forget(call.app, key, note=ConsentNote("", call.by.source), now=call.now)
        call.note_after(Action.MEMBER_FORGET, None, f"{len(found.memberships)} lists")
        draw_again(call.app)
    return PersonForgotten(
        tuple(one.email for one in found.addresses) or (wanted.address,),
        tuple(one.list for one in found.memberships),
    )


def barred(call: Call) -> list[Barred]:
    """Return whom something stands against on any list; nobody knows who was forgotten."""
    with call.reading_all(Action.MEMBER_BARRED) as session:
        found = [
            Barred(one.address, one.reason.value, "", one.since, "")
            for one in bars.all_bars(session)
        ]
        found += [
            Barred(row.address_key, "banned", lst.address, row.since, row.decided_by)
            for row, lst in bans.bans(session)
        ]
    return found


def ban(call: Call, wanted: BanAddress) -> None:
    """Discard what comes from an address to one list, until that is lifted."""
    who = addresses.parse(wanted.address)
    with call.changing(Action.MEMBER_BAN, wanted.list) as visit:
        if visit.lst.owns(who.key):
            raise Refused(f"{who.given} is an address of the list itself.", key="own-address")
        if bans.is_banned(visit.session, visit.lst.id, who.key):
            raise Refused(f"{who.given} is banned from {visit.lst.address} already.", key="same")
        bans.ban(visit.session, visit.lst.id, who.key, by=call.by.name, now=call.now)


def allow(call: Call, wanted: AllowAddress) -> AddressAllowed:
    """Lift what stands against an address; nobody becomes a member by this."""
    if wanted.list is None:
        return _allow_everywhere(call, wanted)
    who, within = addresses.parse(wanted.address), call.reading if wanted.dry_run else call.changing
    with within(Action.MEMBER_ALLOW, wanted.list) as visit:
        if not bans.is_banned(visit.session, visit.lst.id, who.key):
            raise _nothing(visit.session, call, wanted.address)
        if not wanted.dry_run:
            bans.lift_ban(visit.session, visit.lst.id, who.key)
        return AddressAllowed(who.given, (), (visit.lst.address,))


def _allow_everywhere(call: Call, wanted: AllowAddress) -> AddressAllowed:
    who, keyring = addresses.parse(wanted.address), call.app.keyring
    within = call.reading_all if wanted.dry_run else call.changing_all
    with within(Action.MEMBER_ALLOW) as session:
        banned = [lst for _, lst in bans.bans(session, who.key)]
        reasons = bars.against(session, keyring, who.key)
        if not (banned or reasons):
            raise _nothing(session, call, wanted.address)
        if not wanted.dry_run:
            if reasons:
                bars.lift(session, keyring, who, note=wanted.note, now=call.now)
            for lst in banned:
                bans.lift_ban(session, lst.id, who.key)
        return AddressAllowed(
            who.given, tuple(one.value for one in reasons), tuple(lst.address for lst in banned)
        )


def _nothing(session: Session, call: Call, address: str) -> Refused:
    if suppression.erased(session, call.app.keyring, [addresses.parse(address).key]):
        return Refused(f"{address} was forgotten.", "They come back by joining themselves.")
    return Refused(f"Nothing stands against {address}.", key="nothing-stands")
