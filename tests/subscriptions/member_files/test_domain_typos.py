"""A slip in a domain is asked about; a real provider, and anything strange, is left alone."""

import subprocess
import sys

import pytest
from flanker.addresslib import corrector
from hypothesis import given
from hypothesis import strategies as st

from mailer.reading.addresses import parse
from subscriptions.member_files.domain_typos import (
    HOST,
    PROPOSED,
    REAL,
    other_domain,
    other_spelling,
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gmial.com", "gmail.com"), ("gmail.con", "gmail.com"), ("gmai.com", "gmail.com"),
        ("hotmial.com", "hotmail.com"), ("hotmal.com", "hotmail.com"), ("yaho.com", "yahoo.com"),
        ("outlok.com", "outlook.com"), ("iclod.com", "icloud.com"), ("libero.ti", "libero.it"),
        ("mial.ru", "mail.ru"), ("ramber.ru", "rambler.ru"), ("hotmail.ti", "hotmail.it"),
    ],
)  # fmt: skip
def test_a_slip_is_asked_about(typed: str, meant: str) -> None:
    assert other_spelling(parse(f"Kai.B@{typed}")) == f"Kai.B@{meant}"


@pytest.mark.parametrize(
    "domain",
    [
        "yahoo.ro", "outlook.it", "gmx.se", "yandex.ru", "ya.ru", "bk.ru", "inbox.ru", "list.ru",
        "virgilio.it", "tiscali.it", "ziggo.nl", "kpnmail.nl", "xs4all.nl", "planet.nl", "spray.se",
        "bredband.net", "comhem.se", "example.org", "krets.example", "ksu.edu", "kth.se",
    ],
)  # fmt: skip
def test_what_is_real_is_left_alone(domain: str) -> None:
    assert other_domain(domain) == ""


def test_whatever_may_be_proposed_is_itself_never_doubted() -> None:
    assert PROPOSED <= REAL
    assert {other_domain(domain) for domain in REAL} == {""}


@pytest.mark.parametrize(
    "hostile",
    ["", ".", "gmial.com" * 1000, "gmial.com\x00", "gmial.com\n", "xn--gmil-6na.com",
     "gm\u0430il.com", "GMIAL.COM", "a" * 30 + ".gmial.com.x.y",
     " gmial.com", "gmial..com", "-", "\ud800.com"],
)  # fmt: skip
def test_hostile_domains_never_reach_the_corrector(hostile: str) -> None:
    assert other_domain(hostile) == ""


@given(st.text(max_size=60))
def test_any_text_is_answered_with_a_provider_or_nothing(text: str) -> None:
    assert other_domain(text) in {"", *PROPOSED}


@given(st.sampled_from(sorted(PROPOSED)), st.text("abgmilnostxy.0-", max_size=4), st.data())
def test_what_the_corrector_would_propose_is_never_passed_over(
    provider: str, slip: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(provider)))
    typed = provider[:at] + slip + provider[at + data.draw(st.integers(0, 4)) :]
    meant = corrector.suggest(typed)
    expected = meant if meant in PROPOSED and typed not in REAL and HOST.match(typed) else ""
    assert other_domain(typed) == expected


def test_the_corrector_is_loaded_on_the_first_doubt_and_brings_nothing_along() -> None:
    code = (
        "import sys, subscriptions.member_files.domain_typos as s; a = 'flanker' in sys.modules;"
        "s.other_domain('example.org'); s.other_domain('gmial.com');"
        "old = ('flanker', 'webob', 'tld', 'cgi');"
        "print(a, sorted(m for m in sys.modules if m.startswith(old)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = "['flanker', 'flanker.addresslib', 'flanker.addresslib.corrector']"
    assert said.stdout.strip() == f"False {loaded}"
