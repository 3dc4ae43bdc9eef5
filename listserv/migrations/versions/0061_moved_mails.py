"""Moderators split threads and merge them: where a mail stands by their word."""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table that begins empty."""
    op.create_table(
        "archive_moved_mail",
        sa.Column(
            "list_id", sa.Integer(), sa.ForeignKey("list.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("hash", sa.String(52), primary_key=True),
        sa.Column("parent", sa.String(52), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("was", sa.String(52), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
    )
