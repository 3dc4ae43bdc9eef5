"""What two write into the same row at once: the last one stands, and nobody sees an error."""

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from mailer.ledger import mailings
from mailer.reading import addresses
from mailer.storage.store import Store
from mailer.storage.tokens import load_keyring
from subscriptions.audience import segment_query
from subscriptions.lists import ballots, roster
from subscriptions.lists.ballots import Vote
from subscriptions.lists.roster import Membership
from subscriptions.membership.members import Candidate, add_member
from subscriptions.permission.consent import ConsentNote, Source

NEWS = "news@example.org"
NOTE = ConsentNote("Signed the paper list at the door.", Source.CLI)


def _vote(session: Session, number: int) -> None:
    asked = session.scalars(select(Vote)).one()
    assert ballots.cast(session, asked, session.scalars(select(Membership)).one(), number, 2.0)


def _save(session: Session, number: int) -> None:
    segment_query.save(
        session, roster.get_list(session, NEWS), "ours", f"domain = x{number}.org", 2.0
    )


@pytest.mark.parametrize("write", [_vote, _save])
def test_a_click_beside_a_click_waits_and_counts(
    store: Store, write: Callable[[Session, int], None]
) -> None:
    with store.write() as session:
        lst = roster.create_list(session, NEWS, now=1.0)
        keyring = load_keyring(session)
        assert keyring is not None
        who = Candidate(addresses.parse("anna@example.net"), consent=NOTE)
        add_member(session, lst, who, keyring=keyring, now=1.0)
        mailing = mailings.create_mailing(
            session,
            kind="issue",
            list_address=NEWS,
            message_id="a@e",
            policy="never-twice",
            compositions={},
            created=1.0,
            expires_at=9e9,
        )
        ballots.ask(
            session, mailing, lst.id, code="abcde", question="?", answers=["a", "b"], now=1.0
        )
    failed: list[Exception] = []

    def second() -> None:
        try:
            with store.write() as session:
                write(session, 2)
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    beside = threading.Thread(target=second)
    with store.write() as session:
        write(session, 1)
        session.flush()
        beside.start()
        _until_it_waits(store)
    beside.join()
    assert failed == []
    with store.read() as session:
        found = ballots.result(session, mailing)
        saved = segment_query.saved(session, lst.id)
    assert found is not None
    assert found.answers == (("a", 0), ("b", 1)) or saved == {"ours": "domain = x2.org"}


def _until_it_waits(store: Store) -> None:
    """Wait until somebody waits for us; SQLite's gate lets nobody in before that."""
    while not store.sqlite:
        with store.read() as session:
            if session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                return
        time.sleep(0.01)
