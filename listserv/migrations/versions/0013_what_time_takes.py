"""What time takes: marks and small indexes for the clock's quiet work."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_PARTIAL = (
    ("arrival_untended", "arrival", ["tended", "received_at"], "tended < 3"),
    ("ix_mailing_whole", "mailing", ["finished"], "totals IS NULL AND finished IS NOT NULL"),
    ("ix_mailing_closing", "mailing", ["id"], "totals IS NOT NULL AND freeze_cursor >= 0"),
    ("ix_consent_traced", "consent", ["at"], "ip IS NOT NULL OR user_agent IS NOT NULL"),
    ("ix_membership_waits", "membership", ["joined_at"], "state = 'pending'"),
)


def upgrade() -> None:
    """Add one column and the indexes of what is left to do."""
    mark = sa.Column("tended", sa.SmallInteger(), nullable=False, server_default="0")
    op.add_column("arrival", mark)
    op.create_index("arrival_raw", "arrival", ["raw_sha"])
    op.create_index("ix_ask_expires", "ask", ["expires_at"])
    for name, table, columns, where in _PARTIAL:
        words = sa.text(where)
        op.create_index(name, table, columns, sqlite_where=words, postgresql_where=words)
