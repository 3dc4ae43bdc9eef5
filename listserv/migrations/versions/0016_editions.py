"""Issues before they leave, and the zone in which their editors name an hour."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add a table, and a column that is empty where nothing was chosen."""
    op.add_column("list", sa.Column("zone", sa.String(60), nullable=False, server_default=""))
    op.create_table(
        "edition",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("list_id", sa.Integer(), sa.ForeignKey("list.id"), nullable=False),
        sa.Column("editor", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.String(200), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("due", sa.Float(), nullable=True),
        sa.Column("zone", sa.String(60), nullable=False),
        sa.Column("by", sa.String(320), nullable=False),
        sa.Column("mailing_id", sa.Integer(), sa.ForeignKey("mailing.id"), nullable=True),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("changed", sa.Float(), nullable=False),
        sqlite_autoincrement=True,
    )
    where = sa.text("state = 'scheduled'")
    op.create_index("ix_edition_due", "edition", ["due"], sqlite_where=where, postgresql_where=where)
