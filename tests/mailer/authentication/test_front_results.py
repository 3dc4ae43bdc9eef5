"""What a server in front says of whose mail it is, under the name that it writes under."""

import pytest

from mailer.authentication.front_results import read
from mailer.reading import message

NAME = "mx.example.org"
WHOLE = "mx.example.org; spf=pass smtp.mailfrom=a.example; dkim=pass header.d=a.example; dmarc=pass"


def said(*lines: str, author: str = "anna@a.example") -> str:
    """Return what is read of these results as words, "nothing" where nothing is."""
    head = "".join(f"Authentication-Results: {line}\r\n" for line in lines)
    found = read(message.head(f"{head}From: {author}\r\n\r\n".encode()), NAME)
    if found is None:
        return "nothing"
    one = found.found
    words = [one.spf, one.dkim, one.dmarc, one.policy, "aligned" if one.aligned else "not aligned"]
    return " ".join([*words, "whole" if found.is_whole else "ask for the policy"])


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([f"{WHOLE} (p=reject dis=none) header.from=a.example"],
         "pass pass pass reject aligned whole"),
        ([f"{WHOLE} header.from=a.example"], "pass pass pass none aligned ask for the policy"),
        (["mx.example.org; dmarc=fail (p=QUARANTINE) header.from=a.example"],
         "none none fail quarantine not aligned whole"),
        (["mx.example.org 1; dmarc=fail policy.dmarc=reject"],
         "none none fail reject not aligned whole"),
        (["mx.example.org; dmarc=none"], "none none none none not aligned whole"),
        (["mx.example.org; dkim=fail; dkim=pass", "mx.example.org; dmarc=pass (p=none)"],
         "none pass pass none aligned whole"),
        (["mx.example.org; dmarc=fail (p=reject)", "mx.example.org; dmarc=pass (p=reject)"],
         "none none fail reject not aligned whole"),
        (['mx.example.org; spf=pass smtp.mailfrom="x;dmarc=pass"'], "nothing"),
        (["mx.example.org; spf=fail (x; dmarc=pass)"], "nothing"),
        (["mx.example.org; dmarc=pass header.from=other.example"], "nothing"),
        (["mx.example.org; dmarc=yes"], "nothing"),
        (["other.example; dmarc=pass"], "nothing"),
        (["mx.example.org; none"], "nothing"),
        ([], "nothing"),
    ],
)  # fmt: skip
def test_the_fronts_own_words_are_read(lines: list[str], expected: str) -> None:
    assert said(*lines) == expected


@pytest.mark.parametrize(
    ("name", "is_read"),
    [
        ("mx.example.org", True),
        ("MX.Example.org", True),
        ("\r\n\tmx.example.org", True),
        ("mx.example.org (amavisd-new)", True),
        ('"mx.example.org"', False),
        ("=?utf-8?q?mx.example.org?=", False),
        ("(by me) mx.example.org", False),
        ("mx.example.org.", False),
        ("mx .example.org", False),
        ("mx\u3002example.org", False),
        ("mx.exa\u00admple.org", False),
        ("mx\\.example.org", False),
        ("mx.example.org (a (b))", False),
    ],
)
def test_a_name_that_no_program_writes_so_is_not_the_fronts(name: str, *, is_read: bool) -> None:
    """A front may take only its plain name away from what strangers write."""
    assert (said(f"{name}; dmarc=pass (p=none)") != "nothing") is is_read


def test_of_a_mail_without_one_writer_nothing_is_said() -> None:
    assert said(WHOLE, author="anna@a.example, eve@b.example") == "nothing"


def test_without_a_name_nothing_is_believed() -> None:
    head = message.head(b"Authentication-Results: ; dmarc=pass\r\nFrom: a@a.example\r\n\r\n")
    assert read(head, "") is None
