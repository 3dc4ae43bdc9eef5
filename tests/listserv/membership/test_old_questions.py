"""Questions that an earlier version asked are still answered after an upgrade."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from subscriptions.permission.asks import Ask, AskPurpose
from tests.place import ANNA, EVE, OWNER, Place, make_place

REQUEST, JOIN = "friends-request@example.org", "friends-join@example.org"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def as_stored_before(place: Place, purpose: AskPurpose, stored: dict[str, object]) -> None:
    """Put into the open question what an earlier version kept with one."""
    chosen = update(Ask).where(Ask.purpose == purpose.value, Ask.used_at.is_(None))
    with place.app.store.write() as session:
        session.execute(chosen.values(payload=json.dumps(stored)))


def test_a_join_that_was_asked_before_is_confirmed(place: Place) -> None:
    place.write(f"Eve <{EVE}>", JOIN, "")
    as_stored_before(place, AskPurpose.CONFIRM, {"name": "Eve", "language": "sv", "asked": True})
    place.reply(place.mails(EVE)[-1], "yes", EVE)
    assert place.state(EVE) == "active"


def test_an_order_that_was_asked_before_is_carried_out_and_taken_back(place: Place) -> None:
    place.write(OWNER, REQUEST, f"remove {ANNA}")
    orders = [{"verb": "remove", "who": ANNA, "rest": "", "name": "", "line": "", "language": "en"}]
    stored = {"orders": orders, "sha": "00" * 32, "language": "en"}
    as_stored_before(place, AskPurpose.COMMAND, stored)
    place.reply(place.mails(OWNER)[-1], "yes", OWNER)
    assert place.state(ANNA) == "left"
    place.reply(place.mails(OWNER)[-1], "undo", OWNER)
    assert place.state(ANNA) == "active"


def test_a_wish_that_was_asked_before_is_granted_and_undone(place: Place) -> None:
    place.write(ANNA, REQUEST, "pause")
    as_stored_before(place, AskPurpose.COMMAND, {"verb": "pause", "rest": ""})
    place.reply(place.mails(ANNA)[-1], "yes", ANNA)
    assert place.state(ANNA) == "paused"
    was = {"state": "active", "rhythm": "each", "paused_until": None, "language": ""}
    as_stored_before(place, AskPurpose.UNDO, {"was": was})
    place.reply(place.mails(ANNA)[-1], "undo", ANNA)
    assert place.state(ANNA) == "active"
