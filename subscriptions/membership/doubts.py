"""Doubt an address whose mail comes back, step by step: warn, ask the address itself, give up.

    step = next_step(doubt, points, dead, now)     what the clock does about it

A doubt begins when bounces weigh DOUBTFUL, and goes where they are forgiven. Before an address is
given up its owners' list is told, the person's other address too, and one mail of its own asks the
address: where that comes back as well, it is given up; where nothing comes back for SILENCE, what
came before the question counts no more. Knows steps and times; mails are for the roof.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.storage.store import Base
from subscriptions.lists.roster import Address, BigId, MailList, Membership, Person
from subscriptions.permission.suppression import MAX_SAID, Reason, Suppression

DAY = 86400.0
DOUBTFUL = 1.5  # points of bounces from which an address is doubted
TIME_TO_ACT = DAY  # from the warning to the question
SILENCE = 7 * DAY  # after the question: longer than any server tries, so it has arrived


class DoubtStep(StrEnum):
    """Say what is to be done about a doubted address now."""

    WAIT = "wait"
    WARN = "warn"
    ASK = "ask"
    FORGIVE = "forgive"
    FORGET = "forget"


class DoubtfulAddress(Base):
    """Keep one address whose mail comes back, and what its list has done about it so far."""

    __tablename__ = "doubtful_address"
    __table_args__ = (Index("ix_doubtful_address_membership", "membership_id"),)
    address_id: Mapped[int] = mapped_column(
        ForeignKey(Address.id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    membership_id: Mapped[int] = mapped_column(BigId, ForeignKey(Membership.id, ondelete="CASCADE"))
    since: Mapped[float]  # when the bounces began to weigh
    kind: Mapped[str] = mapped_column(String(16))  # of the last one
    said: Mapped[str] = mapped_column(String(MAX_SAID))
    warned_at: Mapped[float | None]
    asked_at: Mapped[float | None]
    forgiven_at: Mapped[float | None]  # bounces of before count no more


@dataclass(frozen=True, slots=True)
class Troubled:
    """Name a member whose mail comes back, or is not sent any more."""

    member: int
    name: str
    address: str
    why: str  # a kind of bounce, or a reason
    said: str
    since: float


def next_step(doubt: DoubtfulAddress, points: float, *, dead: bool, now: float) -> DoubtStep:
    """Return what is to be done about ``doubt``, whose bounces weigh ``points``."""
    if doubt.asked_at is not None:
        return DoubtStep.FORGIVE if now - doubt.asked_at >= SILENCE else DoubtStep.WAIT
    if points < DOUBTFUL / 2:
        return DoubtStep.FORGET
    if doubt.warned_at is None:
        return DoubtStep.WARN if points >= DOUBTFUL else DoubtStep.WAIT
    if dead and now - doubt.warned_at >= TIME_TO_ACT:
        return DoubtStep.ASK
    return DoubtStep.WAIT


def doubt(
    session: Session, address_id: int, membership_id: int, since: float, *, kind: str, said: str
) -> None:
    """Begin to doubt an address, or note what came back last."""
    found = session.get(DoubtfulAddress, address_id)
    if found is None:
        found = DoubtfulAddress(address_id=address_id)
        session.add(found)
    found.since, found.membership_id, found.kind, found.said = since, membership_id, kind, said
    session.flush()


def forgive(doubted: DoubtfulAddress) -> None:
    """Count no bounce any more that came before the question."""
    doubted.forgiven_at = doubted.asked_at
    doubted.warned_at = doubted.asked_at = None


def forget(session: Session, address_id: int) -> None:
    """Doubt an address no more: it is given up, or its owner has answered."""
    session.execute(delete(DoubtfulAddress).where(DoubtfulAddress.address_id == address_id))


def forget_key(session: Session, key: str) -> None:
    """Doubt the address with this key no more."""
    theirs = select(Address.id).where(Address.key == key).scalar_subquery()
    session.execute(delete(DoubtfulAddress).where(DoubtfulAddress.address_id == theirs))


def is_asked(session: Session, address_id: int) -> bool:
    """Tell whether the address itself was asked, and nothing is known of that yet."""
    found = session.get(DoubtfulAddress, address_id)
    return found is not None and found.asked_at is not None


def other_address(session: Session, address_id: int) -> Address | None:
    """Return another address of the same person that was proven last and is mailed."""
    own = select(Address.person_id).where(Address.id == address_id).scalar_subquery()
    barred = select(Suppression.address)
    return session.scalar(
        select(Address)
        .where(
            Address.person_id == own,
            Address.id != address_id,
            Address.proven_at.is_not(None),
            Address.key.not_in(barred),
        )
        .order_by(Address.proven_at.desc())
        .limit(1)
    )


def troubled(session: Session, found: Sequence[DoubtfulAddress]) -> list[Troubled]:
    """Return whom these doubts are about, by name."""
    rows = session.execute(
        select(DoubtfulAddress, Person.name, Address.given)
        .join(Address, Address.id == DoubtfulAddress.address_id)
        .join(Person, Person.id == Address.person_id)
        .where(DoubtfulAddress.address_id.in_([one.address_id for one in found]))
        .order_by(Person.name, Address.given)
    )
    return [
        Troubled(one.membership_id, name, given, one.kind, one.said, one.since)
        for one, name, given in rows
    ]


def given_up_since(session: Session, lst: MailList, since: float) -> list[Troubled]:
    """Return the members of a list whose address was given up after ``since``, by name."""
    rows = session.execute(
        select(Membership.id, Person.name, Address.given, Suppression)
        .join(Address, Address.id == Membership.address_id)
        .join(Person, Person.id == Membership.person_id)
        .join(Suppression, Suppression.address == Address.key)
        .where(
            Membership.list_id == lst.id,
            Membership.state.in_(("active", "paused")),
            Suppression.reason == Reason.DEAD,
            Suppression.since > since,
        )
        .order_by(Suppression.since, Membership.id)
    )
    return [
        Troubled(member, name, given, bar.kind, bar.said, bar.since)
        for member, name, given, bar in rows
    ]
