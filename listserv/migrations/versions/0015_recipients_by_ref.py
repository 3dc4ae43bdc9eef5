"""The ledger's rows by whose copy they are, instead of by address."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_REFER = ("recipient_event", "refusal")
_PARTIAL = (
    ("ix_recipient_claimable", ["mailing_id", "due", "id"], "state IN (0, 4)"),
    ("ix_recipient_claimed", ["epoch"], "state = 1"),
    ("ix_recipient_unsure", ["mailing_id"], "state = 5"),
)


def upgrade() -> None:
    """Drop the index of addresses, which come in no order; add one in the order of a freeze."""
    if op.get_bind().dialect.name == "sqlite":
        _make_anew()
    else:
        op.drop_constraint("recipient_mailing_id_address_key", "recipient", type_="unique")
    op.create_index("ix_recipient_ref", "recipient", ["mailing_id", "ref"])


def _make_anew() -> None:
    """Copy the table, because SQLite cannot drop a constraint.

    Dropping the old one takes the rows that refer to it along, so they are kept aside.
    """
    for name in _REFER:
        op.execute(f"CREATE TEMP TABLE {name}_aside AS SELECT * FROM {name}")
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    made = op.create_table(
        "recipient_anew",
        sa.Column("id", key, autoincrement=True, nullable=False),
        sa.Column("mailing_id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("variant", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("due", sa.Double(), server_default="0", nullable=False),
        sa.Column("state", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("code", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["mailing_id"], ["mailing.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    names = ", ".join(column.name for column in made.columns)
    op.execute(f"INSERT INTO recipient_anew SELECT {names} FROM recipient ORDER BY id")  # noqa: S608
    op.execute("DROP TABLE recipient")
    op.execute("ALTER TABLE recipient_anew RENAME TO recipient")
    for name in _REFER:
        op.execute(f"INSERT INTO {name} SELECT * FROM {name}_aside")  # noqa: S608
        op.execute(f"DROP TABLE {name}_aside")
    for name, columns, where in _PARTIAL:
        op.create_index(name, "recipient", columns, sqlite_where=sa.text(where))
