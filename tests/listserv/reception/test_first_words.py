"""A newcomer's first post is welcomed once, and a question like a solved one is told so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from listserv.actions import threads
from listserv.actions.call import OPERATOR, Call
from listserv.actions.threads import SolveThread
from mailer.reading.headers.head_facts import permalink_hash
from tests.place import ANNA, LIST, Place, make_place, subject, text

BO, STRANGER = "bo@example.com", "nobody@example.com"


@pytest.fixture
def place(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    made.add(BO)
    monkeypatch.setattr("listserv.reception.first_words.NEWCOMER", 1e10)
    yield made
    made.end()


def ask(place: Place, who: str, title: str, words: str) -> None:
    raw = (
        f"From: {who}\r\nTo: {LIST}\r\nSubject: {title}\r\n"
        f"Message-ID: <{len(place.decisions())}@mail.example>\r\n\r\n{words}\r\n"
    )
    place.take(raw.encode(), who, LIST)


def test_a_first_post_is_welcomed_once_and_only_where_the_list_says_so(place: Place) -> None:
    place.post(ANNA, "Hello all.")
    assert place.mails(ANNA) == []
    place.change(first_posts_welcomed=True)
    place.post(ANNA, "Hello again.")
    assert place.mails(ANNA) == []
    place.post(BO, "Here I am.")
    (welcome,) = place.mails(BO)
    assert subject(welcome) == "Your first mail on Friends"
    assert f"/m/{permalink_hash('post-3@mail.example')}/" in text(welcome)
    place.post(BO, "Here I am again.")
    assert len(place.mails(BO)) == 1


def test_an_old_members_first_post_and_a_strangers_are_not_welcomed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("listserv.reception.first_words.NEWCOMER", 1.0)
    place.change(first_posts_welcomed=True)
    place.post(BO, "Here I am.")
    place.post(STRANGER, "Buy this.")
    assert place.mails(BO) == place.mails(STRANGER) == []


def test_whoever_asks_what_was_solved_is_told_where(place: Place) -> None:
    ask(place, ANNA, "Planting potatoes in sand", "How deep?")
    ask(place, ANNA, "A ladder for the roof", "Who has one?")
    solved = permalink_hash("0@mail.example")
    threads.solve(Call(place.app, OPERATOR, 1.0), SolveThread(LIST, solved))
    ask(place, BO, "Potatoes", "I am planting some this spring. How deep?")
    assert place.mails(BO) == []
    place.change(answers_suggested=True)
    ask(place, BO, "Potato planting", "I am planting potatoes this spring. How deep?")
    (told,) = place.mails(BO)
    assert subject(told) == "Was it one of these? Potato planting"
    assert f"/t/{solved}/" in text(told)
    assert "ladder" not in text(told)
    ask(place, BO, "Roof", "Who can lend me something for my roof?")
    ask(place, BO, "Planting potatoes", "I have planted potatoes in sand, it went well.")
    assert len(place.mails(BO)) == 1
