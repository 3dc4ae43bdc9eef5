"""Addresses beyond ASCII (RFC 6531): join, post and leave; and where the relay cannot take them."""

import contextlib
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

import listserv.wiring.listserv_tables  # noqa: F401 - registers every room's tables
from mailer.ledger.mailings import Recipient, RecipientState
from mailer.reading.addresses import parse
from mailer.rehearsal.sink import Caught, Sink, rehearsal
from mailer.storage.store import Store
from tests.journeys.letters import link, mails_to, reply_to, state, text_of, wait_mail
from tests.tree import Krets, wait_for

LIST = "friends@example.org"
JOSE, POCHTA = "josé@exämple.se", "почта@пример.рф"
OLGA = "olga@example.org"


def send(krets: Krets, sender: str, to: str, text: str = "") -> None:
    """Write as a program that knows RFC 6531 and 6532: UTF-8 in the envelope and the header."""
    raw = (
        f"From: <{sender}>\r\nTo: {to}\r\nSubject: Привет åäö\r\n"
        f"Message-ID: <{abs(hash((sender, to, text)))}@mail.example>\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode()
    with smtplib.SMTP("127.0.0.1", krets.smtp_port, timeout=60) as client:
        client.ehlo()
        assert client.mail(sender, ["SMTPUTF8", "BODY=8BITMIME"])[0] == 250
        assert client.rcpt(to)[0] == 250
        assert client.data(raw)[0] == 250


def wire(address: str) -> str:
    return parse(address).wire


def test_addresses_beyond_ascii_join_post_and_leave(krets: Krets, outbox: list[Caught]) -> None:
    krets.krets("list", "create", LIST, "--title", "Friends")
    krets.krets("member", "add", LIST, OLGA, "--consent", "founder", "--role", "owner")
    krets.start()
    for who in (JOSE, POCHTA):
        send(krets, who, "friends-join@example.org")
        asked = wait_mail(outbox, wire(who))
        send(krets, who, reply_to(asked), "yes")
        wait_mail(outbox, wire(who), 2)
        assert state(krets, LIST, who) == "active"
    send(krets, JOSE, LIST, "Hej allihop, здравствуйте.")
    for who in (JOSE, POCHTA, OLGA):
        copy = wait_mail(outbox, wire(who), 1 if who == OLGA else 3)
        assert "здравствуйте" in text_of(copy)
    token = link(mails_to(outbox, wire(POCHTA))[1], "leave").rpartition("/")[2]
    send(krets, POCHTA, f"friends-leave+{token}@example.org")
    wait_mail(outbox, wire(POCHTA), 4)
    assert state(krets, LIST, POCHTA) == "left"
    assert state(krets, LIST, JOSE) == "active"


@pytest.fixture
def narrow(tmp_path: Path, database_url: str, outbox: list[Caught]) -> Iterator[Krets]:
    """Give an installation whose relay knows no SMTPUTF8."""
    known = tuple(one for one in Sink().extensions if one != "SMTPUTF8")
    with rehearsal(Sink(keep=outbox.append, extensions=known)) as relay:
        made = Krets(tmp_path, relay=f"smtp://127.0.0.1:{relay.port}", database=database_url)
        yield made
        made.stop()


def test_a_relay_without_smtputf8_refuses_with_a_reason_that_is_kept(
    narrow: Krets, outbox: list[Caught]
) -> None:
    narrow.krets("list", "create", LIST)
    for who in (OLGA, JOSE, POCHTA):
        narrow.krets("member", "add", LIST, who, "--consent", "paper")
    narrow.start()
    send(narrow, JOSE, LIST, "To everybody.")
    wait_for("an end for each", lambda: len(settled(narrow)) == 3)
    rows = settled(narrow)
    assert rows[OLGA] == (RecipientState.ACCEPTED, rows[OLGA][1])
    for who in (JOSE, POCHTA):
        assert rows[wire(who)][0] is RecipientState.REFUSED
        assert "SMTPUTF8" in rows[wire(who)][1]
    assert [state(narrow, LIST, who) for who in (JOSE, POCHTA)] == ["active"] * 2
    assert mails_to(outbox, OLGA)


def settled(krets: Krets) -> dict[str, tuple[RecipientState, str]]:
    """Return (state, reason) of each recipient that has come to an end."""
    store = Store(krets.database, krets.folder / "data")
    with contextlib.closing(store), store.read() as session:
        ends = (RecipientState.ACCEPTED, RecipientState.REFUSED, RecipientState.SKIPPED)
        rows = session.scalars(select(Recipient).where(Recipient.state.in_(ends))).all()
    return {row.address: (RecipientState(row.state), row.reason) for row in rows}
