"""Entries of the ledger of permissions by the row of their address, in the order of an import."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# The triggers of the consent ledger as they were then: a migration changes with nothing.
_TRIGGERS = {
    "sqlite": (
        "CREATE TRIGGER consent_no_change BEFORE UPDATE ON consent WHEN NEW.id IS NOT OLD.id "
        "OR NEW.at IS NOT OLD.at OR NEW.act IS NOT OLD.act OR NEW.list_address IS NOT "
        "OLD.list_address OR NEW.who IS NOT OLD.who OR NEW.wording IS NOT OLD.wording OR "
        "NEW.wording_version IS NOT OLD.wording_version OR NEW.language IS NOT OLD.language "
        "OR NEW.source IS NOT OLD.source OR NEW.raw_sha IS NOT OLD.raw_sha OR NEW.dkim IS NOT"
        " OLD.dkim OR NEW.confirmed_by IS NOT OLD.confirmed_by OR NEW.detail IS NOT "
        "OLD.detail OR NEW.given_at IS NOT OLD.given_at OR (NEW.address IS NOT NULL AND "
        "NEW.address IS NOT OLD.address) OR (NEW.ip IS NOT NULL AND NEW.ip IS NOT OLD.ip) OR "
        "(NEW.user_agent IS NOT NULL AND NEW.user_agent IS NOT OLD.user_agent) OR (NEW.actor "
        "IS NOT NULL AND NEW.actor IS NOT OLD.actor) OR (NEW.address_id IS NOT NULL AND "
        "NEW.address_id IS NOT OLD.address_id) BEGIN SELECT RAISE(ABORT, 'the consent ledger "
        "is append-only'); END",
    ),
    "postgresql": (
        "CREATE TRIGGER consent_no_change BEFORE UPDATE ON consent FOR EACH ROW WHEN (NEW.id "
        "IS DISTINCT FROM OLD.id OR NEW.at IS DISTINCT FROM OLD.at OR NEW.act IS DISTINCT "
        "FROM OLD.act OR NEW.list_address IS DISTINCT FROM OLD.list_address OR NEW.who IS "
        "DISTINCT FROM OLD.who OR NEW.wording IS DISTINCT FROM OLD.wording OR "
        "NEW.wording_version IS DISTINCT FROM OLD.wording_version OR NEW.language IS DISTINCT"
        " FROM OLD.language OR NEW.source IS DISTINCT FROM OLD.source OR NEW.raw_sha IS "
        "DISTINCT FROM OLD.raw_sha OR NEW.dkim IS DISTINCT FROM OLD.dkim OR NEW.confirmed_by "
        "IS DISTINCT FROM OLD.confirmed_by OR NEW.detail IS DISTINCT FROM OLD.detail OR "
        "NEW.given_at IS DISTINCT FROM OLD.given_at OR (NEW.address IS NOT NULL AND "
        "NEW.address IS DISTINCT FROM OLD.address) OR (NEW.ip IS NOT NULL AND NEW.ip IS "
        "DISTINCT FROM OLD.ip) OR (NEW.user_agent IS NOT NULL AND NEW.user_agent IS DISTINCT "
        "FROM OLD.user_agent) OR (NEW.actor IS NOT NULL AND NEW.actor IS DISTINCT FROM "
        "OLD.actor) OR (NEW.address_id IS NOT NULL AND NEW.address_id IS DISTINCT FROM "
        "OLD.address_id)) EXECUTE FUNCTION consent_append_only()",
    ),
}


def upgrade() -> None:
    """Add a column that may be blanked; entries of before are found by their hash as they were."""
    dialect = op.get_bind().dialect.name
    op.execute(
        "ALTER TABLE consent ADD COLUMN address_id INTEGER"
        " REFERENCES address (id) ON DELETE SET NULL"
    )
    op.execute("DROP TRIGGER consent_no_change" + (" ON consent" if dialect != "sqlite" else ""))
    for statement in _TRIGGERS[dialect]:
        op.execute(statement)
    op.drop_index("ix_consent_who", "consent")
    hashed, known = sa.text("address_id IS NULL"), sa.text("address_id IS NOT NULL")
    op.create_index(
        "ix_consent_who", "consent", ["who"], sqlite_where=hashed, postgresql_where=hashed
    )
    op.create_index(
        "ix_consent_address", "consent", ["address_id"], sqlite_where=known, postgresql_where=known
    )
