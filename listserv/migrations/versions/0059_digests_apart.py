"""A digest may be for some members alone: those who muted or follow threads of its days."""

import sqlalchemy as sa
from alembic import op

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add whom a digest is for, or not for, and what it leaves out; "" is everybody, nothing."""
    said = (
        sa.Column("members", sa.Text(), server_default="", nullable=False),
        sa.Column("theirs", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("without", sa.Text(), server_default="", nullable=False),
    )
    for one in said:
        op.add_column("digest", one)
