"""The rehearsal relay keeps what it takes and answers as its profile says."""

import random
import socket
from collections import Counter

import pytest

from mailer.rehearsal.profiles import Faulty, Greylist, profile
from mailer.rehearsal.sink import Caught, Moment, Sink, SinkReply, rehearsal


def talk(sink: Sink, said: bytes) -> bytes:
    """Say everything at once and return all that is answered."""
    with socket.create_connection(("127.0.0.1", sink.port), timeout=10) as client:
        client.sendall(said)
        heard = b""
        while chunk := client.recv(65536):
            heard += chunk
    return heard


def test_a_message_comes_out_as_it_went_in_byte_by_byte() -> None:
    caught: list[Caught] = []
    session = (
        b"EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\nDATA\r\n"
        b"..one\r\n...\r\ntwo\r\n.\r\nMAIL FROM:<a@x>\r\nRCPT TO:<d@y>\r\nDATA\r\n.\r\nQUIT\r\n"
    )
    with rehearsal(Sink(keep=caught.append)) as sink:
        for size in (1, 3, 1000):
            with socket.create_connection(("127.0.0.1", sink.port), timeout=10) as client:
                for start in range(0, len(session), size):
                    client.sendall(session[start : start + size])
                while client.recv(65536):
                    pass
    assert len(caught) == 6
    assert {one.raw for one in caught[::2]} == {b".one\r\n..\r\ntwo\r\n"}
    assert {one.raw for one in caught[1::2]} == {b""}
    assert caught[0].recipients == ("b@y", "c@y")
    assert caught[0].received_at > 1e9
    assert sink.most_open == 1


def test_a_session_out_of_order_is_told_so() -> None:
    with rehearsal(Sink()) as sink:
        heard = talk(
            sink,
            b"NOPE\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nDATA\r\nRSET\r\nSTARTTLS\r\nNOOP\r\nQUIT\r\n",
        )
    codes = [line[:3] for line in heard.splitlines()]
    assert codes == [b"220", b"500", b"250", b"503", b"554", b"250", b"502", b"250", b"221"]


@pytest.mark.parametrize(
    ("name", "recipient", "code"),
    [
        ("accept", "nobody@x", None),
        ("gmail", "anna@x", None),
        ("gmail", "nobody7@x", 550),
        ("gmail", "full@x", 452),
        ("outlook", "spam@x", 550),
        ("outlook", "later@x", 451),
        ("greylist", "anna@x", 451),
    ],
)
def test_profiles_answer_what_the_address_asks_for(
    name: str, recipient: str, code: int | None
) -> None:
    script = profile(name, clock=lambda: 5.0)
    assert script is not None
    caught = Caught("b@lists.x", (recipient,))
    told = script(Moment.RCPT, caught) or script(Moment.DOT, caught)
    assert (told.code if told else None) == code


def test_an_unknown_profile_is_none() -> None:
    assert profile("yahoo", clock=lambda: 0.0) is None


def test_greylisting_lets_the_second_try_in() -> None:
    now = [100.0]
    script = Greylist(wait=300.0, clock=lambda: now[0])
    caught = Caught("bounces+1@x", ("anna@y",))
    told = script(Moment.RCPT, caught)
    assert isinstance(told, SinkReply)
    assert told.code == 451
    now[0] = 399.0
    assert script(Moment.RCPT, caught) is not None
    now[0] = 401.0
    assert script(Moment.RCPT, Caught("bounces+2@x", ("anna@y",))) is None


def test_the_faulty_profile_is_repeatable_and_goes_wrong_in_every_way() -> None:
    def run() -> Counter[str]:
        script = Faulty(random.Random(7), share=0.5)  # noqa: S311 - seeded
        told = [script(moment, Caught()) for _ in range(200) for moment in Moment]
        return Counter(f"{one.code} {one.drop} {one.kept}" for one in told if one)

    assert run() == run()
    assert set(run()) == {"451 False None", "550 False None", "421 False None"} | {
        "250 True None",
        "250 True True",
    }
