"""Whether each member's copy of a post is their own."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add one column: copies are personal until a list says otherwise."""
    column = sa.Column("copies", sa.String(8), nullable=False, server_default="personal")
    op.add_column("list", column)
