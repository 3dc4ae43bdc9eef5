"""Who asked for which change of a list, and what showed that it was they."""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add a table that begins empty."""
    op.create_table(
        "action_done",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("list_address", sa.String(320), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("proven", sa.String(16), nullable=False),
        sa.Column("door", sa.String(16), nullable=False),
        sa.Column("membership", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
    )
    op.create_index("ix_action_done_list", "action_done", ["list_address", "id"])
