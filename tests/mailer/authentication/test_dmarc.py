"""A domain's own word on its mail: policies, the walk up the tree, alignment (RFC 9989)."""

import pytest

from mailer.authentication.dmarc import DmarcPolicy, DmarcResult, DmarcVerdict, judge, walk
from mailer.authentication.dns_records import NoAnswerError

AUTHOR = "a.news.garden.example"


def told(
    records: dict[str, str],
    *passed: tuple[str, str],
    author: str = AUTHOR,
    exists: bool = True,
) -> DmarcVerdict:
    def texts(name: str) -> tuple[bytes, ...]:
        text = records.get(name.removeprefix("_dmarc."), "")
        if text == "silent":
            raise NoAnswerError
        return tuple(one.encode() for one in text.split("|") if one)

    return judge(author, passed, texts, lambda _: exists)


@pytest.mark.parametrize(
    ("record", "policy"),
    [
        ("v=DMARC1; p=reject", DmarcPolicy.REJECT),
        ("v=DMARC1;p=quarantine", DmarcPolicy.QUARANTINE),
        ("v=DMARC1; p=none; sp=reject", DmarcPolicy.NONE),
        ("v = DMARC1 ; P=Reject; pct=0", DmarcPolicy.REJECT),
        ("v=DMARC1; p=reject; t=y", DmarcPolicy.QUARANTINE),
        ("v=DMARC1; p=quarantine; t=y", DmarcPolicy.NONE),
        ("v=DMARC1; p=what; rua=mailto:a@b.example", DmarcPolicy.NONE),
        ("v=spf1 -all|v=DMARC1; p=reject", DmarcPolicy.REJECT),
    ],
)
def test_a_domains_own_record_says_what_it_asks(record: str, policy: DmarcPolicy) -> None:
    assert told({AUTHOR: record}) == DmarcVerdict(DmarcResult.FAIL, policy)


@pytest.mark.parametrize(
    ("record", "exists", "policy"),
    [
        ("v=DMARC1; p=reject", True, DmarcPolicy.REJECT),
        ("v=DMARC1; p=reject; sp=none", True, DmarcPolicy.NONE),
        ("v=DMARC1; p=none; sp=quarantine; np=reject", True, DmarcPolicy.QUARANTINE),
        ("v=DMARC1; p=none; sp=quarantine; np=reject", False, DmarcPolicy.REJECT),
        ("v=DMARC1; p=none; np=reject", True, DmarcPolicy.NONE),
        ("v=DMARC1; p=reject; sp=none", False, DmarcPolicy.NONE),
        ("v=DMARC1; p=none; np=reject; t=y", False, DmarcPolicy.QUARANTINE),
    ],
)
def test_an_organisations_record_speaks_for_what_is_below(
    record: str, policy: DmarcPolicy, *, exists: bool
) -> None:
    assert told({"garden.example": record}, exists=exists) == DmarcVerdict(DmarcResult.FAIL, policy)


@pytest.mark.parametrize(
    "record", ["", "v=DMARC1; p=what", "v=DMARC2; p=reject", "v=DMARC1; p=reject|v=DMARC1; p=none"]
)
def test_without_one_record_that_asks_for_something_there_is_no_policy(record: str) -> None:
    assert told({AUTHOR: record}, ("dkim", AUTHOR)) == DmarcVerdict(DmarcResult.NONE, aligned=True)
    assert told({AUTHOR: record}) == DmarcVerdict(DmarcResult.NONE)


@pytest.mark.parametrize(
    ("record", "passed", "aligned"),
    [
        ("p=reject", ("dkim", "garden.example"), True),
        ("p=reject", ("dkim", "shop.garden.example"), True),
        ("p=reject", ("spf", "bounce.garden.example"), True),
        ("p=reject", ("dkim", "example"), False),
        ("p=reject", ("dkim", "notgarden.example"), False),
        ("p=reject", ("dkim", "garden.example.evil.example"), False),
        ("p=reject; adkim=s", ("dkim", "garden.example"), False),
        ("p=reject; adkim=s", ("spf", "garden.example"), True),
        ("p=reject; aspf=S", ("spf", "garden.example"), False),
        ("p=reject; aspf=s; adkim=s", ("dkim", AUTHOR), True),
    ],
)
def test_alignment_is_relaxed_unless_the_domain_says_strict(
    record: str, passed: tuple[str, str], *, aligned: bool
) -> None:
    found = told({"garden.example": f"v=DMARC1; {record}"}, passed)
    assert found.aligned is aligned
    assert found.result is (DmarcResult.PASS if aligned else DmarcResult.FAIL)


@pytest.mark.parametrize(
    ("records", "organisation"),
    [
        ({}, AUTHOR),
        ({"garden.example": "v=DMARC1; p=none"}, "garden.example"),
        ({AUTHOR: "v=DMARC1", "garden.example": "v=DMARC1"}, "garden.example"),
        ({"news.garden.example": "v=DMARC1; psd=n", "garden.example": "v=DMARC1"},
         "news.garden.example"),
        ({"garden.example": "v=DMARC1; psd=y"}, "news.garden.example"),
        ({AUTHOR: "v=DMARC1; psd=y", "example": "v=DMARC1"}, AUTHOR),
    ],
)  # fmt: skip
def test_the_organisation_is_found_by_walking_up(
    records: dict[str, str], organisation: str
) -> None:
    def texts(name: str) -> tuple[bytes, ...]:
        text = records.get(name.removeprefix("_dmarc."))
        return (text.encode(),) if text else ()

    assert walk(AUTHOR, texts).organisation == organisation


def test_a_long_name_is_asked_about_eight_times() -> None:
    asked: list[str] = []

    def texts(name: str) -> tuple[bytes, ...]:
        asked.append(name)
        return ()

    walk("a.b.c.d.e.f.g.h.i.j.mail.example.com", texts)
    assert asked[:3] == [
        "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "_dmarc.g.h.i.j.mail.example.com",
        "_dmarc.h.i.j.mail.example.com",
    ]
    assert len(asked) == 8
    assert asked[-1] == "_dmarc.com"


def test_silence_is_unknown_but_the_very_same_domain_still_counts() -> None:
    silent = {AUTHOR: "silent"}
    assert told(silent) == DmarcVerdict(DmarcResult.TEMPERROR)
    assert told(silent, ("dkim", AUTHOR)) == DmarcVerdict(DmarcResult.PASS, aligned=True)
