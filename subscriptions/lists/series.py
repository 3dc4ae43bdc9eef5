"""Remember who has had an issue of a series after the ledger let go of its rows.

The ledger knows while it keeps a mailing's recipients; before a row goes, ``keep`` writes its
membership and the series' name here. It says nothing else, no address and no day, and goes with
the membership.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, ForeignKey, String, exists, literal, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.ledger.mailings import Recipient, RecipientState
from mailer.storage.bulk_rows import among
from mailer.storage.store import Base, insert_or_ignore
from subscriptions.lists.roster import BigId, Membership

MAX_NAME = 40  # characters


class Had(Base):
    """Keep that a member of a list has had an issue of one of its series."""

    __tablename__ = "had"
    membership_id: Mapped[int] = mapped_column(
        BigId,
        ForeignKey(Membership.id, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    series: Mapped[str] = mapped_column(String(MAX_NAME), primary_key=True)


def keep(session: Session, series: str, rows: Sequence[int]) -> None:
    """Write down whose these rows of the ledger are, before they go; who was skipped had none."""
    theirs = (
        select(Membership.id, literal(series))
        .join(Recipient, Recipient.ref == Membership.id)
        .where(among(session, Recipient.id, rows), Recipient.state != RecipientState.SKIPPED)
    )
    kept = insert_or_ignore(session, Had).from_select(["membership_id", "series"], theirs)
    session.execute(kept)


def has_had(series: str) -> ColumnElement[bool]:
    """Return the condition, beside Membership, that one of this series is kept here."""
    return exists().where(Had.membership_id == Membership.id, Had.series == series)
