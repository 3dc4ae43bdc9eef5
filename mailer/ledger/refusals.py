"""Refusals that nobody has weighed yet: written with the mark itself, taken by the roof.

A 5xx at the relay says about an address what a bounce says. The row is made in the transaction
that marks the recipient, and goes in the one that weighs it, so a kill between them loses no
refusal and weighs none twice; and nobody has to look for the few refused among a million. It has
words of its own, because the ledger's row may be sent to again before it is weighed.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import ForeignKey, Select, SmallInteger, Table, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.ledger.mailings import BigKey
from mailer.storage.store import Base


class Refusal(Base):
    """Keep one refusal until it is weighed."""

    __tablename__ = "refusal"
    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    recipient_id: Mapped[int] = mapped_column(
        ForeignKey("recipient.id", ondelete="CASCADE"), index=True
    )
    at: Mapped[float]
    code: Mapped[int] = mapped_column(SmallInteger)
    reason: Mapped[str]


class RelayRefusal(NamedTuple):
    """Say what a relay refused, in its words."""

    recipient: int
    at: float
    code: int
    reason: str


Row = dict[str, Any]  # the columns of Refusal
_table = cast("Table", Refusal.__table__)
_INSERT = insert(_table)


def row(recipient: int, at: float, code: int, reason: str) -> Row:
    """Return one refusal, to be noted."""
    return {"recipient_id": recipient, "at": at, "code": code, "reason": reason}


def note(session: Session, rows: Sequence[Row]) -> None:
    """Keep refusals for whoever weighs them."""
    if rows:
        session.connection().execute(_INSERT, rows)


def take(session: Session, limit: int) -> list[RelayRefusal]:
    """Take the oldest off the books, to be weighed in this very transaction."""
    oldest = select(Refusal.id).order_by(Refusal.id).limit(limit).with_for_update(skip_locked=True)
    gone = (
        delete(_table)
        .where(_table.c.id.in_(oldest.scalar_subquery()))
        .returning(_table.c.recipient_id, _table.c.at, _table.c.code, _table.c.reason)
    )
    return [RelayRefusal(*found) for found in session.connection().execute(gone).all()]


def hush(session: Session, recipients: Select[int]) -> None:
    """Forget what was refused to ``recipients`` and waits to be weighed: nobody is left for it."""
    session.execute(delete(Refusal).where(Refusal.recipient_id.in_(recipients)))


def waiting(session: Session) -> bool:
    """Tell whether some refusal has not been weighed."""
    return session.scalar(select(Refusal.id).limit(1)) is not None
