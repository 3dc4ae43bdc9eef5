"""The ledger of permissions: append-only, whoever asks."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from mailer.store import Store
from mailer.tokens import Keyring
from subscriptions import consent
from subscriptions.consent import Act, ConsentNote, Source


@pytest.fixture
def ledger(store: Store, keyring: Keyring) -> Store:
    note = ConsentNote("May we write?", Source.WEB, ip="192.0.2.1", user_agent="x" * 900)
    row = consent.entry(
        keyring,
        act=Act.CONSENTED,
        list_address="friends@example.org",
        address=("Anna@example.org", "anna@example.org"),
        note=note,
        now=5.0,
    )
    with store.write() as session:
        consent.record(session, [row])
    return store


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM consent",
        "UPDATE consent SET wording = 'something else'",
        "UPDATE consent SET at = 6",
        "UPDATE consent SET dkim = 'pass'",
        "UPDATE consent SET given_at = 1",
        "UPDATE consent SET address = 'boris@example.org'",
        "UPDATE consent SET actor = 'boris@example.org'",
        "UPDATE consent SET address = NULL, wording = ''",
    ],
)
def test_an_entry_can_be_neither_changed_nor_removed(ledger: Store, statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), ledger.write() as session:
        session.execute(text(statement))


def test_the_back_doors_of_each_database_are_shut(ledger: Store) -> None:
    statement = (
        "REPLACE INTO consent SELECT * FROM consent" if ledger.sqlite else "TRUNCATE consent"
    )
    with pytest.raises(DBAPIError, match="append-only"), ledger.write() as session:
        session.execute(text(statement))


def test_an_erasure_blanks_the_personal_columns_and_nothing_else(
    ledger: Store, keyring: Keyring
) -> None:
    with ledger.write() as session:
        consent.blank(session, keyring, ["anna@example.org"])
    with ledger.read() as session:
        (row,) = consent.history(session, keyring, ["anna@example.org"])
    assert (row.address, row.ip, row.user_agent) == (None, None, None)
    assert (row.wording, row.at, row.act) == ("May we write?", 5.0, Act.CONSENTED)


def test_every_column_is_either_personal_or_lasting() -> None:
    assert set(consent.PERSONAL) < {column.name for column in consent.Consent.__table__.columns}
    assert set(consent.DDL) == {"sqlite", "postgresql"}
