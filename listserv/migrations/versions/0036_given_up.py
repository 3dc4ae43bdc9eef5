"""Why an address is given up, and which address a bounce speaks of, in its server's words."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_OWN = "(SELECT address_id FROM membership WHERE membership.id = bounce.membership_id)"


def upgrade() -> None:
    """Add the columns; a bounce of before is about the address that its member has now."""
    for name, length in (("kind", 16), ("said", 200)):
        column = sa.Column(name, sa.String(length), nullable=False, server_default="")
        op.add_column("suppression", column)
    with op.batch_alter_table("bounce") as bounce:
        bounce.add_column(sa.Column("address_id", sa.Integer(), nullable=True))
        bounce.add_column(sa.Column("said", sa.String(200), nullable=False, server_default=""))
        bounce.create_foreign_key(
            "fk_bounce_address", "address", ["address_id"], ["id"], ondelete="CASCADE"
        )
        bounce.create_index("ix_bounce_address", ["address_id", "at"])
    op.execute(f"UPDATE bounce SET address_id = {_OWN}")  # noqa: S608 - our own words
