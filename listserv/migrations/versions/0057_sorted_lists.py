"""Which process decides what comes for a list."""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table that begins empty: a row comes with a list's first claim."""
    op.create_table(
        "sorted_list",
        sa.Column("list_address", sa.String(320), primary_key=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("newest", sa.Double(), nullable=False),
    )
