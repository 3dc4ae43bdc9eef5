"""The door answers as the RFCs say."""

import contextlib
import re
import socket

import pytest

from mailer.door import rates
from mailer.door.callers import networks
from mailer.door.rates import MailRates
from mailer.door.smtp_in import DoorLimits, DoorSettings, SmtpReply
from mailer.storage.store import Store, get_raw
from tests.mailer.door.open_doors import HERE, OpenDoor, arrivals
from tests.mailer.door.test_fronted_connection import SMALL, from_address, source_mails


def contents(store: Store) -> list[bytes | None]:
    with store.read() as session:
        return [get_raw(session, row.raw_sha) for row in arrivals(store)]


def test_a_message_is_kept_byte_for_byte_and_the_bell_rings(
    open_door: OpenDoor, store: Store
) -> None:
    raw = b"Subject: hi\r\n\r\n.dot\r\n..two\r\n" + b"x" * 5000 + b"\xff\r\n.\r \r\n"[:1] + b"\r\n"
    door = open_door()
    with door.client() as client:
        stuffed = raw.replace(b"\r\n.", b"\r\n..")
        assert client.mail(stuffed).startswith(b"250 2.0.0 ")
        (row,) = arrivals(store)
        assert contents(store) == [raw]
        assert (row.sender, row.recipient) == ("anna@example.org", "list@here.test")
        assert (row.client, row.helo, row.protocol) == ("127.0.0.1", "client.test", "ESMTP")
        assert client.ask(b"QUIT").startswith(b"221 2.0.0 ")
        assert client.reply() == b""
    assert door.rung


def test_ehlo_offers_what_holds_and_nothing_else(open_door: OpenDoor) -> None:
    with open_door(DoorSettings(HERE, max_size=12345)).client() as client:
        assert client.ask(b"EHLO client.test") == (
            b"250-here.test\r\n250-PIPELINING\r\n250-SIZE 12345\r\n250-8BITMIME\r\n"
            b"250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"
        )
        assert client.ask(b"HELO client.test") == b"250 here.test\r\n"


def test_a_whole_session_may_come_in_one_write_and_then_half_close(
    open_door: OpenDoor, store: Store
) -> None:
    one = b"MAIL FROM:<>\r\nRCPT TO:<a@here.test>\r\nRCPT TO:<x@there.test>\r\nDATA\r\n"
    session = b"EHLO me.test\r\n" + (one + b"Subject: 1\r\n\r\n1\r\n.\r\n") * 2 + b"QUIT\r\n"
    with open_door().client() as client:
        client.send(session)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.codes() == [250, *[250, 250, 550, 354, 250] * 2, 221]
    assert [row.sender for row in arrivals(store)] == ["", ""]


@pytest.mark.parametrize(
    ("before", "line", "answer"),
    [
        ("", b"MAIL FROM:<a@example.org>", b"503 5.5.1"),
        ("e", b"RCPT TO:<l@here.test>", b"503 5.5.1"),
        ("e", b"DATA", b"503 5.5.1"),
        ("em", b"DATA", b"503 5.5.1"),
        ("em", b"MAIL FROM:<b@example.org>", b"503 5.5.1"),
        ("emr", b"DATA now", b"501 5.5.4"),
        ("", b"EHLO", b"501 5.5.4"),
        ("", b"EHLO " + b"x" * 300, b"501 5.5.4"),
        ("", b"FOO", b"500 5.5.1"),
        ("", b"", b"500 5.5.1"),
        ("", b"BDAT 5 LAST", b"500 5.5.1"),
        ("", b"LHLO x", b"500 5.5.1"),
        ("e", b"AUTH PLAIN AGEAYg==", b"502 5.5.1"),
        ("e", b"STARTTLS", b"502 5.5.1"),
        ("e", b"XCLIENT ADDR=192.0.2.9", b"500 5.5.1"),
        ("e", b"VRFY root", b"252 2.5.0"),
        ("e", b"EXPN list", b"502 5.5.1"),
        ("e", b"HELP", b"214 2.0.0"),
        ("e", b"NOOP hi", b"250 2.0.0"),
        ("emr", b"RSET", b"250 2.0.0"),
        ("e", b"QUIT now", b"501 5.5.4"),
        ("e", b"MAIL FROM:<>", b"250 2.1.0"),
        ("e", b"mail from: <a@example.org> body=8bitmime SIZE=100", b"250 2.1.0"),
        ("e", b"MAIL FROM:<bounces+a=b%c@example.org>", b"250 2.1.0"),
        ("e", b"MAIL FROM:a@example.org", b"501 5.5.4"),
        ("e", b"MAIL FROM:<a@example.org", b"501 5.5.4"),
        ("e", b"MAIL FROM:<a>", b"553 5.1.7"),
        ("e", b"MAIL FROM:<a@[127.0.0.1]>", b"553 5.1.7"),
        ("e", b"MAIL FROM:<a b@example.org>", b"553 5.1.7"),
        ("e", b"MAIL FROM:<a@example.org> SIZE=x", b"501 5.5.4"),
        ("e", b"MAIL FROM:<a@example.org> SIZE=1 SIZE=2", b"501 5.5.4"),
        ("e", b"MAIL FROM:<a@example.org> BODY=BINARYMIME", b"501 5.5.4"),
        ("e", b"MAIL FROM:<a@example.org> SMTPUTF8=1", b"501 5.5.4"),
        ("e", b"MAIL FROM:<a@example.org> RET=HDRS", b"555 5.5.4"),
        ("e", b"MAIL FROM:<a@example.org> SIZE=99999999999", b"552 5.3.4"),
        ("h", b"MAIL FROM:<a@example.org> SIZE=1", b"555 5.5.4"),
        ("e", "MAIL FROM:<å@example.org>".encode(), b"553 5.6.7"),
        ("e", "MAIL FROM:<å@example.org> SMTPUTF8".encode(), b"250 2.1.0"),
        ("e", b"MAIL FROM:<\xe5@example.org> SMTPUTF8", b"500 5.5.2"),
        ("em", "RCPT TO:<å@here.test>".encode(), b"553 5.6.7"),
        ("em", b"RCPT TO:<l@here.test> NOTIFY=NEVER", b"555 5.5.4"),
        ("em", b"RCPT TO:l@here.test", b"501 5.5.4"),
        ("em", b"RCPT TO:<>", b"553 5.1.3"),
        ("em", b"RCPT TO:<Postmaster>", b"250 2.1.5"),
        ("em", b"RCPT TO:<abuse>", b"250 2.1.5"),
        ("em", b"RCPT TO:< l@here.test>", b"553 5.1.3"),
        ("em", b"RCPT TO:<l@here.test >", b"553 5.1.3"),
        ("em", b"RCPT TO:<\tl@here.test>", b"500 5.5.2"),
        ("e", b"MAIL FROM:< a@example.org>", b"553 5.1.7"),
        ("em", b"RCPT TO:<l@HERE.test>", b"250 2.1.5"),
    ],
)
def test_each_command_has_its_reply(
    open_door: OpenDoor, before: str, line: bytes, answer: bytes
) -> None:
    said = {
        "e": b"EHLO client.test",
        "h": b"HELO client.test",
        "m": b"MAIL FROM:<a@example.org>",
        "r": b"RCPT TO:<l@here.test>",
    }
    with open_door().client() as client:
        for step in before:
            assert client.ask(said[step]).startswith(b"250")
        assert client.ask(line).startswith(answer + b" ")
        assert client.ask(b"QUIT").startswith(b"221 2.0.0")


@pytest.mark.parametrize(
    "path",
    [
        b"victim@there.test",
        b"victim%there.test@here.test",
        b"victim%there.test",
        b"there.test!victim",
        b"there.test!victim@here.test",
        b"@here.test:victim@there.test",
        b"@here.test,@there.test:victim@there.test",
        b'"victim@there.test"',
        b'"victim%there.test"',
        b'"victim@there.test"@here.test',
        b'"victim"@here.test',
        b"victim@there.test@here.test",
        b"victim@[127.0.0.1]",
        b"victim@[IPv6:::1]",
        b"victim%there.test@[127.0.0.1]",
        b"victim@there.test@[127.0.0.1]",
        b"victim@127.0.0.1",
        b"victim",
        b"victim@",
        b"@here.test",
        b"victim@localhost",
        b"victim@here.test.there.test",
        b"victim@here.test ",
        b"vic tim@here.test",
        b"victim\\@there.test@here.test",
        b"(x)victim@here.test",
        b"victim@here..test",
        b".victim@here.test",
    ],
)
def test_no_trick_makes_us_an_open_relay(open_door: OpenDoor, path: bytes, store: Store) -> None:
    with open_door().client() as client:
        client.ask(b"EHLO client.test")
        client.ask(b"MAIL FROM:<spam@here.test>")
        assert re.match(rb"55[03] 5\.\d\.\d ", client.ask(b"RCPT TO:<%b>" % path))
        assert client.ask(b"DATA").startswith(b"503")
    assert arrivals(store) == []


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"NOOP\n", b"500 5.5.2"),
        (b"NOOP \x00\r\n", b"500 5.5.2"),
        (b"NOOP a\rRSET\r\n", b"500 5.5.2"),
        (b"MAIL\tFROM:<a@example.org>\r\n", b"500 5.5.2"),
        (b"MAIL FROM:<a\x7f@example.org>\r\n", b"500 5.5.2"),
        (b"NOOP \xc3\xa5\r\n", b"500 5.5.2"),
        (b"NOOP " + b"x" * 5000 + b"\r\n", b"500 5.5.2"),
        (b"NOOP " + b"x" * 500_000 + b"\r\n", b"500 5.5.2"),
    ],
)
def test_a_stray_octet_in_a_command_is_refused_and_the_session_goes_on(
    open_door: OpenDoor, line: bytes, answer: bytes
) -> None:
    with open_door().client() as client:
        client.ask(b"EHLO client.test")
        client.send(line)
        assert client.reply().startswith(answer)
        assert client.ask(b"NOOP").startswith(b"250 2.0.0")


def test_a_browser_is_shown_out(open_door: OpenDoor, store: Store) -> None:
    with open_door().client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<>\r\n")
        assert client.codes() == [521]


def test_every_size_is_bounded(open_door: OpenDoor, store: Store) -> None:
    door = open_door(DoorSettings(HERE, max_size=1000, limits=DoorLimits(header=500)))
    with door.client() as client:
        assert client.mail(b"\r\n" + b"x" * 996 + b"\r\n").startswith(b"250")
        refused = client.mail(b"\r\n" + b"x" * 997 + b"\r\n")
        assert refused.startswith(b"552 5.3.4 The message is too big: 1,000 bytes are the most")
        assert client.mail(b"x" * 300_000 + b"\r\n").startswith(b"552 5.3.4")
        assert client.mail(b"X: " + b"x" * 498 + b"\r\n\r\n").startswith(b"552 5.3.4")
        assert client.mail(b"X: " + b"x" * 400 + b"\r\n\r\n").startswith(b"250")
        assert client.mail(b"").startswith(b"250")
    assert [row.size for row in arrivals(store)] == [1000, 407, 0]


def test_the_hundred_and_first_of_5000_recipients_is_for_another_transaction(
    open_door: OpenDoor, store: Store
) -> None:
    with open_door().client() as client:
        client.ask(b"EHLO client.test")
        lines = [b"MAIL FROM:<a@example.org>"]
        lines += [b"RCPT TO:<l%d@here.test>" % n for n in range(5000)]
        client.send(b"\r\n".join(lines) + b"\r\n")
        assert client.reply().startswith(b"250")
        said = [client.reply()[:9] for _ in range(5000)]
        assert said[:100] == [b"250 2.1.5"] * 100
        assert said[100:] == [b"452 4.5.3"] * 4900
        assert client.ask(b"DATA").startswith(b"354")
        assert client.ask(b"\r\n.").startswith(b"250")
    assert len(arrivals(store)) == 100


def test_a_recipient_named_twice_gets_one_row(open_door: OpenDoor, store: Store) -> None:
    with open_door().client() as client:
        client.send(
            b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<l@here.test>\r\nRCPT TO:<L@HERE.TEST>\r\n"
            b"DATA\r\n\r\n.\r\nQUIT\r\n"
        )
        assert client.codes() == [250, 250, 250, 250, 354, 250, 221]
    assert len(arrivals(store)) == 1


@pytest.mark.parametrize(
    ("line", "count"),
    [(b"FOO", 5), (b"NOOP", 10), (b"RSET", 10), (b"EHLO x", 10), (b"RCPT TO:<a@here.test>", 5)],
)
def test_idle_talk_and_errors_come_to_an_end(open_door: OpenDoor, line: bytes, count: int) -> None:
    door = open_door(DoorSettings(HERE, limits=DoorLimits(errors=5, idle_commands=10)))
    with door.client() as client:
        client.send((line + b"\r\n") * 50)
        codes = client.codes()
        assert len(codes) == count + 1
        assert codes[-1] == 421


def test_a_delivered_message_starts_the_counts_again(open_door: OpenDoor) -> None:
    with open_door(DoorSettings(HERE, limits=DoorLimits(errors=3))).client() as client:
        for _ in range(3):
            client.ask(b"FOO")
            client.ask(b"FOO")
            assert client.mail().startswith(b"250")


def test_slow_clients_are_closed_in_commands_and_in_data(open_door: OpenDoor) -> None:
    door = open_door(DoorSettings(HERE, limits=DoorLimits(idle=0.2, data_rate=1_000_000)))
    with door.client() as silent, door.client() as dribbling:
        dribbling.begin()
        dribbling.send(b"Subj")
        assert silent.reply().startswith(b"421 4.4.2 ")
        assert silent.reply() == b""
        assert dribbling.reply().startswith(b"421 4.4.2 ")
        assert dribbling.reply() == b""


def test_a_session_has_an_end_however_lively_it_is(open_door: OpenDoor) -> None:
    door = open_door(DoorSettings(HERE, limits=DoorLimits(session=0.2, idle_commands=10**9)))
    with door.client() as client:
        while (said := client.ask(b"RSET")).startswith(b"250"):
            pass
        assert said.startswith(b"421 4.4.2 ")


def test_connections_are_counted_by_address_and_in_all(open_door: OpenDoor) -> None:
    door = open_door(DoorSettings(HERE, limits=DoorLimits(per_ip=2, connections=3)))
    with door.client(), door.client(), door.client(greeted=False) as third:
        assert third.codes() == [421]
    front = open_door(
        DoorSettings(
            HERE, front=networks(["127.0.0.0/8"]), limits=DoorLimits(per_ip=2, connections=3)
        )
    )
    with front.client(), front.client(), front.client(), front.client(greeted=False) as fourth:
        assert fourth.codes() == [421]


def test_sources_that_hold_every_place_give_one_up_to_another(open_door: OpenDoor) -> None:
    door = open_door(DoorSettings(HERE, limits=DoorLimits(per_ip=2, connections=6)))
    with contextlib.ExitStack() as stack:
        idle = [
            stack.enter_context(from_address(door.address, f"127.0.0.{n}"))
            for n in (2, 2, 3, 3, 4, 4)
        ]
        for one in idle:
            assert one.recv(4) == b"220 "
        with door.client() as client:  # of 127.0.0.1
            assert client.mail().startswith(b"250")
        rest = b"".join(iter(lambda: idle[0].recv(4096), b""))
        assert b"\r\n421 " in rest
        seventh = stack.enter_context(from_address(door.address, "127.0.0.2"))
        assert seventh.recv(4) == b"220 "  # the place that it has given up
        eighth = stack.enter_context(from_address(door.address, "127.0.0.2"))
        assert eighth.recv(4) == b"421 "


def test_a_source_brings_so_many_messages_in_a_minute(open_door: OpenDoor) -> None:
    now = [1000.0]
    door = open_door(DoorSettings(HERE, rates=SMALL), clock=lambda: now[0])
    for number in range(3):
        to = b"l%d@here.test" % number
        assert source_mails(door.address, "127.0.0.2", to).startswith(b"250")
    assert source_mails(door.address, "127.0.0.2", b"l4@here.test").startswith(b"450 4.7.1")
    assert source_mails(door.address, "127.0.0.3", b"l4@here.test").startswith(b"250")
    for _ in range(5):
        assert source_mails(door.address, "127.0.0.1", b"l5@here.test").startswith(b"250")
    now[0] += 121
    assert source_mails(door.address, "127.0.0.2", b"l4@here.test").startswith(b"250")


def test_a_source_brings_so_many_octets_in_a_minute(open_door: OpenDoor) -> None:
    door = open_door(DoorSettings(HERE, rates=SMALL))
    assert source_mails(door.address, "127.0.0.2", b"l@here.test", 20_000).startswith(b"250")
    assert source_mails(door.address, "127.0.0.2", b"l@here.test").startswith(b"450 4.7.1")


def test_a_busy_list_is_closed_to_those_alone_who_keep_it_busy(
    open_door: OpenDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "_FEW", 2)
    door = open_door(DoorSettings(HERE, rates=MailRates(to_list=5)))
    for source in ("127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3"):
        assert source_mails(door.address, source, b"l@here.test").startswith(b"250")
    assert source_mails(door.address, "127.0.0.2", b"l@here.test").startswith(b"450 4.7.1")
    assert source_mails(door.address, "127.0.0.4", b"L@here.test").startswith(b"250")
    assert source_mails(door.address, "127.0.0.2", b"other@here.test").startswith(b"250")


def test_the_roof_refuses_in_its_own_words(open_door: OpenDoor) -> None:
    asked: list[tuple[str, str, str]] = []

    def verdict(*question: str) -> SmtpReply | None:
        asked.append(question)  # type: ignore[arg-type]
        return SmtpReply(550, "5.7.1", "Members\r\n250 only å")

    with open_door(verdict=verdict).client() as client:
        client.ask(b"EHLO client.test")
        client.ask(b"MAIL FROM:<anna@example.org>")
        assert client.ask(b"RCPT TO:<l@here.test>") == b"550 5.7.1 Members??250 only ?\r\n"
    assert asked == [("anna@example.org", "l@here.test", "127.0.0.1")]
