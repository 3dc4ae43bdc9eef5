"""What owners order of the whole list by mail, and what becomes of who leaves or is forgotten."""

import pytest
from sqlalchemy import select

import templates
from archive.site import build
from listserv.actions import moved_pages
from listserv.answers import owner_orders
from listserv.membership import erasure_requests
from listserv.reception import smtp_door
from subscriptions.lists.roster import Address, Role
from tests.listserv.owners.owner_mail import REQUEST, member, order, said, the_list
from tests.place import ANNA, EVE, LIST, OWNER, Place, subject, text


def test_words_of_welcome_are_kept_by_language_and_stand_in_the_mail_to_new_members(
    place: Place,
) -> None:
    order(place, "welcome: Nice to have you\nvälkomsttext på svenska: Roligt att du är med")
    lst = the_list(place)
    assert (lst.welcome, lst.welcome_in("sv")) == ("Nice to have you", "Roligt att du är med")
    place.write(EVE, "friends-join@example.org", "hi", more="Content-Language: sv\r\n")
    place.reply(place.mails(EVE)[-1], "ja", EVE)
    assert "Roligt att du är med" in said(place, EVE)
    place.reply(place.mails(OWNER)[-1], "undo", OWNER)
    assert (the_list(place).welcome, the_list(place).welcomes) == ("", "")


def test_a_closed_list_takes_nobody_in_and_its_members_can_leave(place: Place) -> None:
    place.write(EVE, "friends-join@example.org", "hi")
    confirmation = place.mails(EVE)[-1]
    place.write(OWNER, REQUEST, "We are shutting the association down. Please close the list.")
    assert "Nobody can then post or join." in said(place)
    place.reply(place.mails(OWNER)[-1], "yes", OWNER)
    place.reply(confirmation, "yes", EVE)
    assert place.state(EVE) == ""
    place.write(OWNER, REQUEST, f"invite {EVE}")
    assert "The list is closed and takes no new members." in said(place)
    place.write(ANNA, "friends-leave@example.org", "")
    place.reply(place.mails(ANNA)[-1], "yes", ANNA)
    assert place.state(ANNA) == "left"
    order(place, "Öppna listan igen")
    assert the_list(place).closed is False


def test_mail_to_a_closed_list_is_refused_at_the_door_but_not_its_ways_out(place: Place) -> None:
    place.change(closed=True)

    def code(recipient: str) -> int:
        refused = smtp_door.recipient_verdict(place.app, recipient)
        return refused.code if refused else 250

    assert [code(LIST), code("friends-join@example.org")] == [550, 550]
    assert [code("friends-leave@example.org"), code(REQUEST)] == [250, 250]


def test_an_archive_that_is_closed_by_mail_has_its_pages_moved_and_comes_back_by_undo(
    place: Place,
) -> None:
    place.post(ANNA)
    build.render_dirty(place.app.store, place.app.settings.archive_path, "http://localhost:8080")
    public = place.app.settings.archive_path / "public" / LIST
    assert list(public.rglob("*.html"))
    place.write(OWNER, REQUEST, "archive: members")
    assert "The pages disappear for everybody else" in said(place)
    place.reply(place.mails(OWNER)[-1], "yes", OWNER)
    moved_pages.move_asked(place.app)
    assert not list(public.rglob("*.html"))
    place.reply(place.mails(OWNER)[-1], "undo", OWNER)
    moved_pages.move_asked(place.app)
    assert list(public.rglob("*.html"))
    assert the_list(place).public_since is None
    assert the_list(place).redraw == ""


EXAMPLES = (
    "members", "count", "queue", "add", "invite", "remove", "pause", "ban", "moderate", "role",
    "set", "set", "set", "set", "set", "delete",
)  # fmt: skip


@pytest.mark.parametrize("language", templates.LANGUAGES)
def test_the_help_to_an_owner_names_orders_that_are_understood(place: Place, language: str) -> None:
    place.add("ivar@example.net", Role.OWNER, language=language)
    place.write("ivar@example.net", "friends-help@example.org", "?")
    lines = text(place.mails("ivar@example.net")[-1]).splitlines()
    examples = [line.strip() for line in lines if line.startswith("  ")]
    read = [orders[0].verb for line in examples if (orders := owner_orders.read(line))]
    assert read[-len(EXAMPLES) :] == list(EXAMPLES)
    place.write(ANNA, "friends-help@example.org", "?")
    assert "close the list" not in said(place, ANNA)


def test_a_pause_until_a_day_that_nobody_can_read_gets_a_kind_question(place: Place) -> None:
    place.write(ANNA, REQUEST, "pause until 31 February")
    assert subject(place.mails(ANNA)[-1]) == "Friends: until when?"
    assert place.state(ANNA) == "active"


def test_a_wish_to_be_forgotten_is_asked_once_and_done_by_a_word_alone(place: Place) -> None:
    place.write(ANNA, REQUEST, "Please forget me and delete all my data.")
    asked = place.mails(ANNA)[-1]
    assert "This cannot be undone" in said(place, ANNA)
    place.reply(asked, "", ANNA)
    assert place.state(ANNA) == "active"
    place.reply(asked, "yes", ANNA)
    erasure_requests.carry_out(place.app, 4e9)
    assert place.state(ANNA) == ""
    assert len(place.mails(OWNER)) == 0


def test_who_has_left_still_hears_what_is_kept_and_may_be_forgotten(place: Place) -> None:
    place.write(ANNA, "friends-leave@example.org", "")
    place.reply(place.mails(ANNA)[-1], "yes", ANNA)
    assert place.state(ANNA) == "left"
    place.write(ANNA, REQUEST, "my data")
    assert place.mails(ANNA)[-1].is_multipart()
    place.write(ANNA, REQUEST, "forget me")
    place.reply(place.mails(ANNA)[-1], "yes", ANNA)
    erasure_requests.carry_out(place.app, 4e9)
    with place.app.store.read() as session:
        assert session.scalars(select(Address.id).where(Address.key == ANNA)).all() == []


def test_the_last_owner_who_leaves_is_mailed_nothing_more_and_the_operator_is_told(
    place: Place,
) -> None:
    operator = "root@example.net"
    place.app.settings.listserv.__dict__["operator"] = operator
    place.write(OWNER, "friends-leave@example.org", "")
    assert "You are the only owner of this list." in said(place)
    place.reply(place.mails(OWNER)[-1], "yes", OWNER)
    assert subject(place.mails(operator)[-1]) == "Friends has no owner any more"
    known = len(place.mails(OWNER))
    place.change(emergency=True)
    place.post(ANNA)
    place.write(ANNA, "friends-owner@example.org", "Is anybody there?")
    assert len(place.mails(OWNER)) == known
    assert member(place, OWNER).role is Role.OWNER
    assert place.hold().rules == '["no-owner"]'
