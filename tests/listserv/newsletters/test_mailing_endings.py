"""How a mailing ended is told once: all of it to editors, a number to the writer of a post."""

import time
from email import message_from_string
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from listserv.newsletters.editors import mailing_endings
from listserv.run import scheduler
from listserv.wiring.app import App
from listserv.wiring.config import load
from listserv.wiring.listserv_tables import Issue, Post
from mailer.ledger import mailings
from mailer.ledger.mailings import Composition, Mailing, Recipient, RecipientState
from mailer.ledger.splice import unpack
from mailer.reading.addresses import parse
from mailer.storage.arrivals import Arrival, Incoming, keep
from mailer.storage.store import Store, decompress, put_raw
from subscriptions.lists.roster import ListKind, MailList, Role, create_list
from subscriptions.membership.members import Candidate, enrol
from subscriptions.permission.consent import ConsentNote, Source
from tests.place import text as plain

RAW = b"From: anna@example.net\r\nSubject: Seeds\r\nMessage-ID: <1@x>\r\n\r\ntext\r\n"


@pytest.fixture
def app(store: Store, tmp_path: Path) -> App:
    """Open an application with a newsletter and a discussion list; Anna edits and writes."""
    made = App(load({"KRETS_MAILER__DATA": str(tmp_path)}))
    made.__dict__["store"] = store
    anna = Candidate(
        parse("anna@example.net"),
        language="sv",
        role=Role.EDITOR,
        consent=ConsentNote("asked", Source.CLI),
    )
    with store.write() as session:
        for name, kind in (("news", ListKind.NEWSLETTER), ("friends", ListKind.DISCUSSION)):
            lst = create_list(session, f"{name}@example.org", kind=kind, now=1.0)
            enrol(session, lst, [anna], keyring=made.keyring, now=time.time())
    return made


def ended(app: App, kind: str, *rows: tuple[RecipientState, int, str]) -> int:
    """Put a mailing that is done into the ledger."""
    name = "news" if kind == "issue" else "friends"
    with app.store.write() as session:
        made = mailings.create_mailing(
            session,
            kind=kind,
            list_address=f"{name}@example.org",
            message_id="1@x",
            policy="never-miss",
            compositions={},
            created=1.0,
            expires_at=2.0,
        )
        session.execute(
            insert(Recipient),
            [
                {
                    "mailing_id": made,
                    "ref": number,
                    "address": f"reader{number}@example.com",
                    "bucket": "example.com",
                    "state": state,
                    "code": code,
                    "reason": reason,
                }
                for number, (state, code, reason) in enumerate(rows)
            ],
        )
        mailings.open_mailing(session, made, now=1.0)
        session.execute(
            update(Mailing).where(Mailing.id == made).values(state="done", finished=2.0)
        )
        list_id = session.scalars(select(MailList.id).where(MailList.name == name)).one()
        (sha,) = put_raw(session, [RAW])
        if kind == "issue":
            values = {"subject": "November", "digest": b"", "raw_sha": sha}
            session.add(
                Issue(mailing_id=made, list_id=list_id, sent_at=1.0, sent_by="cli", **values)
            )
        else:
            incoming = Incoming("a@x.org", ("friends@example.org",), RAW, "", "h", "ESMTP", 1.0)
            keep(session, [incoming])
            arrival_id = session.scalars(select(func.max(Arrival.id))).one()
            session.add(
                Post(
                    arrival_id=arrival_id,
                    list_id=list_id,
                    message_id="1@x",
                    digest=b"",
                    author="anna@example.net",
                    decision="accept",
                    rules="[]",
                    mailing_id=made,
                    decided_at=1.0,
                )
            )
    return made


def told(app: App) -> list[tuple[str, str]]:
    """Return (address, text) of every notice in the ledger."""
    with app.store.read() as session:
        found = session.execute(
            select(Recipient.address, Composition.packed)
            .join(Composition, Composition.mailing_id == Recipient.mailing_id)
            .join(Mailing, Mailing.id == Recipient.mailing_id)
            .where(Mailing.kind == "notice")
        )
        return [(row[0], b"".join(unpack(decompress(row[1])).parts).decode()) for row in found]


def test_editors_get_a_report_with_addresses_and_codes_once(app: App) -> None:
    number = ended(
        app,
        "issue",
        (RecipientState.ACCEPTED, 250, ""),
        (RecipientState.REFUSED, 550, "5.1.1 <reader1@example.com> unknown"),
        (RecipientState.UNSURE, 0, "unsure: lost"),
    )
    scheduler.tick(app)
    scheduler.tick(app)
    ((address, text),) = told(app)
    assert address == "anna@example.net"
    assert "reader1@example.com (550 5.1.1)" in text
    assert f"krets newsletter resend {number} --only unsure" in text
    assert "Mottaget av deras mejlservrar: 1" in text


def test_the_writer_of_a_post_hears_how_many_were_not_reached_in_time_and_never_who(
    app: App,
) -> None:
    ended(
        app,
        "post",
        (RecipientState.ACCEPTED, 250, ""),
        (RecipientState.REFUSED, 452, "expired: 4.2.2 <reader1@example.com> full"),
        (RecipientState.REFUSED, 550, "5.1.1 <reader2@example.com> unknown"),
    )
    mailing_endings.tell(app, time.time())
    ((address, text),) = told(app)
    assert address == "anna@example.net"
    assert "nådde inte 1 medlem" in text
    assert "452 4.2.2: 1" in text
    assert "550" not in text
    assert "reader" not in text


def test_a_post_that_our_relay_cannot_carry_is_told_to_owner_and_writer_in_seven_bits(
    app: App,
) -> None:
    lacks = "5.6.3 the relay takes no 8-bit content (no 8BITMIME)"
    ended(app, "post", (RecipientState.REFUSED, 554, lacks), (RecipientState.REFUSED, 554, lacks))
    assert mailing_endings.tell(app, time.time()) == 1
    assert mailing_endings.tell(app, time.time()) == 0
    found = told(app)
    assert found
    assert all(text.isascii() for _, text in found)
    (shown,) = {plain(message_from_string(t)) for _, t in found}
    assert "2 medlemmar" in shown
    assert "554 5.6.3: 2" in shown


def test_a_post_that_reached_everybody_or_was_refused_at_once_ends_in_silence(app: App) -> None:
    ended(
        app,
        "post",
        (RecipientState.ACCEPTED, 250, ""),
        (RecipientState.REFUSED, 550, "5.1.1 unknown"),
    )
    assert mailing_endings.tell(app, time.time()) == 1
    assert mailing_endings.tell(app, time.time()) == 0
    assert told(app) == []


@pytest.mark.parametrize("kind", ["issue", "post"])
def test_of_an_issue_that_was_stopped_its_editors_hear_when_the_last_copy_has_gone(
    app: App, kind: str
) -> None:
    number = ended(
        app, kind, (RecipientState.SKIPPED, 0, "stopped"), (RecipientState.CLAIMED, 0, "")
    )
    stopped = update(Mailing).where(Mailing.id == number).values(state="stopped")
    last = (
        update(Recipient)
        .where(Recipient.state == RecipientState.CLAIMED)
        .values(state=RecipientState.ACCEPTED)
    )
    with app.store.write() as session:
        session.execute(stopped)
    mailing_endings.tell(app, time.time())
    assert told(app) == []
    with app.store.write() as session:
        session.execute(last)
    mailing_endings.tell(app, time.time())
    assert len(told(app)) == (kind == "issue")


@pytest.mark.parametrize(
    ("code", "reason", "named"),
    [(550, "5.1.1 <a@b.c> no", "550 5.1.1"), (550, "no", "550"), (0, "", "-")],
)
def test_a_reason_is_named_by_codes_alone(code: int, reason: str, named: str) -> None:
    assert mailing_endings.name_reason(code, reason) == named
