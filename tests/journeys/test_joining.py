"""Joining by mail: asked once, answered in any way, proven, welcomed."""

import pytest

from mailer.rehearsal.sink import Caught
from tests.journeys.letters import (
    link,
    mails_to,
    member,
    post,
    reply_to,
    send,
    settled,
    state,
    subject_of,
    text_of,
    wait_mail,
)
from tests.replies import SPEECH, reply
from tests.tree import Krets, wait_for

LIST = "friends@example.org"
JOIN = "friends-join@example.org"
ANNA = "anna@example.net"
OWNER = "olga@example.org"


@pytest.fixture
def friends(krets: Krets) -> Krets:
    """Serve an open list with one owner."""
    krets.krets("list", "create", LIST, "--title", "Friends")
    krets.krets("member", "add", LIST, OWNER, "--role", "owner", "--consent", "founder")
    krets.start()
    return krets


def test_a_request_is_confirmed_by_reply_proven_and_welcomed(
    friends: Krets, outbox: list[Caught]
) -> None:
    send(friends, f"Anna Berg <{ANNA}>", JOIN, envelope=ANNA)
    asked = wait_mail(outbox, ANNA)
    assert subject_of(asked) == "Do you want to join Friends?"
    assert reply_to(asked).startswith("friends-confirm+")
    assert asked["Auto-Submitted"] == "auto-replied"
    assert link(asked, "confirm").startswith(f"{friends.url}/{LIST}/confirm/")
    assert link(asked, "not-me").startswith(f"{friends.url}/{LIST}/not-me/")
    assert state(friends, LIST, ANNA) == ""
    send(friends, ANNA, reply_to(asked), "Yes, gladly!")
    welcome = wait_mail(outbox, ANNA, 2)
    assert subject_of(welcome) == "Welcome to Friends"
    assert member(friends, LIST, ANNA) == {
        "email": ANNA,
        "name": "Anna Berg",
        "language": "en",
        "role": "member",
        "rhythm": "each",
        "state": "active",
    }
    entry = friends.json("member", "export", ANNA)["consent"][-1]
    assert entry["act"] == "consented"
    assert entry["wording"] == "Do you want to join Friends?"
    assert entry["wording_version"].startswith("stranger-confirm/")
    assert len(entry["proof"]) == 64
    assert entry["confirmed_by"] == "reply"


def test_an_answer_from_another_address_makes_the_asked_address_a_member(
    friends: Krets, outbox: list[Caught]
) -> None:
    send(friends, ANNA, JOIN)
    send(friends, "a.berg@work.example", reply_to(wait_mail(outbox, ANNA)), "yes")
    wait_mail(outbox, ANNA, 2)
    assert state(friends, LIST, ANNA) == "active"
    assert state(friends, LIST, "a.berg@work.example") == ""


@pytest.mark.parametrize("text", ["No thanks", "нет", "nej tack"])
def test_a_no_joins_nobody_and_sends_nothing(
    friends: Krets, outbox: list[Caught], text: str
) -> None:
    send(friends, ANNA, JOIN)
    send(friends, ANNA, reply_to(wait_mail(outbox, ANNA)), text)
    settled(friends)
    assert state(friends, LIST, ANNA) == ""
    assert len(mails_to(outbox, ANNA)) == 1


def test_never_is_for_ever_and_taken_back_by_one_reply(
    friends: Krets, outbox: list[Caught]
) -> None:
    send(friends, ANNA, JOIN)
    send(friends, ANNA, reply_to(wait_mail(outbox, ANNA)), "Never.")
    stopped = wait_mail(outbox, ANNA, 2)
    assert subject_of(stopped) == "We will not write to you again"
    send(friends, ANNA, JOIN)
    settled(friends)
    assert len(mails_to(outbox, ANNA)) == 2
    send(friends, ANNA, reply_to(stopped), "undo")
    settled(friends)
    assert friends.json("member", "export", ANNA)["suppression"] == []


def test_forty_forged_mails_over_three_lists_are_one_mail(
    friends: Krets, outbox: list[Caught]
) -> None:
    for name in ("two", "three"):
        friends.krets("list", "create", f"{name}@example.org")
    for number in range(40):
        name = ("friends", "two", "three")[number % 3]
        door = ("join", "help", "request", "leave")[number % 4]
        send(friends, ANNA, f"{name}-{door}@example.org", "join" if number % 5 else "help")
    settled(friends)
    assert len(mails_to(outbox, ANNA)) == 1


def test_three_lists_are_joined_by_one_reply_and_one_mail_more(
    friends: Krets, outbox: list[Caught]
) -> None:
    for name in ("two", "three"):
        friends.krets("list", "create", f"{name}@example.org")
    for name in ("friends", "two", "three"):
        send(friends, ANNA, f"{name}-join@example.org")
    asked = wait_mail(outbox, ANNA)
    settled(friends)
    send(friends, ANNA, reply_to(asked), "")
    more = wait_mail(outbox, ANNA, 3)
    assert subject_of(more) == "Do you want to join the other lists too?"
    assert "two@example.org" in text_of(more)
    assert "three@example.org" in text_of(more)
    send(friends, ANNA, reply_to(more), "")
    for name in ("friends", "two", "three"):
        wait_for(name, lambda name=name: state(friends, f"{name}@example.org", ANNA) == "active")


def test_asking_again_changes_nothing_for_a_member(friends: Krets, outbox: list[Caught]) -> None:
    send(friends, OWNER, JOIN)
    told = wait_mail(outbox, OWNER)
    assert subject_of(told) == "You are a member of Friends already"
    assert state(friends, LIST, OWNER) == "active"


def test_a_second_answer_is_told_kindly(friends: Krets, outbox: list[Caught]) -> None:
    send(friends, ANNA, JOIN)
    asked = wait_mail(outbox, ANNA)
    send(friends, ANNA, reply_to(asked), "")
    wait_mail(outbox, ANNA, 2)
    send(friends, ANNA, reply_to(asked), "yes please")
    assert subject_of(wait_mail(outbox, ANNA, 3)) == "This is already settled"


@pytest.mark.parametrize("answer", ["ok", "No: we know each other by name here"])
def test_an_owner_decides_by_reply_who_joins(
    friends: Krets, outbox: list[Caught], answer: str
) -> None:
    friends.krets("list", "set", LIST, "--join", "approve")
    friends.krets("member", "add", LIST, "per@example.org", "--role", "owner", "--consent", "x")
    send(friends, ANNA, JOIN)
    send(friends, ANNA, reply_to(wait_mail(outbox, ANNA)), "")
    assert subject_of(wait_mail(outbox, ANNA, 2)) == "Your request to join Friends"
    assert state(friends, LIST, ANNA) == "pending"
    request = wait_mail(outbox, OWNER)
    assert ANNA in text_of(request)
    send(friends, OWNER, reply_to(request), answer)
    third = wait_mail(outbox, ANNA, 3)
    told = wait_mail(outbox, "per@example.org", 2)
    assert ANNA in text_of(told)
    if answer == "ok":
        assert subject_of(third) == "Welcome to Friends"
        assert state(friends, LIST, ANNA) == "active"
    else:
        assert "we know each other by name here" in text_of(third)
        assert state(friends, LIST, ANNA) == "left"


@pytest.mark.parametrize(("program", "language"), [("yandex", "ru"), ("outlook-web", "it")])
def test_a_reply_of_html_alone_confirms_through_the_real_door(
    friends: Krets, outbox: list[Caught], program: str, language: str
) -> None:
    send(friends, ANNA, JOIN, headers=f"Content-Language: {language}\r\n")
    asked = wait_mail(outbox, ANNA)
    assert (
        subject_of(asked)
        == {
            "ru": "Хотите подписаться на «Friends»?",
            "it": "Iscrizione a «Friends»: confermare?",
        }[language]
    )
    post(friends, reply(program, language, SPEECH[language].yes), ANNA, reply_to(asked))
    wait_mail(outbox, ANNA, 2)
    assert member(friends, LIST, ANNA)["language"] == language


def test_an_absence_note_confirms_nothing_and_is_not_answered(
    friends: Krets, outbox: list[Caught]
) -> None:
    send(friends, ANNA, JOIN)
    asked = wait_mail(outbox, ANNA)
    send(friends, ANNA, reply_to(asked), "Jag är på semester till måndag.", subject="Re: Friends")
    send(friends, ANNA, reply_to(asked), "yes", headers="Auto-Submitted: auto-replied\r\n")
    settled(friends)
    assert state(friends, LIST, ANNA) == ""
    assert len(mails_to(outbox, ANNA)) == 1
    send(friends, ANNA, reply_to(asked), "yes")
    wait_mail(outbox, ANNA, 2)
    assert state(friends, LIST, ANNA) == "active"
