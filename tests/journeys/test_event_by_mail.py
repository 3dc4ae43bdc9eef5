"""An event from a host's mail to the list of who comes, in six languages, on one service."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

import pytest

from mailer.rehearsal.sink import Caught
from tests.journeys import calendars
from tests.journeys.letters import mails_to, post, reply_to, send, settled, text_of, wait_mail
from tests.tree import Krets, running, wait_for


@dataclass(frozen=True)
class Speech:
    """Hold what a host and members say in one language."""

    draft: str
    send: str
    yes: str
    no: str
    maybe: str
    move_up: str
    tell: str
    cancel: str
    zone: str


SPEECH = {
    "en": Speech(
        "When: Friday 18 December 2026, 18:00-21:00\nWhere: Town hall\nSeats: 2\n"
        "Until: 10 December",
        "Looks good, send it please", "Yes, +1", "I can't come", "Maybe", "move Cid up",
        "tell all: Bring a cup.", "cancel", "Europe/London",
    ),
    "sv": Speech(
        "När: fredag 18 december 2026 kl 18-21\nVar: Kulturhuset\nPlatser: 2\nSenast: 10 december",
        "Ser bra ut, skicka", "Ja, +1", "Jag kan inte komma", "Kanske", "flytta upp Cid",
        "säg till alla: Ta med en kopp.", "ställ in", "Europe/Stockholm",
    ),
    "it": Speech(
        "Quando: venerdì 18 dicembre 2026 dalle 18 alle 21\nDove: Sala civica\nPosti: 2\n"
        "Entro: 10 dicembre",
        "Va bene, invia", "Sì, +1", "Non posso venire", "Forse", "fai entrare Cid",
        "di' a tutti: Portate una tazza.", "annulla", "Europe/Rome",
    ),
    "ro": Speech(
        "Când: vineri 18 decembrie 2026, de la 18 la 21\nUnde: Casa de cultură\nLocuri: 2\n"
        "Până: 10 decembrie",
        "Arată bine, trimite", "Da, +1", "Nu pot veni", "Poate", "urcă Cid",
        "spune tuturor: Aduceți o cană.", "anulează", "Europe/Bucharest",
    ),
    "ru": Speech(
        "Когда: пятница 18 декабря 2026, с 18 до 21\nГде: Дом культуры\nМест: 2\n"
        "До: 10 декабря",
        "Хорошо, отправляйте", "Да, +1", "Не смогу прийти", "Может быть", "пусти Cid",
        "сообщи всем: Возьмите чашку.", "отменить", "Europe/Moscow",
    ),
    "nl": Speech(
        "Wanneer: vrijdag 18 december 2026 van 18 tot 21 uur\nWaar: Buurthuis\nPlaatsen: 2\n"
        "Uiterlijk: 10 december",
        "Ziet er goed uit, verstuur", "Ja, +1", "Ik kan niet komen", "Misschien", "laat Cid toe",
        "zeg iedereen: Neem een beker mee.", "annuleer", "Europe/Amsterdam",
    ),
}  # fmt: skip


ROLES = (("ann", "owner"), ("bo", "member"), ("cid", "member"), ("eva", "member"))


SHORT = ("en", "ru")  # what `make test` has time for
EACH = [pytest.param(SHORT, id="two"), pytest.param(tuple(SPEECH), marks=pytest.mark.journey)]


@pytest.fixture
def languages(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return getattr(request, "param", SHORT)  # type: ignore[no-any-return]


@pytest.fixture
def circles(krets: Krets, languages: tuple[str, ...]) -> Iterator[Krets]:
    """Make a list for each language, with an owner and three members."""
    for language in languages:
        said = SPEECH[language]
        lst = f"circle-{language}@example.org"
        krets.krets("list", "create", lst, "--title", "Circle", "--language", language)
        krets.krets("list", "set", lst, "--zone", said.zone)
        for name, role in (
            ("ann", "owner"),
            ("bo", "member"),
            ("cid", "member"),
            ("eva", "member"),
        ):
            krets.krets(
                "member", "add", lst, address(name, language), "--consent", "asked",
                "--role", role, "--language", language, "--name", name.capitalize(),
            )  # fmt: skip
    with running(krets):
        yield krets


def address(name: str, language: str) -> str:
    return f"{name}-{language}@example.net"


def named(mails: list[Message], word: str) -> list[Message]:
    return [one for one in mails if word in text_of(one)]


def answers(krets: Krets, event: int) -> dict[str, str]:
    shown = krets.json("event", "show", str(event))
    return {one["email"].partition("-")[0]: one["answer"] for one in shown["answers"]}


@pytest.mark.parametrize("languages", EACH, indirect=True)
def test_an_event_goes_from_a_hosts_mail_to_the_list_of_who_comes_in_six_languages(
    circles: Krets, outbox: list[Caught], languages: tuple[str, ...]
) -> None:
    spoken = {one: SPEECH[one] for one in languages}
    for language, said in spoken.items():
        ann = address("ann", language)
        send(
            circles,
            ann,
            f"circle-{language}-event@example.org",
            said.draft.replace("\n", "\r\n"),
            subject="Fest",
        )
        report = wait_mail(outbox, ann, 2)
        assert all(mails_to(outbox, address(one, language)) == [] for one in ("bo", "cid", "eva"))
        send(circles, ann, reply_to(report), said.send, subject="Re: Fest")
    for number, (language, said) in enumerate(spoken.items(), start=1):
        asked = {one: wait_mail(outbox, address(one, language)) for one in ("bo", "cid", "eva")}
        invited = calendars.invitation(asked["bo"])
        hour = circles.json("event", "show", str(number))["starts"]
        assert invited["DTSTART"] == re.sub(r"[-:]", "", hour)[:15] + "Z"
        assert f"({said.zone})" in text_of(asked["bo"])
        send(circles, address("bo", language), reply_to(asked["bo"]), said.yes, subject="Re: Fest")
        wait_mail(outbox, address("bo", language), 2)
        to, raw = calendars.reply(asked["cid"], address("cid", language), "ACCEPTED")
        post(circles, raw, address("cid", language), to)
        wait_mail(outbox, address("cid", language), 2)  # their place on the waiting list
        eva = address("eva", language)
        send(circles, eva, reply_to(asked["eva"]), said.maybe, subject="Re: Fest")
        wait_mail(outbox, eva, 2)
        assert answers(circles, number) == {"bo": "yes", "cid": "waiting", "eva": "maybe"}
    for number, (language, said) in enumerate(spoken.items(), start=1):
        ann, cid = address("ann", language), address("cid", language)
        opened = _order(circles, outbox, ann, said.move_up)
        assert cid in text_of(opened)
        assert answers(circles, number)["cid"] == "yes"
        has = wait_mail(outbox, cid, 3)
        assert "PARTSTAT=ACCEPTED" in calendars.invitation(has)[""]
        _order(circles, outbox, ann, said.tell)
        words = said.tell.partition(": ")[2]
        assert named([wait_mail(outbox, address("eva", language), 3)], words)
        send(circles, address("bo", language), reply_to(has), said.no)  # another's token
        _order(circles, outbox, ann, said.cancel)
        assert circles.json("event", "show", str(number))["state"] == "open"
        _order(circles, outbox, ann, said.cancel)
        assert circles.json("event", "show", str(number))["state"] == "cancelled"
        taken = wait_mail(outbox, address("eva", language), 4)
        assert calendars.invitation(taken)["METHOD"] == "CANCEL"


def _order(krets: Krets, outbox: list[Caught], host: str, words: str) -> Message:
    """Answer the newest report that can be answered; return the next one."""
    before = len(_reports(outbox, host))
    send(krets, host, reply_to(_reports(outbox, host)[-1]), words, subject="Re: Fest")
    wait_for("a report", lambda: len(_reports(outbox, host)) > before)
    return _reports(outbox, host)[-1]


def _reports(outbox: list[Caught], host: str) -> list[Message]:
    return [one for one in mails_to(outbox, host) if one["Precedence"] == "bulk"]


def test_what_cannot_be_read_is_told_and_strangers_and_members_hold_no_event(
    circles: Krets, outbox: list[Caught]
) -> None:
    ann, bo = address("ann", "en"), address("bo", "en")
    send(circles, ann, "circle-en-event@example.org", "Let us meet some day.", subject="Fest")
    trouble = wait_mail(outbox, ann)
    assert "Nothing in your mail says when it is." in text_of(trouble)
    assert reply_to(trouble) == "circle-en-event@example.org"
    send(circles, ann, "circle-en-event@example.org", "When: 29 March 2027 at 9", subject="Fest")
    report = wait_mail(outbox, ann, 3)
    send(circles, ann, reply_to(report), "When: 28 March 2027 at 1:30", subject="Re: Fest")
    assert "No clock shows that hour" in text_of(wait_mail(outbox, ann, 4))
    send(circles, ann, reply_to(report), "Seats: 7", subject="Re: Fest")
    again = wait_mail(outbox, ann, 6)
    assert "Seats: 7" in text_of(again)
    send(circles, ann, reply_to(report), "send", subject="Re: Fest")  # an older report
    assert "older text" in text_of(wait_mail(outbox, ann, 8))
    assert mails_to(outbox, bo) == []
    send(circles, bo, "circle-en-event@example.org", "When: 18 December at 9", subject="Mine")
    wait_for("the owner to get it", lambda: named(mails_to(outbox, ann), "18 December at 9"))
    send(circles, "eve@example.com", "circle-en-event@example.org", "When: 18 December at 9")
    wait_mail(outbox, "eve@example.com")
    settled(circles)
    assert len(circles.json("event", "ls", "circle-en@example.org")) == 1
    assert mails_to(outbox, bo) == []
