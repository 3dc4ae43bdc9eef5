"""A digest: every post once in one mail, and an answer to it that stands in the right thread."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message

import pytest

from mailer.rehearsal.sink import Caught
from tests.journeys.letters import (
    mails_to,
    member,
    reply_to,
    send,
    settled,
    subject_of,
    text_of,
    wait_mail,
)
from tests.tree import Krets, running, wait_for

LIST = "friends@example.org"
ANNA, BO, DORA, WILMA, FRIDA = (
    "anna@example.net", "bo@example.com", "dora@example.se", "wilma@example.it",
    "frida@mail.example",
)  # fmt: skip
DAY = 86400.0


@pytest.fixture
def friends(krets: Krets) -> Iterator[Krets]:
    krets.krets("list", "create", LIST, "--title", "Friends")
    for address, rhythm in (
        (ANNA, "each"), (BO, "each"), (DORA, "daily"), (WILMA, "weekly"), (FRIDA, "first"),
    ):  # fmt: skip
        krets.krets("member", "add", LIST, address, "--consent", "asked", "--rhythm", rhythm)
    with running(krets):
        yield krets


def digests(krets: Krets, days: float = 1.0) -> dict[str, object]:
    until = datetime.fromtimestamp(time.time() + days * DAY, UTC).isoformat()
    told: dict[str, object] = krets.json("digest", "send", LIST, "--until", until)
    return told


def talk(krets: Krets, outbox: list[Caught]) -> None:
    """Write two threads: a question with an answer, and another that nobody has answered."""
    send(krets, ANNA, LIST, "How deep do you plant potatoes this year?", subject="Potatoes")
    answered = {"headers": f"In-Reply-To: {wait_mail(outbox, BO)['Message-ID']}\r\n"}
    send(krets, BO, LIST, "A hand deep, and then some straw.", subject="Re: Potatoes", **answered)
    send(krets, BO, LIST, "Who has a ladder that reaches a roof?", subject="Ladder")
    settled(krets)


def threads(krets: Krets) -> dict[str, list[str]]:
    """Return the ids of each thread in the archive, by subject."""
    home = krets.get(f"/{LIST}/")[1].decode()
    found = {}
    for page in sorted(set(re.findall(r"t/[a-z2-7]{52}/", home))):
        told = json.loads(krets.get(f"/{LIST}/{page}thread.json")[1])
        found[told["subject"]] = [one["id"] for one in told["messages"]]
    return found


def answer_of(digest: Message, words: str) -> str:
    """Return the reply address that stands below ``words`` in the plain part."""
    below = text_of(digest).partition(words)[2]
    found = re.search(r"friends-reply\+[a-z2-7]{26}@example\.org", below)
    assert found is not None
    return found[0]


def test_a_digest_brings_every_post_once_and_the_next_begins_behind_it(
    friends: Krets, outbox: list[Caught]
) -> None:
    talk(friends, outbox)
    assert mails_to(outbox, DORA) == []
    assert len(mails_to(outbox, BO)) == 3
    assert sorted(map(subject_of, mails_to(outbox, FRIDA))) == ["Ladder", "Potatoes"]
    digests(friends)
    mail = wait_mail(outbox, DORA)
    text = text_of(mail)
    for words in ("How deep do you plant", "A hand deep, and then", "Who has a ladder that"):
        assert text.count(words) == 1
    assert text.index("Who has a ladder") < text.index("How deep do you plant")
    assert digests(friends)["members"] == 0
    send(friends, ANNA, LIST, "One more thing.", subject="Later")
    settled(friends)
    digests(friends, days=8.0)
    assert text_of(wait_mail(outbox, DORA, 2)).count("One more thing.") == 1
    assert "How deep do you plant" not in text_of(mails_to(outbox, DORA)[1])
    wait_mail(outbox, WILMA)
    settled(friends)
    weekly = "".join(map(text_of, mails_to(outbox, WILMA)))
    assert weekly.count("How deep do you plant") == weekly.count("One more thing.") == 1


def test_an_answer_to_one_mail_in_a_digest_stands_in_its_thread(
    friends: Krets, outbox: list[Caught]
) -> None:
    talk(friends, outbox)
    digests(friends)
    to = answer_of(wait_mail(outbox, DORA), "A hand deep, and then")
    said = (
        "Straw works here too.\r\n\r\nOn Monday Friends wrote:\r\n> A hand deep, and then some\r\n"
    )
    send(friends, DORA, to, said, subject="Re: Friends: 3 mails")
    copy = wait_mail(outbox, ANNA, 4)
    assert subject_of(copy) == "Re: Potatoes"
    assert "Straw works here too." in text_of(copy)
    assert ">" not in text_of(copy)
    wait_for("three in the thread", lambda: len(threads(friends).get("Potatoes", ())) == 3)


def test_an_answer_to_the_whole_digest_goes_where_its_quote_comes_from(
    friends: Krets, outbox: list[Caught]
) -> None:
    talk(friends, outbox)
    digests(friends)
    to = reply_to(wait_mail(outbox, DORA))
    said = "I have one, come by.\r\n\r\n> Who has a ladder that reaches a roof?\r\n"
    send(friends, DORA, to, said, subject="Re: Friends: 3 mails")
    assert subject_of(wait_mail(outbox, ANNA, 4)) == "Re: Ladder"


def test_an_unclear_answer_is_asked_about_and_a_number_sends_it(
    friends: Krets, outbox: list[Caught]
) -> None:
    talk(friends, outbox)
    digests(friends)
    send(friends, DORA, reply_to(wait_mail(outbox, DORA)), "So do I.", subject="Re: Friends")
    asked = wait_mail(outbox, DORA, 2)
    assert len(mails_to(outbox, ANNA)) == 3
    number = re.search(r"(\d)  Ladder", text_of(asked))
    assert number is not None
    send(friends, DORA, reply_to(asked), number[1])
    copy = wait_mail(outbox, ANNA, 4)
    assert (subject_of(copy), text_of(copy).strip()) == ("Re: Ladder", "So do I.")


def test_a_strangers_answer_with_a_members_token_is_asked_about_at_the_member(
    friends: Krets, outbox: list[Caught]
) -> None:
    talk(friends, outbox)
    digests(friends)
    to = answer_of(wait_mail(outbox, DORA), "Who has a ladder that")
    send(friends, "boss@example.org", to, "Buy my ladders.")
    asked = wait_mail(outbox, DORA, 2)
    assert "Buy my ladders." in text_of(asked)
    settled(friends)
    assert len(mails_to(outbox, ANNA)) == 3
    send(friends, DORA, reply_to(asked), "yes")
    assert wait_mail(outbox, ANNA, 4)["From"] == DORA


def test_an_answer_to_the_writer_alone_reaches_nobody_else_and_has_no_tokens(
    friends: Krets, outbox: list[Caught]
) -> None:
    talk(friends, outbox)
    digests(friends)
    digest = wait_mail(outbox, DORA)
    below = text_of(digest).partition("Who has a ladder that")[2].partition("Only to the one")[2]
    found = re.search(r"friends-reply\+[a-z2-7]{26}@example\.org", below)
    assert found is not None
    quoted = "".join(f"> {line}\r\n" for line in text_of(digest).splitlines())
    send(friends, DORA, found[0], f"I have one for you.\r\n\r\n{quoted}")
    private = wait_mail(outbox, BO, 4)
    assert "I have one for you." in text_of(private)
    settled(friends)
    assert not set(re.findall("[a-z2-7]{26}", text_of(digest))) & set(
        re.findall("[a-z2-7]{26}", private.as_string())
    )
    assert len(mails_to(outbox, ANNA)) == 3


@pytest.mark.parametrize(
    "said",
    [
        "leave",
        *(
            pytest.param(one, marks=pytest.mark.journey)
            for one in ("", "> Who has a ladder that reaches a roof?\r\n")
        ),
    ],
)
def test_nothing_is_posted_by_accident(friends: Krets, outbox: list[Caught], said: str) -> None:
    talk(friends, outbox)
    digests(friends)
    to = answer_of(wait_mail(outbox, DORA), "Who has a ladder that")
    send(friends, DORA, to, said)
    wait_mail(outbox, DORA, 2)
    settled(friends)
    assert len(mails_to(outbox, ANNA)) == 3


def test_whoever_changes_their_rhythm_has_every_post_once(
    friends: Krets, outbox: list[Caught]
) -> None:
    send(friends, ANNA, LIST, "Before.", subject="One")
    settled(friends)
    friends.krets("member", "set", LIST, DORA, "--rhythm", "each")
    friends.krets("member", "set", LIST, BO, "--rhythm", "daily")
    send(friends, ANNA, LIST, "After.", subject="Two")
    settled(friends)
    digests(friends)
    settled(friends)
    for person in (DORA, BO):
        whole = "".join(text_of(mail) for mail in mails_to(outbox, person))
        assert (whole.count("Before."), whole.count("After.")) == (1, 1)


@pytest.mark.parametrize(
    ("said", "rhythm"),
    [
        ("раз в неделю, пожалуйста", "weekly"), ("doar discuții noi", "first"),
        *(
            pytest.param(said, rhythm, marks=pytest.mark.journey)
            for said, rhythm in (
                ("daily", "daily"), ("Please send me one mail per week", "weekly"),
                ("Hej! En gång om dagen tack", "daily"), ("settimanale, grazie", "weekly"),
                ("graag een dagelijks overzicht", "daily"),
            )
        ),
    ],
)  # fmt: skip
def test_a_member_chooses_by_one_mail_and_takes_it_back_by_another(
    friends: Krets, outbox: list[Caught], said: str, rhythm: str
) -> None:
    send(friends, ANNA, "friends-request@example.org", said)
    receipt = wait_mail(outbox, ANNA)
    assert member(friends, LIST, ANNA)["rhythm"] == rhythm
    send(friends, ANNA, reply_to(receipt), "undo")
    wait_mail(outbox, ANNA, 2)
    assert member(friends, LIST, ANNA)["rhythm"] == "each"


def test_an_hour_a_zone_and_weekends_are_set_by_mail_and_undone_by_an_answer(
    friends: Krets, outbox: list[Caught]
) -> None:
    def chosen() -> tuple[object, ...]:
        shown = friends.json("member", "show", LIST, ANNA)
        digest, zone = shown["digest"], shown["attributes"].get("zone")
        return shown["rhythm"], digest["hour"], digest["weekends"], digest["form"], zone

    request = LIST.replace("@", "-request@")
    send(friends, ANNA, request, "Daily at 6 pm please, no weekends, time zone Europe/Rome")
    receipt = wait_mail(outbox, ANNA)
    assert chosen() == ("daily", 18, False, "page", ["Europe/Rome"])
    assert "18:00 (Europe/Rome)" in text_of(receipt)
    send(friends, ANNA, reply_to(receipt), "undo")
    wait_mail(outbox, ANNA, 2)
    assert chosen() == ("each", None, True, "page", None)
    friends.krets("member", "set", LIST, ANNA, "--hour", "20", "--weekends", "off")
    friends.krets("member", "set", LIST, ANNA, "--rhythm", "weekly", "--digest", "mime")
    assert chosen() == ("weekly", 20, False, "mime", None)
    friends.krets("member", "set", LIST, ANNA, "--hour", "", "--weekends", "on")
    assert chosen()[1:3] == (None, True)
