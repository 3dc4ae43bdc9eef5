"""A member says by mail what they are called: done with a receipt and undo, or asked about."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from subscriptions.lists import roster
from subscriptions.lists.roster import Person, Role
from tests.place import LIST, Place, make_place, text

REQUEST = LIST.replace("@", "-request@")
SAID = {
    "en": ("Hello, could you change my name to Anna Berg?", "Anna Berg"),
    "sv": ("Hej! Jag heter Anna Berg", "heter du Anna Berg"),
    "it": ("Mi chiamo Anna Berg, grazie", "il tuo nome è Anna Berg"),
    "ro": ("Mă numesc Anna Berg", "te numești Anna Berg"),
    "ru": ("Меня зовут Anna Berg", "ваше имя — Anna Berg"),
    "nl": ("Noem mij voortaan Anna Berg", "heet je Anna Berg"),
}


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def called(place: Place, address: str) -> str:
    with place.app.store.read() as session:
        member = roster.membership_of(session, roster.get_list(session, LIST).id, address)
        assert member is not None
        return session.get_one(Person, member.person_id).name


def test_a_name_is_taken_with_a_receipt_and_taken_back_in_six_languages(place: Place) -> None:
    for language, (said, receipt) in SAID.items():
        who = f"{language}@example.net"
        place.add(who, language=language)
        place.write(who, REQUEST, said)
        mail = place.mails(who)[-1]
        assert called(place, who) == "Anna Berg", language
        assert receipt in " ".join(text(mail).split()), language
        place.reply(mail, "undo", who)
        assert called(place, who) == "", language


def test_who_is_not_vouched_for_or_looks_after_the_list_is_asked(place: Place) -> None:
    place.add("mod@example.net", Role.MODERATOR, language="en")
    place.add("bo@unproven.example", language="en")
    for who in ("mod@example.net", "bo@unproven.example"):
        place.write(who, REQUEST, "My name is Eve")
        assert called(place, who) == ""
        mail = place.mails(who)[-1]
        assert "Asked for: Eve as your name." in text(mail)
        place.reply(mail, "yes", who)
        assert called(place, who) == "Eve"


def test_a_name_keeps_no_unseen_character(place: Place) -> None:
    place.add("eve@example.net", language="en")
    place.write("eve@example.net", REQUEST, "My name is Eve\u202e \u200bAdams\u2066")
    assert called(place, "eve@example.net") == "Eve Adams"
