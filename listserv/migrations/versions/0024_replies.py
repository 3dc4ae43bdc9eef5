"""Where readers' answers to an issue go."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the list's wish: to the editors, as it was."""
    wish = sa.Column("replies", sa.String(320), nullable=False, server_default="editors")
    op.add_column("list", wish)
