"""Roles by an owner's mail: never by a From line, told to everybody concerned, taken back once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

import templates
from listserv.letters import commands
from listserv.owners import roles
from subscriptions.lists import roster
from subscriptions.lists.roster import Role
from subscriptions.permission.consent import Act, Consent
from tests.place import ANNA, EVE, LIST, MODERATOR, OWNER, Place, make_place, subject, text
from tests.replies import LANGUAGES
from tests.templates.test_mails import context_of

REQUEST = "friends-request@example.org"
SECOND = "ivar@example.org"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list with two owners, a moderator and a member."""
    made = make_place(tmp_path, database_url)
    made.add(SECOND, Role.OWNER)
    yield made
    made.end()


def role_of(place: Place, address: str) -> Role:
    with place.app.store.read() as session:
        member = roster.membership_of(session, roster.get_list(session, LIST).id, address)
    assert member is not None
    return member.role


def wish(place: Place, line: str, sender: str = OWNER, answer: str = "yes") -> None:
    """Write a wish as an owner and answer the question that comes."""
    place.write(sender, REQUEST, line)
    place.reply(place.mails(sender)[-1], answer, sender)


@pytest.mark.parametrize(
    ("line", "role"),
    [
        ("make anna@example.net a moderator", "moderator"),
        ("Please appoint anna@example.net", ""),
        ("Gör Anna <anna@example.net> till ägare.", "owner"),
        ("nomina anna@example.net redattrice", "editor"),
        ("fă anna@example.net moderatoare", "moderator"),
        ("Назначьте anna@example.net владелицей", "owner"),
        ("maak anna@example.net<mailto:anna@example.net> gewoon lid", "member"),
        ("role anna@example.net moderator or editor", ""),
        ("make anna@example.net and boris@example.com moderators", ""),
        ("make anna@ moderator", ""),
    ],
)
def test_an_address_and_one_role_are_read_or_nothing(line: str, role: str) -> None:
    found = commands.command(line)
    wanted = roles.read(found.rest) if found is not None and found.verb == "role" else None
    assert (wanted.role.value if wanted else "") == role
    assert wanted is None or wanted.who.key == ANNA


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_our_mails_tell_owners_to_write_is_understood(language: str) -> None:
    helped = templates.mail("member-help", language, **context_of("member-help", {"owner": True}))
    failed = templates.mail("owner-no-role", language, **context_of("x", {"why": "unclear"}))
    lines = [line for line in (helped.text + failed.text).splitlines() if "anna@" in line]
    read = [commands.command(line.partition(":")[0]) for line in lines]
    given = [roles.read(one.rest) for one in read if one is not None and one.verb == "role"]
    assert [wanted.role for wanted in given if wanted] == [Role.MODERATOR] * 2


def test_a_role_is_given_by_the_owners_answer_and_told_to_all_whom_it_concerns(
    place: Place,
) -> None:
    place.write(OWNER, REQUEST, f"make {ANNA} moderator")
    (asked,) = place.mails(OWNER)
    assert f"another role for {ANNA}: moderator" in " ".join(text(asked).split())
    assert role_of(place, ANNA) is Role.MEMBER
    place.reply(asked, "", OWNER)
    assert role_of(place, ANNA) is Role.MODERATOR
    assert subject(place.mails(ANNA)[0]) == "Friends: your role is now moderator"
    (told,) = place.mails(SECOND)
    assert f"{OWNER} has given {ANNA} another role" in " ".join(text(told).split())
    assert place.mails(MODERATOR) == []
    place.reply(place.mails(OWNER)[1], "undo", OWNER)
    assert role_of(place, ANNA) is Role.MEMBER
    assert len(place.mails(SECOND)) == 2
    place.reply(place.mails(OWNER)[1], "undo", OWNER)  # a second time does nothing
    assert len(place.mails(SECOND)) == 2
    with place.app.store.read() as session:
        ledger = session.execute(
            select(Consent.detail, Consent.actor, Consent.confirmed_by).where(
                Consent.act == Act.ROLE
            )
        ).all()
    assert ledger == [
        ("member -> moderator", OWNER, "reply"),
        ("moderator -> member", OWNER, "undo"),
    ]


def test_a_no_and_a_forged_from_line_give_nobody_a_role(place: Place) -> None:
    wish(place, f"make {ANNA} owner", answer="no")
    place.write(f"Ivar <{SECOND}>", REQUEST, f"make {ANNA} owner")
    place.reply(place.mails(SECOND)[0], "yes", SECOND, "Auto-Submitted: auto-replied\r\n")
    assert role_of(place, ANNA) is Role.MEMBER
    assert place.mails(ANNA) == []


@pytest.mark.parametrize(
    ("sender", "line", "said"),
    [
        (ANNA, f"make {ANNA} owner", "Only an owner"),
        (MODERATOR, f"make {ANNA} moderator", "Bara en ägare"),
        (OWNER, f"make {EVE} moderator", f"{EVE} is not an active member"),
        (OWNER, f"make {ANNA} member", "has this role already"),
        (OWNER, "make somebody moderator", "Write one address and one role"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(
    place: Place, sender: str, line: str, said: str
) -> None:
    place.write(sender, REQUEST, line)
    (answer,) = place.mails(sender)
    assert said in " ".join(text(answer).split())


def test_the_last_owner_stays_owner_and_an_owner_of_two_may_step_down(place: Place) -> None:
    wish(place, f"make {SECOND} member", SECOND)
    assert role_of(place, SECOND) is Role.MEMBER
    receipt = place.mails(SECOND)[-1]
    assert "undo" not in text(receipt)
    assert len(place.mails(SECOND)) == 2  # the question and the receipt
    place.write(OWNER, REQUEST, f"make {OWNER} member")
    assert f"{OWNER} is the only owner" in " ".join(text(place.mails(OWNER)[-1]).split())
    assert role_of(place, OWNER) is Role.OWNER


def test_who_is_no_owner_any_more_can_neither_give_nor_take_back(place: Place) -> None:
    wish(place, f"make {ANNA} moderator")
    receipt = place.mails(OWNER)[-1]
    place.write(OWNER, REQUEST, f"make {ANNA} owner")
    asked = place.mails(OWNER)[-1]
    place.role(OWNER, Role.MODERATOR)
    place.reply(asked, "yes", OWNER)
    place.reply(receipt, "undo", OWNER)
    assert role_of(place, ANNA) is Role.MODERATOR


def test_an_undo_does_not_overrule_what_another_owner_did_since(place: Place) -> None:
    wish(place, f"make {ANNA} moderator")
    receipt = place.mails(OWNER)[-1]
    wish(place, f"make {ANNA} editor", SECOND)
    place.reply(receipt, "undo", OWNER)
    assert role_of(place, ANNA) is Role.EDITOR
    assert "nothing was taken back" in " ".join(text(place.mails(OWNER)[-1]).split())
