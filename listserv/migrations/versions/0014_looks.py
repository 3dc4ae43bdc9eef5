"""How a newsletter's issues look: theme, colour, logo, and who sends them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_COLUMNS = (("theme", 40), ("accent", 7), ("logo", 500), ("postal_address", 200))


def upgrade() -> None:
    """Add four columns that are empty where nothing was chosen."""
    for name, length in _COLUMNS:
        column = sa.Column(name, sa.String(length), nullable=False, server_default="")
        op.add_column("list", column)
