"""One mail to several lists: each person has one copy, of the list that was named first."""

import itertools
import json
import re
import smtplib
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from mailer.rehearsal.sink import Caught
from tests.journeys.letters import mails_to, settled, text_of, wait_mail
from tests.tree import Krets, running, wait_for

GARDEN, BEES, TOOLS = "garden@example.org", "bees@example.org", "tools@example.org"
ALL = (GARDEN, BEES, TOOLS)
ANNA, BO, CILLA, DORA, EVA = (
    "anna@example.net", "bo@example.com", "cilla@example.se", "dora@example.it", "eva@mail.example",
)  # fmt: skip
PLACES = {
    ANNA: ALL,
    BO: (GARDEN, BEES),
    CILLA: (BEES, TOOLS),
    DORA: (TOOLS,),
    EVA: (GARDEN,),
}
_numbers = itertools.count(1)


@pytest.fixture
def circle(krets: Krets) -> Iterator[Krets]:
    for address in ALL:
        krets.krets("list", "create", address)
    for person, lists in PLACES.items():
        for address in lists:
            krets.krets("member", "add", address, person, "--consent", "asked")
    with running(krets):
        yield krets


def mail(to: str, *, cc: str = "", sender: str = ANNA) -> bytes:
    number = next(_numbers)
    fields = f"Cc: {cc}\r\n" if cc else ""
    return (
        f"From: {sender}\r\nTo: {to}\r\n{fields}Subject: Swarm {number}\r\n"
        f"Message-ID: <cross-{number}@example.net>\r\n\r\nWho has a box for a swarm?\r\n"
    ).encode()


def deliver(krets: Krets, raw: bytes, *lists: str, sender: str = ANNA) -> None:
    """Send it in one transaction with a recipient for each list."""
    with smtplib.SMTP("127.0.0.1", krets.smtp_port, timeout=60) as client:
        client.ehlo()
        client.mail(sender)
        for one in lists:
            assert client.rcpt(one)[0] == 250
        assert client.data(raw)[0] == 250


def copies(outbox: list[Caught]) -> Counter[tuple[str, str]]:
    """Count the copies by person and list."""
    found: Counter[tuple[str, str]] = Counter()
    for person in PLACES:
        for one in mails_to(outbox, person):
            name = str(one["List-Id"]).rpartition("<")[2].strip("> ")
            found[(person, name.replace(".", "@", 1))] += 1
    return found


def expected(order: tuple[str, ...]) -> Counter[tuple[str, str]]:
    """Return one copy for each person, of the list in ``order`` that they are on first."""
    first = {who: next(one for one in order if one in lists) for who, lists in PLACES.items()}
    return Counter(first.items())


@pytest.mark.parametrize("order", [ALL, (TOOLS, BEES, GARDEN)])
def test_one_transaction_for_three_lists_gives_each_person_one_copy(
    circle: Krets, outbox: list[Caught], order: tuple[str, ...]
) -> None:
    deliver(circle, mail(", ".join(order)), *sorted(order))
    settled(circle)
    assert copies(outbox) == expected(order)


@pytest.mark.journey
def test_three_transactions_against_the_order_give_the_copy_of_the_list_named_first(
    circle: Krets, outbox: list[Caught]
) -> None:
    raw = mail(GARDEN, cc=f"{BEES}, {TOOLS}")
    for one in (TOOLS, BEES, GARDEN):
        deliver(circle, raw, one)
        alone = next(who for who, lists in PLACES.items() if lists == (one,)) if one != BEES else ""
        if alone:  # this list's post has been decided before the next one comes
            wait_mail(outbox, alone)
    settled(circle)
    assert copies(outbox) == expected(ALL)


@pytest.mark.journey
def test_a_reply_on_a_private_list_stays_there_and_each_archive_has_the_thread(
    circle: Krets, outbox: list[Caught]
) -> None:
    circle.krets("list", "set", BEES, "--archive", "members")
    raw = mail(f"{GARDEN}, {BEES}")
    deliver(circle, raw, GARDEN, BEES)
    settled(circle)
    first = str(wait_mail(outbox, ANNA)["Message-ID"])
    answer = mail(BEES, sender=BO).replace(b"Who has", b"Keep this among us: who has")
    answer = answer.replace(b"Subject:", f"In-Reply-To: {first}\r\nSubject: Re:".encode())
    deliver(circle, answer, BEES, sender=BO)
    settled(circle)
    circle.krets("archive", "build")
    public = threads_in(circle, GARDEN)
    assert [len(one["messages"]) for one in public] == [1]
    assert "Keep this among us" not in str(public)
    assert circle.get(f"/{BEES}/")[0] != 200 or "Swarm" not in circle.get(f"/{BEES}/")[1].decode()


def threads_in(krets: Krets, address: str) -> list[dict[str, Any]]:
    home = wait_for("its page", lambda: "t/" in (p := krets.get(f"/{address}/")[1].decode()) and p)
    pages = sorted(set(re.findall(r"t/[a-z2-7]{52}/", home)))
    return [json.loads(krets.get(f"/{address}/{one}thread.json")[1]) for one in pages]


def digest(krets: Krets, address: str, days: float) -> dict[str, Any]:
    until = datetime.fromtimestamp(time.time() + days * 86400, UTC).isoformat()
    told: dict[str, Any] = krets.json("digest", "send", address, "--until", until)
    return told


@pytest.mark.journey
def test_the_fastest_copy_comes_once_and_not_again_in_a_digest(
    circle: Krets, outbox: list[Caught]
) -> None:
    rhythms = {
        (GARDEN, ANNA): "daily", (BEES, ANNA): "weekly", (TOOLS, ANNA): "weekly",
        (BEES, BO): "daily", (BEES, CILLA): "daily", (TOOLS, CILLA): "daily",
    }  # fmt: skip
    for (address, person), rhythm in rhythms.items():
        circle.krets("member", "set", address, person, "--rhythm", rhythm)
    deliver(circle, mail(f"{GARDEN}, {BEES}, {TOOLS}"), *ALL)
    settled(circle)
    assert {who for who, _ in copies(outbox)} == {BO, DORA, EVA}
    deliver(circle, mail(BEES).replace(b"Who has a box", b"Who has a veil"), BEES)
    settled(circle)
    for address, days in ((GARDEN, 1.1), (TOOLS, 1.1), (BEES, 1.1), (BEES, 8.0), (TOOLS, 8.0)):
        digest(circle, address, days)
        settled(circle)
    said = {who: "".join(map(text_of, mails_to(outbox, who))) for who in PLACES}
    assert {who: text.count("a box for a swarm") for who, text in said.items()} == dict.fromkeys(
        PLACES, 1
    )
    assert {who: said[who].count("a veil") for who in (ANNA, BO, CILLA)} == {
        ANNA: 1, BO: 1, CILLA: 1,
    }  # fmt: skip
    assert digest(circle, BEES, 30.0)["members"] == 0
