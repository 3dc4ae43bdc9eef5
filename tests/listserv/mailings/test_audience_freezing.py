"""An audience on its way into the ledger: in pieces, spelled for the envelope, nobody twice."""

import time
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from listserv.mailings import audience_freezing
from listserv.wiring import schema
from listserv.wiring.data_folder import make_data_folder
from mailer.ledger import mailings
from mailer.ledger.mailings import MailingState, Recipient
from mailer.ledger.splice import Segments
from mailer.reading.addresses import parse
from mailer.storage.store import Store
from mailer.storage.tokens import Keyring
from subscriptions.lists.roster import Address, ListKind, Membership, create_list, get_list
from subscriptions.membership.members import Candidate, enrol
from subscriptions.permission.consent import ConsentNote, Source

NEWS = "news@example.org"
KEYS = Keyring({1: b"k" * 32})
SPELLINGS = (
    "Anna.B@Example.NET",
    "bo@example.net",
    "åsa@måne.example",
    "Олег@пример.example",
    "c@MÅNE.example",
)

_MAILING = """INSERT INTO mailing (id, kind, list_address, message_id, policy, state, priority,
    audience, created, expires_at, freeze_cursor)
    VALUES (1, 'post', 'l', 'm', 'never-miss', 'sending', 1, 2, 0, 9, 0)"""
_ROWS = """INSERT INTO recipient (id, mailing_id, ref, address, bucket)
    VALUES (3, 1, 7, 'a@x', 'x'), (5, 1, 8, 'b@x', 'x')"""
_CONSENT = """INSERT INTO consent (at, act, list_address, who, address, wording, wording_version,
    language, source, dkim, confirmed_by, detail)
    VALUES (1, 'left', 'l', x'00', 'a@x', '', '', '', 'cli', '', '', '')"""
_OLD = (
    _CONSENT,
    _MAILING,
    _ROWS,
    "INSERT INTO recipient_event (id, recipient_id, at, state) VALUES (1, 5, 0, 4)",
    "INSERT INTO refusal (id, recipient_id, at, code, reason) VALUES (1, 3, 0, 550, '')",
)


def _join(store: Store, *given: str) -> None:
    note = ConsentNote("asked", Source.CLI)
    people = [Candidate(parse(one), consent=note) for one in given]
    with store.write() as session:
        enrol(session, get_list(session, NEWS), people, keyring=KEYS, now=time.time())


def _begin(store: Store) -> int:
    with store.write() as session:
        return mailings.create_mailing(
            session,
            kind="issue",
            list_address=NEWS,
            message_id="m@example.org",
            policy="never-twice",
            compositions={0: Segments((b"Subject: Hi\r\n\r\nHi\r\n",))},
            created=time.time(),
            expires_at=time.time() + 60,
        )


def _frozen(store: Store, mailing: int) -> dict[int, str]:
    while audience_freezing.freeze_some(store, mailing):
        pass
    with store.read() as session:
        assert mailings.status(session, mailing).state is MailingState.SENDING
        rows = session.execute(select(Recipient.ref, Recipient.address).order_by(Recipient.id))
        return {row.ref: row.address for row in rows}


@pytest.fixture(autouse=True)
def in_pieces_of_two(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience_freezing, "POUR", 2)
    with store.write() as session:
        create_list(session, NEWS, kind=ListKind.NEWSLETTER, now=1.0)


def test_the_database_spells_an_address_as_the_envelope_needs_it(store: Store) -> None:
    _join(store, *SPELLINGS)
    found = _frozen(store, _begin(store))
    assert list(found.values()) == [audience_freezing.wire(one) for one in SPELLINGS]
    assert found[3] == "åsa@xn--mne-ula.example"
    with store.read() as session:
        assert session.scalar(select(mailings.Mailing.audience)) == len(SPELLINGS)


def test_an_address_that_changes_hands_during_a_freeze_stands_in_it_once(store: Store) -> None:
    _join(store, *(f"p{n}@example.net" for n in range(4)))
    mailing = _begin(store)
    assert audience_freezing.freeze_some(store, mailing)  # p0 and p1 are in
    with store.write() as session:
        session.execute(update(Address).where(Address.key == "p0@example.net").values(key="gone"))
    _join(store, "p0@example.net")
    found = _frozen(store, mailing)
    assert sorted(found.values()) == [f"p{n}@example.net" for n in range(4)]
    assert found[5] == "p0@example.net"  # whose it is now
    with store.read() as session:
        assert mailings.status(session, mailing).audience == 4


def test_who_leaves_the_list_whole_before_its_piece_is_not_entered(store: Store) -> None:
    _join(store, *(f"p{n}@example.net" for n in range(4)))
    mailing = _begin(store)
    assert audience_freezing.freeze_some(store, mailing)
    with store.write() as session:
        session.execute(delete(Membership).where(Membership.id == 4))
    assert list(_frozen(store, mailing)) == [1, 2, 3]


def test_older_ledgers_keep_their_rows_and_what_is_told_of_them(tmp_path: Path) -> None:
    from alembic import command  # noqa: PLC0415 - slow to import
    from alembic.config import Config  # noqa: PLC0415

    data = tmp_path / "data"
    make_data_folder(data)
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    old = Store("", data)
    with old.write() as session:
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "0013")
        for said in _OLD:
            session.execute(text(said))
    schema.bring_up_to_date(old, data)
    with old.write() as session:
        kept = session.execute(text("SELECT id, ref, address FROM recipient ORDER BY id")).all()
        assert [tuple(row) for row in kept] == [(3, 7, "a@x"), (5, 8, "b@x")]
        assert session.scalar(text("SELECT recipient_id FROM recipient_event")) == 5
        assert session.scalar(text("SELECT recipient_id FROM refusal")) == 3
        session.execute(text("DELETE FROM recipient WHERE id = 5"))  # and still takes them along
        assert session.scalar(select(func.count()).select_from(text("recipient_event"))) == 0
    with old.write() as session:  # the ledger of permissions may still be blanked, and no more
        session.execute(text("UPDATE consent SET address = NULL"))
    for said in ("UPDATE consent SET address_id = 1", "DELETE FROM consent"):
        with pytest.raises(DBAPIError, match="append-only"), old.write() as session:
            session.execute(text(said))
    old.close()
