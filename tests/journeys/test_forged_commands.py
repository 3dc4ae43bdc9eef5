"""A From alone changes nothing: a question to the address that we know, and one reply to it."""

from collections.abc import Iterator

import pytest

from mailer.rehearsal.sink import Caught
from tests.journeys.letters import (
    mails_to,
    member,
    reply_to,
    send,
    settled,
    state,
    subject_of,
    text_of,
    wait_mail,
)
from tests.tree import Krets, running
from tests.zone import HERE, Zone, serving

LIST = "friends@lists.example.org"
REQUEST = "friends-request@lists.example.org"
ANNA, EDITOR = "anna@elsewhere.example", "ed@elsewhere.example"
THIEF = "thief@evil.example"


@pytest.fixture
def zone() -> Iterator[Zone]:
    """Know of nobody at first: whatever says that it is from Anna may be from anybody."""
    with serving(Zone()) as made:
        yield made


@pytest.fixture
def friends(krets: Krets, zone: Zone) -> Iterator[Krets]:
    krets.settings["KRETS_MAILER__RESOLVER"] = zone.server
    krets.krets("list", "create", LIST)
    krets.krets("member", "add", LIST, ANNA, "--consent", "asked")
    krets.krets("member", "add", LIST, EDITOR, "--role", "editor", "--consent", "asked")
    with running(krets):
        yield krets


@pytest.mark.parametrize("wish", ["pause", "language svenska"])
def test_a_forged_wish_does_nothing_and_one_reply_does_it(
    friends: Krets, outbox: list[Caught], wish: str
) -> None:
    before = member(friends, LIST, ANNA)
    send(friends, ANNA, REQUEST, wish, envelope=THIEF)
    asked = wait_mail(outbox, ANNA)
    settled(friends)
    assert member(friends, LIST, ANNA) == before
    assert "Anybody can write in your name" in " ".join(text_of(asked).split())
    send(friends, ANNA, reply_to(asked), "yes")
    wait_mail(outbox, ANNA, 2)
    assert member(friends, LIST, ANNA) != before


@pytest.mark.parametrize("victim", [ANNA, EDITOR])
@pytest.mark.journey
def test_a_forged_address_is_asked_about_at_the_old_one(
    friends: Krets, outbox: list[Caught], victim: str
) -> None:
    send(friends, victim, REQUEST, f"address {THIEF}", envelope=THIEF)
    asked = wait_mail(outbox, victim)
    settled(friends)
    assert mails_to(outbox, THIEF) == []
    assert THIEF in text_of(asked)
    send(friends, victim, reply_to(asked), "yes")
    send(friends, THIEF, reply_to(wait_mail(outbox, THIEF)), "yes")
    wait_mail(outbox, victim, 2)
    emails = [one["email"] for one in friends.json("member", "export", victim)["addresses"]]
    assert emails == [victim, THIEF]


@pytest.mark.journey
def test_a_member_whose_own_domain_vouches_is_not_asked(
    friends: Krets, zone: Zone, outbox: list[Caught]
) -> None:
    zone.add("elsewhere.example", ("TXT", HERE))
    send(friends, ANNA, REQUEST, "pause")
    assert subject_of(wait_mail(outbox, ANNA)).startswith("Your pause")
    assert state(friends, LIST, ANNA) == "paused"
    send(friends, EDITOR, REQUEST, f"address {THIEF}")
    wait_mail(outbox, EDITOR)  # a role is asked about all the same
    settled(friends)
    assert mails_to(outbox, THIEF) == []


@pytest.mark.parametrize("door", ["request", "join", "leave", "help"])
@pytest.mark.journey
def test_what_its_domain_disowns_is_not_answered(
    friends: Krets, zone: Zone, outbox: list[Caught], door: str
) -> None:
    zone.add("elsewhere.example", ("TXT", "v=spf1 -all"))
    zone.add("_dmarc.elsewhere.example", ("TXT", "v=DMARC1; p=reject"))
    send(friends, ANNA, f"friends-{door}@lists.example.org", "help")
    send(friends, "new@elsewhere.example", f"friends-{door}@lists.example.org", "help")
    settled(friends)
    assert outbox == []
