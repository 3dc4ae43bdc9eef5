"""What strangers, scanners, forgers and mail programs do to permission, and that it holds."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from listserv.web.door import build
from listserv.wiring.listserv_tables import Hold
from mailer.ledger.mailings import Mailing, Recipient
from mailer.storage.store import Base
from subscriptions.lists import roster
from subscriptions.lists.roster import Join, PostPolicy, Role
from subscriptions.permission.asks import Ask
from subscriptions.permission.budget import AutomaticMail
from tests.listserv.letters.test_answers import ABSENT
from tests.listserv.web.conftest import Web
from tests.place import (
    ANNA,
    EVE,
    LIST,
    MODERATOR,
    OWNER,
    Place,
    make_place,
    reply_to,
    subject,
    text,
)
from tests.replies import LANGUAGES, PROGRAMS, SPEECH, reply

SEEN = ("outlook",)  # by `make test`; the others by `make journeys`
JOIN, LEAVE = "friends-join@example.org", "friends-leave@example.org"
REQUEST = "friends-request@example.org"
DAY = 86400.0


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list with an owner, a moderator and a member."""
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


@pytest.fixture
def web(place: Place) -> Web:
    """Give the web door of the same installation."""
    return Web(place.app, build(place.app, dict))


def test_taking_back_that_one_waits_no_more_asks_anew(place: Place) -> None:
    place.change(join=Join.APPROVE)
    place.write(EVE, JOIN)
    place.reply(place.mails(EVE)[0], "Yes", EVE)
    place.write(EVE, LEAVE)
    place.reply(place.mails(EVE)[-1], "Yes", EVE)
    assert place.state(EVE) == "left"
    place.reply(place.mails(EVE)[-1], "Undo", EVE)
    place.reply(place.mails(EVE)[-1], "Yes", EVE)
    assert place.state(EVE) == "pending"
    with place.app.store.read() as session:
        assert session.scalars(select(Hold)).all() == []


def snapshot(place: Place) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of the database."""
    with place.app.store.read() as session:
        return {
            table.name: sorted((tuple(row) for row in session.execute(table.select())), key=repr)
            for table in Base.metadata.sorted_tables
        }


def tokens(place: Place) -> list[tuple[str, str]]:
    """Return (door, token) of every mail's reply address."""
    found = []
    for to in everybody(place):
        for mail in place.mails(to):
            door, _, token = reply_to(mail).partition("@")[0].partition("+")
            if token:
                found.append((door, token))
    return found


def everybody(place: Place) -> list[str]:
    with place.app.store.read() as session:
        return sorted(set(session.scalars(select(Recipient.address))))


@pytest.mark.parametrize(
    "program",
    [one if one in SEEN else pytest.param(one, marks=pytest.mark.journey) for one in PROGRAMS],
)
@pytest.mark.no_cover
def test_a_program_confirms_leaves_undoes_and_moderates_in_six_languages(
    place: Place, program: str
) -> None:
    for language in LANGUAGES:
        speech, who = SPEECH[language], f"{language}@example.net"
        alias = f"alias.{who}"
        place.write(who, JOIN, more=f"Content-Language: {language}\r\n")
        answer(place, who, reply(program, language, speech.yes, sender=alias))
        assert place.state(who) == "active", language
        place.write(who, LEAVE)
        answer(place, who, reply(program, language, speech.yes, sender=alias))
        assert place.state(who) == "left", language
        place.take(
            reply(program, language, speech.undo, sender=alias), alias, to_newest(place, who)
        )
        assert place.state(who) == "active", language
        place.post(EVE, f"Post for {language}.")
        word = "ок" if language == "ru" else "Ok"
        answer(place, OWNER, reply(program, language, word, sender=alias))
        assert place.decisions()[-1] == "accept", language
    assert place.decisions() == ["accept"] * len(LANGUAGES)


def answer(place: Place, who: str, raw: bytes) -> None:
    """Let a program's answer to the newest mail come in, from wherever it sends."""
    place.take(raw, "somebody@elsewhere.example", to_newest(place, who))


def to_newest(place: Place, who: str) -> str:
    return reply_to(place.mails(who)[-1])


def test_out_of_office_notes_of_six_languages_decide_nothing(place: Place) -> None:
    place.write(EVE, JOIN)
    place.write(ANNA, LEAVE)
    place.post("other@example.com")
    before = {one: place.state(one) for one in (EVE, ANNA)}
    for subject_, said in ABSENT.values():
        for who in (EVE, ANNA, OWNER):
            place.write(who, to_newest(place, who), said, subject=subject_)
    assert {one: place.state(one) for one in (EVE, ANNA)} == before
    assert place.hold().state == "waiting"
    assert not place.decisions()


def test_reading_every_link_of_every_mail_three_times_changes_nothing(
    place: Place, web: Web
) -> None:
    place.write(EVE, JOIN)
    place.write(ANNA, LEAVE)
    place.write(ANNA, REQUEST, "my settings")
    place.write(ANNA, REQUEST, "address new@example.net")
    place.write(ANNA, REQUEST, "pause")
    place.post("other@example.com")
    place.reply(place.mails(OWNER)[0], "no", OWNER)
    links = {
        found
        for to in everybody(place)
        for mail in place.mails(to)
        for found in re.findall(r"http://localhost:8080(/\S*)", text(mail))
    }
    assert {link.split("/")[2] for link in links} >= {"confirm", "not-me", "leave", "me"}
    before = snapshot(place)
    for link in sorted(links) * 3:
        for method in ("GET", "HEAD"):
            web.get(link, method)
    assert snapshot(place) == before
    place.reply(place.mails(EVE)[0], "", EVE)
    assert place.state(EVE) == "active"


def test_a_bent_token_and_a_token_at_another_door_or_list_do_nothing(place: Place) -> None:
    with place.app.store.write() as session:
        roster.create_list(session, "other@example.org", now=1.0)
    place.write(EVE, JOIN)
    place.write(ANNA, LEAVE)
    place.post("other@example.com")
    given = tokens(place)
    assert len(given) >= 3
    before = {one: place.state(one) for one in (EVE, ANNA)}
    for door, token in given:
        wrong = {"friends-confirm": "friends-reply", "friends-reply": "friends-confirm"}[door]
        tries = [f"{wrong}+{token}", f"friends-leave+{token}", f"other-{door[8:]}+{token}"]
        for at in (0, 12, 25):
            other = "a" if token[at] != "a" else "b"
            tries.append(f"{door}+{token[:at]}{other}{token[at + 1 :]}")
        for local in tries:
            place.write(EVE, f"{local}@example.org", "ok")
    assert {one: place.state(one) for one in (EVE, ANNA)} == before
    assert place.hold().state == "waiting"
    assert not place.decisions()


def test_forty_forged_requests_by_mail_and_by_page_are_one_mail(place: Place, web: Web) -> None:
    names = ("friends", "two", "three")
    with place.app.store.write() as session:
        for name in names[1:]:
            roster.create_list(session, f"{name}@example.org", now=1.0)
    doors = ("join", "help", "request", "leave")
    for number in range(40):
        name = names[number % 3]
        if number % 2:
            web.post(f"/{name}@example.org/join", {"email": EVE, "name": "", "website": ""})
        else:
            place.write(EVE, f"{name}-{doors[number // 2 % 4]}@example.org", "join")
    assert len(place.mails(EVE)) == 1


def test_known_and_unknown_addresses_get_the_same_page(place: Place, web: Web) -> None:
    pages = {web.post(f"/{LIST}/join", {"email": one}).text for one in (ANNA, EVE, "x@example.net")}
    assert len(pages) == 1


def test_a_strangers_mail_in_a_keepers_name_does_nothing_without_the_keepers_reply(
    place: Place,
) -> None:
    place.change(post=PostPolicy.EDITORS, join=roster.Join.APPROVE)
    place.add("editor@example.net", Role.EDITOR)
    place.write(EVE, JOIN)
    place.reply(place.mails(EVE)[0], "", EVE)
    keepers = (OWNER, MODERATOR, "editor@example.net")
    wishes = ("leave", "pause", "resume", "language sv", "address eve@elsewhere.example", "join")
    for keeper in keepers:
        place.post(keeper, "I declare a holiday.")
        for wish in wishes:
            place.write(keeper, REQUEST, wish)
        place.write(keeper, LEAVE)
        for door in ("confirm", "reply"):  # guessing
            place.write(keeper, f"friends-{door}+{'a' * 26}@example.org", "ok")
        place.write(keeper, REQUEST, "ok")
    assert [place.state(one) for one in keepers] == ["active"] * 3
    assert place.state(EVE) == "pending"
    assert place.decisions() == []
    with place.app.store.read() as session:
        assert not session.scalars(select(Mailing.id).where(Mailing.kind == "post")).all()
        assert not session.scalar(
            select(roster.Address.id).where(roster.Address.key == "eve@elsewhere.example")
        )


def test_an_answer_after_the_time_asks_again_and_asking_again_never_unconfirms(
    place: Place,
) -> None:
    place.write(EVE, JOIN)
    with place.app.store.write() as session:
        session.execute(update(Ask).values(expires_at=1.0))
        session.execute(update(AutomaticMail).values(at=AutomaticMail.at - DAY))
    place.reply(place.mails(EVE)[0], "yes", EVE)
    assert place.state(EVE) == ""
    place.reply(place.mails(EVE)[1], "yes", EVE)
    assert place.state(EVE) == "active"
    for _ in range(3):
        place.write(EVE, JOIN)
    assert place.state(EVE) == "active"
    assert subject(place.mails(EVE)[-1]) == "You are a member of Friends already"
