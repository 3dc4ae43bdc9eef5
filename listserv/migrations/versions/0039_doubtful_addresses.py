"""Which addresses are doubted, how far their list has gone, and when owners last heard of it."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add a table that begins empty: who bounces from now on is doubted from now on."""
    op.create_table(
        "doubtful_address",
        sa.Column("address_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("membership_id", _ID, nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("said", sa.String(200), nullable=False),
        sa.Column("warned_at", sa.Double(), nullable=True),
        sa.Column("asked_at", sa.Double(), nullable=True),
        sa.Column("forgiven_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["address_id"], ["address.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["membership_id"], ["membership.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("address_id"),
    )
    op.create_index("ix_doubtful_address_membership", "doubtful_address", ["membership_id"])
    op.add_column("list", sa.Column("bounces_told", sa.Float(), nullable=True))
