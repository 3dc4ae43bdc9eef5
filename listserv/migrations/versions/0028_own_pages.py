"""Pages in the archive for members who ask for one, and which mails are theirs."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add a wish that nobody has yet, and two tables."""
    op.add_column(
        "membership", sa.Column("own_page", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index(
        "ix_membership_page",
        "membership",
        ["list_id"],
        sqlite_where=sa.text("own_page = 1"),
        postgresql_where=sa.text("own_page"),
    )
    op.create_table(
        "archive_person",
        sa.Column("membership_id", _BIG, primary_key=True, autoincrement=False),
        sa.Column(
            "list_id", sa.Integer(), sa.ForeignKey("list.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("hash", sa.String(26), nullable=False),
        sa.Column("known", sa.String(32), nullable=False),
        sa.Column("upto", _BIG, nullable=False),
    )
    op.create_table(
        "archive_written",
        sa.Column(
            "message_id",
            _BIG,
            sa.ForeignKey("archive_message.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("membership_id", _BIG, nullable=False),
    )
    op.create_index("archive_written_member", "archive_written", ["membership_id"])
