"""Keep what happened to each recipient of a mailing, append-only, beside the ledger.

The ledger's row says where a recipient stands, with the last answer and its time; only what a
later answer would overwrite (a 4xx, a lost answer, a person's word to send again) is written
here. So a million copies that are accepted at once cost not one row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ForeignKey, Select, SmallInteger, Table, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.ledger.mailings import BigKey, Recipient, RecipientState
from mailer.storage.store import Base


class Event(Base):
    """Keep one thing that happened to a recipient and was not the last word."""

    __tablename__ = "recipient_event"
    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    recipient_id: Mapped[int] = mapped_column(
        ForeignKey("recipient.id", ondelete="CASCADE"), index=True
    )
    at: Mapped[float]
    state: Mapped[int] = mapped_column(SmallInteger)  # what the recipient became
    code: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    reason: Mapped[str] = mapped_column(default="", server_default="")
    by: Mapped[str] = mapped_column(default="", server_default="")  # who; "" is the relay


Row = dict[str, Any]  # the columns of Event
# the row itself has the last word
_SETTLED = (RecipientState.ACCEPTED, RecipientState.REFUSED, RecipientState.SKIPPED)
_INSERT = insert(cast("Table", Event.__table__))


@dataclass(frozen=True, slots=True)
class Happened:
    """Say one thing that happened, at a time in seconds since 1970 UTC."""

    at: float
    state: RecipientState
    code: int
    reason: str
    by: str


def event(
    recipient: int, at: float, state: RecipientState, code: int = 0, reason: str = "", by: str = ""
) -> Row:
    """Return one event, to be noted."""
    return {
        "recipient_id": recipient,
        "at": at,
        "state": int(state),
        "code": code,
        "reason": reason,
        "by": by,
    }


def note(session: Session, rows: Sequence[Row]) -> None:
    """Append events."""
    if rows:
        session.connection().execute(_INSERT, rows)


def hush(session: Session, recipients: Select[int]) -> None:
    """Take the words out of what happened to ``recipients``: a server's may name them."""
    session.execute(update(Event).where(Event.recipient_id.in_(recipients)).values(reason=""))


def find(session: Session, mailing_id: int, address: str) -> Recipient | None:
    """Return the row of one address of a mailing, or None where it is not in its audience.

    ``address`` is as it stands in RCPT TO. Every row of the mailing is looked at (half a second
    for a million): this is for people who ask.
    """
    chosen = select(Recipient).where(
        Recipient.mailing_id == mailing_id, Recipient.address == address
    )
    return session.scalars(chosen.limit(1)).first()


def of_recipient(session: Session, row: Recipient) -> list[Happened]:
    """Return all that is known of one recipient, oldest first."""
    events = session.scalars(select(Event).where(Event.recipient_id == row.id).order_by(Event.id))
    told = [
        Happened(one.at, RecipientState(one.state), one.code, one.reason, one.by) for one in events
    ]
    if RecipientState(row.state) in _SETTLED:
        told.append(Happened(row.due, RecipientState(row.state), row.code, row.reason, ""))
    return told
