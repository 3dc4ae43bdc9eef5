"""How fast mail may go, as receivers have taught us."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add one table."""
    op.create_table(
        "pace",
        sa.Column("key", sa.String(), nullable=False),
        *(
            sa.Column(name, sa.Double(), nullable=False)
            for name in ("rate", "step", "room", "at", "until", "booked")
        ),
        sa.PrimaryKeyConstraint("key"),
    )
