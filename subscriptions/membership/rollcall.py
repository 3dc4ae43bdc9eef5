"""Read out who is on a list, in pages, so that a million members need no memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from subscriptions.lists.roster import (
    Address,
    MailList,
    Membership,
    MembershipState,
    Person,
    Rhythm,
    Role,
    state_at,
)
from subscriptions.membership.given_up import stands_against


@dataclass(frozen=True, slots=True)
class MemberRow:
    """Hold one member as the public contract shows them."""

    email: str
    name: str
    language: str
    role: str
    rhythm: str
    state: str


def page(
    session: Session, lst: MailList, *, now: float, after: int = 0, limit: int = 1000
) -> tuple[Sequence[MemberRow], int | None]:
    """Return up to ``limit`` members behind membership ``after``, and where the next page begins.

    Somebody without a language of their own reads the list's.
    """
    rows = session.execute(
        _whole()
        .where(Membership.list_id == lst.id, Membership.id > after)
        .order_by(Membership.id)
        .limit(limit)
    ).all()
    shown = [_row(row, lst, now) for row in rows]
    return shown, rows[-1].id if len(rows) == limit else None


def one(session: Session, lst: MailList, membership_id: int, now: float) -> MemberRow:
    """Return one member."""
    return _row(session.execute(_whole().where(Membership.id == membership_id)).one(), lst, now)


def has_domain(session: Session, lst: MailList, domain: str) -> bool:
    """Tell whether somebody on the list has an address at ``domain``."""
    found = (
        select(Membership.id)
        .join(Address, Address.id == Membership.address_id)
        .where(Membership.list_id == lst.id, Address.domain == domain)
        .limit(1)
    )
    return session.scalar(found) is not None


def staff(session: Session, list_id: int, roles: Sequence[Role], now: float) -> Sequence[str]:
    """Return the addresses, as given, of those with one of ``roles`` who have not left."""
    rows = session.execute(
        _whole()
        .where(Membership.list_id == list_id, Membership.role.in_(roles))
        .order_by(Membership.id)
    )
    here = ("active", "paused")  # whoever carries a duty hears of it on holiday too
    return [
        row.given
        for row in rows
        if state_at(row.state, row.rhythm, row.paused_until, now).value in here
    ]


def _whole() -> Select[int, str, str, str, Role, Rhythm, MembershipState, float | None, bool]:
    return (
        select(
            Membership.id,
            Address.given,
            Person.name,
            Person.language,
            Membership.role,
            Membership.rhythm,
            Membership.state,
            Membership.paused_until,
            stands_against(Address.key).label("given_up"),
        )
        .join(Address, Address.id == Membership.address_id)
        .join(Person, Person.id == Membership.person_id)
    )


def _row(row: Row[*tuple[Any, ...]], lst: MailList, now: float) -> MemberRow:
    return MemberRow(
        email=row.given,
        name=row.name,
        language=row.language or lst.language,
        role=row.role.value,
        rhythm=row.rhythm.value,
        state=state_at(row.state, row.rhythm, row.paused_until, now, given_up=row.given_up).value,
    )
