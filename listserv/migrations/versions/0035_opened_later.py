"""Since when an archive is open: what was written before stays with those who could read it."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns; empty is from the beginning, as every archive was until now."""
    op.add_column("list", sa.Column("members_since", sa.Float(), nullable=True))
    op.add_column("list", sa.Column("public_since", sa.Float(), nullable=True))
