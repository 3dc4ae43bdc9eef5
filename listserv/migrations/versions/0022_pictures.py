"""Pictures of issues, kept where their drafts are."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add one table."""
    op.create_table(
        "picture",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("list_id", sa.Integer(), sa.ForeignKey("list.id"), nullable=False),
        sa.Column("key", sa.String(52), nullable=False),
        sa.Column("ending", sa.String(4), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("taken_at", sa.Float(), nullable=False),
        sa.UniqueConstraint("list_id", "key"),
    )
    where = sa.text("NOT sent")
    op.create_index(
        "ix_picture_old", "picture", ["taken_at"], sqlite_where=where, postgresql_where=where
    )
