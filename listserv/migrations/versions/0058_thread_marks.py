"""Threads are marked as solved, with the accepted answer, and as closed."""

import sqlalchemy as sa
from alembic import op

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table that begins empty."""
    op.create_table(
        "archive_thread_mark",
        sa.Column(
            "list_id", sa.Integer(), sa.ForeignKey("list.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("hash", sa.String(52), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("answer", sa.String(52), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
    )
