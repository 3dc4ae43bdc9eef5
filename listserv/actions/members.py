"""Add members of one list, see them, change them and take them off.

    members.add(call, AddMember(list, Candidate(parse("anna@example.org"), consent=note)))
    members.set_(call, SetMember(list, "anna@example.org", rhythm=Rhythm.WEEKLY, note=note))

How somebody said yes goes into the ledger of permissions as the request's note says; without one,
nobody becomes a member who has not answered themselves. Knows nothing of a list's orders by mail:
whoever is told of a change is told by the door that asked for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from archive.pages import member_pages
from archive.site import build
from listserv.actions import audit
from listserv.actions.call import Call
from listserv.actions.permissions import Action, Proven
from listserv.letters.visit import Visit
from listserv.membership import adding, joining
from listserv.wiring.app import App
from mailer.errors import Refused
from mailer.reading import addresses
from subscriptions.lists import attributes, rhythms, roster
from subscriptions.lists.rhythms import DigestChoices
from subscriptions.lists.roster import MailList, Membership, MembershipState, Person, Rhythm, Role
from subscriptions.member_files import exporting
from subscriptions.member_files.member_file import clean_name
from subscriptions.membership import bouncing, changes, given_up, optin, rollcall
from subscriptions.membership.bouncing import BounceRecord
from subscriptions.membership.changes import DigestChange
from subscriptions.membership.given_up import GivenUp
from subscriptions.membership.members import Candidate, CandidateOutcome, Fate
from subscriptions.membership.rollcall import MemberRow
from subscriptions.permission import asks, bars
from subscriptions.permission.asks import Ask, AskPurpose
from subscriptions.permission.consent import ConsentNote, Source

_COME = (Fate.ADDED, Fate.PAUSED, Fate.ASKED)
_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)


@dataclass(frozen=True, slots=True)
class AddMember:
    """Ask that somebody is added; without a consent they are invited by mail."""

    list: str
    candidate: Candidate
    welcome: bool = False  # with the welcome mail


@dataclass(frozen=True, slots=True)
class AdmitMember:
    """Ask that somebody who waits for an owner's yes is let in, or (``yes`` False) turned away."""

    list: str
    address: str
    yes: bool = True
    reason: str = ""  # what they are told who are turned away
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ListMembers:
    """Ask for the members of a list, of one state or role, or all."""

    list: str
    state: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class SetMember:
    """Ask for other words about one member; what is None or empty stays."""

    list: str
    address: str
    role: Role | None = None
    rhythm: Rhythm | None = None
    state: MembershipState | None = None
    paused_until: float | None = None  # with the state paused
    name: str | None = None
    language: str | None = None  # "" for the list's
    attributes: tuple[tuple[str, str], ...] = ()
    page: bool | None = None  # of their own in the archive
    digest: DigestChange = field(default=DigestChange())
    note: ConsentNote = field(default=ConsentNote("", Source.CLI))


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """Ask that somebody is taken off a list, or that their request to join is turned down."""

    list: str
    address: str
    note: ConsentNote = field(default=ConsentNote("", Source.CLI))
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ModerateMember:
    """Ask that one member's posts wait for a moderator, or go out at once."""

    list: str
    address: str
    held: bool | None = True  # None: as the list has it for everybody


@dataclass(frozen=True, slots=True)
class MemberAdded:
    """Say what became of somebody who was to be added."""

    list: str
    email: str
    outcome: CandidateOutcome


@dataclass(frozen=True, slots=True)
class MemberShown:
    """Show one member; times are seconds since 1970 UTC."""

    list: str
    row: MemberRow
    joined: float
    left: float | None
    paused_until: float | None
    digest: DigestChoices
    attributes: Mapping[str, Sequence[str]]
    given_up: GivenUp | None  # where no list mails their address any more
    bounces: tuple[BounceRecord, ...]  # the newest first


@dataclass(frozen=True, slots=True)
class MemberSet:
    """Show one member as they are now."""

    list: str
    row: MemberRow


@dataclass(frozen=True, slots=True)
class MemberRemoved:
    """Say who is off the list, and what they were."""

    list: str
    email: str
    membership: int
    state: MembershipState
    role: Role
    paused_until: float | None


@dataclass(frozen=True, slots=True)
class MemberModerated:
    """Say whose posts wait now, and whether they did before."""

    email: str
    before: bool | None
    held: bool | None


def add(call: Call, wanted: AddMember) -> MemberAdded:
    """Add somebody at once by their consent, or ask them."""
    return _enter(call, Action.MEMBER_ADD, wanted)


def invite(call: Call, wanted: AddMember) -> MemberAdded:
    """Ask somebody by mail; their answer makes them a member, also of an invite list."""
    return _enter(
        call,
        Action.MEMBER_INVITE,
        replace(wanted, candidate=wanted.candidate._replace(consent=None)),
    )


def _enter(call: Call, action: Action, wanted: AddMember) -> MemberAdded:
    with call.changing(action, wanted.list) as visit:
        (outcome,) = adding.enter(
            visit.session,
            call.app,
            visit.lst,
            [wanted.candidate],
            now=call.now,
            welcome=wanted.welcome,
        )
        if outcome.fate not in _COME:
            audit.nothing(visit.session)
    if outcome.fate is Fate.ASKED or wanted.welcome:
        call.ring("deliver")
    return MemberAdded(visit.lst.address, wanted.candidate.address.given, outcome)


def ls(call: Call, wanted: ListMembers) -> Iterator[MemberRow]:
    """Yield members, a short read at a time, so that no long snapshot stays open."""
    lst = call.permitted(Action.MEMBER_LS, wanted.list)
    return (
        row
        for row in _everyone(call, lst)
        if wanted.state in {None, row.state} and wanted.role in {None, row.role}
    )


def sheet(call: Call, list_address: str) -> Iterator[Sequence[tuple[str, ...]]]:
    """Yield the rows of a sheet that an import reads again, its headings first."""
    lst = call.permitted(Action.MEMBER_LS, list_address)
    return _sheet(call, lst)


def show(call: Call, list_address: str, address: str) -> MemberShown:
    """Return one member."""
    with call.reading(Action.MEMBER_SHOW, list_address) as visit:
        member = member_of(visit.session, visit.lst, address)
        told = attributes.of(visit.session, [member.id]).get(member.id, {})
        row = rollcall.one(visit.session, visit.lst, member.id, call.now)
        ended = given_up.at(visit.session, member)
        return MemberShown(
            visit.lst.address,
            row,
            member.joined_at,
            member.left_at,
            member.paused_until,
            rhythms.choices(member),
            told,
            ended if row.state == MembershipState.GIVEN_UP else None,
            bouncing.history(visit.session, member.person_id),
        )


def set_(call: Call, wanted: SetMember) -> MemberSet:
    """Change one member; redraw the pages of the archive that show them."""
    with call.changing(Action.MEMBER_SET, wanted.list) as visit:
        session, lst = visit.session, visit.lst
        member = member_of(session, lst, wanted.address)
        desk = visit.desk(wanted.note)
        if wanted.state is MembershipState.ACTIVE and call.by.proven is Proven.MACHINE:
            who = optin.address_of(session, member)
            bars.lift(session, call.app.keyring, who, note=wanted.note, now=call.now)
        if wanted.state is not None:
            changes.change_state(desk, member, wanted.state, paused_until=wanted.paused_until)
        if wanted.rhythm is not None:
            changes.change_rhythm(desk, member, rhythms.check(wanted.rhythm, lst.kind))
        changes.change_digest(desk, member, wanted.digest)
        if wanted.role is not None:
            changes.change_role(desk, member, wanted.role)
        if wanted.page is not None:
            changes.change_page(desk, member, wanted=wanted.page)
        _rename(session, member, wanted)
        for key, value in wanted.attributes:
            attributes.put(session, member.id, key, value)
        session.flush()
        audit.detail(session, f"membership {member.id}")
        row = rollcall.one(session, lst, member.id, call.now)
        waiting = member_pages.waits(session)
    if waiting and call.within is None:
        draw_again(call.app)
    return MemberSet(lst.address, row)


def admit(call: Call, wanted: AdmitMember) -> str:
    """Let somebody in who waits for an owner, or not; return their address as they spell it."""
    with (call.reading if wanted.dry_run else call.changing)(
        Action.MEMBER_ADMIT, wanted.list
    ) as visit:
        member = member_of(visit.session, visit.lst, wanted.address)
        given = optin.address_of(visit.session, member).given
        waits = member.state is MembershipState.PENDING and joining.is_before_owners(visit, member)
        if not waits:
            raise Refused(f"{given} does not wait for an owner of {visit.lst.address}.", key="same")
        if not wanted.dry_run:
            _admit(call, visit, member, None, yes=wanted.yes, reason=wanted.reason)
    call.ring("deliver")
    return given


def answer_request(call: Call, ask: Ask, *, yes: bool, reason: str = "") -> str:
    """Do so by an owner's answer to the mail that asked; the first answer wins."""
    with call.session(writes=True) as session:
        lst = session.get_one(MailList, ask.list_id)
        call.permit(Action.MEMBER_ADMIT, session, lst)
        if not asks.spend(session, ask.id, how=call.proof().how, now=call.now):
            return "too-late"
        member = session.get(Membership, ask.ref)
        if member is None:
            return "gone"
        done = _admit(call, call.visit(session, lst), member, ask, yes=yes, reason=reason)
        call.note(Action.MEMBER_ADMIT, session, lst)
        return done


def _admit(
    call: Call, visit: Visit, member: Membership, ask: Ask | None, *, yes: bool, reason: str
) -> str:
    note = call.proof().note(ask, actor=call.by.key or None)
    audit.detail(visit.session, f"membership {member.id}: {'yes' if yes else 'no'}")
    return joining.decide_request(visit, member, note, yes=yes, reason=reason)


def remove(call: Call, wanted: RemoveMember) -> MemberRemoved:
    """Take somebody off a list; whoever waits for a yes to joining is turned away."""
    with (call.reading if wanted.dry_run else call.changing)(
        Action.MEMBER_REMOVE, wanted.list
    ) as visit:
        member = member_of(visit.session, visit.lst, wanted.address)
        waits = member.state is MembershipState.PENDING
        if not waits and member.state not in _HERE:
            raise _not_here(visit.lst, wanted.address)
        given = optin.address_of(visit.session, member).given
        if changes.is_last_owner(visit.session, member):
            raise Refused(
                f"{given} is the only owner of {visit.lst.address}.",
                "Make somebody else owner first.",
                key="last-owner",
            )
        found = MemberRemoved(
            visit.lst.address, given, member.id, member.state, member.role, member.paused_until
        )
        if not wanted.dry_run:
            desk = visit.desk(wanted.note)
            (optin.turn_away if waits else changes.leave)(desk, member)
            audit.detail(visit.session, f"membership {member.id}")
        if waits and not wanted.dry_run:
            asks.supersede(visit.session, AskPurpose.JOIN_REQUEST, member.id, now=call.now)
    return found


def moderate(call: Call, wanted: ModerateMember) -> MemberModerated:
    """Have a member's posts wait for a moderator, or let them go out at once."""
    with call.changing(Action.MEMBER_MODERATE, wanted.list) as visit:
        member = member_of(visit.session, visit.lst, wanted.address)
        if member.state not in _HERE:
            raise _not_here(visit.lst, wanted.address)
        before, member.moderated = member.moderated, wanted.held
        audit.detail(visit.session, f"membership {member.id}")
        visit.session.flush()
    return MemberModerated(wanted.address, before, wanted.held)


def member_of(session: Session, lst: MailList, address: str) -> Membership:
    """Return the membership of whoever owns an address, whatever its state; raise Refused."""
    found = roster.membership_of(session, lst.id, addresses.parse(address).key)
    if found is None:
        raise _not_here(lst, address)
    return found


def draw_again(app: App) -> None:
    """Render the pages that wait to be, whether or not a worker is there."""
    with build.rendering(app.store):
        while build.render_dirty(
            app.store, app.settings.archive_path, app.settings.listserv.base_url
        ):
            pass


def _not_here(lst: MailList, address: str) -> Refused:
    return Refused(f"{address} is not on {lst.address}.", key="no-member", list=lst.address)


def _rename(session: Session, member: Membership, wanted: SetMember) -> None:
    person = session.get_one(Person, member.person_id)
    if wanted.name is not None:
        person.name = clean_name(wanted.name)
    if wanted.language is not None:
        said = wanted.language
        person.language = roster.check_language(said) if said else ""


def _everyone(call: Call, lst: MailList) -> Iterator[MemberRow]:
    after: int | None = 0
    while after is not None:
        with call.app.store.read() as session:
            rows, after = rollcall.page(session, lst, now=call.now, after=after)
        yield from rows


def _sheet(call: Call, lst: MailList) -> Iterator[Sequence[tuple[str, ...]]]:
    with call.app.store.read() as session:
        headings = exporting.header(session, lst)
    yield [headings]
    after: int | None = 0
    while after is not None:
        with call.app.store.read() as session:
            rows, after = exporting.page(
                session, lst, headings, keyring=call.app.keyring, now=call.now, after=after
            )
        yield rows
