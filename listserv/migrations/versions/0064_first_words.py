"""A list may welcome first posts, and name solved questions to whoever asks a new one."""

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two switches that are off."""
    for name in ("first_posts_welcomed", "answers_suggested"):
        column = sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
        op.add_column("list", column)
