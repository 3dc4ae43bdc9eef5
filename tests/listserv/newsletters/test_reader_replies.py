"""Readers' answers: to the editors, under the issue, or to another list; never to nowhere."""

import base64
import re
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from archive.threads.archive_tables import Message, Thread
from listserv.newsletters.sending import issue_sending
from listserv.wiring.app import App
from listserv.wiring.config import ListservSettings, MailerSettings, Settings
from listserv.wiring.listserv_tables import Hold
from mailer.ledger.mailings import Mailing, UnsurePolicy, composition
from mailer.storage.store import Store, get_raw
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists import roster
from subscriptions.lists.roster import ListKind, MailList, Role
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
        for name, kind in ((NEWS, ListKind.NEWSLETTER), (FRIENDS, ListKind.DISCUSSION)):
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
    survey = issue_sending.survey(app, NEWS, b"---\nsubject: November\n---\nLeaves.\n", now)
    number = issue_sending.begin(
        app, survey.lst, survey.ready, policy=UnsurePolicy.NEVER_TWICE, now=now
    )
    for _ in issue_sending.freeze(app, number):
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


def own_token(place: Place, purpose: TokenPurpose, on: str = NEWS) -> str:
    """Return a token of Anna's."""
    with place.app.store.read() as session:
        member = roster.membership_of(session, roster.get_list(session, on).id, ANNA)
    assert member is not None
    return place.app.keyring.standing(purpose, on, member.id)


def forms(place: Place) -> tuple[list[str], list[str]]:
    """Return ways in which a mail may hold Anna's own tokens, and the tokens."""
    leave, vote = own_token(place, TokenPurpose.LEAVE), own_token(place, TokenPurpose.VOTE)
    page = f"http://localhost:8080/{NEWS}"
    written = [
        f"The page {page}/vote/abcde{vote} does not open.",
        f"See {page}/leave/{leave[:13]}\r\n{leave[13:]} please",
        f"{page}/leave/{leave[:9]}\r\n> {leave[9:]}",
        f"mail news-leave+{leave}=40example.org and x{leave} and {leave}5, {leave.upper()}.",
        f"{page}/vote/ab=\r\ncde{vote[:20]}=\r\n{vote[20:]}",
    ]
    return written, [leave, vote]


def joined(raw: str) -> str:
    """Return a mail as somebody reads it who undoes its lines and quote marks."""
    return re.sub(r"=?\r?\n[> ]*", "", raw).lower()


def test_no_readers_token_stands_in_the_archive_in_whatever_form_it_was_written(
    place: Place,
) -> None:
    issue, _ = send(place, "thread")
    written, tokens = forms(place)
    for number, words in enumerate(written):
        more = f"In-Reply-To: <{issue}>\r\n"
        place.write(ANNA, NEWS, words, subject=f"Re: {number} {tokens[0]}", more=more)
    (thread,) = threads(place)
    assert len(thread) == 1 + len(written)
    for _, kept in thread[1:]:
        assert not [one for one in tokens if one in joined(kept)]
    assert "please" in thread[2][1]
    assert "does not open" in thread[1][1]


def test_a_discussion_list_gets_answers_without_their_writers_tokens_and_otherwise_unchanged(
    place: Place,
) -> None:
    send(place, FRIENDS)
    place.add(ANNA, lst=FRIENDS)
    place.add(EVE, lst=FRIENDS)
    written, tokens = forms(place)
    for words in written:
        place.write(ANNA, FRIENDS, f"Nice!\r\n\r\n> {words}\r\n")
    quoted = f"Nice, and so \u00e5ngstr\u00f6m!\r\n> http://x/leave/{tokens[0]}\r\n" * 20
    coded = base64.encodebytes(quoted.encode()).replace(b"\n", b"\r\n")
    head = f"From: {ANNA}\r\nTo: {FRIENDS}\r\nSubject: coded\r\nMessage-ID: <coded@e>\r\n"
    more = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    place.take((head + more).encode() + coded, ANNA, FRIENDS)
    place.write(ANNA, FRIENDS, f"Another's: {LEAVE}", subject="fine")
    with place.app.store.read() as session:
        numbers = session.scalars(select(Mailing.id).where(Mailing.kind == "post")).all()
        copies = [composition(session, one, 0) for one in numbers]
        of = select(MailList.id).where(MailList.name == "friends").scalar_subquery()
        rows = session.scalars(select(Message).where(Message.list_id == of)).all()
        archived = [(get_raw(session, row.raw_sha) or b"") for row in rows]
    sent = [b"".join(one.parts) for one in copies if one is not None]
    assert len(sent) == len(archived) == len(written) + 2
    for raw in (*sent, *archived):
        assert not [one for one in tokens if one in joined(raw.decode())]
        assert b"Nice!" in raw or b"base64" in raw or LEAVE.encode() in raw
    bodies = [raw.partition(b"\r\n\r\n")[2] for raw in archived if b"base64" in raw]
    assert base64.b64decode(bodies[0]).decode() == quoted.replace(tokens[0], "x" * 26)
    assert bodies[0].count(b"\r\n") == coded.count(b"\r\n")


@pytest.mark.parametrize("field", ["X-No-Archive: yes", "Archive: no"])
def test_an_answer_that_asks_not_to_be_archived_goes_to_the_editors(
    place: Place, field: str
) -> None:
    issue, to = send(place, "thread")
    place.write(ANNA, to, "For you alone.", more=f"{field}\r\nIn-Reply-To: <{issue}>\r\n")
    assert len(threads(place)[0]) == 1
    assert len(place.mails(OLGA)) == 1


@pytest.mark.parametrize(
    "odd",
    [
        'Message-ID: <[::@@,;"x>',
        "Message-ID: <x@[>",
        "Message-ID: <@>",
        "Date: Mon, 99999999999999999999 Nov 2026 10:00:00 +0000",
        "Date: Mon, 1 Nov 99999999 10:00:00 +9999999999",
    ],
)
def test_an_answer_with_an_odd_head_stands_under_its_issue_all_the_same(
    place: Place, odd: str
) -> None:
    _, to = send(place, "thread")
    usual = {"Subject": "Re: November", "Message-ID": "<odd@e>", "From": ANNA, "To": to}
    name, _, value = odd.partition(": ")
    head = "".join(f"{key}: {said}\r\n" for key, said in {**usual, name: value}.items())
    place.take(f"{head}\r\nMy own words.\r\n".encode(), ANNA, to)
    (thread,) = threads(place)
    assert len(thread) == 2
    assert "My own words." in thread[1][1]
