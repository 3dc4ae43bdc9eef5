"""A name in a subject is words of at most 75 characters, each of whole characters."""

from email.header import decode_header, make_header

from hypothesis import given
from hypothesis import strategies as st

from listserv.mailings.slots import words


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=80))
def test_a_value_is_folded_into_words_that_every_provider_takes(name: str) -> None:
    field = b"=?utf-8?q?" + words(name) + b"?="
    for line in field.split(b"\r\n"):
        assert len(line.strip()) <= 75
        line.strip().removeprefix(b"=?utf-8?q?").decode("ascii")
    assert str(make_header(decode_header(field.decode("ascii")))) == name


def test_a_long_russian_name_is_several_words() -> None:
    name = "\u0410\u043d\u043d\u0430 " * 8
    assert words(name).count(b"\r\n ") >= 3
