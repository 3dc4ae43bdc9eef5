"""What a list's posts may carry: kinds of files, large ones, HTML."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add three columns; every list carries all."""
    op.add_column("list", sa.Column("files", sa.String(), nullable=False, server_default=""))
    op.add_column("list", sa.Column("big_files", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("list", sa.Column("html", sa.String(16), nullable=False, server_default="keep"))
