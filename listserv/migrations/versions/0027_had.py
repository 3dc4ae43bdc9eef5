"""Who has had an issue of a series, when the rows of the ledger that said so are gone."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add a table."""
    member = sa.ForeignKey("membership.id", ondelete="CASCADE")
    op.create_table(
        "had",
        sa.Column("membership_id", _ID, member, primary_key=True, autoincrement=False),
        sa.Column("series", sa.String(40), primary_key=True),
    )
