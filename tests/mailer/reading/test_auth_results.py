"""Nobody but us says in our name who a mail is from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.reading.auth_results import without

OURS = {"example.org", "mx.example.org"}
REST = b"From: a@b.net\r\nSubject: x\r\n\r\nAuthentication-Results: example.org; dkim=pass\r\n"
FORGED = [
    b"Authentication-Results: example.org; dkim=pass",
    b"AUTHENTICATION-RESULTS:EXAMPLE.org;dkim=pass",
    b"Authentication-Results : example.org; dkim=pass",
    b"Authentication-Results\t:\r\n example.org;\r\n\tdkim=pass\r\n header.d=example.org",
    b"Authentication-Results: example.org 1; dkim=pass",
    b"Authentication-Results: example.org/1; dkim=pass",
    b"Authentication-Results: (a (nested\\)) one) example.org (ours); dkim=pass",
    b'Authentication-Results: "example.org"; dkim=pass',
    b"Authentication-Results: example.org.; dkim=pass",
    b"Authentication-Results: mx.example.org; none",
    b"Authentication-Results: =?utf-8?q?example.org?=; dkim=pass",
    b"Authentication-Results:",
    b"This is no field\r\nAuthentication-Results: example.org; dkim=pass",
]


@pytest.mark.parametrize("field", FORGED)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_what_bears_our_name_is_gone_with_its_folds(field: bytes, end: bytes) -> None:
    raw = (b"To: c@d.net\r\n" + field + b"\r\n" + REST).replace(b"\r\n", end)
    kept = without(raw, OURS)
    assert kept.lower().count(b"authentication-results") == 1  # in the text
    assert kept.endswith(REST.replace(b"\r\n", end))
    assert kept.startswith(b"To: c@d.net" + end)


@pytest.mark.parametrize(
    "field",
    [
        b"Authentication-Results: mx.google.com; dkim=pass header.d=example.org",
        b"Authentication-Results: example.org.evil.net; dkim=pass",
        b"Authentication-Results: spf=pass (sender IP is 192.0.2.1)",
        b"X-Authentication-Results: example.org; dkim=pass",
        b"Subject: Authentication-Results: example.org",
        b"X: y\r\n Authentication-Results: example.org",
    ],
)
def test_what_others_say_stays_as_it_is(field: bytes) -> None:
    raw = field + b"\r\n" + REST
    assert without(raw, OURS) is raw or without(raw, OURS) == raw


def test_two_of_ours_go_and_one_between_them_stays() -> None:
    other = b"Authentication-Results: b.net; spf=pass\r\n"
    assert without(FORGED[0] + b"\r\n" + other + FORGED[2] + b"\r\n" + REST, OURS) == other + REST


@given(st.binary(max_size=300))
def test_no_octets_make_it_fail_or_grow(value: bytes) -> None:
    raw = b"Authentication-Results: " + value
    assert len(without(raw, OURS)) <= len(raw)
