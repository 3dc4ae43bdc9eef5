"""The operator can ask for the doctor's next look by mail."""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nobody has asked before."""
    op.add_column(
        "examined", sa.Column("asked", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
