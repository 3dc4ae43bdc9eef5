"""What is held and refused is an owner's to say by mail, as on the command line."""

import pytest

from tests.listserv.owners.owner_mail import REQUEST, order, said, the_list
from tests.place import ANNA, LIST, OWNER, Place, text

RULE = "hold subject *lottery*"


@pytest.mark.parametrize(
    "words",
    [
        f"rules: {RULE}",
        f"Please set the rules to: {RULE}",
        f"regler för inlägg: {RULE}",
        f"regole: {RULE}",
        f"reguli: {RULE}",
        f"правила: {RULE}",
        f"regels voor berichten: {RULE}",
    ],
)
def test_a_rule_mailed_by_an_owner_holds_a_post_under_its_own_name(
    place: Place, words: str
) -> None:
    order(place, words)
    assert the_list(place).rules == RULE
    won = f"From: {ANNA}\r\nSubject: Big LOTTERY\r\nMessage-ID: <won@x>\r\n\r\nYou have won.\r\n"
    place.take(won.encode(), ANNA, LIST)
    place.post(ANNA, "Potatoes.")
    assert RULE in place.hold().rules
    assert place.decisions() == ["accept"]


def test_several_rules_stand_on_one_line_and_undo_takes_them_back(place: Place) -> None:
    order(place, "rules: hold file *.exe; drop from *@spam.example")
    assert the_list(place).rules.splitlines() == ["hold file *.exe", "drop from *@spam.example"]
    place.reply(place.mails(OWNER)[-1], "undo", OWNER)
    assert not the_list(place).rules


def test_a_rule_that_cannot_be_read_is_told_and_changes_nothing(place: Place) -> None:
    place.write(OWNER, REQUEST, "rules: hold everything that smells")
    assert "hold everything that smells" in said(place)
    assert not the_list(place).rules


def test_what_a_filter_calls_spam_is_dropped_where_an_owner_says_so(place: Place) -> None:
    order(place, "spam: drop")
    assert the_list(place).spam.value == "drop"
    assert "spam" in text(place.mails(OWNER)[-1])
