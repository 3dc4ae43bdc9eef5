"""Notice that a mailing is refused by many for what it is: then it speaks of nobody's address.

    note(session, mailing_id, how_many, now)     a refusal by policy or content has come in
    troubled = waiting(session, now)             mailings whose owners should hear of it

From MANY such refusals on, no bounce about that mailing counts against anybody (bouncing.py leaves
it out): servers that dislike a post say "no such user" now and then. Knows counts; who said what is
read from the ledger and the bounces, and who is told is for the roof.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import BigInteger, ForeignKey, Integer, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.ledger.mailings import Mailing
from mailer.reading.bounce_reasons import BounceKind
from mailer.storage.store import Base

MANY = 3  # members whose servers refused one mailing for its words or its sender
SETTLES = 60.0  # seconds for which more is awaited before anybody is told
OURS = (BounceKind.POLICY, BounceKind.CONTENT)
_Id = BigInteger().with_variant(Integer, "sqlite")


class RefusedMailing(Base):
    """Keep one mailing that servers refused for its words or its sender, and who was told."""

    __tablename__ = "refused_mailing"
    mailing_id: Mapped[int] = mapped_column(
        ForeignKey(Mailing.id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    seen: Mapped[int]
    noted_at: Mapped[float]
    told_at: Mapped[float | None]
    resent_at: Mapped[float | None]


def note(session: Session, found: Mapping[int, int], now: float) -> None:
    """Count refusals (mailing: how many) that speak of the mailing itself."""
    for mailing_id, many in found.items():
        row = session.get(RefusedMailing, mailing_id)
        if row is None:
            row = RefusedMailing(mailing_id=mailing_id, seen=0, noted_at=now)
            session.add(row)
        row.seen += many
    session.flush()


def waiting(session: Session, now: float) -> Sequence[int]:
    """Return the mailings that many refused and nobody has heard of."""
    found = select(RefusedMailing.mailing_id).where(
        RefusedMailing.told_at.is_(None),
        RefusedMailing.seen >= MANY,
        RefusedMailing.noted_at <= now - SETTLES,
    )
    return session.scalars(found.order_by(RefusedMailing.mailing_id)).all()
