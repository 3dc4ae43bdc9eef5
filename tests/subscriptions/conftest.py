"""Fixtures of this room: one list, the keyring, and a short way to add people."""

from collections.abc import Callable

import pytest

from mailer.reading import addresses
from mailer.storage.store import Store
from mailer.storage.tokens import Keyring, load_keyring
from subscriptions.lists import roster
from subscriptions.lists.roster import MailList
from subscriptions.membership.members import Candidate, Fate, add_member
from subscriptions.permission.consent import ConsentNote, Source

NOTE = ConsentNote("Signed the paper list at the door.", Source.CLI)


@pytest.fixture
def lst(store: Store) -> MailList:
    with store.write() as session:
        return roster.create_list(session, "friends@example.org", now=1.0)


@pytest.fixture
def keyring(store: Store) -> Keyring:
    with store.read() as session:
        ring = load_keyring(session)
    assert ring is not None
    return ring


@pytest.fixture
def add(store: Store, lst: MailList, keyring: Keyring) -> Callable[..., Fate]:
    def added(email: str, consent: ConsentNote | None = NOTE, **more: object) -> Fate:
        who = Candidate(addresses.parse(email), consent=consent, **more)
        with store.write() as session:
            return add_member(session, lst, who, keyring=keyring, now=10.0).fate

    return added
