"""Moderating by mail, on real sockets: asked, answered, told; a killed service forgets nothing."""

import pytest

from mailer.rehearsal.sink import Caught
from tests.journeys.letters import (
    mails_to,
    reply_to,
    send,
    settled,
    subject_of,
    text_of,
    wait_mail,
)
from tests.tree import Krets, wait_for

LIST = "friends@example.org"
OWNER = "olga@example.org"
MODERATOR = "mats@example.net"
ANNA = "anna@example.net"
EVE = "eve@example.com"


@pytest.fixture
def friends(krets: Krets) -> Krets:
    """Serve a list with an owner, a moderator and a member."""
    krets.krets("list", "create", LIST, "--title", "Friends")
    for address, role in ((OWNER, "owner"), (MODERATOR, "moderator"), (ANNA, "member")):
        krets.krets("member", "add", LIST, address, "--role", role, "--consent", "founder")
    krets.start()
    return krets


def posts_to(outbox: list[Caught], address: str) -> list[str]:
    mails = mails_to(outbox, address)
    return [subject_of(mail) for mail in mails if mail["Auto-Submitted"] is None]


def test_an_emergency_holds_and_one_answer_after_a_crash_lets_the_post_go(
    friends: Krets, outbox: list[Caught]
) -> None:
    friends.krets("list", "set", LIST, "--emergency")
    send(friends, ANNA, LIST, "May I?", subject="First")
    asked = wait_mail(outbox, MODERATOR)
    assert "> May I?" in text_of(asked)
    assert subject_of(wait_mail(outbox, ANNA)) == "Friends: your post waits for a moderator"
    settled(friends)
    friends.kill_tree()
    friends.start()
    send(friends, OWNER, LIST, "ok")  # in a name, to the list: held like everything
    send(friends, OWNER, "friends-request@example.org", "ok")
    send(friends, MODERATOR, reply_to(asked), "ok")
    wait_for("the post", lambda: posts_to(outbox, ANNA) == ["First"])
    wait_for(
        "word to the owner",
        lambda: any(
            f"{MODERATOR} was the first" in text_of(mail) for mail in mails_to(outbox, OWNER)
        ),
    )
    held = friends.json("queue", "ls")["held"]
    assert [row["from"] for row in held] == [OWNER]


def test_the_command_line_decides_like_a_mail_and_its_reason_reaches_the_writer(
    friends: Krets, outbox: list[Caught]
) -> None:
    send(friends, EVE, LIST, "Buy this.", subject="Offer")
    asked = wait_mail(outbox, OWNER)
    (held,) = friends.json("queue", "ls")["held"]
    friends.krets("queue", "refuse", str(held["id"]), "--reason", "No adverts.", "--yes")
    assert "> No adverts." in text_of(wait_mail(outbox, EVE))
    assert "decided at the server itself" in text_of(wait_mail(outbox, OWNER, 2))
    send(friends, OWNER, reply_to(asked), "ok")
    assert "nothing is left to decide" in subject_of(wait_mail(outbox, OWNER, 3))
    settled(friends)
    assert not posts_to(outbox, ANNA)
