"""Whoever a receiver could take for the writer is a writer to us."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.reading.headers.from_domains import from_domains
from mailer.reading.message import head
from mailer.reading.organisational_domains import organisation

OURS = [
    b"From: CEO <ceo@example.org>",
    b"from: ceo@EXAMPLE.ORG",
    b"From: ceo@example.org.",
    b"From: a@b.net, ceo@example.org",
    b"From: Board: a@b.net, ceo@example.org;",
    b"From: a@b.net\r\nFrom: ceo@example.org",
    b"From: a@b.net\r\nSender: ceo@example.org",
    b"From: =?utf-8?b?PGNlb0BleGFtcGxlLm9yZz4=?= <a@b.net>",
    b"From: =?utf-8?q?ceo=40example.org?= <a@b.net>",
    b'From: "ceo@example.org" <a@b.net>',
    b"From: ceo@example.org <a@b.net>",
    b"From: a@b.net (<ceo@example.org>)",
    b"From: <@b.net:ceo@example.org>",
    b"From: <ceo@example.org,a@b.net>",
    b"From: <ceo@example.org\0@b.net>",
    b"From: <ceo@ (where?)\r\n example (it is)\r\n . org>",
    b'From: "a b"@example.org',
    b"From: ceo@mail.example.org",
    b"From: <ceo@example.org|>",
    "From: ceo@\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45\uff0eorg".encode(),
    "From: ceo\uff20example\u3002org".encode(),
    "From: ceo@exam\u00adple.org".encode(),
    b"From:\r\n\tceo@example.org",
    b"From: ceo@a_b.example.org",
]


@pytest.mark.parametrize("field", OURS)
def test_a_writer_in_a_domain_is_seen_in_every_spelling(field: bytes) -> None:
    named = from_domains(head(b"To: x@y.net\r\n" + field + b"\r\n\r\nfrom z@other.net\r\n"))
    assert "example.org" in {organisation(domain) for domain in named}


@pytest.mark.parametrize(
    "field",
    [b"From: Anna <anna@example.net>", b"From: example.org", b"X-From: a@example.org", b"To: a@b"],
)
def test_what_names_no_writer_there_is_not_taken_for_one(field: bytes) -> None:
    named = from_domains(head(field + b"\r\n\r\nFrom: ceo@example.org\r\n"))
    assert "example.org" not in named


def test_two_spellings_of_an_international_domain_are_one() -> None:
    letters, labels = "From: a@bücher.example".encode(), b"From: a@xn--bcher-kva.example"
    assert from_domains(head(letters)) == from_domains(head(labels)) == {"xn--bcher-kva.example"}


@pytest.mark.parametrize(
    ("domain", "found"),
    [
        ("example.org", "example.org"),
        ("a.b.example.org", "example.org"),
        ("club.co.uk", "club.co.uk"),
        ("lists.club.co.uk", "club.co.uk"),
        ("co.uk", "co.uk"),
        ("anna.github.io", "anna.github.io"),
        ("lists.club.example", "club.example"),
        ("localhost", "localhost"),
    ],
)
def test_an_organisation_is_what_stands_below_a_public_suffix(domain: str, found: str) -> None:
    assert organisation(domain) == found


@given(st.binary(max_size=400))
def test_no_octets_make_it_fail(value: bytes) -> None:
    from_domains(head(b"From: " + value))
