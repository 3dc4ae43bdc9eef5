"""Let go of who was asked and never answered, and of how somebody's yes reached us.

A piece of work a call, each short; when is for the roof. The ledger of permissions keeps every
entry: only its personal columns are blanked, which is all that its triggers allow.
"""

from collections.abc import Mapping

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from mailer.storage.tokens import Keyring
from subscriptions.lists.roster import (
    WAITS,
    Address,
    MailList,
    Membership,
    MembershipState,
    Person,
)
from subscriptions.permission import consent
from subscriptions.permission.asks import Ask
from subscriptions.permission.consent import TRACED, Act, Consent, ConsentNote, Source

PIECE = 200  # rows of a transaction


def drop_asks(session: Session, before: float) -> int:
    """Delete questions whose time was over ``before``; return how many."""
    some = select(Ask.id).where(Ask.expires_at < before).limit(PIECE)
    ids = session.scalars(some).all()
    session.execute(delete(Ask).where(Ask.id.in_(ids)))
    return len(ids)


def drop_pending(session: Session, keyring: Keyring, before: float) -> int:
    """Forget memberships that were asked for ``before`` and never confirmed; return how many.

    Whoever is on no list then is forgotten too, and what the ledger of permissions says of the
    asking keeps no address.
    """
    some = select(Membership.id, Membership.person_id).where(
        text(WAITS), Membership.joined_at < before
    )
    rows = session.execute(some.limit(PIECE)).all()
    _drop(session, keyring, {row.id: row.person_id for row in rows})
    return len(rows)


def drop_members(session: Session, keyring: Keyring, lst: MailList, now: float) -> int:
    """Forget some memberships of a list that is gone for good; return how many.

    The ledger says of each that it ended. Whoever is on no list then is forgotten too.
    """
    rows = session.execute(
        select(Membership.id, Membership.person_id, Membership.state, Address.given, Address.key)
        .join(Address, Address.id == Membership.address_id)
        .where(Membership.list_id == lst.id)
        .order_by(Membership.id)
        .limit(PIECE)
    ).all()
    note = ConsentNote("The list was deleted.", Source.CLI, confirmed_by="clock")
    ended = [
        consent.entry(
            keyring,
            act=Act.LEFT,
            list_address=lst.address,
            address=(row.given, row.key),
            note=note,
            now=now,
        )
        for row in rows
        if row.state in (MembershipState.ACTIVE, MembershipState.PAUSED)
    ]
    consent.record(session, ended)
    _drop(session, keyring, {row.id: row.person_id for row in rows})
    return len(rows)


def _drop(session: Session, keyring: Keyring, memberships: Mapping[int, int]) -> None:
    """Delete memberships (each with its person), and the people who are on no other list."""
    people = set(memberships.values())
    session.execute(delete(Membership).where(Membership.id.in_(memberships)))
    elsewhere = select(Membership.person_id).where(Membership.person_id.in_(people))
    people -= set(session.scalars(elsewhere))
    keys = session.scalars(select(Address.key).where(Address.person_id.in_(people))).all()
    if keys:
        consent.blank(session, keyring, keys)
    session.execute(delete(Address).where(Address.person_id.in_(people)))
    session.execute(delete(Person).where(Person.id.in_(people)))


def has_old(session: Session, before: float) -> tuple[bool, bool]:
    """Tell whether ``drop_asks`` and ``drop_pending`` would find something."""
    asked = select(Ask.id).where(Ask.expires_at < before).limit(1)
    waits = select(Membership.id).where(text(WAITS), Membership.joined_at < before).limit(1)
    return session.scalar(asked) is not None, session.scalar(waits) is not None


def has_traces(session: Session, before: float) -> bool:
    """Tell whether ``strip_traces`` would find something."""
    some = select(Consent.id).where(text(f"({TRACED})"), Consent.at < before).limit(1)
    return session.scalar(some) is not None


def strip_traces(session: Session, before: float) -> int:
    """Blank from where and by which program people said yes ``before``; return how many entries."""
    some = select(Consent.id).where(text(f"({TRACED})"), Consent.at < before).limit(PIECE)
    ids = session.scalars(some).all()
    session.execute(
        update(Consent)
        .where(Consent.id.in_(ids))
        .values(ip=None, user_agent=None)
        .execution_options(synchronize_session=False)
    )
    return len(ids)
