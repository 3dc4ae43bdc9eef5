"""A list can be deleted, and restored for a while."""

import sqlalchemy as sa
from alembic import op

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add since when it is deleted, and what a restoring puts back."""
    op.add_column("list", sa.Column("deleted_at", sa.Float()))
    op.add_column(
        "list", sa.Column("before_deletion", sa.String(), nullable=False, server_default="")
    )
