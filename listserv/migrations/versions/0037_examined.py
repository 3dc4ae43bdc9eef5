"""What the doctor found last, so that the operator hears only of what has changed."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table of one row."""
    op.create_table(
        "examined",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("found", sa.String(), nullable=False),
    )
