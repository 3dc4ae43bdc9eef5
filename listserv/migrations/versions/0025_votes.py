"""Questions of issues, and what members answered."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add two tables."""
    mailing = sa.ForeignKey("mailing.id")
    op.create_table(
        "vote",
        sa.Column("mailing_id", sa.Integer(), mailing, primary_key=True, autoincrement=False),
        sa.Column("list_id", sa.Integer(), sa.ForeignKey("list.id"), nullable=False),
        sa.Column("code", sa.String(8), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("answers", sa.String(), nullable=False),
        sa.Column("asked", sa.Float(), nullable=False),
    )
    op.create_index("ix_vote_list_id", "vote", ["list_id"])
    mailing = sa.ForeignKey("mailing.id")
    member = sa.ForeignKey("membership.id", ondelete="CASCADE")
    op.create_table(
        "ballot",
        sa.Column("mailing_id", sa.Integer(), mailing, primary_key=True, autoincrement=False),
        sa.Column("membership_id", _ID, member, primary_key=True, autoincrement=False),
        sa.Column("answer", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )
    op.create_index("ix_ballot_membership_id", "ballot", ["membership_id"])
