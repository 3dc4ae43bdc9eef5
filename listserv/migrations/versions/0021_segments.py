"""What a list knows of its members, saved segments, and the segment that an issue went to."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add two tables, and a column that is empty where an issue went to everybody."""
    op.create_table(
        "attribute",
        sa.Column(
            "membership_id",
            _ID,
            sa.ForeignKey("membership.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("key", sa.String(40), primary_key=True),
        sa.Column("folded", sa.String(600), primary_key=True),
        sa.Column("value", sa.String(200), nullable=False),
    )
    op.create_table(
        "segment",
        sa.Column("list_id", sa.Integer(), sa.ForeignKey("list.id"), primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("expression", sa.String(1000), nullable=False),
        sa.Column("changed", sa.Float(), nullable=False),
    )
    op.add_column("issue", sa.Column("segment", sa.String(), nullable=False, server_default=""))
