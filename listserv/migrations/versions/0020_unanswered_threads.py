"""The newest threads of a size, found without looking at all of that size."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make one index longer."""
    op.drop_index("archive_thread_size", "archive_thread")
    op.create_index("archive_thread_size", "archive_thread", ["list_id", "size", "last"])
