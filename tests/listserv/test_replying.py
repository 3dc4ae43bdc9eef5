"""Readers' answers: to the editors, under the issue, or to another list; never to nowhere."""

import re
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from archive.tables import Message, Thread
from listserv.app import App
from listserv.config import ListservSettings, MailerSettings, Settings
from listserv.newsletters import launch as newsletters
from listserv.tables import Hold
from mailer.mailings import Mailing, Policy, composition
from mailer.store import Store, get_raw
from subscriptions import roster
from subscriptions.roster import Kind, Role
from tests.place import Place, Silent

NEWS, FRIENDS = "news@example.org", "friends@example.org"
OLGA, ANNA, EVE = "olga@example.org", "anna@example.net", "eve@example.com"
LEAVE = "abcdefghijklmnopqrstuvwxyz"
ANSWER = f"""Thank you, the tulips are lovely. Mine: {LEAVE}

On Monday Anna wrote:
> leave the leaves
> http://localhost:8080/news@example.org/leave/{LEAVE}
""".replace("\n", "\r\n")


@pytest.fixture
def place(store: Store, tmp_path: Path) -> Place:
    """Make a newsletter with an editor and a reader, and a discussion list."""
    app = App(
        Settings(
            listserv=ListservSettings(domain="example.org", base_url="http://localhost:8080"),
            mailer=MailerSettings(data=tmp_path),
        )
    )
    app.__dict__.update(store=store, bells=Silent())
    with store.write() as session:
        for name, kind in ((NEWS, Kind.NEWSLETTER), (FRIENDS, Kind.DISCUSSION)):
            roster.create_list(session, name, kind=kind, title="The Garden", now=1.0)
    made = Place(app)
    made.add(OLGA, Role.EDITOR, lst=NEWS)
    made.add(ANNA, lst=NEWS)
    return made


def send(place: Place, replies: str) -> tuple[str, str]:
    """Send an issue of a list with this setting; return its Message-ID and its Reply-To."""
    app, now = place.app, time.time()
    with app.store.write() as session:
        roster.change_list(roster.get_list(session, NEWS), replies=replies)
    survey = newsletters.survey(app, NEWS, b"---\nsubject: November\n---\nLeaves.\n", now)
    number = newsletters.begin(app, survey.lst, survey.ready, policy=Policy.NEVER_TWICE, now=now)
    for _ in newsletters.freeze(app, number):
        pass
    with app.store.read() as session:
        message_id = session.get_one(Mailing, number).message_id
        made = composition(session, number, 5 << 2)
    assert made is not None
    found = re.search(rb"Reply-To: <([^>]*)>", b"".join(made.parts))
    return message_id, found[1].decode() if found else ""


def threads(place: Place) -> list[list[tuple[str, str]]]:
    """Return the (subject, text) of each thread of the archive, the oldest first."""
    with place.app.store.read() as session:
        return [
            [
                (one.subject, (get_raw(session, one.raw_sha) or b"").decode())
                for one in session.scalars(
                    select(Message).where(Message.thread_id == thread).order_by(Message.id)
                )
            ]
            for thread in session.scalars(select(Thread.id).order_by(Thread.id))
        ]


def test_answers_stand_under_the_issue_by_their_head_or_by_their_address_alone(
    place: Place,
) -> None:
    issue, to = send(place, "thread")
    assert re.fullmatch(r"news-reply\+[a-z2-7]{26}@example\.org", to)
    place.write(ANNA, to, ANSWER, subject="Re: November")
    place.write(ANNA, NEWS, ANSWER, subject="Re: November", more=f"In-Reply-To: <{issue}>\r\n")
    more = "In-Reply-To: <letter-1@mail.example>\r\n"
    place.write(ANNA, NEWS, "And to that.", subject="Re: Re: November", more=more)
    (thread,) = threads(place)
    assert [title for title, _ in thread] == [
        "November", "Re: November", "Re: November", "Re: Re: November",
    ]  # fmt: skip
    kept = thread[1][1]
    assert "the tulips are lovely" in kept
    assert LEAVE not in kept  # neither in what was quoted, nor in what was written
    assert "leave the leaves" not in kept
    with place.app.store.read() as session:
        assert not session.scalars(select(Mailing).where(Mailing.kind == "post")).all()
    assert not place.mails(OLGA)


def test_an_answer_by_nobody_a_stranger_or_about_nothing_never_stands_there_by_itself(
    place: Place,
) -> None:
    _, to = send(place, "thread")
    place.write(ANNA, to, "I am away.", more="Auto-Submitted: auto-replied\r\n")
    place.write(EVE, to, "Buy this.")
    place.write(ANNA, NEWS, "A new letter to the editors.")
    assert len(threads(place)[0]) == 1
    with place.app.store.read() as session:
        held = {one.rules for one in session.scalars(select(Hold))}
    assert held == {'["membership"]', '["newsletter-address", "editors-only"]'}


def test_answers_go_to_the_editors_or_to_another_list_where_the_list_says_so(
    place: Place,
) -> None:
    issue, to = send(place, "editors")
    assert to == ""
    place.write(ANNA, NEWS, ANSWER, more=f"In-Reply-To: <{issue}>\r\n")
    assert len(place.mails(OLGA)) == 1
    assert len(threads(place)[0]) == 1
    assert send(place, FRIENDS)[1] == FRIENDS
