"""Whoever leaves is offered one mail a week, once; how mail comes is said to any receipt."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from listserv.actions.call import Actor, Call
from listserv.actions.links import MailedLink
from listserv.actions.own import leaving
from listserv.actions.permissions import Proven
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.roster import Rhythm, get_list, membership_of
from subscriptions.permission.consent import Source
from tests.place import ANNA, LIST, Place, make_place, text

REQUEST, OFFER = "friends-request@example.org", "one mail a week"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def stands(place: Place) -> tuple[str, Rhythm]:
    with place.app.store.read() as session:
        member = membership_of(session, get_list(session, LIST).id, ANNA)
        assert member is not None
        return member.state.value, member.rhythm


def leave(place: Place, *, one_click: bool = False) -> str:
    """Leave by the link of a mail; return the receipt."""
    with place.app.store.read() as session:
        member = membership_of(session, get_list(session, LIST).id, ANNA)
        assert member is not None
        token = place.app.keyring.standing(TokenPurpose.LEAVE, LIST, member.id)
    call = Call(place.app, Actor(Source.WEB, Proven.NONE), 2e9)
    leaving.leave(call, MailedLink(LIST, token), one_click=one_click)
    return " ".join(text(place.mails(ANNA)[-1]).split())


def test_who_leaves_by_a_page_has_left_and_comes_back_by_weekly(place: Place) -> None:
    assert OFFER in leave(place)
    assert stands(place) == ("left", Rhythm.EACH)
    receipt = place.mails(ANNA)[-1]
    place.reply(receipt, "weekly please", ANNA)
    assert stands(place) == ("active", Rhythm.WEEKLY)
    assert len(place.mails(ANNA)) == 2  # the receipt of it


@pytest.mark.parametrize("words", ["each", "no thanks", "What does weekly mean?", ""])
def test_nothing_else_brings_anybody_back(place: Place, words: str) -> None:
    leave(place)
    place.reply(place.mails(ANNA)[-1], words, ANNA)
    assert stands(place)[0] == "left"


def test_undo_brings_them_back_as_before(place: Place) -> None:
    leave(place)
    place.reply(place.mails(ANNA)[-1], "undo", ANNA)
    assert stands(place) == ("active", Rhythm.EACH)


def test_one_click_a_second_leaving_and_who_had_a_digest_are_offered_nothing(
    place: Place,
) -> None:
    assert OFFER not in leave(place, one_click=True)
    place.reply(place.mails(ANNA)[-1], "weekly", ANNA)
    assert stands(place)[0] == "left"
    place.reply(place.mails(ANNA)[0], "undo", ANNA)
    assert stands(place)[0] == "active"
    assert OFFER not in leave(place)


def test_how_mail_comes_is_changed_by_an_answer_to_any_receipt(place: Place) -> None:
    place.post(ANNA, "How deep do you plant potatoes?")
    place.write(
        ANNA, REQUEST, "mute", subject="Re: News", more="In-Reply-To: <post-1@mail.example>\r\n"
    )
    place.reply(place.mails(ANNA)[-1], "daily at 18", ANNA)
    assert stands(place) == ("active", Rhythm.DAILY)
    place.reply(place.mails(ANNA)[-1], "each", ANNA)
    assert stands(place) == ("active", Rhythm.EACH)
