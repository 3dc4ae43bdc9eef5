"""The keys of standing tokens may stand in a file beside the database, which knows them by name."""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the fingerprint; the keys themselves move later, once the file is on the disk."""
    op.add_column(
        "token_key", sa.Column("fingerprint", sa.String(16), server_default="", nullable=False)
    )
