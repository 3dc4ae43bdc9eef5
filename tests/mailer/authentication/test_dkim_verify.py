"""What a mail's signatures say, and that hostile ones cost little."""

from functools import cache

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from mailer.authentication import dkim_verify
from mailer.authentication.dkim_verify import NoAnswerError, read
from tests.cost import AFFORDABLE, cost

MAIL = b"From: Anna <anna@mail.example.net>\r\nSubject: Re: Friends\r\n\r\nYes, gladly.\r\n"


@cache
def key() -> tuple[bytes, bytes]:
    """Return (PEM, key record)."""
    made = rsa.generate_private_key(65537, 2048)
    pem = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = made.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem, b"v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1])


def signed(domain: bytes = b"example.net", **more: object) -> bytes:
    return bytes(dkim.sign(MAIL, b"k1", domain, key()[0], **more)) + MAIL


def known(_name: str) -> bytes:
    return key()[1]


def silent(_name: str) -> bytes:
    raise NoAnswerError


def test_a_good_signature_of_the_senders_own_domain_passes_aligned() -> None:
    assert read(signed(), known) == "pass d=example.net s=k1 aligned"
    assert read(signed(b"relay.example"), known) == "pass d=relay.example s=k1"
    assert read(signed(b"relay.example") + b"", known) == "pass d=relay.example s=k1"


def test_the_best_of_several_signatures_is_told() -> None:
    both = signed(b"relay.example")[: -len(MAIL)] + signed()
    assert read(both, known) == "pass d=example.net s=k1 aligned"


def test_a_changed_mail_fails_and_an_unsigned_one_has_none() -> None:
    assert read(signed().replace(b"gladly", b"never"), known).startswith("fail")
    assert read(signed(), lambda _name: None).startswith("fail")
    assert read(MAIL, silent) == "none"


def test_a_signature_over_a_part_of_the_body_says_so() -> None:
    assert read(signed(length=True) + b"More.\r\n", known).endswith(" partly")


def test_a_silent_dns_is_not_checked() -> None:
    assert read(signed(), silent) == "not checked: DNS did not answer"


def test_a_hundred_signatures_cost_three_questions() -> None:
    asked: list[str] = []

    def count(name: str) -> None:
        asked.append(name)

    read((signed()[: -len(MAIL)]) * 100 + MAIL, count)
    assert len(asked) == dkim_verify.MAX_SIGNATURES


@pytest.mark.parametrize(
    "raw",
    [
        signed() + b" " * 900_000 + b"x\r\n",
        signed() + b"x\r\n" * 500_000,
        b"DKIM-Signature: v=1; a=rsa-sha256; d=x" + b";" * 50_000 + b"\r\n" + MAIL,
        b"DKIM-Signature: " + b"a=b;\r\n " * 5_000 + b"\r\n" + MAIL,
        b"DKIM-Signature: h=" + b"from:" * 9_000 + b"; d=x; s=y\r\n" + MAIL,
    ],
    ids=["blanks", "size", "tags", "folds", "fields"],
)
@pytest.mark.no_cover
def test_a_hostile_signature_is_refused_cheaply(raw: bytes) -> None:
    assert cost(lambda: read(raw, known)) < AFFORDABLE
    assert read(raw, known).startswith(("fail", "not checked"))


def test_a_monstrous_key_is_no_key() -> None:
    assert read(signed(), lambda _name: b"v=DKIM1; p=" + b"A" * 100_000).startswith("fail")


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_any_signature_and_any_key_are_read(signature: bytes, record: bytes) -> None:
    field = b"DKIM-Signature: " + signature.replace(b"\n", b"").replace(b"\r", b"") + b"\r\n"
    assert read(field + MAIL, lambda _name: record)


@pytest.mark.parametrize("line", [b".", b"no field", b"\xff: x", b" "])
def test_a_header_with_a_line_that_is_no_field_fails_and_stops_nothing(line: bytes) -> None:
    broken = signed().replace(b"Subject: Re: Friends\r\n", line + b"\r\nSubject: Re: Friends\r\n")
    empty = b"DKIM-Signature: \r\n" + MAIL
    for raw in (broken, line + b"\r\n" + signed(), empty):
        assert read(raw, known).startswith(("fail", "pass", "none"))
