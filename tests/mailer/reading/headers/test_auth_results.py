"""Nobody but us says in our name who a mail is from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.reading.headers.auth_results import without, without_signatures

OURS = {"example.org", "mx.example.org", "xn--bcher-kva.example"}
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
    b"Authentication-Results: relay.mx.example.org; dkim=pass",
    b"X-Authentication-Results: example.org; dkim=pass",
    b"ARC-Authentication-Results: i=1; example.org; dkim=pass",
    b"ARC-Authentication-Results: i = 12 ;\r\n mx2.example.org; dkim=pass",
    b"Received-SPF: pass (mx.example.org: domain of a@b.net) client-ip=192.0.2.1",
    b"Received-SPF: Pass identity=mailfrom;\r\n receiver=mail.EXAMPLE.org; client-ip=192.0.2.1",
    b'Received-SPF: pass receiver="example.org"; client-ip=192.0.2.1',
    b"Authentication-Results: example .org; dkim=pass",
    b"Authentication-Results: example(at home).org; dkim=pass",
    b"Authentication-Results: <example.org>; dkim=pass",
    b"Authentication-Results: [example.org]; dkim=pass",
    b"Authentication-Results: 'example.org'; dkim=pass",
    b'Authentication-Results: "example".org; dkim=pass',
    b"Authentication-Results: example.org, dkim=pass",
    b"Authentication-Results: example.org: dkim=pass",
    b"Authentication-Results: example.org=1; dkim=pass",
    b"Authentication-Results: ) example.org; dkim=pass",
    b"Authentication-Results: ; example.org; dkim=pass",
    b"Authentication-Results: i=1; example.org; dkim=pass",
    b"Authentication-Results\v: example.org; dkim=pass",
    b"\xef\xbb\xbfAuthentication-Results: example.org; dkim=pass",
    "Authentication-Results: exa\u200bmple.org; dkim=pass".encode(),
    "Authentication-Results: \u202eexample.org\u202c; dkim=pass".encode(),
    "Authentication-Results: b\u00fccher.example; dkim=pass".encode(),
    "Authentication-Results: B\u00dcCHER\u3002example; dkim=pass".encode(),
    b"X-Authentication-Results: i=1; example.org; dkim=pass",
    b"ARC-Authentication-Results: i=1; i=1; example.org; dkim=pass",
    b"ARC-Authentication-Results: i=1 (one); example.org; dkim=pass",
    b"Received-SPF: pass receiver=other.net; receiver=example.org",
    b"Received-SPF: pass (other.net: him) (example.org: her)",
    b"This is no field\r\nAuthentication-Results: example.org; dkim=pass",
]


@pytest.mark.parametrize("field", FORGED)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_what_bears_our_name_is_gone_with_its_folds(field: bytes, end: bytes) -> None:
    raw = (b"To: c@d.net\r\n" + field + b"\r\n" + REST).replace(b"\r\n", end)
    kept = without(raw, OURS)
    assert kept.lower().count(b"authentication-results") == 1  # in the text
    assert b"received-spf" not in kept.lower()
    assert kept.endswith(REST.replace(b"\r\n", end))
    assert kept.startswith(b"To: c@d.net" + end)


@pytest.mark.parametrize(
    "field",
    [
        b"Authentication-Results: mx.google.com; dkim=pass header.d=example.org",
        b"Authentication-Results: example.org.evil.net; dkim=pass",
        b"Authentication-Results: spf=pass (sender IP is 192.0.2.1)",
        b"Authentication-Results: spf=pass (sender is 192.0.2.1) smtp.mailfrom=example.org; none",
        b"Authentication-Results: mx.b.net (asked for example.org); dkim=pass",
        b"Authentication-Results: anexample.org; dkim=pass",
        b"X-Authentication-Results: mx.google.com; dkim=pass",
        b"ARC-Authentication-Results: i=1; mx.google.com; dkim=pass header.d=example.org",
        b"Received-SPF: pass (google.com: domain of a@example.org) client-ip=192.0.2.1;",
        b"Received-SPF: pass identity=mailfrom; client-ip=192.0.2.1; receiver=<UNKNOWN>",
        b"Received-SPF: pass",
        b"DKIM-Signature: v=1; d=example.org; s=a",
        b"Subject: Authentication-Results: example.org",
        b"X: y\r\n Authentication-Results: example.org",
    ],
)
def test_what_others_say_stays_as_it_is(field: bytes) -> None:
    raw = field + b"\r\n" + REST
    assert without(raw, OURS) is raw or without(raw, OURS) == raw


@pytest.mark.parametrize(
    ("tags", "goes"),
    [
        (b"v=1; a=rsa-sha256; d=example.org; s=x; b=AAAA", True),
        (b"v=1; s=x;\r\n\td = EXAMPLE.org. ;\r\n b=AAAA", True),
        (b"v=1; d=mx.example.org; s=x", True),
        (b"v=1; d=b.net; s=x; i=@example.org", False),
        (b"v=1; d=sub.example.org; s=x", False),
    ],
)
def test_a_signature_goes_that_bears_one_of_the_names(tags: bytes, *, goes: bool) -> None:
    raw = b"To: c@d.net\r\nDKIM-Signature: " + tags + b"\r\n" + REST
    assert (without_signatures(raw, OURS) == b"To: c@d.net\r\n" + REST) is goes
    assert without_signatures(raw, ()) is raw


def test_two_of_ours_go_and_one_between_them_stays() -> None:
    other = b"Authentication-Results: b.net; spf=pass\r\n"
    assert without(FORGED[0] + b"\r\n" + other + FORGED[2] + b"\r\n" + REST, OURS) == other + REST


@given(st.binary(max_size=300))
def test_no_octets_make_it_fail_or_grow(value: bytes) -> None:
    raw = b"Authentication-Results: " + value
    assert len(without(raw, OURS)) <= len(raw)
