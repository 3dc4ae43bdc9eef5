"""What owners order by mail: asked at their own address, done by their answer, taken back once."""

import pytest
from sqlalchemy import select

from listserv.answers.owner_order import UNCLEAR
from listserv.owners import owner_acts, owner_commands
from listserv.wiring.listserv_tables import Ban
from subscriptions.lists import roster
from subscriptions.lists.roster import Role
from subscriptions.permission.consent import Consent
from tests.listserv.owners.owner_mail import BO, REQUEST, member, order, said, the_list
from tests.place import ANNA, EVE, LIST, MODERATOR, OWNER, Place, subject, text


def test_a_forged_order_asks_the_owner_and_changes_nothing(place: Place) -> None:
    place.write(f"Olga <{OWNER}>", REQUEST, f"remove {ANNA}")
    assert subject(place.mails(OWNER)[-1]) == "Was that you, on Friends?"
    assert f"take {ANNA} off the list" in said(place)
    assert place.state(ANNA) == "active"
    place.reply(place.mails(OWNER)[-1], "no", OWNER)
    assert place.state(ANNA) == "active"


@pytest.mark.parametrize(
    "words",
    [
        f"avsluta {ANNA}",
        f"Unsubscribe {ANNA} please.",
        f"togli {ANNA}",
        f"scoate {ANNA}",
        f"Уберите {ANNA}, пожалуйста",
        f"Haal {ANNA} van de lijst af, dank je",
    ],
)
def test_an_owners_words_about_another_address_are_never_about_the_owner(
    place: Place, words: str
) -> None:
    order(place, words)
    assert (place.state(ANNA), place.state(OWNER)) == ("left", "active")
    assert subject(place.mails(ANNA)[-1]) == "You are no longer on Friends"


@pytest.mark.parametrize(
    "words",
    [
        f"don't remove {ANNA}",
        f"Ta inte bort {ANNA}",
        f"Verwijder {ANNA} niet",
        f"stop {ANNA}",
        f"{ANNA} vill inte vara med längre",
    ],
)
def test_words_about_another_address_that_are_not_understood_change_nobody(
    place: Place, words: str
) -> None:
    place.write(OWNER, REQUEST, words)
    assert "This was not understood" in said(place)
    assert (place.state(ANNA), place.state(OWNER)) == ("active", "active")


def test_an_owner_who_names_the_own_address_is_asked_whether_to_leave(place: Place) -> None:
    place.write(OWNER, REQUEST, f"unsubscribe {OWNER}")
    assert subject(place.mails(OWNER)[-1]) == "Do you want to leave Friends?"


def test_whoever_is_added_is_told_by_whom_and_why_and_the_ledger_keeps_it(place: Place) -> None:
    order(place, f"Please add Bo Ek <{BO}>: said yes at the meeting")
    assert place.state(BO) == "active"
    assert f"{OWNER}, who looks after Friends" in said(place, BO)
    assert "said yes at the meeting" in said(place, BO)
    assert "leave/" in said(place, BO)
    with place.app.store.read() as session:
        entry = session.scalars(select(Consent).where(Consent.address == BO)).one()
    assert (entry.wording, entry.actor) == ("said yes at the meeting", OWNER)
    place.reply(place.mails(OWNER)[-1], "undo", OWNER)
    assert place.state(BO) == "left"


def test_who_has_not_said_how_they_said_yes_or_has_left_is_invited(place: Place) -> None:
    order(place, f"add {BO}")
    assert place.state(BO) == ""
    assert f"invite {BO}" in said(place)
    order(place, f"remove {ANNA}")
    order(place, f"add {ANNA}: wants to be back")
    assert place.state(ANNA) == "left"
    assert f"invite {ANNA}" in said(place)


def test_more_than_a_days_worth_become_invitations(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner_acts, "A_DAY", 2)
    lines = [f"add new{number}@example.com: said yes" for number in range(3)]
    order(place, "\n".join(lines))
    assert [place.state(f"new{number}@example.com") for number in range(3)] == [
        "active",
        "active",
        "",
    ]
    assert "invite new2@example.com" in said(place)


def test_an_invitation_is_taken_back_by_the_receipt(place: Place) -> None:
    order(place, f"bjud in {BO}")
    invitation = place.mails(BO)[-1]
    place.reply(place.mails(OWNER)[-1], "ångra", OWNER)
    place.reply(invitation, "yes", BO)
    assert place.state(BO) == ""


def test_a_removal_is_taken_back_unless_something_has_happened_since(place: Place) -> None:
    order(place, f"remove {ANNA}")
    receipt = place.mails(OWNER)[-1]
    place.reply(receipt, "undo", OWNER)
    assert place.state(ANNA) == "active"
    order(place, f"remove {ANNA}")
    receipt = place.mails(OWNER)[-1]
    place.add(BO)
    with place.app.store.write() as session:
        found = roster.membership_of(session, roster.get_list(session, LIST).id, ANNA)
        assert found is not None
        found.left_at = (found.left_at or 0.0) + 1
    place.reply(receipt, "undo", OWNER)
    assert place.state(ANNA) == "left"
    assert "It has been changed since." in said(place)


def test_a_ban_is_put_lifted_and_put_again(place: Place) -> None:
    def banned() -> bool:
        with place.app.store.read() as session:
            return session.scalars(select(Ban.address_key)).all() == [EVE]

    order(place, f"ban {EVE}")
    assert banned()
    order(place, f"lift the ban on {EVE}")
    assert not banned()
    place.reply(place.mails(OWNER)[-1], "undo", OWNER)
    assert banned()


def test_one_members_posts_are_read_first_or_not(place: Place) -> None:
    order(place, f"moderate {ANNA}")
    assert member(place, ANNA).moderated is True
    order(place, f"stop moderating {ANNA}")
    assert member(place, ANNA).moderated is False
    place.reply(place.mails(OWNER)[-1], "undo", OWNER)
    assert member(place, ANNA).moderated is True


def test_somebody_else_is_paused_until_a_day_told_so_and_mailed_again_by_undo(
    place: Place,
) -> None:
    order(place, f"Please pause {ANNA} for two weeks, she's on holiday")
    assert place.state(ANNA) == "paused"
    assert member(place, ANNA).paused_until is not None
    assert f"{OWNER}, who looks after Friends" in said(place, ANNA)
    place.reply(place.mails(OWNER)[-1], "undo", OWNER)
    assert place.state(ANNA) == "active"
    order(place, f"pausa {ANNA}")
    assert member(place, ANNA).paused_until is None
    order(place, f"{ANNA} är tillbaka")
    assert place.state(ANNA) == "active"
    assert "has ended your pause" in said(place, ANNA)


def test_a_pause_until_a_day_that_is_past_is_asked_about_and_changes_nobody(place: Place) -> None:
    place.write(OWNER, REQUEST, f"pause {ANNA} until 1 May 2019")
    assert "This day was not understood, or it is past." in said(place)
    assert place.state(ANNA) == "active"


def test_a_role_among_other_orders_is_given_and_taken_back_with_them(place: Place) -> None:
    order(place, f"title: Roses\nmake {ANNA} a moderator\nban {EVE}")
    assert member(place, ANNA).role is Role.MODERATOR
    assert f"another role for {ANNA}: moderator" in said(place)
    assert "has given you another role" in said(place, ANNA)
    place.reply(place.mails(OWNER)[-1], "undo", OWNER)
    assert member(place, ANNA).role is Role.MEMBER
    assert the_list(place).title == "Friends"


def test_one_line_may_order_different_things_of_different_people(place: Place) -> None:
    order(place, f"Please remove {ANNA} and add {BO}, he said yes on the phone")
    assert (place.state(ANNA), place.state(BO)) == ("left", "active")


@pytest.mark.parametrize(
    "words",
    [
        f"Should we remove {ANNA}?",
        f"Ska vi ta bort {ANNA}?",
        f"{ANNA} asked to be removed, what do you think?",
        f"Please don't, under any circumstances, remove {ANNA}",
        f"remove and add {ANNA}",
        f"Remove everybody except {ANNA}",
        f"Togli tutti tranne {ANNA}",
        f"If nobody objects, remove {ANNA} on Monday",
        f"remove {ANNA} from the moderators",
        f"Remove {ANNA}? No!",
    ],
)
def test_what_is_only_wondered_about_or_denied_orders_nothing(place: Place, words: str) -> None:
    place.write(OWNER, REQUEST, words)
    assert "This was not understood" in said(place)
    assert place.state(ANNA) == "active"


def test_what_is_told_of_somebody_denies_no_order(place: Place) -> None:
    order(place, f"{ANNA} is no longer a member and doesn't want any more mail, please remove her")
    assert place.state(ANNA) == "left"


def test_only_words_of_a_yes_make_somebody_a_member(place: Place) -> None:
    order(place, f"Please add {BO}. See you on Tuesday!")
    assert place.state(BO) == ""
    assert f"invite {BO}" in said(place)


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("title: Garden friends", "title", "Garden friends"),
        ("byt titel till Trädgården", "title", "Trädgården"),
        ("description: We meet\non Tuesdays.", "description", "We meet on Tuesdays."),
        ("Moderate first posts", "first_posts_moderated", True),
        ("granska första inlägg: ja", "first_posts_moderated", True),
        ("gå med: på inbjudan", "join", "invite"),
        ("Please set the description to: Seeds and such", "description", "Seeds and such"),
        ("Only editors may post", "post", "editors"),
        ("Make the archive visible to members only please", "archive", "members"),
        ("L'archivio deve essere visibile solo agli iscritti", "archive", "members"),
        ("welcome: Nice to have you with us", "welcome", "Nice to have you with us"),
        ("Stäng listan", "closed", True),
        ("vem får skriva: efter granskning", "post", "moderated"),
    ],
)
def test_a_setting_is_set_by_its_name_and_taken_back(
    place: Place, words: str, name: str, value: object
) -> None:
    before = getattr(the_list(place), name)
    order(place, words)
    assert getattr(the_list(place), name) == value
    place.reply(place.mails(OWNER)[-1], "undo", OWNER)
    assert getattr(the_list(place), name) == before


def test_what_opens_the_list_is_said_before_it_is_asked(place: Place) -> None:
    place.write(OWNER, REQUEST, "who may post: anybody")
    assert "Anybody can then write to 3 members without a moderator in between." in said(place)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("subject tag: " + "x" * 90, "cannot have that value"),
        ("who may post: cats", "cannot have that value"),
        ("title: Friends", "It is so already"),
        ("title:", "cannot have that value"),
        ("theme: magazine", "cannot have that value"),
        (f"remove {EVE}", "Nobody with this address"),
        (f"add {ANNA}: yes", "on the list already"),
        ("add friends-leave@example.org: yes", "an address of the list itself"),
        (f"please ban and remove {ANNA}", "was not understood"),
        ("Change the address of the list to roses@elsewhere.example", "move the list to another"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(place: Place, words: str, why: str) -> None:
    place.write(OWNER, REQUEST, words)
    assert "Not done:" in said(place)
    assert why in said(place)


def test_several_orders_of_one_mail_are_asked_once_and_done_or_say_why_not(place: Place) -> None:
    order(
        place, f"Hej\n\n1. lägg till {BO}: ringde i går\n2. ta bort {EVE}\n3. titel: Rosor\n\nOlga"
    )
    asked, receipt = place.mails(OWNER)
    assert EVE in text(asked)
    assert (place.state(BO), the_list(place).title) == ("active", "Rosor")
    assert "Gjort:" in text(receipt)
    place.reply(receipt, "undo", OWNER)
    assert (place.state(BO), the_list(place).title) == ("left", "Friends")


def test_who_is_on_the_list_is_answered_at_the_owners_own_address(place: Place) -> None:
    place.write(OWNER, REQUEST, "Who is on the list?")
    assert "Active: 3. Paused: 0." in said(place)
    assert MODERATOR in said(place)
    place.write(OWNER, REQUEST, "hitta anna")
    assert ANNA in said(place)
    assert MODERATOR not in said(place)
    place.write(OWNER, REQUEST, "How many are we?")
    assert ANNA not in said(place)


def test_what_waits_is_listed(place: Place) -> None:
    place.change(emergency=True)
    place.post(ANNA)
    place.write(OWNER, REQUEST, "what waits?")
    assert f"- {ANNA}: News" in said(place)


def test_a_moderator_may_ban_and_look_at_the_queue_and_nothing_else(place: Place) -> None:
    order(place, f"spärra {EVE}", MODERATOR)
    assert "Gjort:" in said(place, MODERATOR)
    for words in (f"ta bort {ANNA}", "medlemmar", "titel: Mitt"):
        place.write(MODERATOR, REQUEST, words)
        assert "Bara en ägare" in said(place, MODERATOR)


def test_a_member_orders_nothing_about_others_and_is_not_taken_for_them(place: Place) -> None:
    place.write(ANNA, REQUEST, f"remove {OWNER}")
    assert "Only an owner" in said(place, ANNA)
    assert (place.state(ANNA), place.state(OWNER)) == ("active", "active")


def test_who_is_no_owner_any_more_neither_does_nor_takes_back(place: Place) -> None:
    order(place, "title: Roses")
    receipt = place.mails(OWNER)[-1]
    place.write(OWNER, REQUEST, f"remove {ANNA}")
    asked = place.mails(OWNER)[-1]
    place.role(OWNER, Role.MEMBER)
    place.reply(asked, "yes", OWNER)
    place.reply(receipt, "undo", OWNER)
    assert place.state(ANNA) == "active"
    assert the_list(place).title == "Roses"


def test_the_last_owner_cannot_be_removed_by_mail(place: Place) -> None:
    second = "ivar@example.org"
    place.add(second, Role.OWNER)
    place.write(second, REQUEST, f"remove {OWNER}")
    asked = place.mails(second)[-1]
    place.role(second, Role.MEMBER)
    place.reply(asked, "yes", second)
    assert place.state(OWNER) == "active"


def test_a_moderator_stops_all_posts_by_mail_and_opens_nothing(place: Place) -> None:
    order(place, "emergency: yes", sender=MODERATOR)
    assert the_list(place).emergency
    place.write(MODERATOR, REQUEST, "post: anyone")
    assert "Bara en ägare" in said(place, MODERATOR)
    assert the_list(place).post.value == "members"


def test_every_order_that_can_be_read_asks_for_an_action() -> None:
    told = {"export", "delete", UNCLEAR}
    assert {*owner_acts._DO, *owner_commands.READING, *told} == set(owner_commands.ACTIONS)


@pytest.mark.parametrize(
    "words",
    [
        "Who is on the list?",
        "Vilka är med på listan?",
        "Chi è iscritto alla lista?",
        "Cine este pe listă?",
        "Кто подписан на рассылку?",
        "Wie staat er op de lijst?",
    ],
)
def test_a_member_who_asks_who_is_on_the_list_hears_that_only_an_owner_can_see_it(
    place: Place, words: str
) -> None:
    place.add("ivan@example.net", language="en")
    place.write("ivan@example.net", REQUEST, words)
    told = said(place, "ivan@example.net")
    assert "Only an owner of the list can do this." in told
    assert OWNER not in told
