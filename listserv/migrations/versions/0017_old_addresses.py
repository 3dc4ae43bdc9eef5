"""Old addresses of archives that moved in, and where they lead."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "archive_redirect",
        sa.Column("path", sa.String(1000), primary_key=True),
        sa.Column(
            "list_id",
            sa.Integer(),
            sa.ForeignKey("list.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("target", sa.String(60), nullable=False),
    )
    op.create_index("archive_redirect_list", "archive_redirect", ["list_id"])
