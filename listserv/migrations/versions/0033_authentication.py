"""Whose mail each arrival is."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add one column; what came before has not been judged."""
    op.add_column(
        "arrival", sa.Column("authentication", sa.String(), server_default="", nullable=False)
    )
