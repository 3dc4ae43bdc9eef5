"""Know a person's addresses: which there are, which one a list writes to, and take one away.

A new one is added by ``optin.add_address``, after it was asked. Refuses an address that nobody has
proven, and to take away one that a list still writes to: nobody leaves a list by accident.
"""

from dataclasses import dataclass, replace

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from subscriptions.lists.roster import Address, Membership, MembershipState
from subscriptions.membership.changes import ChangeContext
from subscriptions.membership.optin import address_of, record
from subscriptions.permission import asks, consent, suppression
from subscriptions.permission.consent import Act, Consent


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """Hold one address of a person, as their own page shows it."""

    id: int
    given: str
    here: bool  # this membership's mail goes to it
    used: bool  # some list writes to it
    proven: bool


def owned(session: Session, member: Membership) -> list[OwnAddress]:
    """Return the addresses of whoever has this membership, the oldest first."""
    rows = session.scalars(
        select(Address).where(Address.person_id == member.person_id).order_by(Address.id)
    ).all()
    used = _used(session, member.person_id)
    return [
        OwnAddress(
            row.id,
            row.given,
            row.id == member.address_id,
            row.id in used,
            row.proven_at is not None,
        )
        for row in rows
    ]


def receive_at(desk: ChangeContext, member: Membership, address_id: int) -> bool:
    """Let this list write to another proven address of the same person; tell whether it does.

    The yes that was given at the old address goes along in the ledger of permissions.
    """
    session = desk.session
    row = session.get(Address, address_id)
    if row is None or row.person_id != member.person_id or row.proven_at is None:
        return False
    if suppression.suppressed(session, [row.key]):
        return False
    if row.id == member.address_id:
        return True
    old = address_of(session, member)
    member.address_id = row.id
    session.flush()
    said = _last_yes(desk, old.key)
    note = desk.note
    if said is not None:
        note = replace(
            note,
            wording=said.wording,
            wording_version=said.wording_version,
            language=said.language,
            raw_sha=said.raw_sha,
            given_at=said.given_at or said.at,
        )
    moved = replace(desk, note=note)
    record(moved, address_of(session, member), Act.STATE, "writes to another address of theirs")
    return True


def take_away(desk: ChangeContext, member: Membership, address_id: int) -> bool:
    """Forget an address that no list writes to; tell whether it is gone.

    Its entries in the ledger of permissions lose their personal columns, and every question that
    was mailed to it is void: whoever reads there now gets in by no old link.
    """
    session = desk.session
    row = session.get(Address, address_id)
    if row is None or row.person_id != member.person_id:
        return False
    if row.id in _used(session, member.person_id):
        return False
    asks.forget(session, [row.key])
    consent.blank(session, desk.keyring, [row.key])
    moved = update(Membership).where(Membership.address_id == row.id)  # of lists that were left
    session.execute(moved.values(address_id=member.address_id))
    session.delete(row)
    session.flush()
    record(desk, address_of(session, member), Act.STATE, "one address less", everywhere=True)
    return True


def _used(session: Session, person_id: int) -> set[int]:
    """Return the addresses that lists write to; one of a list that was left is free."""
    return set(
        session.scalars(
            select(Membership.address_id).where(
                Membership.person_id == person_id, Membership.state != MembershipState.LEFT
            )
        )
    )


def _last_yes(desk: ChangeContext, key: str) -> Consent | None:
    entries = consent.history(desk.session, desk.keyring, [key])
    mine = (
        row for row in reversed(entries) if row.list_address in desk.lst.addresses and row.wording
    )
    return next(mine, None)
