"""Refusals at the relay that nobody has weighed yet."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make one small table beside the ledger."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "refusal",
        sa.Column("id", key, nullable=False, autoincrement=True),
        sa.Column("recipient_id", key, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("code", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipient.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_refusal_recipient_id", "refusal", ["recipient_id"])
