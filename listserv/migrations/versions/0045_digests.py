"""Members can have what is posted in a digest; a post knows whether it begins a thread."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

_DIGEST = "(rhythm IN ('daily', 'weekly') OR digest_until IS NOT NULL)"


def upgrade() -> None:
    """Add columns, indexes and a table; of what was posted before nobody knows how it began.

    Who chose daily or weekly before there were digests waits for them from now on: what was posted
    in between came to nobody, and a digest of a year helps nobody.
    """
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("membership", sa.Column("digest_since", sa.Float(), nullable=True))
    op.add_column("membership", sa.Column("digest_until", sa.Float(), nullable=True))
    op.add_column(
        "list", sa.Column("digest_hour", sa.SmallInteger(), server_default="7", nullable=False)
    )
    op.add_column("post", sa.Column("begins", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_post_decided", "post", ["list_id", "decided_at"])
    op.create_index(
        "ix_membership_digest",
        "membership",
        ["list_id"],
        sqlite_where=sa.text(_DIGEST),
        postgresql_where=sa.text(_DIGEST),
    )
    op.create_table(
        "digest",
        sa.Column(
            "mailing_id",
            sa.Integer(),
            sa.ForeignKey("mailing.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("list_id", big, sa.ForeignKey("list.id"), nullable=False),
        sa.Column("rhythm", sa.String(8), nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("end_low", sa.Float(), nullable=False),
        sa.Column("end_high", sa.Float(), nullable=False),
        sa.Column("upto", sa.Float(), nullable=False),
    )
    op.create_index("ix_digest_list_id", "digest", ["list_id"])
    op.execute(
        sa.text(
            "UPDATE membership SET digest_since = (SELECT max(decided_at) FROM post)"
            " WHERE rhythm IN ('daily', 'weekly')"
        )
    )
