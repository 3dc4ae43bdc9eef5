"""Whose mail it is: SPF, DKIM and DMARC together, over a zone of our own."""

import itertools
from collections.abc import Iterator
from functools import cache

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailer.authentication import verdict
from mailer.authentication.resolver import Resolver
from mailer.authentication.verdict import Authentication, Envelope, judge, read
from mailer.reading import message
from tests.zone import Zone, serving

MAIL = b"From: Anna <anna@example.net>\r\nTo: b@c.example\r\nSubject: Hi\r\n\r\nText\r\n"
MX, ELSEWHERE = "192.0.2.1", "198.51.100.9"


@cache
def key() -> tuple[bytes, str]:
    """Return a private key, and its record."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = made.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem, "v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1]).decode()


@pytest.fixture
def zone() -> Iterator[Zone]:
    made = Zone()
    for domain in ("example.net", "news.example.net", "evil.example"):
        made.add(f"k._domainkey.{domain}", ("TXT", key()[1]))
        made.add(domain, ("TXT", f"v=spf1 ip4:{MX} -all"), ("A", MX))
    made.add("_dmarc.example.net", ("TXT", "v=DMARC1; p=reject"))
    with serving(made):
        yield made


def signed(raw: bytes = MAIL, domain: str = "example.net", **more: object) -> bytes:
    return bytes(dkim.sign(raw, b"k", domain.encode(), key()[0], **more)) + raw


def told(
    zone: Zone, raw: bytes = MAIL, client: str = ELSEWHERE, sender: str = "a@example.net"
) -> Authentication:
    envelope = Envelope(client, "mx.example.net", sender)
    return judge(raw, message.head(raw), envelope, Resolver([zone.server]))


def words(found: Authentication) -> tuple[str, str, str, bool]:
    return found.spf, found.dkim, found.dmarc, found.aligned


@pytest.mark.parametrize(
    ("raw", "client", "sender", "expected"),
    [
        (MAIL, MX, "a@example.net", ("pass", "none", "pass", True)),
        (MAIL, MX, "a@news.example.net", ("pass", "none", "pass", True)),
        (MAIL, MX, "a@evil.example", ("pass", "none", "fail", False)),
        (MAIL, ELSEWHERE, "a@example.net", ("fail", "none", "fail", False)),
        (MAIL, "", "a@example.net", ("none", "none", "fail", False)),
        (MAIL, "127.0.0.1", "a@example.net", ("none", "none", "fail", False)),
        (signed(), ELSEWHERE, "a@evil.example", ("fail", "pass", "pass", True)),
        (signed(domain="news.example.net"), ELSEWHERE, "", ("none", "pass", "pass", True)),
        (signed(domain="evil.example"), ELSEWHERE, "a@x.example", ("none", "pass", "fail", False)),
        (signed() + b"more\r\n", ELSEWHERE, "", ("none", "fail", "fail", False)),
        (signed(length=True) + b"more\r\n", ELSEWHERE, "", ("none", "pass", "fail", False)),
        (signed(domain="gone.example"), ELSEWHERE, "", ("none", "fail", "fail", False)),
    ],
)
def test_a_mail_is_its_writers_where_something_aligned_passes(
    zone: Zone, raw: bytes, client: str, sender: str, expected: tuple[str, str, str, bool]
) -> None:
    assert words(told(zone, raw, client, sender)) == expected


def test_a_signature_of_the_writer_is_found_behind_many_of_others(zone: Zone) -> None:
    raw = signed()
    for _ in range(6):
        raw = signed(raw, "evil.example")
    assert told(zone, raw).dmarc == "pass"


@pytest.mark.parametrize(
    "field",
    [
        b"From: a@example.net, b@example.org",
        b"From: a@example.net\r\nFrom: a@example.net",
        b"From: nobody",
        b"X: y",
    ],
)
def test_a_mail_without_just_one_writer_is_nobodys(zone: Zone, field: bytes) -> None:
    found = told(zone, field + b"\r\n\r\nText\r\n", MX)
    assert (found.dmarc, found.aligned) == ("permerror", False)


def test_trouble_with_dns_is_neither_for_nor_against(zone: Zone) -> None:
    zone.broken.add("_dmarc.example.net")
    assert words(told(zone)) == ("fail", "none", "temperror", False)
    zone.broken = {"k._domainkey.example.net"}
    assert words(told(zone, signed())) == ("fail", "temperror", "temperror", False)
    zone.broken = {"example.net"}
    assert words(told(zone)) == ("temperror", "none", "temperror", False)


def test_the_forgers_own_trouble_does_not_help_them(zone: Zone) -> None:
    zone.broken.add("evil.example")
    assert words(told(zone, MAIL, ELSEWHERE, "a@evil.example")) == (
        "temperror",
        "none",
        "fail",
        False,
    )
    zone.broken.add("k._domainkey.evil.example")
    assert told(zone, signed(domain="evil.example")).dmarc == "fail"


def test_a_forger_who_answers_slowly_uses_up_no_time_of_others(zone: Zone) -> None:
    zone.silent.add("evil.example")
    clock = itertools.count(0.0, 0.001)
    envelope = Envelope(ELSEWHERE, "mx", "a@evil.example")
    found = judge(
        MAIL, message.head(MAIL), envelope, Resolver([zone.server]), clock=lambda: next(clock)
    )
    assert (found.spf, found.dmarc) == ("temperror", "fail")


def test_a_silent_resolver_makes_everything_unknown(zone: Zone) -> None:
    zone.silent.add("*")
    assert words(told(zone, signed(), MX)) == ("temperror", "temperror", "temperror", False)


def test_a_verdict_is_read_as_it_was_written(zone: Zone) -> None:
    found = told(zone, MAIL, ELSEWHERE)
    assert found.disowned
    assert read(found.text()) == found
    assert read("") == verdict.UNKNOWN
    assert not verdict.UNKNOWN.disowned
