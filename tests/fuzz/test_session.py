"""An SMTP session of any octets: every answer is one of SMTP's, and the door goes on for others."""

import re
import socket
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.door.callers import networks
from mailer.door.smtp_in import DoorSettings
from tests.fuzz.pieces import MAILS, SOME

COMMANDS = st.one_of(
    st.sampled_from([
        b"EHLO client.test", b"HELO x", b"LHLO x", b"MAIL FROM:<a@example.org>", b"MAIL FROM:<>",
        b"RCPT TO:<list@here.test>", b"RCPT TO:<LIST+x@here.test>", b"RCPT TO:<root@there.test>",
        b"DATA", b"RSET", b"NOOP", b"VRFY root", b"HELP", b"BDAT 7 LAST", b"STARTTLS", b"AUTH PLAIN AA==",
        b"XCLIENT ADDR=192.0.2.9", b"XFORWARD ADDR=192.0.2.9", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2",
        b"MAIL FROM:<a@example.org> SIZE=99", b"MAIL FROM:<a@example.org> SMTPUTF8 BODY=8BITMIME",
        b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0b", b"", b".", b"GET / HTTP/1.1", b"X" * 5000,
    ]),
    SOME,
)  # fmt: skip
ENDED = st.tuples(COMMANDS, st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b""])).map(
    b"".join
)
POSTED = st.tuples(
    st.just(b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<list@here.test>\r\nDATA\r\n"),
    MAILS, st.sampled_from([b"\r\n.\r\n", b"\r\n.\r\n", b"\n.\n", b"\r.\r", b""]),
).map(b"".join)  # fmt: skip
SESSIONS = st.lists(st.one_of(ENDED, ENDED, POSTED), max_size=15).map(b"".join)
REPLY = re.compile(rb"(?:[2345]\d\d-[\x20-\x7e]*\r\n)*[2345]\d\d(?: [\x20-\x7e]*)?\r\n")

OpenDoor = Any


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(octets=SESSIONS, fronted=st.booleans())
def test_a_session_of_any_octets_is_answered_in_smtp_and_the_door_lives(
    open_door: OpenDoor, octets: bytes, *, fronted: bool
) -> None:
    doors = open_door.__dict__.setdefault("doors", {}) if hasattr(open_door, "__dict__") else {}
    if fronted not in doors:
        front = networks(("127.0.0.1",)) if fronted else ()
        doors[fronted] = open_door(DoorSettings("here.test", front=front))
    door = doors[fronted]
    with door.client() as client:
        try:
            client.send(octets)
            client.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the door has had enough
        said = b"".join(iter(client.reply, b""))
    assert REPLY.sub(b"", said) == b""
    assert b"Traceback" not in said
    with door.client() as other:
        assert other.ask(b"NOOP").startswith(b"250 ")
