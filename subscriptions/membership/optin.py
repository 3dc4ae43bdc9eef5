"""Carry out what a proven address said: join, wait for an owner, never again, one more address.

Called with a token's answer in hand, never for a From line alone. Every change leaves an entry
in the ledger of permissions with what proved it (``ConsentNote.raw_sha`` for a mail, ``ip`` and
``user_agent`` for a page). Asking again never un-confirms: who is a member stays one. Refuses to
know mails and pages; what goes out afterwards is for the roof.
"""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from mailer.errors import Refused
from mailer.reading.addresses import MailAddress
from subscriptions.lists.roster import (
    Address,
    MailList,
    Membership,
    MembershipState,
    Person,
    Rhythm,
    Role,
    membership_of,
)
from subscriptions.membership.changes import ChangeContext, change_rhythm, remember
from subscriptions.membership.members import lock_people
from subscriptions.permission import consent, suppression
from subscriptions.permission.consent import Act
from subscriptions.permission.suppression import Reason


def prove(session: Session, who: MailAddress, now: float) -> None:
    """Write down that whoever reads mail at ``who`` has just shown it."""
    session.execute(update(Address).where(Address.key == who.key).values(proven_at=now))


def join(
    desk: ChangeContext,
    who: MailAddress,
    *,
    name: str = "",
    language: str = "",
    state: MembershipState = MembershipState.ACTIVE,
) -> tuple[Membership, bool]:
    """Make the owner of ``who`` a member (or pending); return the membership, and if it is new.

    An active or paused membership stays as it is. What once kept mail from this address (it was
    dead, they complained, they were erased) is over: they have just written. "Never mail me"
    is not: that is taken back by its own token.
    """
    session = desk.session
    if suppression.said_never(session, desk.keyring, [who.key]):
        raise Refused(f"{who.given} asked never to be mailed.", "Only they can take that back.")
    lock_people(session)
    address = _address(session, who, name, language, desk.now)
    address.proven_at = desk.now
    hashed = suppression.hashed(desk.keyring, who.key)
    for reason in (Reason.DEAD, Reason.COMPLAINT):
        for one in (who.key, hashed):
            suppression.lift(session, one, reason)
    suppression.lift(session, hashed, Reason.ERASED)
    member = membership_of(session, desk.lst.id, who.key)
    if member is not None and member.state in (MembershipState.ACTIVE, MembershipState.PAUSED):
        return member, False
    was = "" if member is None else member.state.value
    if member is None:
        member = Membership(
            list_id=desk.lst.id,
            person_id=address.person_id,
            address_id=address.id,
            role=Role.MEMBER,
            rhythm=Rhythm.EACH,
            state=state,
            joined_at=desk.now,
        )
        session.add(member)
    elif member.state is MembershipState.PENDING and state is MembershipState.PENDING:
        return member, False
    else:
        _come_back(desk, member, address, state)
    session.flush()
    remember(desk, member)
    act = Act.CONSENTED
    detail = f"{was} -> {state.value}" if was else state.value
    record(desk, who, act, detail)
    return member, True


def admit(desk: ChangeContext, member: Membership) -> bool:
    """Let somebody in whom an owner has said yes to; tell whether they were still waiting."""
    if member.state is MembershipState.PENDING:
        member.joined_at = desk.now
    return _end_waiting(desk, member, MembershipState.ACTIVE)


def turn_away(desk: ChangeContext, member: Membership) -> bool:
    """End a request that an owner has said no to; tell whether it was still waiting."""
    if member.state is MembershipState.PENDING:
        member.left_at = desk.now
    return _end_waiting(desk, member, MembershipState.LEFT)


def _end_waiting(desk: ChangeContext, member: Membership, state: MembershipState) -> bool:
    if member.state is not MembershipState.PENDING:
        return False
    member.state = state
    remember(desk, member)
    record(desk, address_of(desk.session, member), Act.STATE, f"pending -> {state}")
    return True


def never(desk: ChangeContext, who: MailAddress) -> None:
    """Stop all mail to ``who``, on every list, until they take it back."""
    suppression.suppress(desk.session, who.key, Reason.NEVER, desk.now)
    record(desk, who, Act.STATE, "never mail me", everywhere=True)


def take_back_never(desk: ChangeContext, who: MailAddress) -> bool:
    """Let mail to ``who`` go again; tell whether it was stopped."""
    before = suppression.hashed(desk.keyring, who.key)  # they said it before they were erased
    gone = [suppression.lift(desk.session, one, Reason.NEVER) for one in (who.key, before)]
    lifted = any(gone)
    if lifted:
        record(desk, who, Act.STATE, "never mail me, taken back", everywhere=True)
    return lifted


def add_address(desk: ChangeContext, person_id: int, who: MailAddress) -> bool:
    """Give a person one more proven address; tell whether that could be.

    An address that another person with memberships owns is never taken from them.
    """
    session = desk.session
    lock_people(session)
    found = session.scalar(select(Address).where(Address.key == who.key))
    if found is None:
        session.add(
            Address(
                person_id=person_id,
                given=who.given,
                key=who.key,
                domain=who.domain,
                created=desk.now,
                proven_at=desk.now,
            )
        )
    elif found.person_id != person_id:
        taken = select(Membership.id).where(Membership.person_id == found.person_id).limit(1)
        if session.scalar(taken) is not None:
            return False
        found.person_id, found.proven_at = person_id, desk.now
    else:
        found.proven_at = desk.now
    session.flush()
    record(desk, who, Act.STATE, "one more address", everywhere=True)
    return True


def address_of(session: Session, member: Membership) -> MailAddress:
    """Return the address that a membership is mailed at."""
    row = session.get_one(Address, member.address_id)
    return MailAddress(row.given, row.key, row.domain)


def record(
    desk: ChangeContext, who: MailAddress, act: Act, detail: str, *, everywhere: bool = False
) -> None:
    """Write an entry into the ledger of permissions, for this list or for all."""
    row = consent.entry(
        desk.keyring,
        act=act,
        list_address="" if everywhere else desk.lst.address,
        address=(who.given, who.key),
        note=desk.note,
        now=desk.now,
        detail=detail,
    )
    consent.record(desk.session, [row])


def known_language(session: Session, key: str) -> str:
    """Return the language of whoever owns this address, "" where we do not know."""
    found = session.scalar(
        select(Person.language)
        .join(Address, Address.person_id == Person.id)
        .where(Address.key == key)
    )
    return found or ""


def pending_of(session: Session, key: str) -> list[Membership]:
    """Return the requests of whoever owns this address that wait for an owner."""
    return list(
        session.scalars(
            select(Membership)
            .join(Address, Address.person_id == Membership.person_id)
            .where(Address.key == key, Membership.state == MembershipState.PENDING)
            .order_by(Membership.id)
        )
    )


def owners_of(session: Session, lst: MailList, *roles: Role) -> list[Membership]:
    """Return the active memberships with one of ``roles`` (owners where none is named)."""
    return list(
        session.scalars(
            select(Membership)
            .where(
                Membership.list_id == lst.id,
                Membership.role.in_(roles or (Role.OWNER,)),
                Membership.state.in_((MembershipState.ACTIVE, MembershipState.PAUSED)),
            )
            .order_by(Membership.id)
        )
    )


def _address(session: Session, who: MailAddress, name: str, language: str, now: float) -> Address:
    found = session.scalar(select(Address).where(Address.key == who.key))
    if found is None:
        person = Person(name=name, language=language, created=now)
        session.add(person)
        session.flush()
        found = Address(
            person_id=person.id, given=who.given, key=who.key, domain=who.domain, created=now
        )
        session.add(found)
        session.flush()
        return found
    person = session.get_one(Person, found.person_id)
    person.name = person.name or name
    person.language = person.language or language
    return found


def _come_back(
    desk: ChangeContext, member: Membership, address: Address, state: MembershipState
) -> None:
    member.state = state
    member.address_id = address.id
    member.left_at = member.paused_until = None
    member.joined_at = desk.now
    member.digest_since = member.digest_until = None  # nothing of before waits for them
    if member.rhythm is Rhythm.PAUSED:
        change_rhythm(desk, member, Rhythm.EACH)


def has_role(session: Session, person_id: int) -> bool:
    """Tell whether a person looks after any list."""
    found = select(Membership.id).where(
        Membership.person_id == person_id,
        Membership.role != Role.MEMBER,
        Membership.state != MembershipState.LEFT,
    )
    return session.scalar(found.limit(1)) is not None
