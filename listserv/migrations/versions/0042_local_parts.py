"""Straße and strasse are two mailboxes: keys are made by small letters alone, and no longer folded.

What bars the old key bars the new one too: nobody knows whom of the two it was meant for.
"""

import unicodedata

import sqlalchemy as sa
from alembic import op

from mailer.storage.tokens import Keyring

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

_NOT_ASCII = {"sqlite": "key GLOB '*[^ -~]*' OR given GLOB '*[^ -~]*'"}
_BARS = "SELECT reason, since, kind, said FROM suppression WHERE address = :old"
_BARRED = "SELECT 1 FROM suppression WHERE address = :new AND reason = :reason"
_BAR = (
    "INSERT INTO suppression (address, reason, since, kind, said)"
    " VALUES (:new, :reason, :since, :kind, :said)"
)


def upgrade() -> None:
    """Make the keys anew of addresses that are not ASCII, where that changes them."""
    bind = op.get_bind()
    keys = {row.id: row.secret for row in bind.execute(sa.text("SELECT id, secret FROM token_key"))}
    keyring = Keyring(keys) if keys else None
    other = _NOT_ASCII.get(bind.dialect.name, "key ~ '[^ -~]' OR given ~ '[^ -~]'")
    rows = bind.execute(sa.text(f"SELECT id, given, key FROM address WHERE {other}")).all()
    for row in rows:
        local = unicodedata.normalize("NFC", row.given.rpartition("@")[0].lower())
        new = f"{local}@{row.key.rpartition('@')[2]}"
        if new == row.key:
            continue
        bind.execute(
            sa.text("UPDATE address SET key = :new WHERE id = :id"), {"new": new, "id": row.id}
        )
        names = [(row.key, new)]
        if keyring is not None:
            names.append(
                (f"hash:{keyring.keyed_hash(row.key).hex()}", f"hash:{keyring.keyed_hash(new).hex()}")
            )
        for old, now in names:
            for bar in bind.execute(sa.text(_BARS), {"old": old}).mappings().all():
                there = {"new": now, "reason": bar["reason"]}
                if bind.execute(sa.text(_BARRED), there).first() is None:
                    bind.execute(sa.text(_BAR), {**bar, "new": now})
