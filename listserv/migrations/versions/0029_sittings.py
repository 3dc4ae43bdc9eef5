"""Proofs of which pictures are to be taken, by editor and revision."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add one table."""
    edition = sa.ForeignKey("edition.id", ondelete="CASCADE")
    mailing = sa.ForeignKey("mailing.id", ondelete="CASCADE")
    op.create_table(
        "sitting",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("edition_id", _ID, edition, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("member", sa.BigInteger(), nullable=False),
        sa.Column("mailing_id", _ID, mailing, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("edition_id", "revision", "member"),
    )
    where = sa.text("NOT done")
    op.create_index(
        "ix_sitting_waiting", "sitting", ["id"], sqlite_where=where, postgresql_where=where
    )
