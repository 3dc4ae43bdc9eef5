"""An arrival says whether a mail server of ours brought it, whose marks of spam may be heard."""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of what came before nobody knows it any more."""
    op.add_column(
        "arrival", sa.Column("fronted", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
