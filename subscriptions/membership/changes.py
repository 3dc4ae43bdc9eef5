"""Change one membership: role, rhythm, pause, leaving, and coming back with consent.

Each function takes what is there to what is wanted and leaves an entry in the ledger of
permissions where permission or power changed; a rhythm is only a preference.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.errors import BadInput, Refused
from mailer.storage import journal
from mailer.storage.journal import JournalWord
from mailer.storage.tokens import Keyring
from subscriptions.lists import attributes
from subscriptions.lists.rhythms import DIGESTS, THE_LISTS, DigestForm
from subscriptions.lists.roster import Address, MailList, Membership, MembershipState, Rhythm, Role
from subscriptions.permission import consent, suppression
from subscriptions.permission.consent import Act, ConsentNote
from subscriptions.permission.suppression import Reason

_DAY = 24  # hours
_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)


@dataclass(frozen=True, slots=True)
class ChangeContext:
    """Hold what every change needs: where, on which list, who says so, and when."""

    session: Session
    lst: MailList
    keyring: Keyring
    note: ConsentNote
    now: float


@dataclass(frozen=True, slots=True)
class DigestChange:
    """Say how a member wants digests from now on; what is None stays."""

    hour: int | None = None  # THE_LISTS: as the list has it
    weekdays: bool | None = None  # none at weekends
    form: DigestForm | None = None
    zone: str | None = None  # "" for the list's


def change_role(desk: ChangeContext, member: Membership, role: Role) -> bool:
    """Give the member another role; tell whether that changed anything.

    Somebody must be left whom questions about the list reach: its last owner stays owner.
    """
    if member.role is role:
        return False
    if is_last_owner(desk.session, member):
        given, _ = _address(desk.session, member)
        raise Refused(
            f"{given} is the only owner of {desk.lst.address}.", "Make somebody else owner first."
        )
    detail = f"{member.role.value} -> {role.value}"
    member.role = role
    _record(desk, member, Act.ROLE, detail)
    return True


def is_last_owner(session: Session, member: Membership) -> bool:
    """Tell whether the list would have no owner without this one.

    Holds the list's row until the transaction ends, so that two owners who demote each other
    at one moment do so one after the other (SQLite has one writer at a time anyway).
    """
    if member.role is not Role.OWNER or member.state not in _HERE:
        return False
    session.execute(select(MailList.id).where(MailList.id == member.list_id).with_for_update())
    other = select(Membership.id).where(
        Membership.list_id == member.list_id,
        Membership.role == Role.OWNER,
        Membership.state.in_(_HERE),
        Membership.id != member.id,
    )
    return session.scalar(other.limit(1)) is None


def change_rhythm(desk: ChangeContext, member: Membership, rhythm: Rhythm) -> bool:
    """Give the member another rhythm; tell whether that changed anything.

    The journal outside the database hears of it: whom a rhythm spares is spared after a restore.
    What was posted before now goes as it would have gone: a digest that is left behind brings the
    rest of its days once more, and a new one begins now.
    """
    if member.rhythm is rhythm:
        return False
    had, has = member.rhythm in DIGESTS, rhythm in DIGESTS
    if has and not had:
        if member.digest_until is None:  # else the rest is not sent yet, and goes with the next
            member.digest_since = desk.now
        member.digest_until = None
    elif had and not has and rhythm is not Rhythm.PAUSED:
        member.digest_until = desk.now
    member.rhythm = rhythm
    _note(desk, member, JournalWord.RHYTHM, reason=rhythm.value)
    return True


def change_digest(desk: ChangeContext, member: Membership, wanted: DigestChange) -> bool:
    """Let digests come as a member wants them; tell whether that changed anything."""
    before = (member.digest_hour, member.digest_weekdays, member.digest_form)
    if wanted.hour is not None:
        if wanted.hour != THE_LISTS and not 0 <= wanted.hour < _DAY:
            raise BadInput(f"A day has no hour {wanted.hour}.", "Use 0 to 23.")
        member.digest_hour = None if wanted.hour == THE_LISTS else wanted.hour
    if wanted.weekdays is not None:
        member.digest_weekdays = wanted.weekdays
    if wanted.form is not None:
        member.digest_form = "" if wanted.form is DigestForm.PAGE else wanted.form.value
    if wanted.zone is not None:
        had = attributes.of(desk.session, [member.id]).get(member.id, {}).get(attributes.ZONE, [])
        attributes.put(desk.session, member.id, attributes.ZONE, wanted.zone)
        if had != [wanted.zone]:
            return True
    return before != (member.digest_hour, member.digest_weekdays, member.digest_form)


def change_page(desk: ChangeContext, member: Membership, *, wanted: bool) -> bool:
    """Give the member a page in the list's archive, or take it away; tell whether that changed.

    Being found by one's name is a permission of its own, so the ledger has both.
    """
    if member.own_page == wanted:
        return False
    member.own_page = wanted
    said = "wants a" if wanted else "wants no"
    _record(desk, member, Act.STATE, f"{said} page in the archive")
    return True


def change_state(
    desk: ChangeContext,
    member: Membership,
    state: MembershipState,
    *,
    paused_until: float | None = None,
) -> bool:
    """Take the member to ``state``; tell whether that changed anything.

    Coming back after leaving, or becoming active without having answered, needs a note with
    a wording: how they said yes. A pause never needs one.
    """
    was = member.state
    if state is MembershipState.PENDING:
        raise BadInput("Nobody can be made pending by hand.", "Use active, paused or left.")
    if was in {MembershipState.LEFT, MembershipState.PENDING} and state is not MembershipState.LEFT:
        _welcome_back(desk, member, state)
        return True
    same = was is state and member.paused_until == paused_until
    if same and not (state is MembershipState.ACTIVE and member.rhythm is Rhythm.PAUSED):
        return False
    member.state = state
    member.paused_until = paused_until if state is MembershipState.PAUSED else None
    if state is MembershipState.ACTIVE and member.rhythm is Rhythm.PAUSED:
        change_rhythm(desk, member, Rhythm.EACH)
    if state is MembershipState.LEFT:
        member.left_at = desk.now
        member.own_page = False  # who comes back asks anew
    remember(desk, member)
    act = Act.LEFT if state is MembershipState.LEFT else Act.STATE
    _record(desk, member, act, f"{was.value} -> {state.value}")
    return True


def leave(desk: ChangeContext, member: Membership) -> bool:
    """Let the member go at once; tell whether they were still there."""
    return change_state(desk, member, MembershipState.LEFT)


def _welcome_back(desk: ChangeContext, member: Membership, state: MembershipState) -> None:
    given, key = _address(desk.session, member)
    if not desk.note.wording or state is not MembershipState.ACTIVE:
        raise Refused(
            f"{given} is {member.state.value} on {desk.lst.address} and has not said yes (again).",
            key="no-yes-again",
        )
    if suppression.said_never(desk.session, desk.keyring, [key]):
        raise Refused(f"{given} asked never to be mailed.", "Only they can take that back.")
    for reason in (Reason.DEAD, Reason.COMPLAINT):
        suppression.lift(desk.session, key, reason)
    was, member.state = member.state, MembershipState.ACTIVE
    member.left_at = member.paused_until = None
    member.joined_at = desk.now
    member.digest_since = member.digest_until = None  # nothing of before waits for them
    if member.rhythm is Rhythm.PAUSED:
        change_rhythm(desk, member, Rhythm.EACH)
    remember(desk, member)
    _record(desk, member, Act.CONSENTED, f"{was.value} -> active")


def remember(desk: ChangeContext, member: Membership) -> None:
    """Have the journal outside the database know where this membership stands now."""
    words = {
        MembershipState.LEFT: JournalWord.LEFT,
        MembershipState.PAUSED: JournalWord.PAUSED,
        MembershipState.ACTIVE: JournalWord.ACTIVE,
    }
    if member.state in words:
        _note(desk, member, words[member.state], until=member.paused_until)


def _note(
    desk: ChangeContext,
    member: Membership,
    word: JournalWord,
    *,
    reason: str = "",
    until: float | None = None,
) -> None:
    who = _address(desk.session, member)[1]
    where, row = desk.lst.identity, member.id
    journal.note(
        desk.session, word, who, list_address=where, member=row, reason=reason, until=until
    )


def _record(desk: ChangeContext, member: Membership, act: Act, detail: str) -> None:
    desk.session.flush()
    row = consent.entry(
        desk.keyring,
        act=act,
        list_address=desk.lst.address,
        address=_address(desk.session, member),
        note=desk.note,
        now=desk.now,
        detail=detail,
    )
    consent.record(desk.session, [row])


def _address(session: Session, member: Membership) -> tuple[str, str]:
    row = session.execute(
        select(Address.given, Address.key).where(Address.id == member.address_id)
    ).one()
    return row.given, row.key
