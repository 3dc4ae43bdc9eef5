"""Write letters as people do and read what came back: shared by the journeys by mail."""

import email
import email.header
import itertools
import re
import smtplib
from email.message import Message
from functools import cache
from typing import Any

from mailer.reading.flowed import unflow
from mailer.rehearsal.sink import Caught
from tests.tree import PATIENCE, Krets, wait_for

_numbers = itertools.count(1)


def send(
    krets: Krets,
    sender: str,
    to: str,
    text: str = "",
    *,
    subject: str | None = None,
    headers: str = "",
    envelope: str | None = None,
) -> None:
    """Send a plain letter through the real SMTP door; an answer's subject says nothing."""
    if subject is None:
        subject = "Re: Hello" if "+" in to else "Hello"
    raw = (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n"
        f"Message-ID: <letter-{next(_numbers)}@mail.example>\r\n{headers}"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode()
    post(krets, raw, sender if envelope is None else envelope, to)


def post(krets: Krets, raw: bytes, sender: str, to: str) -> None:
    """Send raw bytes through the real SMTP door."""
    with smtplib.SMTP("127.0.0.1", krets.smtp_port, timeout=60) as client:
        client.ehlo()
        client.mail(sender, ["BODY=8BITMIME"])
        assert client.rcpt(to)[0] == 250
        assert client.data(raw)[0] == 250


def mails_to(outbox: list[Caught], address: str) -> list[Message]:
    return [_parsed(one.raw) for one in outbox if address in one.recipients]


@cache  # whoever waits asks fifty times a second
def _parsed(raw: bytes) -> Message:
    return email.message_from_bytes(raw)


def wait_mail(outbox: list[Caught], address: str, number: int = 1) -> Message:
    """Return the ``number``-th mail to ``address``, once it is there."""
    wait_for(f"mail {number} to {address}", lambda: len(mails_to(outbox, address)) >= number)
    return mails_to(outbox, address)[number - 1]


def reply_to(mail: Message) -> str:
    return str(mail["Reply-To"]).strip("<>")


def text_of(mail: Message) -> str:
    part = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    flows = part.get_param("format") == "flowed"
    return unflow(payload.decode()) if flows else payload.decode()


def header(mail: Message, name: str) -> str:
    return str(email.header.make_header(email.header.decode_header(mail[name])))


def subject_of(mail: Message) -> str:
    return header(mail, "Subject")


def link(mail: Message, word: str) -> str:
    found = re.search(rf"\S+/{word}/[a-z2-7]{{26}}", text_of(mail))
    assert found is not None, text_of(mail)
    return found[0]


def settled(krets: Krets, patience: float = PATIENCE) -> None:
    """Wait until every letter has been read and every mail has gone."""
    wait_for(
        "an empty queue",
        lambda: (q := krets.json("queue", "ls")) and not q["arrivals"] and not q["mailings"],
        patience,
    )


def member(krets: Krets, lst: str, address: str) -> dict[str, Any]:
    """Return the member's row, {} where there is none."""
    rows = [row for row in krets.json("member", "ls", lst) if row["email"] == address]
    return rows[0] if rows else {}


def state(krets: Krets, lst: str, address: str) -> str:
    return str(member(krets, lst, address).get("state", ""))
