"""Choose who gets a mailing, and ask again at the last moment whether they still want it.

Knows states, pauses and suppression; refuses to know what is sent. Both questions are one
SQL statement each, because they are asked for a million members.
"""

from collections.abc import Sequence

from sqlalchemy import BindParameter, Float, Select, and_, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from mailer.storage.bulk_rows import one_of, spell
from mailer.storage.store import DIALECTS
from subscriptions.audience.segment_query import EVERYBODY, Chosen
from subscriptions.lists.roster import (
    Address,
    Membership,
    MembershipState,
    Person,
    Rhythm,
    state_at,
)
from subscriptions.permission.suppression import Suppression


def awake(now: float | BindParameter[float]) -> ColumnElement[bool]:
    """Return the condition that a membership is active at ``now`` (see roster.state_at)."""
    over = Membership.paused_until <= now
    return and_(
        Membership.rhythm != Rhythm.PAUSED,
        or_(
            and_(
                Membership.state == MembershipState.ACTIVE,
                or_(Membership.paused_until.is_(None), over),
            ),
            and_(Membership.state == MembershipState.PAUSED, over),
        ),
    )


def audience_select(
    list_id: int | BindParameter[int],
    *,
    now: float | BindParameter[float],
    how: ColumnElement[bool] | None = None,
    after: int | BindParameter[int] = 0,
    limit: int | None = None,
    chosen: Chosen = EVERYBODY,
) -> Select[int, str, str, str, bool]:
    """Return a SELECT of (membership id, address as given, domain, language, is named).

    It is in id order, begins behind membership ``after`` and gives at most ``limit``, so that a
    freeze can go in short chunks. A language of "" means the list's. ``how`` leaves those out who
    get it in another way (rhythms.py); a newsletter's issue has one way alone.
    """
    found = (
        select(Membership.id, Address.given, Address.domain, Person.language, Person.name != "")
        .join(Address, Address.id == Membership.address_id)
        .join(Person, Person.id == Membership.person_id)
        .where(
            Membership.list_id == list_id,
            Membership.id > after,
            awake(now),
            ~exists().where(Suppression.address == Address.key),
        )
        .order_by(Membership.id)
    )
    if how is not None:
        found = found.where(how)
    if chosen.narrows:
        found = found.where(chosen.condition)
    return found if limit is None else found.limit(limit)


def still_wanted(session: Session, membership_ids: Sequence[int], now: float) -> dict[int, str]:
    """Return the memberships that must not be mailed any more, each with its reason.

    The database says who still does; the few others are looked at one by one.
    """
    connection = session.connection()
    dialect = connection.dialect.name
    values = {"members": spell(dialect, membership_ids), "now": now}
    wanted = set(connection.scalars(_STILL[dialect], values).all())  # one by one costs more
    others = [member for member in membership_ids if member not in wanted]
    return _reasons(session, others, now) if others else {}


def _reasons(session: Session, membership_ids: Sequence[int], now: float) -> dict[int, str]:
    rows = session.execute(
        select(
            Membership.id,
            Membership.state,
            Membership.rhythm,
            Membership.paused_until,
            Suppression.reason,
        )
        .join(Address, Address.id == Membership.address_id)
        .outerjoin(Suppression, Suppression.address == Address.key)
        .where(Membership.id.in_(membership_ids))
    )
    unwanted = dict.fromkeys(membership_ids, "erased")
    for row in rows:
        state = state_at(row.state, row.rhythm, row.paused_until, now)
        if row.reason is not None:
            unwanted[row.id] = row.reason.value
        elif state is not MembershipState.ACTIVE:
            unwanted[row.id] = state.value
        else:
            unwanted.pop(row.id, None)
    return unwanted


# Built once: it runs with every claim.
_STILL = {
    dialect: select(Membership.id)
    .join(Address, Address.id == Membership.address_id)
    .where(
        one_of(dialect, "membership.id", "members"),
        awake(bindparam("now", type_=Float)),
        ~exists().where(Suppression.address == Address.key),
    )
    for dialect in DIALECTS
}


def names_of(session: Session, membership_ids: Sequence[int]) -> dict[int, str]:
    """Return what the people behind these memberships are called; "" where that is not known."""
    rows = session.execute(
        select(Membership.id, Person.name)
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.id.in_(membership_ids))
    )
    found = dict.fromkeys(membership_ids, "")
    found.update((row.id, row.name) for row in rows)
    return found


def count_by_domain(
    session: Session, list_id: int, now: float, chosen: Chosen = EVERYBODY
) -> dict[str, int]:
    """Return how many members would get a mailing now, by the domain of their address."""
    found = audience_select(list_id, now=now, chosen=chosen).order_by(None).subquery()
    counted = select(found.c.domain, func.count()).group_by(found.c.domain)
    return {row[0]: row[1] for row in session.execute(counted)}


def count_by_language(
    session: Session, list_id: int, now: float, chosen: Chosen = EVERYBODY
) -> dict[str, int]:
    """Return how many members would get a mailing now, by language; "" reads the list's."""
    found = audience_select(list_id, now=now, chosen=chosen).order_by(None).subquery()
    counted = select(found.c.language, func.count()).group_by(found.c.language)
    return {row[0]: row[1] for row in session.execute(counted)}


def some_of(
    session: Session, list_id: int, now: float, many: int, chosen: Chosen = EVERYBODY
) -> list[tuple[str, str]]:
    """Return (name, address) of the last ``many`` who came in and would get a mailing now."""
    found = (
        audience_select(list_id, now=now, chosen=chosen)
        .with_only_columns(Person.name, Address.given)
        .order_by(None)
        .order_by(Membership.id.desc())
        .limit(many)
    )
    return [(row[0], row[1]) for row in session.execute(found)]
