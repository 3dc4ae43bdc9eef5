"""Moderators split, merge, close and reopen threads by mail and command, and take it back."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from archive.filing import mail_threading
from archive.filing.thread_rows import MailToThread
from archive.site import build, whole_archive
from archive.threads.archive_tables import Body, FormerThread, Message, Node, Thread
from listserv.actions import threads
from listserv.actions.call import OPERATOR, Call
from listserv.actions.threads import ListThreads, MergeThreads, OneThread, SplitThread
from mailer.errors import Refused
from mailer.reading.headers.head_facts import permalink_hash, read_head
from mailer.storage.store import get_raw
from subscriptions.lists.roster import Role, get_list
from tests.place import ANNA, EVE, LIST, MODERATOR, Place, make_place, subject, text

REQUEST = "friends-request@example.org"
BO = "bo@example.com"
FIRST, SECOND, THIRD, OTHER = (f"post-{number}@mail.example" for number in (1, 2, 3, 4))
CALL = 1.0


def under(*ids: str) -> str:
    named = " ".join(f"<{one}>" for one in ids)
    return f"In-Reply-To: <{ids[-1]}>\r\nReferences: {named}\r\n"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Let three mails answer each other, and another stand alone."""
    made = make_place(tmp_path, database_url)
    made.add(BO)
    made.add(EVE)
    made.post(f"Anna <{ANNA}>", "How deep do you plant potatoes?")
    made.post(f"Bo <{BO}>", "Ten centimetres. Has anybody a ladder?", more=under(FIRST))
    made.post(f"Anna <{ANNA}>", "I have a ladder.", more=under(FIRST, SECOND))
    made.post(f"Eve <{EVE}>", "Who else has a ladder?")
    yield made
    made.end()


def call(place: Place) -> Call:
    return Call(place.app, OPERATOR, CALL)


def standing(place: Place) -> dict[str, tuple[str, list[str]]]:
    """Return the pages of threads on disk: what each is called, and its mails in order."""
    found = {}
    for page in sorted((draw(place) / "t").glob("*/thread.json")):
        told = json.loads(page.read_text())
        ids = [one["id"] for one in told["messages"]]
        found[page.parent.name] = (told["subject"], ids)
    return found


def draw(place: Place) -> Path:
    """Draw what waits, see that a check agrees, and return the list's folder."""
    app = place.app
    root, base = app.settings.archive_path, app.settings.listserv.base_url
    while build.render_dirty(app.store, root, base):
        pass
    with app.store.read() as session:
        lst = get_list(session, LIST)
    assert not whole_archive.check(app.store, root, base, lst)
    return root / "public" / LIST


def file_anew(place: Place) -> None:
    """Forget where every mail stands, and place them all again, the last one first."""
    with place.app.store.write() as session:
        lst = get_list(session, LIST)
        rows = session.execute(select(Message.raw_sha, Message.arrival).order_by(Message.id))
        mails = []
        for sha, arrival in reversed(rows.all()):
            raw = get_raw(session, sha) or b""
            mails.append(MailToThread(raw, sha, arrival, read_head(raw)))
        for table in (Body, Message, Node, FormerThread, Thread):
            session.execute(delete(table))
        for mail in mails:
            mail_threading.place_many(session, lst, [mail])


def test_a_split_takes_the_answers_along_and_old_addresses_stay_valid(place: Place) -> None:
    old = permalink_hash(FIRST)
    assert set(standing(place)) == {old, permalink_hash(OTHER)}
    more = under(FIRST, SECOND)
    place.write(MODERATOR, REQUEST, "split: Ladders", subject="Re: News", more=more)
    receipt = place.mails(MODERATOR)[-1]
    now = permalink_hash(SECOND)
    assert f"/t/{now}/" in text(receipt)
    threads_now = standing(place)
    assert threads_now[old] == ("News", [FIRST])
    assert threads_now[now] == ("Ladders", [SECOND, THIRD])
    assert "Ladders" in (draw(place) / "index.html").read_text()
    for id_ in (SECOND, THIRD):
        pointer = (draw(place) / "m" / permalink_hash(id_) / "index.html").read_text()
        assert f"t/{now}/" in pointer
    place.post(f"Bo <{BO}>", "Thanks.", more=under(FIRST, SECOND, THIRD))
    assert standing(place)[now][1] == [SECOND, THIRD, "post-6@mail.example"]
    place.reply(receipt, "ångra")
    assert subject(place.mails(MODERATOR)[-1])
    assert set(standing(place)) == {old, permalink_hash(OTHER)}
    went = (draw(place) / "t" / now / "index.html").read_text()
    assert f"t/{old}/" in went


def test_a_merge_moves_a_thread_below_a_mail_of_another_and_undo_parts_them(place: Place) -> None:
    old, other = permalink_hash(FIRST), permalink_hash(OTHER)
    words = f"slå ihop med #{permalink_hash(THIRD)[:10]}"
    place.write(MODERATOR, REQUEST, words, subject="Re: News", more=under(OTHER))
    receipt = place.mails(MODERATOR)[-1]
    assert standing(place) == {old: ("News", [FIRST, SECOND, THIRD, OTHER])}
    assert f"t/{old}/" in (draw(place) / "t" / other / "index.html").read_text()
    place.post(f"Bo <{BO}>", "I do.", more=under(OTHER))
    assert standing(place)[old][1][-1] == "post-6@mail.example"
    place.reply(receipt, "ångra")
    threads_now = standing(place)
    assert threads_now[old][1] == [FIRST, SECOND, THIRD]
    assert threads_now[other][1] == [OTHER, "post-6@mail.example"]


def test_what_was_moved_stands_the_same_when_every_mail_is_placed_anew(place: Place) -> None:
    threads.split(call(place), SplitThread(LIST, permalink_hash(SECOND), "Ladders"))
    merged = MergeThreads(LIST, permalink_hash(OTHER), permalink_hash(SECOND)[:12])
    threads.merge(call(place), merged)
    threads.close(call(place), OneThread(LIST, permalink_hash(SECOND)))
    before = standing(place)
    name, mails = before[permalink_hash(SECOND)]
    assert (name, mails[0], {*mails}) == ("Ladders", SECOND, {SECOND, THIRD, OTHER})
    file_anew(place)
    assert standing(place) == before
    assert threads.ls(call(place), ListThreads(LIST))[0].state.value == "closed"
    threads.merge(call(place), MergeThreads(LIST, permalink_hash(OTHER), off=True))
    threads.split(call(place), SplitThread(LIST, permalink_hash(THIRD), off=True))
    assert standing(place)[permalink_hash(FIRST)] == ("News", [FIRST, SECOND, THIRD])


def test_a_closed_thread_takes_no_answer_and_who_writes_one_is_told(place: Place) -> None:
    place.write(MODERATOR, REQUEST, "close this thread", subject="Re: News", more=under(FIRST))
    receipt = place.mails(MODERATOR)[-1]
    assert "mailto:friends-reply" not in page_of(place, FIRST)
    place.post(f"Bo <{BO}>", "One more thing.", more=under(FIRST, SECOND))
    assert place.decisions()[-1] == "refuse"
    told = place.mails(BO)[-1]
    assert "takes no more answers" in subject(told)
    assert "friends@example.org, with a subject" in " ".join(text(told).split())
    place.post(MODERATOR, "A last word.", more=under(FIRST, SECOND))
    place.post(f"Bo <{BO}>", "Elsewhere.", more=under(OTHER))
    assert place.decisions()[-2:] == ["accept", "accept"]
    place.reply(receipt, "ångra")
    place.post(f"Bo <{BO}>", "Now it goes.", more=under(FIRST, SECOND))
    assert place.decisions()[-1] == "accept"
    assert "mailto:friends-reply" in page_of(place, FIRST)


def page_of(place: Place, id_: str) -> str:
    return (draw(place) / "t" / permalink_hash(id_) / "index.html").read_text()


def test_reopen_as_an_answer_is_about_the_thread_and_not_about_the_list(place: Place) -> None:
    threads.close(call(place), OneThread(LIST, permalink_hash(FIRST)))
    place.role(MODERATOR, Role.OWNER)
    place.write(MODERATOR, REQUEST, "reopen", subject="Re: News", more=under(FIRST))
    assert "Öppen igen" in subject(place.mails(MODERATOR)[-1])
    place.post(f"Bo <{BO}>", "Now it goes.", more=under(FIRST, SECOND))
    assert place.decisions()[-1] == "accept"


@pytest.mark.parametrize("words", ["split", "close", "merge #{code}"])
def test_a_plain_member_arranges_nothing(place: Place, words: str) -> None:
    before = standing(place)
    said = words.format(code=permalink_hash(OTHER)[:10])
    place.write(ANNA, REQUEST, said, subject="Re: News", more=under(FIRST, SECOND))
    assert subject(place.mails(ANNA)[-1]) == "Only moderators can do this"
    assert standing(place) == before
    place.post(f"Bo <{BO}>", "Still open.", more=under(FIRST))
    assert place.decisions()[-1] == "accept"


def test_a_moderators_name_alone_is_asked_about_at_their_address(place: Place) -> None:
    before = standing(place)
    forged = f"{under(FIRST, SECOND)}X-Forged: yes\r\n"
    place.write("mats@nowhere.example", REQUEST, "split", subject="Re: News", more=forged)
    assert standing(place) == before


@pytest.mark.parametrize(
    ("mail", "into", "key"),
    [(FIRST, "", "thread-begins"), (THIRD, FIRST, "thread-one"), (FIRST, "nobody", "no-thread")],
)
def test_what_cannot_be_arranged_is_refused_and_nothing_changes(
    place: Place, mail: str, into: str, key: str
) -> None:
    before = standing(place)
    one, other = permalink_hash(mail), permalink_hash(into)

    def arrange() -> None:
        if into:
            threads.merge(call(place), MergeThreads(LIST, one, other))
        else:
            threads.split(call(place), SplitThread(LIST, one))

    with pytest.raises(Refused) as why:
        arrange()
    assert why.value.key == key
    assert standing(place) == before
