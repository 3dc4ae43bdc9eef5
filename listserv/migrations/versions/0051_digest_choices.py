"""A member has an hour, a form and weekends of their own for digests."""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what a member chooses, and which of it the members of a digest have in common."""
    hour = sa.Column("digest_hour", sa.SmallInteger(), nullable=True)
    form = sa.Column("digest_form", sa.String(8), server_default="", nullable=False)
    weekdays = sa.Column(
        "digest_weekdays", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    for one in (hour, weekdays, form):
        op.add_column("membership", one)
    common = (
        sa.Column("hour", sa.SmallInteger(), server_default="-1", nullable=False),
        sa.Column("zone", sa.String(64), server_default="", nullable=False),
        sa.Column("weekdays", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    for one in common:
        op.add_column("digest", one)
