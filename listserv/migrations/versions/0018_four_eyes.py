"""Issues that need the word of two editors."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the list's wish, and on an edition who wants it sent and who has approved it."""
    yes = sa.Column("four_eyes", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("list", yes)
    for name in ("wished", "approved"):
        op.add_column(
            "edition", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
        )
