"""An event by mail: everybody is asked once, and words and calendars come to one record."""

import itertools
import re
from collections.abc import Iterator
from email.message import Message
from typing import Any

import pytest

from mailer.rehearsal.sink import Caught
from tests.journeys import calendars
from tests.journeys.letters import (
    mails_to,
    post,
    reply_to,
    send,
    settled,
    subject_of,
    text_of,
    wait_mail,
)
from tests.tree import Krets, running, wait_for

LIST = "friends@example.org"
ANNA, BO, DORA, WILMA = (
    "anna@example.net", "bo@example.com", "dora@example.se", "wilma@example.it",
)  # fmt: skip
PARTY = """---
title: Summer; party, with "cake"
starts: 2036-12-18T18:00
ends: 2036-12-18T21:00
zone: Europe/Stockholm
place: Town hall, Main street 1
seats: 4
---
Bring cake.
"""
NEVER = "nobody@example.org"


@pytest.fixture
def friends(krets: Krets) -> Iterator[Krets]:
    krets.krets("list", "create", LIST, "--title", "Friends")
    krets.krets("member", "add", LIST, ANNA, "--consent", "asked", "--role", "owner")
    for address, language in ((BO, "en"), (DORA, "sv"), (WILMA, "it")):
        krets.krets("member", "add", LIST, address, "--consent", "asked", "--language", language)
    with running(krets):
        yield krets


def hold(krets: Krets, source: str = PARTY) -> int:
    made = krets.krets("event", "create", LIST, "-", "--yes", "--json", stdin=source)
    found = re.search(r'"event": (\d+)', made)
    assert found is not None
    return int(found[1])


def answers(krets: Krets, event: int) -> dict[str, tuple[str, int]]:
    shown: Any = krets.json("event", "show", str(event))
    return {one["email"]: (one["answer"], one["guests"]) for one in shown["answers"]}


def by_calendar(
    krets: Krets,
    mail: Message,
    who: str,
    partstat: str,
    program: str = "gmail",
    **how: Any,  # noqa: ANN401 - of calendars.reply
) -> None:
    to, raw = calendars.reply(mail, who, partstat, program, **how)
    post(krets, raw, who, to)
    settled(krets)


def test_everybody_is_asked_once_and_words_and_calendars_come_to_one_record(
    friends: Krets, outbox: list[Caught]
) -> None:
    event = hold(friends)
    asked = {one: wait_mail(outbox, one) for one in (ANNA, BO, DORA, WILMA)}
    invited = calendars.invitation(asked[BO])
    assert invited["METHOD"] == "REQUEST"
    assert invited["ATTENDEE"] == f"mailto:{BO}"
    assert invited["ORGANIZER"] == f"mailto:{reply_to(asked[BO])}"
    assert invited["DTSTART"] == "20361218T170000Z"
    assert invited["SUMMARY"] == 'Summer\\; party\\, with "cake"'
    assert all(len(line.encode()) <= 75 for line in _calendar_lines(asked[BO]))
    assert "18:00\N{EN DASH}21:00 (Europe/Stockholm)" in text_of(asked[BO])
    assert "torsdag 18 december 2036" in text_of(asked[DORA])
    send(friends, BO, reply_to(asked[BO]), "Yes please, +1")
    assert subject_of(wait_mail(outbox, BO, 2)) == 'You are coming: Summer; party, with "cake"'
    assert answers(friends, event) == {BO: ("yes", 1)}
    by_calendar(friends, asked[BO], BO, "TENTATIVE")
    assert answers(friends, event) == {BO: ("maybe", 0)}
    for program, (partstat, answer) in zip(
        calendars.PROGRAMS,
        itertools.cycle((("ACCEPTED", "yes"), ("DECLINED", "no"), ("TENTATIVE", "maybe"))),
        strict=False,
    ):
        by_calendar(friends, asked[DORA], DORA, partstat, program)
        guests = 2 if (program, answer) == ("google", "yes") else 0
        assert answers(friends, event)[DORA] == (answer, guests), program
    assert len(mails_to(outbox, DORA)) == 1  # a calendar shows it by itself
    send(friends, WILMA, reply_to(asked[WILMA]), "Purtroppo non posso venire.")
    assert "Abbiamo" in text_of(wait_mail(outbox, WILMA, 2))
    assert answers(friends, event)[WILMA] == ("no", 0)


def _calendar_lines(mail: Message) -> list[str]:
    part = next(one for one in mail.walk() if one.get_content_type() == "text/calendar")
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data.decode().split("\r\n")


def test_what_is_forged_forwarded_delegated_or_a_counterproposal_counts_for_nobody(
    friends: Krets, outbox: list[Caught]
) -> None:
    event = hold(friends)
    asked = {one: wait_mail(outbox, one) for one in (BO, DORA)}
    # A From line, and an ATTENDEE that agrees with it, through another member's token.
    by_calendar(friends, asked[BO], DORA, "ACCEPTED")
    by_calendar(friends, asked[BO], NEVER, "ACCEPTED")  # forwarded to a stranger
    _, raw = calendars.reply(asked[BO], BO, "ACCEPTED")
    post(friends, raw, BO, f"{LIST.partition('@')[0]}-request@example.org")  # no token at all
    two = f"ATTENDEE;PARTSTAT=ACCEPTED:mailto:{BO}\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:{NEVER}"
    by_calendar(friends, asked[BO], BO, "ACCEPTED", attendees=two)
    by_calendar(friends, asked[BO], BO, "ACCEPTED", uid="another@example.org")
    by_calendar(friends, asked[BO], BO, "ACCEPTED", sequence=7)
    by_calendar(friends, asked[BO], BO, "ACCEPTED", method="REQUEST")
    by_calendar(friends, asked[BO], BO, "NEEDS-ACTION")
    assert answers(friends, event) == {}
    assert len(mails_to(outbox, BO)) == 1
    assert mails_to(outbox, NEVER) == []
    by_calendar(friends, asked[BO], BO, "TENTATIVE", method="COUNTER")
    assert "proposed another time" in text_of(wait_mail(outbox, BO, 2))
    by_calendar(friends, asked[BO], BO, "DELEGATED", parameters=f';DELEGATED-TO="mailto:{NEVER}"')
    assert "passed the invitation on" in text_of(wait_mail(outbox, BO, 3))
    assert answers(friends, event) == {}
    # A machine's answer: what it says for its owner counts, what says nothing is a maybe.
    by_calendar(friends, asked[DORA], DORA, "", headers="Auto-Submitted: auto-replied")
    assert answers(friends, event) == {DORA: ("maybe", 0)}
    by_calendar(friends, asked[DORA], DORA, "ACCEPTED", headers="Auto-Submitted: auto-generated")
    assert answers(friends, event) == {DORA: ("yes", 0)}
    send(
        friends, DORA, reply_to(asked[DORA]), "I am out of office until Monday.",
        headers="Auto-Submitted: auto-replied\r\n",
    )  # fmt: skip
    settled(friends)
    assert answers(friends, event) == {DORA: ("yes", 0)}


def test_who_waits_moves_up_and_a_question_reaches_whoever_invites(
    friends: Krets, outbox: list[Caught]
) -> None:
    event = hold(friends)
    asked = {one: wait_mail(outbox, one) for one in (BO, DORA, WILMA)}
    send(friends, BO, reply_to(asked[BO]), "Yes, we are three")
    wait_mail(outbox, BO, 2)
    send(friends, DORA, reply_to(asked[DORA]), "Ja, +1")
    waits = wait_mail(outbox, DORA, 2)
    assert "nummer 1 på väntelistan" in text_of(waits)
    assert "PARTSTAT=TENTATIVE" in calendars.invitation(waits)[""]
    send(friends, WILMA, reply_to(asked[WILMA]), "Sì. Si può parcheggiare lì?")
    wait_mail(outbox, WILMA, 2)
    assert answers(friends, event) == {
        BO: ("yes", 2), DORA: ("waiting", 1), WILMA: ("yes", 0)
    }  # fmt: skip
    wait_for(
        "the question to reach the owner",
        lambda: any("parcheggiare" in text_of(one) for one in mails_to(outbox, ANNA)),
    )
    send(friends, BO, reply_to(wait_mail(outbox, BO, 2)), "Sorry, I can't make it after all.")
    has = wait_mail(outbox, DORA, 3)
    assert "PARTSTAT=ACCEPTED" in calendars.invitation(has)[""]
    assert answers(friends, event)[DORA] == ("yes", 1)
    friends.krets("event", "cancel", str(event), "--yes")
    taken = wait_mail(outbox, BO, 4)
    assert calendars.invitation(taken)["METHOD"] == "CANCEL"
    assert calendars.invitation(taken)["SEQUENCE"] == "1"
    assert calendars.invitation(taken)["UID"] == calendars.invitation(asked[BO])["UID"]
    send(friends, BO, reply_to(asked[BO]), "Yes")
    assert "nothing to answer" in text_of(wait_mail(outbox, BO, 5))
