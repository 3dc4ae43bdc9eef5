"""A list may name its siblings and its parts; what an umbrella hands on says by whom."""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add three columns; no list has relatives yet."""
    op.add_column("list", sa.Column("siblings", sa.String(), nullable=False, server_default=""))
    op.add_column("list", sa.Column("parts", sa.String(), nullable=False, server_default=""))
    op.add_column("arrival", sa.Column("handed_by", sa.Integer(), nullable=True))
