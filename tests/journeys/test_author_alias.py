"""A private answer to an author whose From was rewritten: both ways, bounded, and no loop."""

import re
from collections.abc import Iterator
from email.message import Message

import pytest

from mailer.rehearsal.sink import Caught
from subscriptions.permission import budget
from tests.journeys.letters import header, mails_to, post, send, settled, wait_mail
from tests.tree import Krets, running, wait_for
from tests.zone import HERE, Zone, serving

LIST = "circle@lists.example.org"
MEMBER, AUTHOR = "bo@plain.example", "anna@strict.example"
ID = "<tea@strict.example>"
POST = (
    b"From: Anna <anna@strict.example>\r\nTo: circle@lists.example.org\r\nSubject: Tea\r\n"
    b"Message-ID: <tea@strict.example>\r\n\r\nAt four?\r\n"
)

LOOP = "Received: by x (Krets) with ESMTP id 1\r\n for <circle-from@lists.example.org>; x\r\n"


@pytest.fixture
def zone() -> Iterator[Zone]:
    """Publish a strict and a plain domain; both may write from this machine."""
    made = Zone()
    for domain in ("strict.example", "plain.example"):
        made.add(domain, ("TXT", HERE), ("A", "192.0.2.9"))
    made.add("_dmarc.strict.example", ("TXT", "v=DMARC1; p=reject"))
    with serving(made):
        yield made


@pytest.fixture
def circle(krets: Krets, zone: Zone) -> Iterator[Krets]:
    krets.settings["KRETS_MAILER__RESOLVER"] = zone.server
    krets.krets("list", "create", LIST, "--title", "Circle")
    krets.krets("dkim", "new", "lists.example.org")
    for one in (MEMBER, AUTHOR):
        krets.krets("member", "add", LIST, one, "--consent", "asked")
    with running(krets):
        yield krets


def alias_in(mail: Message) -> str:
    found = re.fullmatch(
        r"(.*) <(circle-from\+[a-z2-7]{26}@lists\.example\.org)>", header(mail, "From")
    )
    assert found is not None
    return found[2]


def alias(circle: Krets, outbox: list[Caught]) -> str:
    post(circle, POST, AUTHOR, LIST)
    (copy,) = wait_for(
        "the copy", lambda: [m for m in mails_to(outbox, MEMBER) if m["Message-ID"] == ID]
    )
    assert header(copy, "From").startswith('"Anna via Circle" <')
    return alias_in(copy)


def test_a_private_answer_reaches_the_author_whose_address_its_writer_does_not_learn(
    circle: Krets, outbox: list[Caught]
) -> None:
    """Its own From stays, because the plain domain lets it."""
    address = alias(circle, outbox)
    send(circle, f"Bo <{MEMBER}>", address, "Yes!", subject="Re: Tea", envelope=MEMBER)
    (answer,) = wait_for(
        "the answer", lambda: [m for m in mails_to(outbox, AUTHOR) if m["Subject"] == "Re: Tea"]
    )
    assert header(answer, "From") == f"Bo <{MEMBER}>"
    assert AUTHOR not in answer.as_string()
    assert answer["DKIM-Signature"] is None
    (caught,) = [one for one in outbox if b"Subject: Re: Tea" in one.raw]
    assert caught.sender == "circle-bounces@lists.example.org"
    settled(circle)


def test_a_strict_domains_private_answer_comes_under_an_alias_that_answers(
    circle: Krets, outbox: list[Caught]
) -> None:
    bos = POST.replace(b"Anna <anna@strict", b"Bo <bo@plain").replace(b"<tea", b"<bo")
    post(circle, bos, MEMBER, LIST)
    assert header(wait_mail(outbox, AUTHOR), "From") == f"Bo <{MEMBER}>"
    address = alias(circle, outbox)
    send(circle, "Cy <cy@strict.example>", address, "Me too", envelope="cy@strict.example")
    wait_for("Cy's letter", lambda: [m for m in mails_to(outbox, AUTHOR) if "Cy" in str(m["From"])])
    (letter,) = [m for m in mails_to(outbox, AUTHOR) if "Cy" in str(m["From"])]
    assert header(letter, "From").startswith('"Cy via Circle" <')
    assert "d=lists.example.org" in str(letter["DKIM-Signature"])
    send(circle, f"Anna <{AUTHOR}>", alias_in(letter), "Good", envelope=AUTHOR)
    assert header(wait_mail(outbox, "cy@strict.example"), "From").startswith('"Anna via Circle" <')


@pytest.mark.parametrize(
    ("sender", "envelope", "headers", "why"),
    [
        ("ceo@example.org", MEMBER, "", "from-is-ours"),
        ("boss@strict.example", MEMBER, "", "from-not-theirs"),
        (
            MEMBER,
            MEMBER,
            "Received: by x (Krets) with ESMTP id 1\r\n for <circle-from@lists.example.org>; x\r\n",
            "loop",
        ),
    ],
)
def test_what_no_post_may_be_no_private_answer_may_be(
    circle: Krets, outbox: list[Caught], sender: str, envelope: str, headers: str, why: str
) -> None:
    address = alias(circle, outbox)
    send(circle, sender, address, "Pay", envelope=envelope, headers=headers)
    (one,) = wait_for("the hold", lambda: circle.json("queue", "ls")["held"])
    assert why in str(one["why"])
    settled(circle)
    assert len(mails_to(outbox, AUTHOR)) == 1  # their own post


def test_machines_do_not_talk_through_an_alias_and_people_do_within_bounds(
    circle: Krets, outbox: list[Caught]
) -> None:
    address = alias(circle, outbox)
    wait_mail(outbox, AUTHOR)
    send(
        circle, MEMBER, address, "Away", envelope=MEMBER, headers="Auto-Submitted: auto-replied\r\n"
    )
    send(circle, "mailer-daemon@plain.example", address, "Failed", envelope="")
    settled(circle)
    assert len(mails_to(outbox, AUTHOR)) == 1
    for number in range(budget.RELAYED_FROM + 2):
        send(circle, MEMBER, address, f"Letter {number}", envelope=MEMBER)
    settled(circle)
    assert len(mails_to(outbox, AUTHOR)) == 1 + budget.RELAYED_FROM
    assert [one["why"] for one in circle.json("queue", "ls")["held"]] == [["budget"]] * 2


def test_a_forged_letter_to_the_owners_leaves_under_an_alias(
    circle: Krets, outbox: list[Caught]
) -> None:
    """Our return path would make the owners' receivers believe a From of our own domain."""
    circle.krets(
        "member", "add", LIST, "own@plain.example", "--role", "owner", "--consent", "asked"
    )
    send(circle, "CEO <ceo@example.org>", "circle-owner@lists.example.org", "Pay", envelope=MEMBER)
    letter = wait_mail(outbox, "own@plain.example")
    assert header(letter, "From").startswith('"CEO via Circle" <circle-from+')
    assert header(letter, "X-Original-From") == "CEO <ceo@example.org>"
