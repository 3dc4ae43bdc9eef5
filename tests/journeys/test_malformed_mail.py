"""Malformed mail on real sockets: a clear refusal or a hold with its reason, and nothing lost."""

from pathlib import Path

import pytest
from sqlalchemy import select

from mailer.rehearsal.sink import Caught
from mailer.storage.arrivals import Arrival
from mailer.storage.store import Store, get_raw
from tests.raw_client import RawClient
from tests.tree import Krets, wait_for

LIST = b"friends@example.org"
FROM = b"From: Anna <anna@example.net>\r\n"
TEXT = b"\r\nText.\r\n"
MULTIPART = b'Content-Type: multipart/mixed; boundary="b"\r\n'


def nested(depth: int) -> bytes:
    """Return a message of ``depth`` multiparts, each inside the one before."""
    opened = (
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(depth)
    )
    return FROM + b"".join(opened) + TEXT


A = "accept"
NOBODY = "hold author membership"
# What the door answers, and what then becomes of the mail: its note in the ledger of arrivals.
CONTENTS = {
    "a bare CR": (FROM + b"\r\nOne\rtwo\r\n", b"550", ""),
    "a bare LF": (FROM + b"\r\nOne\ntwo\r\n", b"550", ""),
    "a NUL": (FROM + b"\r\nOne\0two\r\n", b"550", ""),
    "a header of 200 KiB": (FROM + b"X-Long: y\r\n" * 20_000 + TEXT, b"5", ""),
    "nothing at all": (b"", b"250", NOBODY),
    "no header": (b"\r\nJust text.\r\n", b"250", NOBODY),
    "no author": (b"Subject: hi\r\n" + TEXT, b"250", NOBODY),
    "two authors": (FROM + b"From: b@example.com\r\n" + TEXT, b"250", NOBODY),
    "an author who is no address": (b"From: Anna\r\n" + TEXT, b"250", NOBODY),
    "an author of commas": (b"From: ,,;<>\r\n" + TEXT, b"250", NOBODY),
    "an author in raw 8 bit": (b"From: \xe5@\xfe\r\n" + TEXT, b"250", "hold membership"),
    "a stranger": (b"From: eve@example.com\r\n" + TEXT, b"250", "hold membership"),
    "parts 1000 deep": (nested(1000), b"250", "hold broken"),
    "50,000 parts": (
        FROM + MULTIPART + b"\r\n" + b"--b\r\n\r\nx\r\n" * 50_000, b"250", "hold broken",
    ),
    "a Content-Type of 50 KB": (
        FROM + b"Content-Type: text/plain;" + b" a=b;" * 10_000 + b"\r\n" + TEXT,
        b"250", "hold broken",
    ),
    "Message-IDs without end": (FROM + b"References: " + b"<" * 9000 + b"\r\n" + TEXT, b"250", A),
    "a line that is no field": (FROM + b"no colon here\r\nSubject: x\r\n" + TEXT, b"250", A),
    "a header that begins folded": (b" folded\r\n" + FROM + TEXT, b"250", NOBODY),
    "no end of the header": (FROM + b"Subject: only\r\n", b"250", A),
    "raw 8 bit in the header": (FROM + b"Subject: H\xe4\xff\r\n" + TEXT, b"250", A),
    "broken encoded words": (FROM + b"Subject: =?utf-8?q?=E4=?= =?x?y?z\r\n" + TEXT, b"250", A),
    "a boundary that never comes": (FROM + MULTIPART + TEXT, b"250", A),
    "no boundary at all": (FROM + b"Content-Type: multipart/mixed\r\n" + TEXT, b"250", A),
    "base64 that is none": (
        FROM + b"Content-Transfer-Encoding: base64\r\n\r\n!!!\r\n", b"250", A,
    ),
    "an unknown charset": (
        FROM + b"Content-Type: text/plain; charset=x-none\r\n\r\n\xff\xfe\r\n", b"250", A,
    ),
    "a date of another world": (FROM + b"Date: Sun, 99 Foo 99999 99:99\r\n" + TEXT, b"250", A),
    "a line of 100 KB": (FROM + b"\r\n" + b"x" * 100_000 + b"\r\n", b"250", A),
    "its own Message-ID as parent": (
        FROM + b"Message-ID: <me@x>\r\nIn-Reply-To: <me@x>\r\nSubject: Myself\r\n" + TEXT,
        b"250", A,
    ),
}  # fmt: skip
COMMANDS = {
    b"": b"500",
    b"FROB": b"500",
    b"MAIL FROM:anna@@": b"5",
    b"MAIL FROM:<anna@example.net> SIZE=many": b"5",
    b"MAIL FROM:<anna@example.net> ODD=1": b"555",
    b"RCPT TO:<friends@example.org>": b"503",
    b"DATA": b"503",
    b"\xff\xfe\x00": b"5",
    b"MAIL FROM:<" + b"a" * 900 + b"@example.net>": b"5",
    b"EXPN friends": b"502",
}


@pytest.fixture
def friends(krets: Krets) -> Krets:
    """Serve a list of one."""
    krets.krets("list", "create", LIST.decode())
    krets.krets("member", "add", LIST.decode(), "anna@example.net", "--consent", "Asked")
    krets.start()
    return krets


def test_malformed_mail_is_refused_or_held_with_its_reason_and_nothing_is_lost(
    friends: Krets, outbox: list[Caught]
) -> None:
    door = ("127.0.0.1", friends.smtp_port)
    taken = []
    for name, (content, code, _) in CONTENTS.items():
        with RawClient(door) as client:
            answer = send(client, number(content, name))
        assert answer.startswith(code), f"{name}: {answer!r}"
        assert len(answer) < 200
        if answer.startswith(b"250"):
            taken.append(name)
    wait_for("the end", lambda: not friends.json("queue", "ls")["arrivals"])
    wait_for("the mailings' end", lambda: not friends.json("queue", "ls")["mailings"])
    notes = dict(zip(taken, arrived(friends, taken), strict=True))
    assert notes == {name: CONTENTS[name][2] for name in taken}
    assert len(outbox) == list(notes.values()).count("accept")
    held = friends.json("queue", "ls")["held"]
    assert len(held) == len(taken) - len(outbox)
    for one in held:
        friends.krets("queue", "show", str(one["id"]))
    wait_for("the pages", lambda: b"Myself" in friends.get(f"/{LIST.decode()}/")[1])
    assert "Traceback" not in friends.log


def number(content: bytes, name: str) -> bytes:
    """Give a message that has a header a field of its own, so that no two are the same."""
    return content.replace(FROM, FROM + b"X-Case: " + name.encode() + b"\r\n", 1)


def send(client: RawClient, content: bytes) -> bytes:
    client.begin(to=LIST)
    return client.ask(content.replace(b"\r\n.", b"\r\n..") + b".")


def arrived(krets: Krets, names: list[str]) -> list[str]:
    """Return what became of every mail, in the order they came; each must be in the store."""
    store = Store(krets.database, Path(krets.env["KRETS_MAILER__DATA"]))
    try:
        with store.read() as session:
            rows = session.scalars(select(Arrival).order_by(Arrival.id)).all()
            for name, row in zip(names, rows, strict=True):
                assert get_raw(session, row.raw_sha) == number(CONTENTS[name][0], name)
            return [row.note for row in rows]
    finally:
        store.close()


def test_malformed_commands_are_refused_and_the_session_goes_on(friends: Krets) -> None:
    with RawClient(("127.0.0.1", friends.smtp_port)) as client:
        assert client.ask(b"EHLO client.example").startswith(b"250")
        for command, code in COMMANDS.items():
            answer = client.ask(command)
            assert answer.startswith(code), f"{command[:40]!r}: {answer!r}"
            assert b"Traceback" not in answer
        assert send(client, FROM + TEXT).startswith(b"250")
    assert "Traceback" not in friends.log
