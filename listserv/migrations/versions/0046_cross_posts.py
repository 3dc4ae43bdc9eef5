"""A post knows the lists that its mail names, and the same mail at other lists is found."""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column, empty for what was posted before, and an index."""
    op.add_column("post", sa.Column("named", sa.String(), nullable=False, server_default=""))
    op.create_index("ix_post_message", "post", ["message_id"])
