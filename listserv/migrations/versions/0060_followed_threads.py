"""Who gets only threads that they follow is found without a look at every member."""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None

_FOLLOWED = "rhythm = 'followed'"


def upgrade() -> None:
    """Add an index of a few members."""
    op.create_index(
        "ix_membership_followed",
        "membership",
        ["list_id"],
        sqlite_where=sa.text(_FOLLOWED),
        postgresql_where=sa.text(_FOLLOWED),
    )
