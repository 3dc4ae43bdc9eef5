"""A digest knows which of its window's posts its readers have had by another list."""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column, empty for digests of before."""
    op.add_column("digest", sa.Column("apart", sa.String(), nullable=False, server_default=""))
