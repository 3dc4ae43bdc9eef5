"""An owner's footer in more than one language."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column that is empty where one footer is for all."""
    op.add_column("list", sa.Column("footers", sa.String(), nullable=False, server_default=""))
