"""The short way of reading an address says exactly what the long way says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import BadInput
from mailer.reading import addresses
from mailer.reading.addresses import MAX_ADDRESS, MailAddress, parse

_LOCAL = st.text("aB0_+-.", min_size=1, max_size=70)
_LABEL = st.text("aZ9-", min_size=1, max_size=65)
_DOMAIN = st.lists(_LABEL, min_size=1, max_size=6).map(".".join)
_LIKELY = st.builds("{}@{}".format, _LOCAL, _DOMAIN)


def _said(read: object, text: str) -> MailAddress | str:
    try:
        return read(text)  # type: ignore[operator, no-any-return]
    except BadInput as error:
        return error.what


@given(_LIKELY | st.text('aB1@.-+ \n\x00é%"<', max_size=40) | st.emails())
def test_both_ways_agree_on_any_text(text: str) -> None:
    assert _said(parse, text) == _said(addresses.parse_slowly, text)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 64 + "@example.org", "a" * 65 + "@example.org", "a@" + "b" * 63 + ".org",
        "a@" + "b" * 64 + ".org", "a@" + "b." * 125 + "org", "a@" + "b." * 124 + "org",
        "a@example.org\n", "a@example", "a@example.c1", "a@example.123", "a@example.org.",
        "a@EXAMPLE.Org", "A.b@example.org", "a..b@example.org", ".a@example.org",
        "a@-example.org", "a@b@example.org", "a@xn--strm-sna.se",
        "x" * MAX_ADDRESS + "@example.org",
    ],
)  # fmt: skip
def test_both_ways_agree_at_every_edge(text: str) -> None:
    assert _said(parse, text) == _said(addresses.parse_slowly, text)


def test_letters_that_fold_alike_are_mailboxes_of_their_own_and_case_is_none() -> None:
    assert parse("straße@x.org").key != parse("strasse@x.org").key
    assert parse("Straße@x.org").key == parse("straße@x.org").key
    assert parse("anna@straße.example").key != parse("anna@strasse.example").key
    assert parse("ÅSA@x.org").key == parse("åsa@x.org").key == parse("A\u030aSA@x.org").key
    assert parse("ΣΊΓΜΑΣ@x.org").key == parse("σίγμας@x.org").key


def test_a_plain_address_takes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "parse_slowly", None)
    assert parse("Anna.Ek+news@Example.ORG") == MailAddress(
        "Anna.Ek+news@Example.ORG", "anna.ek+news@example.org", "example.org"
    )
