"""Automatic mail is counted by neighbourhood too, and what was held back is counted."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column and a table; what was counted before belongs to no neighbourhood."""
    op.add_column(
        "automatic_mail",
        sa.Column("network", sa.String(64), server_default="", nullable=False),
    )
    op.create_index("ix_automatic_mail_network", "automatic_mail", ["network", "at"])
    op.create_table(
        "automatic_barred",
        sa.Column("bound", sa.String(20), primary_key=True),
        sa.Column("times", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("last", sa.Float(), nullable=False),
        sa.Column("told", sa.Float(), nullable=False),
    )
