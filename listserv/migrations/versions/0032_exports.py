"""Where archives were exported to: what is taken out of one leaves its copies too."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table; exports made before are not known."""
    op.create_table(
        "archive_export",
        sa.Column(
            "list_id", sa.Integer(), sa.ForeignKey("list.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("folder", sa.String(), primary_key=True),
        sa.Column("at", sa.Float(), nullable=False),
    )
