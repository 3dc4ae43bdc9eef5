"""An umbrella: a post reaches the members of its parts once, as mail of their own list."""

import re
from collections.abc import Iterator

import pytest

from mailer.rehearsal.sink import Caught
from tests.journeys.letters import mails_to, post, send, settled, state, text_of, wait_mail
from tests.tree import Krets, running

ALL, GARDEN, BEES = "all@example.org", "garden@example.org", "bees@example.org"
ANNA, BO, CILLA, DORA = (
    "anna@example.net", "bo@example.com", "cilla@example.se", "dora@example.it",
)  # fmt: skip
PLACES = {ANNA: (ALL, GARDEN), BO: (GARDEN, BEES), CILLA: (BEES,), DORA: (ALL,)}


@pytest.fixture
def house(krets: Krets) -> Iterator[Krets]:
    krets.settings["KRETS_LISTSERV__CROSS_POST_WAIT"] = "3"
    for address in (ALL, GARDEN, BEES):
        krets.krets("list", "create", address)
    for person, lists in PLACES.items():
        for address in lists:
            krets.krets("member", "add", address, person, "--consent", "asked")
    krets.krets("list", "set", ALL, "--parts", f"{GARDEN}, {BEES}")
    with running(krets):
        yield krets


def ids(outbox: list[Caught], person: str) -> list[str]:
    return [str(one["List-Id"]).rpartition("<")[2].strip("> ") for one in mails_to(outbox, person)]


def test_a_post_by_a_member_of_a_part_reaches_each_person_once_as_mail_of_their_own_list(
    house: Krets, outbox: list[Caught]
) -> None:
    send(house, CILLA, ALL, "The yearly meeting is on Friday.", subject="Meeting")
    for person in PLACES:
        wait_mail(outbox, person)
    settled(house)
    assert {one: ids(outbox, one) for one in PLACES} == {
        ANNA: ["all.example.org"],
        DORA: ["all.example.org"],
        BO: ["garden.example.org"],
        CILLA: ["bees.example.org"],
    }
    leave = (
        str(mails_to(outbox, BO)[0]["List-Unsubscribe"]).partition("mailto:")[2].partition(">")[0]
    )
    send(house, BO, leave, "")
    settled(house)
    assert state(house, GARDEN, BO) == "left"
    assert state(house, BEES, BO) == "active"


@pytest.mark.journey
def test_a_digest_member_of_a_part_has_it_in_that_digest(
    house: Krets, outbox: list[Caught]
) -> None:
    house.krets("member", "set", BEES, CILLA, "--rhythm", "daily")
    send(house, ANNA, ALL, "The yearly meeting is on Friday.", subject="Meeting")
    wait_mail(outbox, BO)
    settled(house)
    assert mails_to(outbox, CILLA) == []
    house.krets("digest", "send", BEES, "--until", "2099-01-01T00:00:00+00:00")
    assert "yearly meeting" in text_of(wait_mail(outbox, CILLA))


@pytest.mark.journey
def test_what_a_closed_archive_holds_is_not_filed_where_more_can_read_it(
    house: Krets, outbox: list[Caught]
) -> None:
    house.krets("list", "set", ALL, "--archive", "members")
    send(house, ANNA, ALL, "Only for us: the meeting is on Friday.", subject="Meeting")
    copy = wait_mail(outbox, BO)
    settled(house)
    house.krets("archive", "build")
    assert copy["Archived-At"] is None
    assert "Meeting" not in house.get(f"/{GARDEN}/")[1].decode()


@pytest.mark.journey
def test_a_list_is_no_member_of_a_list_and_the_refusal_names_the_umbrella(house: Krets) -> None:
    for address in (GARDEN, "bees-owner@example.org"):
        done = house.run("member", "add", ALL, address, "--consent", "asked")
        assert done.returncode == 1
        assert "--parts" in done.stderr
    house.krets("member", "add", ALL, "not-a-list@example.org", "--consent", "asked")


@pytest.mark.journey
def test_what_cannot_be_a_part_or_a_sibling_is_refused_with_the_reason(house: Krets) -> None:
    for address, option, value, why in (
        (ALL, "--parts", ALL, "its own parts"),
        (GARDEN, "--parts", BEES, "is a part of"),
        (ALL, "--parts", "nobody@example.org", "no list"),
        (BEES, "--siblings", "bees", "not a list's address"),
    ):
        done = house.run("list", "set", address, option, value)
        assert done.returncode in {1, 2}
        assert why in done.stderr


@pytest.mark.journey
def test_members_of_a_sibling_may_post_and_get_nothing_by_that(
    house: Krets, outbox: list[Caught]
) -> None:
    house.krets("list", "set", GARDEN, "--siblings", BEES)
    send(house, CILLA, GARDEN, "May I ask here?", subject="A guest")
    assert "May I ask" in text_of(wait_mail(outbox, ANNA))
    settled(house)
    assert mails_to(outbox, CILLA) == []


@pytest.mark.journey
def test_an_answer_to_a_digest_is_handed_on_as_the_post_and_not_as_the_letter(
    house: Krets, outbox: list[Caught]
) -> None:
    """The letter quotes the digest, and with it its reader's own addresses and way out."""
    house.krets("member", "set", ALL, DORA, "--rhythm", "daily")
    send(house, ANNA, ALL, "The yearly meeting is on Friday.", subject="Meeting")
    wait_mail(outbox, BO)
    settled(house)
    house.krets("digest", "send", ALL, "--until", "2099-01-01T00:00:00+00:00")
    digest = wait_mail(outbox, DORA)
    found = re.search(r"all-reply\+[a-z2-7]{26}@example\.org", text_of(digest))
    assert found is not None
    quoted = text_of(digest).replace("\r\n", "\n").replace("\n", "\r\n> ")
    said = f"I bring the cake.\r\n\r\nOn Friday all wrote:\r\n> {quoted}\r\n"
    send(house, DORA, found[0], said, subject="Re: all: 1 mail")
    copy = text_of(wait_mail(outbox, BO, 2))
    assert "I bring the cake." in copy
    assert found[0].partition("@")[0] not in copy
    assert ids(outbox, BO) == ["garden.example.org"] * 2


@pytest.mark.journey
def test_what_a_list_has_sent_goes_through_another_once_and_comes_back_to_nobody(
    house: Krets, outbox: list[Caught]
) -> None:
    """A member's mailbox may hand everything on to another list, and that one's back."""
    send(house, BO, BEES, "Who has honey?", subject="Honey")
    wait_mail(outbox, CILLA)
    settled(house)
    round_ = next(one.raw for one in outbox if CILLA in one.recipients)
    post(house, round_, BO, GARDEN)
    wait_mail(outbox, ANNA)
    settled(house)
    back = next(one.raw for one in outbox if ANNA in one.recipients)
    count = len(outbox)
    for to in (BEES, GARDEN):
        post(house, back, BO, to)
    settled(house)
    assert len(outbox) == count
