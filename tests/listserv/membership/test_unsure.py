"""An answer that is neither yes nor no changes nothing, is asked about once, and rests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from subscriptions.lists.roster import Join
from tests.place import ANNA, EVE, OWNER, Place, make_place, text

JOIN, LEAVE = "friends-join@example.org", "friends-leave@example.org"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list with an owner, a moderator and a member."""
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


@pytest.mark.parametrize(("answer", "state"), [("1", "active"), ("2", ""), ("yes", "active")])
def test_an_unclear_confirmation_is_asked_about_once_and_answered_by_a_number(
    place: Place, answer: str, state: str
) -> None:
    place.write(EVE, JOIN)
    place.reply(place.mails(EVE)[0], "What does it cost?", EVE)
    asked = place.mails(EVE)[-1]
    assert len(place.mails(EVE)) == 2
    assert '1  "yes": I want to join' in text(asked)
    place.reply(asked, "Hm, who knows?", EVE)
    place.reply(place.mails(EVE)[0], "Hm, who knows?", EVE)
    assert len(place.mails(EVE)) == 2  # then it rests
    assert place.state(EVE) == ""
    place.reply(asked, answer, EVE)
    assert place.state(EVE) == state


def test_a_number_is_no_answer_where_none_was_offered(place: Place) -> None:
    place.write(EVE, JOIN)
    place.reply(place.mails(EVE)[0], "1", EVE)
    assert place.state(EVE) == ""
    assert len(place.mails(EVE)) == 2


@pytest.mark.parametrize(
    "said", ["Please don't remove me", "No, resto", "Я остаюсь", "I did not ask for this!"]
)
def test_who_wants_to_stay_stays(place: Place, said: str) -> None:
    place.write(ANNA, LEAVE)
    place.reply(place.mails(ANNA)[0], said, ANNA)
    assert place.state(ANNA) == "active"
    assert len(place.mails(ANNA)) == 1


@pytest.mark.parametrize(("answer", "state"), [("1", "left"), ("2", "active")])
def test_who_names_somebody_else_is_asked_and_does_not_leave(
    place: Place, answer: str, state: str
) -> None:
    place.write(ANNA, LEAVE)
    place.reply(place.mails(ANNA)[0], "remove bo@example.com", ANNA)
    assert place.state(ANNA) == "active"
    asked = place.mails(ANNA)[-1]
    assert '2  "no": I want to stay' in text(asked)
    place.reply(asked, answer, ANNA)
    assert place.state(ANNA) == state


@pytest.mark.parametrize(
    ("said", "state"), [("Thanks, bye", "left"), ("Ok", "left"), ("Take me back", "active")]
)
def test_a_receipt_is_undone_by_those_who_say_so(place: Place, said: str, state: str) -> None:
    place.write(ANNA, LEAVE)
    place.reply(place.mails(ANNA)[0], "Yes, unsubscribe me", ANNA)
    place.reply(place.mails(ANNA)[-1], said, ANNA)
    assert place.state(ANNA) == state


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("Yes, let her in", "active"),
        ("No: we are full", "left"),
        ("Not sure", "pending"),
        ("", "pending"),
    ],
)
def test_an_owner_lets_in_by_a_clear_yes_alone(place: Place, said: str, state: str) -> None:
    place.change(join=Join.APPROVE)
    place.write(EVE, JOIN)
    place.reply(place.mails(EVE)[0], "Ja", EVE)
    place.reply(place.mails(OWNER)[0], said, OWNER)
    assert place.state(EVE) == state
