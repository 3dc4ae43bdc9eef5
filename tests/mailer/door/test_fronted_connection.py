"""Fronts that name their client: XCLIENT, XFORWARD, PROXY, Received; and what bounds whom."""

import contextlib
import socket

import pytest

from mailer.door import introductions
from mailer.door.callers import networks
from mailer.door.rates import MailRates
from mailer.door.smtp_in import DoorLimits, DoorSettings
from mailer.storage.store import Store, get_raw
from tests.mailer.door.open_doors import HERE, OpenDoor, arrivals
from tests.raw_client import RawClient


def test_a_front_names_its_client_and_is_believed(open_door: OpenDoor, store: Store) -> None:
    door = open_door(DoorSettings(HERE, front=networks(["127.0.0.1"])))
    with door.client() as client:
        assert b"\r\n250 XCLIENT " in client.ask(b"EHLO mx.here.test")
        assert client.ask(b"XCLIENT ADDR=300.1.1.1").startswith(b"501 5.5.4")
        assert (
            client.ask(b"XCLIENT ADDR=IPV6:2001:db8::1 HELO=far.test NAME=[UNAVAILABLE]")[:4]
            == b"220 "
        )
        assert client.mail().startswith(b"250")
    (row,) = arrivals(store)
    assert row.client == "2001:db8::1"


def v2(address: bytes, family: int = 0x11, command: int = 0x21) -> bytes:
    """Return a header of PROXY version 2 (what follows its addresses are extensions)."""
    size = len(address).to_bytes(2, "big")
    return introductions.SIGNATURE + bytes([command, family]) + size + address


INET = socket.inet_aton("192.0.2.7") + socket.inet_aton("192.0.2.1") + b"\x12\x67\x00\x19"
INET6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") * 2 + b"\x12\x67\x00\x19"


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n", "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 25\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", ""),
        (v2(INET), "192.0.2.7"),
        (v2(INET + b"\x04\x00\x00"), "192.0.2.7"),
        (v2(INET6, 0x21), "2001:db8::7"),
        (v2(b"", 0x00, 0x20), ""),
    ],
)
def test_a_front_may_open_with_a_proxy_header(
    open_door: OpenDoor, store: Store, header: bytes, client: str
) -> None:
    door = open_door(DoorSettings(HERE, front=networks(["127.0.0.1"])))
    with door.client(greeted=False) as proxy:
        proxy.send(header)
        assert proxy.reply().startswith(b"220 ")
        assert proxy.mail().startswith(b"250")
    assert [row.client for row in arrivals(store)] == [client]


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 4711 25\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 99999\r\n",
        b"PROXY UNKNOWNS\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\n",
        b"PROXY TCP4 " + b"1" * 200 + b"\r\n",
        v2(INET[:8]),
        v2(INET, 0x12),
        v2(INET, 0x11, 0x11),
        v2(INET, 0x11, 0x22),
        v2(INET + b"\0" * 2000),
    ],
)
def test_a_malformed_proxy_header_ends_the_conversation(
    open_door: OpenDoor, store: Store, header: bytes
) -> None:
    door = open_door(DoorSettings(HERE, front=networks(["127.0.0.1"])))
    with door.client(greeted=False) as proxy:
        proxy.send(header + b"EHLO x\r\nMAIL FROM:<>\r\n")
        assert proxy.codes() == [220]
    assert not arrivals(store)


@pytest.mark.parametrize("header", [b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n", v2(INET)])
def test_a_proxy_header_from_anybody_else_is_no_command(
    open_door: OpenDoor, store: Store, header: bytes
) -> None:
    with open_door(DoorSettings(HERE, front=networks(["10.0.0.0/8"]))).client() as client:
        client.send(header + b"\r\n")
        assert client.reply().startswith(b"500 ")
        client.send(b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<l@here.test>\r\nDATA\r\n")
        client.send(b"Subject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n")
        assert client.codes()[-2:] == [250, 221]
    assert [row.client for row in arrivals(store)] == ["127.0.0.1"]


def test_a_proxy_header_counts_only_as_the_very_first_octets(open_door: OpenDoor) -> None:
    with open_door(DoorSettings(HERE, front=networks(["127.0.0.1"]))).client() as client:
        assert client.ask(b"EHLO x").startswith(b"250")
        assert client.ask(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25").startswith(b"500 ")


def test_a_front_says_for_each_message_whose_it_is(open_door: OpenDoor, store: Store) -> None:
    door = open_door(DoorSettings(HERE, front=networks(["127.0.0.1"])))
    with door.client() as client:
        assert b"-XFORWARD NAME ADDR" in client.ask(b"EHLO mx.here.test")
        assert client.ask(b"XFORWARD ADDR=x").startswith(b"501 5.5.4")
        for line in (b"NAME=a.test ADDR=192.0.2.7 PORT=4711", b"PROTO=ESMTP HELO=a.test"):
            assert client.ask(b"XFORWARD " + line).startswith(b"250 ")
        client.send(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<l@here.test>\r\n")
        assert [client.reply()[:3], client.reply()[:3]] == [b"250", b"250"]
        assert client.ask(b"XFORWARD ADDR=192.0.2.8").startswith(b"503 ")
        assert client.ask(b"DATA").startswith(b"354")
        assert client.ask(b"Subject: 1\r\n\r\n1\r\n.").startswith(b"250")
        assert client.mail(b"Received: from b (b [192.0.2.9]) by f\r\n\r\n2\r\n").startswith(b"250")
        assert client.mail(b"Subject: 3\r\n\r\n3\r\n").startswith(b"250")
    assert [(row.client, row.helo) for row in arrivals(store)] == [
        ("192.0.2.7", "a.test"), ("192.0.2.9", "b"), ("", "client.test"),
    ]  # fmt: skip


def test_a_received_line_of_a_stranger_names_nobody(open_door: OpenDoor, store: Store) -> None:
    with open_door().client() as client:
        assert client.ask(b"XFORWARD ADDR=192.0.2.9").startswith(b"500 ")
        assert client.mail(b"Received: from b (b [192.0.2.9]) by f\r\n\r\n2\r\n").startswith(b"250")
    assert [row.client for row in arrivals(store)] == ["127.0.0.1"]


@pytest.mark.parametrize("unix", [True, False])
def test_over_lmtp_the_newest_received_line_names_the_client(
    open_door: OpenDoor, store: Store, *, unix: bool
) -> None:
    with open_door().lmtp_client(unix=unix) as client:
        client.begin(b"LHLO mx.here.test")
        said = b"Received: from b (b [IPv6:2001:db8::9]) by f\r\n\r\n2\r\n."
        assert client.ask(said).startswith(b"250")
    assert [(row.client, row.helo) for row in arrivals(store)] == [("2001:db8::9", "b")]


def test_whoever_a_front_introduces_is_bounded_as_if_it_had_come_itself(
    open_door: OpenDoor,
) -> None:
    limits = DoorLimits(per_ip=2)
    door = open_door(DoorSettings(HERE, front=networks(["127.0.0.1"]), limits=limits))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(door.client()) for _ in range(4)]
        said = [one.ask(b"XCLIENT ADDR=IPV6:2001:db8::%d" % n)[:3] for n, one in enumerate(clients)]
        assert said == [b"220", b"220", b"421", b"421"]
        with door.client() as other:
            assert other.ask(b"XCLIENT ADDR=IPV6:2001:db8:0:1::1").startswith(b"220")


def from_address(address: tuple[str, int], source: str) -> socket.socket:
    return socket.create_connection(address, 20, (source, 0))


SMALL = MailRates(messages=3, octets=10_000, to_list=5)


def source_mails(address: tuple[str, int], source: str, to: bytes, size: int = 10) -> bytes:
    """Send a message from an address of this machine; return the last reply."""
    content = b"Subject: x\r\n\r\n" + b"x" * size + b"\r\n"
    with RawClient(address, source=source) as client:
        assert client.ask(b"EHLO x").startswith(b"250")
        for line in (b"MAIL FROM:<a@example.org>", b"RCPT TO:<%b>" % to, b"DATA"):
            reply = client.ask(line)
            if reply[:1] not in b"23":
                return reply
        return client.ask(content + b".")


@pytest.mark.parametrize("how", ["xforward", "received", "xclient"])
def test_a_client_behind_a_front_brings_as_many_as_one_that_comes_itself(
    open_door: OpenDoor, how: str
) -> None:
    door = open_door(DoorSettings(HERE, front=networks(["127.0.0.1"]), rates=SMALL))

    def mail(source: bytes) -> bytes:
        with door.client() as client:
            assert client.ask(b"EHLO mx").startswith(b"250")
            if how != "received":
                assert client.ask(how.upper().encode() + b" ADDR=" + source)[:3] in {b"220", b"250"}
            assert client.ask(b"EHLO mx").startswith(b"250") or how == "xforward"
            if how == "xforward":
                assert client.ask(b"XFORWARD ADDR=" + source).startswith(b"250")
            for line in (b"MAIL FROM:<a@example.org>", b"RCPT TO:<l@here.test>", b"DATA"):
                reply = client.ask(line)
                if reply[:1] not in b"23":
                    return reply
            return client.ask(b"Received: from x (x [%b]) by f\r\n\r\nhi\r\n." % source)

    assert [mail(b"192.0.2.7")[:3] for _ in range(5)] == [b"250"] * 3 + [b"450"] * 2
    assert mail(b"192.0.2.8").startswith(b"250")


MARKED = b"X-Spam-Flag: YES\r\nAuthentication-Results: mx.front.test; dmarc=pass\r\n"


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (b"", True),  # a mail server that tells of nobody
        (b"XFORWARD ADDR=192.0.2.7 HELO=far.test", True),
        (b"XCLIENT ADDR=192.0.2.7 HELO=far.test", False),  # these octets are the client's own
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25", False),
        (b"PROXY TCP4 127.0.0.9 192.0.2.1 4711 25", True),  # a front behind a load balancer
        (b"PROXY UNKNOWN", False),
    ],
)
def test_marks_are_a_fronts_word_only_where_it_wrote_the_header(
    open_door: OpenDoor,
    store: Store,
    said: bytes,
    heard: bool,  # noqa: FBT001
) -> None:
    door = open_door(
        DoorSettings(HERE, front=networks(["127.0.0.0/24"]), front_name="mx.front.test")
    )
    proxied = said.startswith(b"PROXY")
    with door.client(greeted=not proxied) as client:
        if proxied:
            client.send(said + b"\r\n")
            assert client.reply().startswith(b"220 ")
        client.ask(b"EHLO mx.here.test")
        if said and not proxied:
            assert client.ask(said)[:1] == b"2"
        assert client.mail(content=MARKED + b"From: a@x.test\r\n\r\nHi\r\n").startswith(b"250")
    (row,) = arrivals(store)
    assert row.fronted is heard
    with store.read() as session:
        kept = get_raw(session, row.raw_sha)
    assert kept is not None
    assert (b"mx.front.test" in kept) is heard


def test_whoever_connects_himself_has_his_marks_heard_nowhere(
    open_door: OpenDoor, store: Store
) -> None:
    door = open_door(DoorSettings(HERE, front=networks(["192.0.2.0/24"])))
    with door.client() as client:
        assert client.mail(content=MARKED + b"From: a@x.test\r\n\r\nHi\r\n").startswith(b"250")
    (row,) = arrivals(store)
    assert not row.fronted
