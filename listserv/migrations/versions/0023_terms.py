"""On what terms issues reach readers: own hours, quiet hours, caps, and a few who go first."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns that are empty where nothing was chosen."""
    for name in ("cap", "quiet_hours", "canary"):
        op.add_column("list", sa.Column(name, sa.String(16), nullable=False, server_default=""))
    op.add_column("issue", sa.Column("terms", sa.String(), nullable=False, server_default=""))
    op.add_column("issue", sa.Column("tripped", sa.Float(), nullable=True))
    op.add_column("edition", sa.Column("hour", sa.String(20), nullable=False, server_default=""))
