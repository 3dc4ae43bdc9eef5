"""Records and fields that say whose mail it is, by whoever likes: nothing passes by chance."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from mailer.authentication import dkim_verify, dmarc, front_results, spf, spf_record
from mailer.authentication.dmarc import DmarcResult
from mailer.authentication.resolver import DnsAnswer
from mailer.authentication.spf import SpfResult
from mailer.authentication.spf_record import BadRecordError
from mailer.reading import message
from mailer.reading.headers import auth_results
from tests.fuzz.pieces import MAILS, ODD

SPF = st.lists(st.sampled_from([
    b"v=spf1", b"mx", b"a", b"-all", b"+all", b"include:a.example", b"redirect=a.example", b"exists:%{i}.x",
    b"ip4:192.0.2.0/24", b"ip4:1", b"ip6:::1/200", b"exp=x", b"%{p}", b"a//", b"ptr", b"?", b"x=%", b"",
]) | ODD, max_size=14).map(b" ".join)  # fmt: skip
DMARC = st.lists(st.sampled_from([
    b"v=DMARC1", b"p=reject", b"p=none", b"sp=", b"np=quarantine", b"psd=y", b"psd=n", b"t=y", b"adkim=s",
    b"rua=mailto:a@b.c", b"=", b"p", b"p=p=p", b"",
]) | ODD, max_size=10).map(b"; ".join)  # fmt: skip
RESULTS = st.lists(st.sampled_from([
    b"mx.example", b"; dkim=pass header.d=example.net", b"; spf=pass smtp.mailfrom=a@example.net", b"1",
    b"(com(ment)", b"; dmarc=pass header.from=example.net", b"; none", b'"mx.example"', b"\r\n ", b";;",
]) | ODD, max_size=8).map(b"".join)  # fmt: skip
CLIENT = spf.client_of("192.0.2.77", "a@example.net", "mx.example.net")


@given(SPF)
def test_a_record_of_spf_is_read_or_refused_and_names_a_result(record: bytes) -> None:
    with contextlib.suppress(BadRecordError):
        spf_record.read(record)
    assert CLIENT is not None
    found = spf.check(
        CLIENT, "example.net", lambda _name, kind: DnsAnswer((record,) if kind == "TXT" else ())
    )
    assert found in SpfResult
    if b"all" not in record and b"192.0.2.0/24" not in record:
        assert found is not SpfResult.PASS


@given(DMARC, DMARC)
def test_no_policy_makes_a_stranger_pass(own: bytes, above: bytes) -> None:
    zone = {"_dmarc.news.example.net": (own,), "_dmarc.example.net": (above,)}
    found = dmarc.judge(
        "news.example.net",
        [("spf", "evil.example")],
        lambda name: zone.get(name, ()),
        lambda _name: True,
    )
    assert found.result is not DmarcResult.PASS
    assert not found.aligned


@given(RESULTS)
def test_results_in_our_name_are_gone_and_a_fronts_are_read_or_not(value: bytes) -> None:
    raw = b"Authentication-Results: " + value + b"\r\nFrom: a@example.net\r\n\r\nx\r\n"
    less = auth_results.without(raw, ("mx.example",))
    assert len(less) <= len(raw)
    assert auth_results.without(less, ("mx.example",)) == less
    front_results.read(message.head(raw), "mx.example")


@given(MAILS, st.binary(max_size=200))
def test_no_signature_passes_by_chance(raw: bytes, key: bytes) -> None:
    signed = (
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=k; h=from; bh=AA==; b=AA==\r\n" + raw
    )
    found = dkim_verify.signatures(signed, message.head(signed), lambda _name: key, "example.net")
    assert all(one.result != "pass" for one in found)
