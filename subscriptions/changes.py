"""Change one membership: role, rhythm, pause, leaving, and coming back with consent.

Each function takes what is there to what is wanted and leaves an entry in the ledger of
permissions where permission or power changed; a rhythm is only a preference.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.errors import BadInput, Refused
from mailer.tokens import Keyring
from subscriptions import consent, suppression
from subscriptions.consent import Act, ConsentNote
from subscriptions.roster import Address, MailList, Membership, Rhythm, Role, State
from subscriptions.suppression import Reason


def change_role(
    session: Session,
    lst: MailList,
    member: Membership,
    role: Role,
    *,
    note: ConsentNote,
    keyring: Keyring,
    now: float,
) -> bool:
    """Give the member another role; tell whether that changed anything."""
    if member.role is role:
        return False
    detail = f"{member.role.value} -> {role.value}"
    member.role = role
    _record(session, lst, member, Act.ROLE, note, keyring, now, detail)
    return True


def change_rhythm(member: Membership, rhythm: Rhythm) -> bool:
    """Give the member another rhythm; tell whether that changed anything."""
    if member.rhythm is rhythm:
        return False
    member.rhythm = rhythm
    return True


def change_state(
    session: Session,
    lst: MailList,
    member: Membership,
    state: State,
    *,
    note: ConsentNote,
    keyring: Keyring,
    now: float,
    paused_until: float | None = None,
) -> bool:
    """Take the member to ``state``; tell whether that changed anything.

    Coming back after leaving, or becoming active without having answered, needs a ``note``
    with a wording: how they said yes. A pause never needs one.
    """
    was = member.state
    if state is State.PENDING:
        raise BadInput("Nobody can be made pending by hand.", "Use active, paused or left.")
    if was in (State.LEFT, State.PENDING) and state is not State.LEFT:
        _welcome_back(session, lst, member, state, note, keyring, now)
        return True
    same = was is state and member.paused_until == paused_until
    if same and not (state is State.ACTIVE and member.rhythm is Rhythm.PAUSED):
        return False
    member.state = state
    member.paused_until = paused_until if state is State.PAUSED else None
    if state is State.ACTIVE and member.rhythm is Rhythm.PAUSED:
        member.rhythm = Rhythm.EACH
    if state is State.LEFT:
        member.left_at = now
    act = Act.LEFT if state is State.LEFT else Act.STATE
    _record(session, lst, member, act, note, keyring, now, f"{was.value} -> {state.value}")
    return True


def leave(
    session: Session,
    lst: MailList,
    member: Membership,
    *,
    note: ConsentNote,
    keyring: Keyring,
    now: float,
) -> bool:
    """Let the member go at once; tell whether they were still there."""
    return change_state(session, lst, member, State.LEFT, note=note, keyring=keyring, now=now)


def _welcome_back(  # noqa: PLR0917 - the tail of change_state
    session: Session,
    lst: MailList,
    member: Membership,
    state: State,
    note: ConsentNote,
    keyring: Keyring,
    now: float,
) -> None:
    given, key = _address(session, member)
    if not note.wording or state is not State.ACTIVE:
        raise Refused(
            f"{given} is {member.state.value} on {lst.address} and has not said yes (again).",
            "Say how they did: --state active --consent 'asked me by phone on 3 May'.",
        )
    reasons = suppression.suppressed(session, [key])
    if reasons.get(key) is Reason.NEVER:
        raise Refused(f"{given} asked never to be mailed.", "Only they can take that back.")
    for reason in (Reason.DEAD, Reason.COMPLAINT):
        suppression.lift(session, key, reason)
    was, member.state = member.state, State.ACTIVE
    member.left_at = member.paused_until = None
    member.joined_at = now
    if member.rhythm is Rhythm.PAUSED:
        member.rhythm = Rhythm.EACH
    detail = f"{was.value} -> active"
    _record(session, lst, member, Act.CONSENTED, note, keyring, now, detail)


def _record(  # noqa: PLR0917 - the ledger's columns
    session: Session,
    lst: MailList,
    member: Membership,
    act: Act,
    note: ConsentNote,
    keyring: Keyring,
    now: float,
    detail: str,
) -> None:
    session.flush()
    row = consent.entry(
        keyring,
        act=act,
        list_address=lst.address,
        address=_address(session, member),
        note=note,
        now=now,
        detail=detail,
    )
    consent.record(session, [row])


def _address(session: Session, member: Membership) -> tuple[str, str]:
    row = session.execute(
        select(Address.given, Address.key).where(Address.id == member.address_id)
    ).one()
    return row.given, row.key
