"""Issues that each member gets once, whenever they come: a series, by its name."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column that is empty for all other issues."""
    op.add_column(
        "issue", sa.Column("series", sa.String(40), nullable=False, server_default="")
    )
