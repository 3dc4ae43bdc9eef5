"""Members mute and follow threads; a post knows its thread also where there is no archive."""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add a table that begins empty, and a column; "" means that a post names its thread itself."""
    op.add_column("post", sa.Column("thread", sa.String(52), server_default="", nullable=False))
    op.create_table(
        "thread_wish",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("list_id", sa.Integer(), sa.ForeignKey("list.id", ondelete="CASCADE"), nullable=False),
        sa.Column(
            "membership_id", _ID, sa.ForeignKey("membership.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("hash", sa.String(52), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("named", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("until", sa.Double(), nullable=True),
    )
    op.create_index("ix_thread_wish_hash", "thread_wish", ["list_id", "hash"])
    op.create_index("ix_thread_wish_member", "thread_wish", ["membership_id"])
