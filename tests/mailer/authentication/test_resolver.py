"""DNS is asked once for what it says, and left alone where it says nothing."""

from collections.abc import Iterator

import pytest

from mailer.authentication import resolver as module
from mailer.authentication.dns_records import NoAnswerError
from mailer.authentication.resolver import NOTHING, REST, DnsAnswer, Resolver, read_server
from tests.zone import Zone, serving


@pytest.fixture
def zone() -> Iterator[Zone]:
    records = {
        "garden.example": [
            ("TXT", "v=spf1 " + "x" * 300),
            ("TXT", 'a "b" c'),
            ("MX", "20 two.garden.example."),
            ("MX", "10 One.garden.example."),
            ("A", "192.0.2.1"),
            ("AAAA", "2001:db8::1"),
        ],
        "1.2.0.192.in-addr.arpa": [("PTR", "MX.garden.example.")],
    }
    with serving(Zone(records)) as made:
        yield made


def test_each_kind_is_read_as_it_stands(zone: Zone) -> None:
    asking = Resolver([zone.server])
    found = {kind: asking.ask("Garden.example.", kind, 5.0).records for kind in module.KINDS}
    assert sorted(found.pop("TXT")) == [b'a "b" c', b"v=spf1 " + b"x" * 300]
    assert found == {
        "A": ("192.0.2.1",),
        "AAAA": ("2001:db8::1",),
        "MX": ("one.garden.example", "two.garden.example"),
        "PTR": (),
    }
    assert asking.ask("1.2.0.192.in-addr.arpa", "PTR", 5.0).records == ("mx.garden.example",)
    assert asking.ask("nothing.example", "TXT", 5.0) == NOTHING
    assert asking.ask("garden.example", "PTR", 5.0) == DnsAnswer()


def test_texts_are_cut_to_what_is_read(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TEXT", 100)
    assert Resolver([zone.server]).texts("garden.example", 5.0) == (b'a "b" c',)


def test_an_answer_is_kept_for_its_time_and_no_answer_for_a_while(zone: Zone) -> None:
    now = [0.0]
    asking = Resolver([zone.server], lambda: now[0])
    zone.broken.add("bad.example")
    for _ in range(3):
        asking.texts("garden.example", 5.0)
        asking.texts("gone.example", 5.0)
        with pytest.raises(NoAnswerError):
            asking.texts("bad.example", 5.0)
    assert len(zone.asked) == 3
    now[0] += 299
    asking.texts("garden.example", 5.0)
    assert len(zone.asked) == 3
    now[0] += 2
    asking.texts("garden.example", 5.0)
    assert len(zone.asked) == 4


def test_a_silent_domain_rests_and_the_resolver_does_not(zone: Zone) -> None:
    zone.silent.add("slow.example")
    asking = Resolver([zone.server])
    with pytest.raises(NoAnswerError):
        asking.texts("slow.example", 0.1)
    assert asking.texts("garden.example", 5.0)


def test_a_silent_resolver_is_left_alone_for_half_a_minute(zone: Zone) -> None:
    now = [0.0]
    zone.silent.add("*")
    asking = Resolver([zone.server], lambda: now[0])
    with pytest.raises(NoAnswerError):
        asking.texts("one.example", 0.05)
    zone.silent.clear()
    before = len(zone.asked)
    with pytest.raises(NoAnswerError):
        asking.texts("garden.example", 5.0)
    assert len(zone.asked) == before
    now[0] += REST
    assert asking.texts("garden.example", 5.0)


@pytest.mark.parametrize("name", ["a.example", "x.test", "localhost", "mail.example.com"])
def test_the_systems_resolver_is_not_asked_about_names_that_nobody_can_have(name: str) -> None:
    assert Resolver().ask(name, "TXT", 5.0) == NOTHING  # a question would end the test


@pytest.mark.parametrize("name", ["a..example", "x" * 64 + ".example", "", ".", "a b.example"])
def test_what_cannot_stand_in_dns_is_not_asked(zone: Zone, name: str) -> None:
    assert Resolver([zone.server]).ask(name, "TXT", 5.0) == NOTHING
    assert zone.asked == []


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("127.0.0.1:5300", ("127.0.0.1", 5300)),
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("[::1]:53", ("::1", 53)),
    ],
)
def test_a_server_is_an_address_and_a_port(text: str, server: tuple[str, int]) -> None:
    assert read_server(text) == server


@pytest.mark.parametrize("text", ["dns.example:53", "::1:53", "192.0.2.1:0", "192.0.2.1:99999", ""])
def test_anything_else_is_no_server(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT"):
        read_server(text)
