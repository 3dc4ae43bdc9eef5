"""A poll from a host's mail to its result, in six languages, on one service."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from mailer.rehearsal.sink import Caught
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


@dataclass(frozen=True)
class Speech:
    """Hold what a host and members say in one language."""

    until: str
    send: str
    close: str
    agree: str
    abstain: str
    block: str


SPEECH = {
    "en": Speech("Until: 18 December", "send", "close", "I agree", "abstain",
                 "I block this: it costs too much."),
    "sv": Speech("Senast: 18 december", "skicka", "stäng", "Jag håller med", "avstår",
                 "Jag blockerar, det blir för dyrt."),
    "it": Speech("Entro: 18 dicembre", "invia", "chiudi", "Sono d'accordo", "mi astengo",
                 "Lo blocco, costa troppo per noi."),
    "ro": Speech("Până: 18 decembrie", "trimite", "închide", "Sunt de acord", "mă abțin",
                 "Blochez, costă prea mult."),
    "ru": Speech("До: 18 декабря", "отправить", "закрыть", "Я согласна", "воздерживаюсь",
                 "Блокирую, это слишком дорого."),
    "nl": Speech("Uiterlijk: 18 december", "verstuur", "sluit", "Mee eens", "onthouding",
                 "Ik blokkeer dit, het is te duur."),
}  # fmt: skip
ROLES = (("ann", "owner"), ("bo", "member"), ("cid", "member"), ("eva", "member"))


SHORT = ("en", "ru")  # what `make test` has time for
EACH = [pytest.param(SHORT, id="two"), pytest.param(tuple(SPEECH), marks=pytest.mark.journey)]


@pytest.fixture
def languages(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return getattr(request, "param", SHORT)  # type: ignore[no-any-return]


@pytest.fixture
def circles(krets: Krets, languages: tuple[str, ...]) -> Iterator[Krets]:
    for language in languages:
        lst = circle(language)
        krets.krets("list", "create", lst, "--title", "Circle", "--language", language)
        for name, role in ROLES:
            krets.krets(
                "member", "add", lst, address(name, language), "--consent", "asked",
                "--role", role, "--language", language,
            )  # fmt: skip
    with running(krets):
        yield krets


def circle(language: str) -> str:
    return f"circle-{language}@example.org"


def address(name: str, language: str) -> str:
    return f"{name}-{language}@example.net"


def reports(outbox: list[Caught], host: str) -> list[Message]:
    return [one for one in mails_to(outbox, host) if one["Precedence"] == "bulk"]


def order(krets: Krets, outbox: list[Caught], host: str, words: str) -> Message:
    """Answer the newest report; return the next one."""
    before = len(reports(outbox, host))
    send(krets, host, reply_to(reports(outbox, host)[-1]), words, subject="Re: Poll")
    wait_for("a report", lambda: len(reports(outbox, host)) > before)
    return reports(outbox, host)[-1]


def votes(krets: Krets, poll: int) -> list[int]:
    return [one["votes"] for one in krets.json("poll", "show", str(poll))["options"]]


def press(url: str, **fields: str) -> str:
    asked = Request(url, data=urlencode(fields).encode())  # noqa: S310 - ours
    with urlopen(asked, timeout=60) as answer:  # noqa: S310 - ours
        return str(answer.read().decode())


@pytest.mark.parametrize("languages", EACH, indirect=True)
def test_a_proposal_goes_from_a_hosts_mail_to_its_result_in_six_languages(
    circles: Krets, outbox: list[Caught], languages: tuple[str, ...]
) -> None:
    spoken = {one: SPEECH[one] for one in languages}
    for language, said in spoken.items():
        ann = address("ann", language)
        to = f"circle-{language}-poll@example.org"
        send(circles, ann, to, f"{said.until}\r\n\r\nA fence.", subject="Fence")
        wait_for("the report", lambda ann=ann: reports(outbox, ann))
        assert mails_to(outbox, address("bo", language)) == []
        order(circles, outbox, ann, said.send)
    for number, (language, said) in enumerate(spoken.items(), start=1):
        words = {"bo": said.agree, "cid": said.abstain, "eva": said.block}
        for name, answer in words.items():
            who = address(name, language)
            asked = wait_mail(outbox, who)
            send(circles, who, reply_to(asked), answer, subject="Re: Fence")
            wait_mail(outbox, who, 2)
        assert votes(circles, number) == [1, 1, 0, 1], language
        send(circles, address("eva", language), reply_to(wait_mail(
            outbox, address("eva", language))), said.agree, subject="Re: Fence")  # fmt: skip
        wait_mail(outbox, address("eva", language), 3)
        assert votes(circles, number) == [2, 1, 0, 0], language  # the last one counts
        ann = address("ann", language)
        order(circles, outbox, ann, said.close)
        assert circles.json("poll", "show", str(number))["state"] == "open"
        order(circles, outbox, ann, said.close)
        result = wait_mail(outbox, address("bo", language), 3)
        shown = circles.json("poll", "show", str(number))
        assert (shown["state"], shown["turnout"], shown["electorate"]) == ("closed", 3, 4)
        assert re.search(r": 2\r?\n", text_of(result))
    page = circles.get(f"/{circle('en')}/polls/")[1].decode()
    assert "3 of 4 have voted" in page


def test_nobody_votes_twice_by_a_forged_from_by_sub_addresses_or_by_mail_in_a_secret_ballot(
    circles: Krets, outbox: list[Caught]
) -> None:
    lst = circle("en")
    source = "---\ntitle: Colour\nuntil: 2036-12-18\n---\n- Red\n- Blue\n"
    circles.krets("poll", "create", lst, "-", "--yes", stdin=source)
    bo, eva = address("bo", "en"), address("eva", "en")
    asked = wait_mail(outbox, bo)
    for sender in (bo, "bo-en+1@example.net", "BO-EN+2@example.net", "eve@example.com", eva):
        send(circles, sender, reply_to(asked), "2", subject="Re: Colour")
    send(circles, eva, f"{lst.partition('@')[0]}-poll@example.org", "1", subject="Re: Colour")
    settled(circles)
    assert votes(circles, 1) == [0, 1]
    secret = source.replace("until:", "secret: yes\nuntil:").replace("Colour", "Chair")
    circles.krets("poll", "create", lst, "-", "--yes", stdin=secret)
    wait_for("the ballot", lambda: any("answer" in text_of(m) and "secret ballot" in text_of(m)
                                       for m in mails_to(outbox, bo)))  # fmt: skip
    ballot = next(m for m in mails_to(outbox, bo) if "secret ballot" in text_of(m))
    before = len(mails_to(outbox, bo))
    send(circles, bo, reply_to(ballot), "1", subject="Re: Chair")
    assert "mail passes many hands" in text_of(wait_mail(outbox, bo, before + 1))
    page = link(ballot, "answer")
    assert "Chair" in circles.get(page.removeprefix(circles.url))[1].decode()
    assert circles.json("poll", "show", "2")["turnout"] == 0  # a GET only shows
    assert "has been counted" in press(page, choice="1")
    assert "has been counted" in press(page, choice="2")  # in place of the first
    shown = circles.json("poll", "show", "2")
    assert (shown["turnout"], [one["votes"] for one in shown["options"]]) == (1, [None, None])
    circles.krets("member", "add", lst, "late@example.net", "--consent", "asked")
    circles.krets("poll", "close", "2", "--yes")
    assert votes(circles, 2) == [0, 1]
    told = json.loads(circles.krets("member", "export", bo))
    assert [one["title"] for one in told["memberships"][0]["answers"]] == ["Colour"]
    circles.krets("member", "forget", bo, "--yes")
    assert votes(circles, 1) == [0, 1]  # counts stay
    settled(circles)
