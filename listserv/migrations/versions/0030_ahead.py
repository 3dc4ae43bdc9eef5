"""Those of a mailing who go first, and alone until the others may."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add one column; what is being sent now goes on as it was begun."""
    op.add_column("mailing", sa.Column("ahead", sa.Text(), nullable=True))
