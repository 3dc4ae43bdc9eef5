"""Who joins gets what is to come, who leaves takes it out; pages, a calendar, an erased person."""

import re
from collections.abc import Iterator
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from mailer.rehearsal.sink import Caught
from tests.journeys import calendars
from tests.journeys.letters import (
    link,
    mails_to,
    reply_to,
    send,
    settled,
    text_of,
    wait_mail,
)
from tests.tree import Krets, running, wait_for

LIST = "friends@example.org"
ANNA, BO, DORA, EVA = "anna@example.net", "bo@example.com", "dora@example.se", "eva@example.it"
PARTY = """---
title: Sommarfest
starts: 2036-12-18T18:00
zone: Europe/Stockholm
place: Kulturhuset
seats: 1
---
Ta med en kaka.
"""


@pytest.fixture
def friends(krets: Krets) -> Iterator[Krets]:
    krets.krets("list", "create", LIST, "--title", "Friends")
    krets.krets("member", "add", LIST, ANNA, "--consent", "asked", "--role", "owner")
    for address in (BO, DORA):
        krets.krets("member", "add", LIST, address, "--consent", "asked", "--name", "Guest")
    with running(krets):
        yield krets


def press(url: str, **fields: str) -> str:
    asked = Request(url, data=urlencode(fields).encode())  # noqa: S310 - ours
    with urlopen(asked, timeout=60) as answer:  # noqa: S310 - ours
        return str(answer.read().decode())


def test_events_are_shown_joined_with_left_with_and_forgotten_with(
    friends: Krets, outbox: list[Caught]
) -> None:
    friends.krets("event", "create", LIST, "-", "--yes", stdin=PARTY)
    asked = {one: wait_mail(outbox, one) for one in (BO, DORA)}
    status, page = friends.get(f"/{LIST}/events/")
    assert status == 200
    assert "Sommarfest" in page.decode()
    assert "18:00\N{EN DASH}20:00 (Europe/Stockholm)" in page.decode()
    status, file = friends.get(f"/{LIST}/events.ics")
    assert status == 200
    assert b"METHOD:PUBLISH\r\n" in file
    assert b"ATTENDEE" not in file
    # On a page: a GET only shows, a button answers.
    answer = link(asked[BO], "answer")
    assert "Sommarfest" in friends.get(answer.removeprefix(friends.url))[1].decode()
    assert friends.json("event", "show", "1")["answers"] == []
    assert "noted that you come" in press(answer, answer="yes")
    assert "waiting list" in press(link(asked[DORA], "answer"), answer="yes")
    assert friends.json("event", "show", "1")["counts"]["waiting"] == 1
    # Who joins gets what is to come, and may answer it.
    send(friends, EVA, "friends-join@example.org")
    send(friends, EVA, reply_to(wait_mail(outbox, EVA)), "Yes")
    welcome = wait_mail(outbox, EVA, 2)
    assert calendars.invitation(welcome)["METHOD"] == "PUBLISH"
    assert "waiting list" in press(link(welcome, "answer"), answer="yes")
    # Who leaves takes it out of their calendar, and the seat is the next one's.
    friends.krets("member", "show", LIST, BO)
    leave = re.search(r"friends-leave\+[a-z2-7]{26}@example\.org", text_of(asked[BO]))
    assert leave is not None
    send(friends, BO, leave[0])
    left = wait_mail(outbox, BO, 2)
    assert calendars.invitation(left)["METHOD"] == "CANCEL"
    assert "STATUS:CANCELLED" in calendars.invitation(left)[""]
    wait_for("the next one to have the seat", lambda: len(mails_to(outbox, DORA)) >= 2)
    assert friends.json("event", "show", "1")["counts"] == {
        "yes": 1, "no": 1, "maybe": 0, "waiting": 1, "people": 1,
    }  # fmt: skip
    told = friends.json("member", "export", DORA)
    assert [one["answer"] for one in told["memberships"][0]["answers"]] == ["yes"]
    friends.krets("member", "forget", DORA, "--yes")
    shown = friends.json("event", "show", "1")
    assert [one["email"] for one in shown["answers"] if one["answer"] == "yes"] == [None]
    assert shown["counts"]["yes"] == 1
    settled(friends)
