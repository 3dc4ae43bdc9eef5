"""Issues, how mailings end, and what happened to a recipient before its last answer."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_UNTOLD = sa.text("told IS NULL AND kind <> 'notice'")


def upgrade() -> None:
    """Add two tables and two columns; what ended before today is not told any more."""
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("mailing", sa.Column("told", sa.Double(), nullable=True))
    op.add_column("mailing", sa.Column("totals", sa.String(), nullable=True))
    op.execute("UPDATE mailing SET told = finished WHERE state IN ('done', 'stopped')")
    op.create_index(
        "ix_mailing_untold", "mailing", ["id"], sqlite_where=_UNTOLD, postgresql_where=_UNTOLD
    )
    op.create_table(
        "issue",
        sa.Column("mailing_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("raw_sha", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sent_at", sa.Double(), nullable=False),
        sa.Column("sent_by", sa.String(length=320), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["list.id"]),
        sa.ForeignKeyConstraint(["mailing_id"], ["mailing.id"]),
        sa.PrimaryKeyConstraint("mailing_id"),
    )
    op.create_index("ix_issue_known", "issue", ["list_id", "digest"])
    op.create_table(
        "recipient_event",
        sa.Column("id", big, autoincrement=True, nullable=False),
        sa.Column("recipient_id", big, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("code", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("by", sa.String(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipient.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_recipient_event_recipient_id", "recipient_event", ["recipient_id"])
