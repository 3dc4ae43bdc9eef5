"""The journey of "solved": said in a post or to LIST-request@, shown on the page, taken back."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from archive.site import build, whole_archive
from listserv.actions import threads
from listserv.actions.call import OPERATOR, Call
from listserv.actions.threads import ListThreads, SolveThread
from mailer.reading.headers.head_facts import permalink_hash
from subscriptions.lists.roster import get_list
from tests.place import ANNA, EVE, LIST, MODERATOR, Place, make_place, subject, text

REQUEST = "friends-request@example.org"
BO = "bo@example.com"
QUESTION, ANSWER = "post-1@mail.example", "post-2@mail.example"
TO_ANSWER = f"In-Reply-To: <{ANSWER}>\r\nReferences: <{QUESTION}> <{ANSWER}>\r\n"
TO_QUESTION = f"In-Reply-To: <{QUESTION}>\r\n"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Let Anna ask, and Bo answer."""
    made = make_place(tmp_path, database_url)
    made.add(BO)
    made.add(EVE)
    made.post(f"Anna <{ANNA}>", "How deep do you plant <potatoes>?")
    made.post(f"Bo <{BO}>", "Ten centimetres, and </script> twelve in sand.", more=TO_QUESTION)
    yield made
    made.end()


def state(place: Place) -> tuple[str, str | None]:
    (one,) = threads.ls(Call(place.app, OPERATOR, 1.0), ListThreads(LIST))
    return one.state.value, one.answer


def draw(place: Place) -> Path:
    """Draw what waits; return the list's folder."""
    app = place.app
    root, base = app.settings.archive_path, app.settings.listserv.base_url
    while build.render_dirty(app.store, root, base):
        pass
    return root / "public" / LIST


def page(place: Place) -> str:
    return (draw(place) / "t" / permalink_hash(QUESTION) / "index.html").read_text()


class Scripts(HTMLParser):
    """Gather what stands in the scripts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script" and ("type", "application/ld+json") in attrs

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found.append(data)


def told(html: str) -> list[dict[str, object]]:
    scripts = Scripts()
    scripts.feed(html)
    return [json.loads(one) for one in scripts.found]


def test_thanks_solved_in_a_post_marks_the_mail_that_it_answers(place: Place) -> None:
    assert state(place) == ("answered", None)
    place.post(f"Anna <{ANNA}>", "Thanks Bo, solved!\n\nAnna", more=TO_ANSWER)
    assert state(place) == ("solved", permalink_hash(ANSWER))
    (receipt,) = place.mails(ANNA)
    assert subject(receipt) == "Solved: News"
    assert f"/m/{permalink_hash(ANSWER)}/" in text(receipt)
    assert place.mails(BO, kind="post")[-1].get_payload().startswith("Thanks Bo")
    place.reply(receipt, "undo", ANNA)
    assert state(place) == ("answered", None)
    assert told(page(place)) == []


@pytest.mark.parametrize(
    ("who", "words"),
    [
        (ANNA, "Thanks!"),
        (ANNA, "Is this solved?"),
        (ANNA, "Not solved, sorry."),
        (ANNA, "I solved it differently but the question is still open"),
        (BO, "Solved!"),
        (MODERATOR, "Solved!"),
    ],
)
def test_nobody_elses_word_and_no_thanks_marks_a_thread(place: Place, who: str, words: str) -> None:
    place.post(who, words, more=TO_ANSWER)
    assert state(place) == ("answered", None)


def test_solved_to_request_is_the_askers_word_and_a_moderators(place: Place) -> None:
    place.write(BO, REQUEST, "solved", subject="Re: News", more=TO_ANSWER)
    assert subject(place.mails(BO)[-1]) == "Only they can say so who asked"
    assert state(place) == ("answered", None)
    place.write(ANNA, REQUEST, "Thanks, solved", subject="Re: News", more=TO_QUESTION)
    assert state(place) == ("solved", permalink_hash(ANSWER))
    place.write(ANNA, REQUEST, "not solved after all", subject="Re: News", more=TO_QUESTION)
    assert state(place) == ("answered", None)
    place.write(MODERATOR, REQUEST, "svar", subject="Re: News", more=TO_ANSWER)
    assert state(place) == ("solved", permalink_hash(ANSWER))
    assert subject(place.mails(MODERATOR)[-1]) == "Löst: News"
    place.reply(place.mails(MODERATOR)[-1], "ångra", MODERATOR)
    assert state(place) == ("answered", None)


def test_a_solved_thread_shows_its_answer_on_top_and_says_so_to_machines(place: Place) -> None:
    place.post(f"Anna <{ANNA}>", "solved", more=TO_ANSWER)
    html = page(place)
    top = html.index('<section class="accepted"')
    assert top < html.index("<article")
    (data,) = told(html)
    assert data["@type"] == "QAPage"
    question = data["mainEntity"]
    assert isinstance(question, dict)
    assert (question["@type"], question["name"]) == ("Question", "News")
    assert question["text"] == "How deep do you plant <potatoes>?"
    assert question["acceptedAnswer"]["text"] == "Ten centimetres, and </script> twelve in sand."
    assert question["acceptedAnswer"]["author"] == {"@type": "Person", "name": "Bo"}
    assert question["answerCount"] == 1
    assert re.fullmatch(r"[\d-]{10}T\d\d:\d\dZ", question["datePublished"])


def test_the_page_of_answers_follows_the_marks_and_a_check_agrees(place: Place) -> None:
    app = place.app
    root, base = app.settings.archive_path, app.settings.listserv.base_url
    assert not (draw(place) / "answers").exists()
    place.post(f"Anna <{ANNA}>", "solved", more=TO_ANSWER)
    folder = draw(place)
    shown = (folder / "answers/index.html").read_text()
    assert f"../t/{permalink_hash(QUESTION)}/" in shown
    assert 'href="answers/"' in (folder / "index.html").read_text()
    with app.store.read() as session:
        lst = get_list(session, LIST)
    build.render_late(app.store, root, base, 1e12)
    assert not whole_archive.check(app.store, root, base, lst)
    whole_archive.build(app.store, root, base, lst)
    assert (folder / "answers/index.html").read_text() == shown
    assert not whole_archive.check(app.store, root, base, lst)
    threads.solve(Call(app, OPERATOR, 2.0), SolveThread(LIST, permalink_hash(QUESTION), off=True))
    assert not (draw(place) / "answers").exists()
    assert not whole_archive.check(app.store, root, base, lst)


@pytest.mark.parametrize("spelled", ["[Garden] Potatoes", "Potatoes #garden"])
def test_answers_stand_under_the_topic_that_their_subject_names(place: Place, spelled: str) -> None:
    head = f"From: Anna <{ANNA}>\r\nTo: {LIST}\r\nSubject: {spelled}\r\n"
    raw = f"{head}Message-ID: <q@x>\r\n\r\nHow?\r\n"
    place.take(raw.encode(), ANNA, LIST)
    place.post(f"Bo <{BO}>", "So.", more="In-Reply-To: <q@x>\r\n")
    place.write(ANNA, REQUEST, "solved", subject=f"Re: {spelled}", more="In-Reply-To: <q@x>\r\n")
    (found,) = json.loads((draw(place) / "answers/index.json").read_text())["answers"]
    assert (found["topic"], found["path"]) == ("garden", f"t/{permalink_hash('q@x')}/")
