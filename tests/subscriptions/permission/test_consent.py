"""The ledger of permissions: append-only, whoever asks."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.exc import DBAPIError

from mailer.storage.store import Store
from mailer.storage.tokens import Keyring
from subscriptions.lists.roster import Address, Membership
from subscriptions.membership.members import Fate
from subscriptions.permission import consent
from subscriptions.permission.consent import Act, ConsentNote, Source


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
        "UPDATE consent SET address_id = 1",
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


def test_an_entry_is_found_by_its_address_and_after_that_by_its_hash(
    store: Store, keyring: Keyring, add: Callable[..., Fate]
) -> None:
    add("anna@example.org")
    with store.write() as session:
        (entry,) = consent.history(session, keyring, ["anna@example.org"])
        assert entry.address_id == session.scalar(select(Address.id))
        session.execute(delete(Membership))
        session.execute(delete(Address))
    with store.read() as session:
        (kept,) = consent.history(session, keyring, ["anna@example.org"])
        assert (kept.id, kept.address, kept.address_id) == (entry.id, "anna@example.org", None)


def test_an_import_is_blanked_like_any_other_entry(
    store: Store, keyring: Keyring, add: Callable[..., Fate]
) -> None:
    add("anna@example.org")
    add("boris@example.org")
    with store.write() as session:
        consent.blank(session, keyring, ["anna@example.org"])
    with store.read() as session:
        (anna,) = consent.history(session, keyring, ["anna@example.org"])
        (boris,) = consent.history(session, keyring, ["boris@example.org"])
    assert (anna.address, anna.address_id, boris.address) == (None, None, "boris@example.org")
