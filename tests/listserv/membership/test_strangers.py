"""The one automatic mail to a stranger: what it offers, and what each answer to it does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from mailer.ledger.mailings import Recipient
from subscriptions.lists import roster
from subscriptions.lists.roster import Join
from tests.place import ANNA, EVE, LIST, OWNER, Place, link, make_place, subject, text

HELP, JOIN = "friends-help@example.org", "friends-join@example.org"
REQUEST = "friends-request@example.org"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list with an owner, a moderator and a member."""
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def test_a_question_in_answer_to_a_help_mail_reaches_the_owners_and_joins_nobody(
    place: Place,
) -> None:
    place.write(EVE, HELP)
    (helped,) = place.mails(EVE)
    place.reply(helped, "Yes, but when do you meet, and what does it cost?", EVE)
    (letter,) = place.mails(OWNER)
    assert letter["From"] == EVE
    assert "what does it cost?" in text(letter)
    place.reply(helped, "Yes, on Tuesdays.", OWNER)  # to all, as owners do
    assert place.state(EVE) == ""
    assert len(place.mails(OWNER)) == 1
    place.reply(helped, "Join", EVE)
    assert place.state(EVE) == "active"


def test_a_forged_request_does_not_turn_the_question_into_a_yes(place: Place) -> None:
    place.write(EVE, HELP)
    place.write(EVE, JOIN)
    (helped,) = place.mails(EVE)
    place.reply(helped, "I never asked to join; what is this about?", EVE)
    assert place.state(EVE) == ""
    assert len(place.mails(OWNER)) == 1


def test_an_address_that_a_member_names_may_join_by_itself_or_be_left_alone(place: Place) -> None:
    place.write(ANNA, REQUEST, f"address {EVE}")
    (asked,) = place.mails(EVE)
    assert "/confirm/" in link(asked, "confirm")
    assert "/not-me/" in link(asked, "not-me")
    place.reply(asked, "join", EVE)
    assert place.state(EVE) == "active"
    with place.app.store.read() as session:
        number = roster.get_list(session, LIST).id
        anna, eve = (roster.membership_of(session, number, one) for one in (ANNA, EVE))
    assert anna is not None
    assert eve is not None
    assert anna.person_id != eve.person_id


def test_a_refused_stranger_may_join_ask_or_hear_no_more(place: Place) -> None:
    place.post(EVE)
    place.reply(place.mails(OWNER)[0], "no: members only", OWNER)
    (refused,) = place.mails(EVE)
    assert subject(refused) == "Friends: your post did not go out"
    place.reply(refused, "How do I become one?", EVE)
    assert "How do I become one?" in text(place.mails(OWNER)[-1])
    place.reply(refused, "join", EVE)
    assert place.state(EVE) == "active"
    place.reply(refused, "never", EVE)
    assert subject(place.mails(EVE)[-1]) == "We will not write to you again"


@pytest.mark.parametrize("word", ["no", "never"])
def test_a_request_that_waits_for_the_owners_is_withdrawn_by_one_word(
    place: Place, word: str
) -> None:
    place.change(join=Join.APPROVE)
    place.write(EVE, JOIN)
    place.reply(place.mails(EVE)[0], "", EVE)
    assert place.state(EVE) == "pending"
    place.reply(place.mails(EVE)[1], word, EVE)
    assert place.state(EVE) == "left"
    place.reply(place.mails(OWNER)[0], "ok", OWNER)
    assert place.state(EVE) == "left"


def test_whoever_is_no_owner_any_more_lets_nobody_in(place: Place) -> None:
    place.change(join=Join.APPROVE)
    place.write(EVE, JOIN)
    place.reply(place.mails(EVE)[0], "", EVE)
    place.role(OWNER, roster.Role.MEMBER)
    place.reply(place.mails(OWNER)[0], "ok", OWNER)
    assert place.state(EVE) == "pending"


def test_every_kind_of_mail_together_is_one_in_a_day(place: Place) -> None:
    place.write(ANNA, REQUEST, f"address {EVE}")
    for to in (HELP, JOIN, "friends-leave@example.org", REQUEST):
        place.write(EVE, to)
    place.post(EVE)
    place.reply(place.mails(OWNER)[0], "no", OWNER)
    with place.app.store.read() as session:
        assert len(session.scalars(select(Recipient).where(Recipient.address == EVE)).all()) == 1


def test_an_older_receipt_brings_back_nobody_who_has_left_since(place: Place) -> None:
    place.write(ANNA, REQUEST, "language en")
    (spoken,) = place.mails(ANNA)
    place.write(ANNA, "friends-leave@example.org")
    place.reply(place.mails(ANNA)[-1], "yes", ANNA)
    left = place.mails(ANNA)[-1]
    place.reply(spoken, "undo", ANNA)
    assert place.state(ANNA) == "left"
    assert "confirm" in str(place.mails(ANNA)[-1]["Reply-To"])
    place.reply(left, "undo", ANNA)
    assert place.state(ANNA) == "active"
