"""Entries of the ledger of permissions by the row of their address, in the order of an import."""

import sqlalchemy as sa
from alembic import op

from subscriptions.consent import ddl

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_LASTING = tuple(
    "id at act list_address who wording wording_version language source raw_sha dkim"
    " confirmed_by detail given_at".split()
)
_PERSONAL = ("address", "ip", "user_agent", "actor", "address_id")


def upgrade() -> None:
    """Add a column that may be blanked; entries of before are found by their hash as they were."""
    dialect = op.get_bind().dialect.name
    op.execute(
        "ALTER TABLE consent ADD COLUMN address_id INTEGER"
        " REFERENCES address (id) ON DELETE SET NULL"
    )
    op.execute("DROP TRIGGER consent_no_change" + (" ON consent" if dialect != "sqlite" else ""))
    for statement in ddl(_LASTING, _PERSONAL)[dialect]:
        if "consent_no_change" in statement:
            op.execute(statement)
    op.drop_index("ix_consent_who", "consent")
    hashed, known = sa.text("address_id IS NULL"), sa.text("address_id IS NOT NULL")
    op.create_index(
        "ix_consent_who", "consent", ["who"], sqlite_where=hashed, postgresql_where=hashed
    )
    op.create_index(
        "ix_consent_address", "consent", ["address_id"], sqlite_where=known, postgresql_where=known
    )
