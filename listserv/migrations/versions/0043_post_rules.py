"""An owner's own rules about posts, and what becomes of what a filter calls spam."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns; without own rules nothing changes but for posts marked as spam."""
    op.add_column("list", sa.Column("rules", sa.String(), nullable=False, server_default=""))
    op.add_column("list", sa.Column("spam", sa.String(16), nullable=False, server_default="hold"))
