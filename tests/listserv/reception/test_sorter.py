"""A message that our code cannot handle waits for a human; nothing is dropped silently."""

import time
from pathlib import Path

import pytest
from sqlalchemy import select, update

from archive.filing import mail_threading
from archive.threads.archive_tables import Message, Thread
from listserv.moderation import holds
from listserv.posts import facts
from listserv.reception import sorter
from listserv.wiring.app import App
from listserv.wiring.config import load
from listserv.wiring.listserv_tables import Hold, HoldState
from mailer.ledger import mailings
from mailer.ledger.mailings import Mailing
from mailer.storage import arrivals
from mailer.storage.arrivals import Incoming
from mailer.storage.store import get_raw, put_raw
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.roster import ListKind, MailList, PostPolicy, create_list, find_list

RAW = b"From: anna@example.net\r\nSubject: x\r\nMessage-ID: <1@x>\r\n\r\ntext\r\n"


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> App:
    """Open an application with one list and one arrival."""
    env = {"KRETS_MAILER__DATA": str(tmp_path), "KRETS_MAILER__DATABASE": database_url}
    made = App(load(env))
    with made.store.write() as session:
        create_list(session, "friends@example.org", kind=ListKind.DISCUSSION, now=time.time())
        arrivals.keep(
            session,
            [Incoming("a@x.org", ("friends@example.org",), RAW, "", "h", "ESMTP", time.time())],
        )
    return made


def never() -> bool:
    return False


def test_a_bug_of_ours_is_tried_three_times_and_then_shown_with_its_traceback(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(raw: bytes) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(facts, "read", broken)
    sorter.sort(app, never)
    with app.store.read() as session:
        (held,) = arrivals.held(session, 10)
        hold = session.query(Hold).one()
    assert held.attempts == sorter.MAX_TRIES
    assert hold.rules == '["error"]'
    assert "a bug of ours" in hold.detail
    app.close()


def test_readers_that_die_of_it_are_counted_and_it_is_held_in_the_end(app: App) -> None:
    with app.store.read() as session:
        (arrival,) = arrivals.next_new(session, 1)
    for _ in range(sorter.MAX_DEATHS):
        with app.store.write() as session:
            arrivals.begin_attempts(session, [arrival.id])
    sorter.sort(app, never)
    with app.store.read() as session:
        assert [row.id for row in arrivals.held(session, 10)] == [arrival.id]
    app.close()


def test_released_mail_with_bare_line_ends_goes_out_with_whole_ones(app: App) -> None:
    """A server in front had answered for it: the door kept it for a human, the store as it came."""
    bare = RAW.replace(b"\r\n", b"\n").replace(b"<1@x>", b"<2@x>")
    with app.store.write() as session:
        for row in arrivals.next_new(session, 10):
            arrivals.finish(session, row.id, "not this one")
        came = Incoming("a@x.org", ("friends@example.org",), bare, "", "h", "LMTP", 1.0, "bare LF")
        arrivals.keep(session, [came])
        (held,) = arrivals.held(session, 10)
        holds.decide(session, held, HoldState.RELEASED, by="cli", now=2.0)
    sorter.sort(app, never)
    with app.store.read() as session:
        (mailing,) = session.scalars(select(Mailing)).all()
        segments = mailings.composition(session, mailing.id, 0)
        assert get_raw(session, held.raw_sha) == bare
    assert segments is not None
    assert segments.parts[-1].endswith(b"\r\n\r\ntext\r\n")
    app.close()


def test_a_reply_from_the_archive_finds_its_thread_though_its_references_are_lost(
    app: App,
) -> None:
    """The page's reply button names an address that says which mail is answered."""
    with app.store.write() as session:
        lst = find_list(session, "friends@example.org")
        assert lst is not None
        (sha,) = put_raw(session, [RAW])
        mail_threading.place(session, lst, RAW, sha, time.time())
        (parent,) = session.scalars(select(Message)).all()
        token = app.keyring.standing(TokenPurpose.REPLY, lst.address, parent.id)
        session.execute(update(MailList).values(post=PostPolicy.ANYONE))
        for row in arrivals.next_new(session, 10):
            arrivals.finish(session, row.id, "not this one")
        reply = RAW.replace(b"<1@x>", b"<2@x>").replace(b"text", b"an answer")
        to = f"friends-reply+{token}@example.org"
        came = Incoming("anna@example.net", (to,), reply, "", "h", "ESMTP", time.time())
        arrivals.keep(session, [came])
    sorter.sort(app, never)
    with app.store.read() as session:
        threads = session.scalars(select(Thread).where(Thread.size > 0)).all()
        assert [thread.size for thread in threads] == [2]
        (mailing,) = session.scalars(select(Mailing)).all()
        segments = mailings.composition(session, mailing.id, 0)
    assert segments is not None
    assert b"\r\nIn-Reply-To: <1@x>\r\n" in segments.parts[0]
    app.close()
