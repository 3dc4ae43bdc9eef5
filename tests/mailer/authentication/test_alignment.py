"""What DNS says of a domain: read strictly, asked within bounds, remembered for a while."""

import threading
from collections.abc import Mapping

import pytest

from mailer.authentication import alignment
from mailer.authentication.alignment import DomainPolicy, Enquiries, Published, Spf, judge
from mailer.authentication.dns_records import NoAnswerError
from tests.tree import PATIENCE, wait_for

KEY = "k-r._domainkey.news.garden.se"
RECORD = "v=DKIM1; k=rsa; p=AAAA"
DMARC, ABOVE = "_dmarc.news.garden.se", "_dmarc.garden.se"
GOOD = {
    "news.garden.se": (b"google-site-verification=x", b"v=spf1 include:x.example -all"),
    DMARC: (),
    ABOVE: (b"v=DMARC1; p=reject; sp=quarantine",),
    "_dmarc.se": (),
    KEY: (b"v=DKIM1;k=rsa; p=AA AA",),
}


def told(**other: object) -> alignment.DomainRecords:
    return judge("news.garden.se", {KEY: RECORD}, {**GOOD, **other})  # type: ignore[dict-item]  # each case gives its own


@pytest.mark.parametrize(
    ("texts", "spf"),
    [
        ((b"v=spf1 mx -all",), Spf.NAMES),
        ((b"V=SPF1 redirect=x.example",), Spf.NAMES),
        ((b"v=spf10 mx",), Spf.NONE),
        ((), Spf.NONE),
        ((b"v=spf1 mx", b"v=spf1 a"), Spf.SEVERAL),
        ((b"v=spf1 -all",), Spf.NOBODY),
        ((b"v=spf1",), Spf.NOBODY),
        (None, Spf.UNKNOWN),
    ],
)
def test_an_spf_record_names_somebody_or_nobody(texts: object, spf: Spf) -> None:
    assert told(**{"news.garden.se": texts}).spf is spf


@pytest.mark.parametrize(
    ("answers", "wish"),
    [
        ({}, DomainPolicy.QUARANTINE),  # its organisation's, for what is below it
        ({DMARC: (b"v=DMARC1; p=none; sp=reject",)}, DomainPolicy.NONE),
        ({DMARC: (b"v=DMARC1; rua=mailto:x@x.example",)}, DomainPolicy.NONE),
        ({DMARC: (b"v=DMARC1;p=reject", b"v=DMARC1;p=none")}, DomainPolicy.QUARANTINE),
        ({ABOVE: (b"v=DMARC1; p=reject; t=y",)}, DomainPolicy.QUARANTINE),
        ({"_dmarc.se": (b"v=DMARC1; p=reject; psd=y",)}, DomainPolicy.QUARANTINE),
        ({ABOVE: ()}, DomainPolicy.ABSENT),
        ({DMARC: None}, DomainPolicy.UNKNOWN),
    ],
)
def test_a_policy_is_the_domains_own_or_its_organisations(
    answers: Mapping[str, object], wish: DomainPolicy
) -> None:
    assert told(**answers).wish is wish


def test_a_key_in_dns_is_the_one_that_signs_another_or_none() -> None:
    found = [told(**{KEY: texts}).keys[KEY] for texts in ((), (b"v=DKIM1; p=BBBB",), None)]
    assert told().keys == {KEY: Published.YES}
    assert found == [Published.NO, Published.OTHER, Published.UNKNOWN]


def test_names_that_nobody_can_have_are_known_and_few_are_asked_of_others() -> None:
    hidden = ["localhost", "a.test", "lists.example.org", "x.example", "192.0.2.1", "box.lan"]
    assert not any(map(alignment.is_public, hidden))
    assert all(map(alignment.is_public, ["garden.se", "my-example.org", "example.se"]))
    asked = alignment.names(".".join("abcdefghijk") + ".se", [f"k{n}" for n in range(50)])
    assert len(asked) == alignment.NAMES


def test_an_answer_is_kept_silence_for_a_minute_and_nobody_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alignment, "SECONDS", PATIENCE)  # by the clock below, which stands still
    now, asked, free = [0.0], list[str](), threading.Event()
    silent = {ABOVE}

    def texts(name: str, seconds: float) -> tuple[bytes, ...]:
        asked.append(name)
        assert seconds == alignment.SECONDS
        if name in silent:
            free.wait()
        if name == "_dmarc.se":
            raise NoAnswerError
        return GOOD[name]

    here = Enquiries(texts, lambda: now[0])
    pending = here.begin("news.garden.se", {KEY: RECORD})
    now[0] = alignment.SECONDS  # its time is over, whatever has not answered
    first = pending()
    assert first.wish is DomainPolicy.UNKNOWN
    assert here.begin("news.garden.se", {KEY: RECORD})() == first
    wait_for("every question", lambda: len(asked) == 5)
    silent.clear()
    free.set()
    now[0] += alignment.KEEP_SILENCE
    ends = here.begin("news.garden.se", {KEY: RECORD})
    assert ends().wish is DomainPolicy.QUARANTINE
    now[0] += alignment.KEEP - 1
    assert len(asked) == 10
    assert here.begin("news.garden.se", {KEY: RECORD})() == ends()
