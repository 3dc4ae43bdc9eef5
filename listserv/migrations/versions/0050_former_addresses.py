"""A list may be renamed: it keeps the addresses that it had before."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what every list has had by silence: no other address than its own."""
    column = sa.Column("formerly", sa.String(), nullable=False, server_default="")
    op.add_column("list", column)
