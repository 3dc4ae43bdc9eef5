"""An odd line ends no header, a text that began too early stays text, and each mail has an id."""

import email

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.reading import message
from mailer.reading.headers import header_repair

BEFORE = b"From: Anna <anna@example.net>\r\nTo: friends@example.org\r\n"
AFTER = b"Message-ID: <1@example.net>\r\nContent-Type: text/plain\r\n\r\nHello: there\r\n"


@pytest.mark.parametrize(
    ("odd", "name", "value"),
    [
        (b"Subject : Spaced", "Subject", "Spaced"),
        (b"Subject\t: Tab", "Subject", "Tab"),
        (b": nameless", "X-Unnamed", "nameless"),
        (b"X Mailer: Old 1.0", "X-Odd-X-Mailer", "Old 1.0"),
        (b"X-Gr\xfc\xdfe: hello", "X-Odd-X-Gr-e", "hello"),
        (b"X-Mailer : Old\r\n folded", "X-Mailer", "Old folded"),
    ],
)
def test_what_came_as_one_header_stays_one(odd: bytes, name: str, value: str) -> None:
    raw = BEFORE + odd + b"\r\n" + AFTER
    mended = header_repair.mend(raw)
    head = message.head(mended)
    assert (head.text(name), head.text("Message-ID")) == (value, "<1@example.net>")
    assert mended[head.body :] == b"Hello: there\r\n"
    assert email.message_from_bytes(mended)["Content-Type"] == "text/plain"


def test_a_known_name_with_a_blank_is_a_field_though_it_comes_last() -> None:
    head = message.head(header_repair.mend(BEFORE + b"Subject : Last\r\n\r\nHello\r\n"))
    assert head.text("Subject") == "Last"


def test_a_spaced_from_is_a_field_and_an_mbox_line_is_none() -> None:
    spaced = b"From : Anna <anna@example.net>\r\n" + AFTER
    assert message.head(header_repair.mend(spaced)).text("From") == "Anna <anna@example.net>"
    boxed = b"From anna@example.net Sun Nov 29 10:00:00 2026\r\n" + BEFORE + AFTER
    assert header_repair.mend(boxed) == boxed


@pytest.mark.parametrize(
    "text",
    [b"Hello, all\r\nof you.\r\n\r\nBye\r\n", b"Please note: no empty line came.\r\n\r\nBye\r\n"],
)
def test_a_text_without_an_empty_line_before_it_stays_text(text: bytes) -> None:
    raw = BEFORE + text
    assert header_repair.mend(raw) == raw


@given(st.binary(max_size=400))
def test_nothing_raises_and_what_is_mended_needs_no_mending(raw: bytes) -> None:
    once = header_repair.mend(raw)
    assert header_repair.mend(once) == once


@given(st.binary(max_size=200))
def test_a_header_without_odd_lines_comes_back_as_it_is(text: bytes) -> None:
    raw = BEFORE + AFTER + text
    assert header_repair.mend(raw) is raw


def test_a_mail_without_id_and_date_gets_both_and_the_same_id_each_time() -> None:
    raw = BEFORE + b"Subject: bare\r\n\r\nhello\r\n"
    made = header_repair.made_id(message.content_digest(raw), "example.org")
    whole, added = header_repair.complete(raw, message.head(raw), message_id=made, when=0.0)
    head = message.head(whole)
    assert added == ["Message-ID", "Date"]
    assert head.text("Date") == "Thu, 01 Jan 1970 00:00:00 +0000"
    assert (
        message.message_id(head)
        == made
        == header_repair.made_id(message.content_digest(raw), "example.org")
    )
    assert whole[head.body :] == b"hello\r\n"


def test_a_mail_that_has_both_is_left_alone() -> None:
    raw = BEFORE + b"Date: Sun, 22 Nov 2026 10:00:00 +0100\r\n" + AFTER
    assert header_repair.complete(raw, message.head(raw), message_id="x@y", when=0.0) == (raw, [])


@pytest.mark.parametrize("line", [b" x", b" , <https://forger.example/x>", b"no field"])
def test_what_stands_below_no_header_is_text_and_names_nobody(line: bytes) -> None:
    raw = line + b"\r\nFrom: ceo@example.org\r\nSubject: Pay\r\n\r\nPay.\r\n"
    whole, _ = header_repair.complete(raw, message.head(raw), message_id="x@y", when=0.0)
    found = message.head(whole)
    assert [name for name, _ in found.fields] == ["Message-ID", "Date"]
    assert "\r\n" not in str(found.first("Date"))
    assert whole.endswith(b"\r\n\r\n" + raw)
