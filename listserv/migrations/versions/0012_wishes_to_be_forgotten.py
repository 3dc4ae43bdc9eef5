"""Wishes to be forgotten that wait for a worker."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make one small table."""
    op.create_table(
        "erasure",
        sa.Column("address_key", sa.String(length=320), nullable=False),
        sa.Column("how", sa.String(length=200), nullable=False),
        sa.Column("asked_at", sa.Double(), nullable=False),
        sa.Column("due", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("address_key"),
    )
