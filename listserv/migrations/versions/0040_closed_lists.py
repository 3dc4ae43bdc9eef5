"""Lists that are closed, an owner's words of welcome, and pages that are to be moved."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what every list has had by silence: open, no words of its own, nothing to move."""
    text = {"nullable": False, "server_default": ""}
    for name in ("welcome", "welcomes", "redraw"):
        op.add_column("list", sa.Column(name, sa.String(), **text))
    closed = sa.Column("closed", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("list", closed)
