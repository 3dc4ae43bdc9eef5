"""Headers of any mail are read in one pass; what would choke a parser is named before it does."""

import lzma
import os
import re
import tracemalloc
from email import message_from_bytes
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.errors import Refused
from mailer.reading import parse_limits
from mailer.reading.message import (
    addresses_of,
    check_limits,
    content_digest,
    decode,
    head,
    in_reply_to,
    message_id,
    parse,
    references,
    text_of,
    with_crlf,
)
from tests.cost import AFFORDABLE, cost

ROOT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("KRETS_SHARED", ROOT.parent / "shared")) / "corpora"


def real_mail() -> list[bytes]:
    """Return a few thousand mails that nobody here wrote."""
    files = sorted((SHARED / "bounces" / "eml").glob("*")) + sorted(
        (SHARED / "replies" / "emails").glob("*")
    )
    packed = SHARED / "community" / "speakup.mbox.xz"
    if not packed.exists():
        pytest.skip("the shared mail is not on this machine")
    mails = lzma.decompress(packed.read_bytes()).split(b"\nFrom ")
    return [*(f.read_bytes() for f in files), *mails]


def test_a_header_is_unfolded_and_in_order() -> None:
    raw = (
        b"Subject: one\r\n\ttwo\r\n three \r\nX-A:b\r\nsubject: again\r\nEmpty:\r\n\r\nBody: no\r\n"
    )
    found = head(raw)
    assert found.fields == (
        ("Subject", b"one\ttwo three"),
        ("X-A", b"b"),
        ("subject", b"again"),
        ("Empty", b""),
    )
    assert raw[found.body :] == b"Body: no\r\n"
    assert found.first("SUBJECT") == b"one\ttwo three"
    assert found.all("subject") == [b"one\ttwo three", b"again"]
    assert found.first("none") is None
    assert found.text("none") == ""


@pytest.mark.parametrize(
    ("raw", "names", "body"),
    [
        (b"", [], b""),
        (b"\r\nhi", [], b"hi"),
        (b"From x Mon\nA: 1\n\nhi", ["A"], b"hi"),
        (b"A: 1\rB: 2\r\rhi", ["A", "B"], b"hi"),
        (b"A: 1\nno field\nB: 2\n\nhi", ["A"], b"no field\nB: 2\n\nhi"),
        (b"A: 1\nB : 2\n\nhi", ["A"], b"B : 2\n\nhi"),
        (b" folded first\nA: 1\n\n", [], b" folded first\nA: 1\n\n"),
        (b"A: 1", ["A"], b""),
    ],
)
def test_broken_headers_end_where_the_parser_ends_them(
    raw: bytes, names: list[str], body: bytes
) -> None:
    found = head(raw)
    assert [name for name, _ in found.fields] == names
    assert raw[found.body :] == body


@pytest.mark.no_cover
def test_head_agrees_with_the_standard_library_on_real_mail() -> None:
    for raw in real_mail():
        parsed = message_from_bytes(raw)
        names = [name for name, _ in head(raw).fields]
        assert names == parsed.keys()


@given(st.binary(max_size=400) | st.text(':=?<>,"\\() \r\n\tqQbBaé', max_size=300).map(str.encode))
@settings(max_examples=400)
def test_nothing_that_arrives_makes_the_readers_raise(raw: bytes) -> None:
    found = head(raw)
    assert 0 <= found.body <= len(raw)
    check_limits(raw)
    content_digest(raw)
    message_id(found), references(found), in_reply_to(found)
    for text in (text_of(raw), *(part for pair in addresses_of(raw) for part in pair)):
        assert not any(ord(c) < 32 or ord(c) == 127 for c in text)
        text.encode()


@given(st.text(max_size=60), st.sampled_from(["utf-8", "utf-16-be"]), st.sampled_from("bq"))
def test_encoded_words_come_back(text: str, charset: str, kind: str) -> None:
    import base64  # noqa: PLC0415

    octets = text.encode(charset, "ignore")
    coded = base64.b64encode(octets) if kind == "b" else b"".join(b"=%02X" % o for o in octets)
    word = b"=?%b?%b?%b?=" % (charset.encode(), kind.encode(), coded)
    wanted = octets.decode(charset)
    assert text_of(word) == text_of(wanted.encode()) or "=?" in wanted


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain", "plain"),
        ("rå åtta".encode(), "rå åtta"),
        ("rå åtta".encode("latin-1"), "rå åtta"),
        ("Привет".encode("koi8-r"), "Привет"),
        (b"=?utf-8?Q?sm=C3?= =?utf-8?Q?=B6r?=", "smör"),
        (b"=?UTF-8?B?c23DtnI?= tail", "smör tail"),
        (b"=?utf-8?q?a b_c?=", "a b c"),
        (b'"=?iso-8859-1?Q?=E5?="', '"å"'),
        (b"=?iso-8859-1*sv?Q?=E5?= =?utf-8?q?b?=", "åb"),
        (b"x =?utf-8?q?a?= y =?utf-8?q?b?= z", "x a y b z"),
        (b"=?x-unknown?q?=E5?=", "å"),
        (b"=?utf-8?q?=E5?=", "å"),
        (b"=?gb2312?B?1tDOxA==?=", "中文"),
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?utf-8?q?a=0D=0ABcc:_x=00?=", "a Bcc: x"),
        (b"=?utf-8?q?=E2=80=A8?=", ""),
        (b"=?punycode?q?abc-?=", "abc-"),
        (b"=?zlib?b?eJw=?=", "xœ"),
        (b"=?utf-8?b?====?=", ""),
        (b"=?utf-8?q?", "=?utf-8?q?"),
    ],
)
def test_words_broken_or_whole_are_read(value: bytes, text: str) -> None:
    charset = "koi8-r" if value.startswith(b"\xf0\xd2") else ""
    assert text_of(value, charset) == text


def test_a_wrong_label_does_not_lose_text() -> None:
    assert decode("åäö".encode(), "us-ascii") == "åäö"
    assert decode(b"\x93hi\x94", "iso-8859-1") == "“hi”"
    assert decode(b"\x81\x8d", "utf-8") == "\x81\x8d"
    assert decode(b"ok \xff" + b"x" * 40, "koi8-r\0") == "ok ÿ" + "x" * 40


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        (b"a@x.org", [("", "a@x.org")]),
        (b"Anna A <a@x.org>, b@x.org (Bo)", [("Anna A", "a@x.org"), ("Bo", "b@x.org")]),
        (b'"A, \\"B\\"" <a@x.org>', [('A, "B"', "a@x.org")]),
        (b"=?utf-8?q?A,_=C3=A5?= <a@x.org>", [("A, å", "a@x.org")]),
        (b"=?utf-8?q?x=40evil.org=3E?= <a@x.org>", [("x@evil.org>", "a@x.org")]),
        (b"undisclosed-recipients:;", []),
        (
            b"G: a@x.org, B <b@x.org>;, c@x.org",
            [("", "a@x.org"), ("B", "b@x.org"), ("", "c@x.org")],
        ),
        (b"<@a,@b:u@x.org>", [("", "u@x.org")]),
        (b"Just a name", [("Just a name", "")]),
        (b"(c (nested) d) a@x.org", [("c nested d", "a@x.org")]),
        (b"a @ x.org", [("", "a@x.org")]),
        (b'"open a@x.org', [("", "opena@x.org")]),
        (b"a@x.org <b@x.org>", [("a@x.org", "b@x.org")]),
        (b",,;", []),
    ],
)
def test_address_lists_are_read_tolerantly(value: bytes, pairs: list[tuple[str, str]]) -> None:
    assert addresses_of(value) == pairs


def test_ids_are_read_as_threads_need_them() -> None:
    found = head(
        b"Message-ID: <a@x.org> (comment)\nReferences: <1@x> <2@x>\n\t<1@x> <br\n oken@x>\n"
        b"In-Reply-To: Your mail of <2@x> and\n <3@x>\n\n"
    )
    assert message_id(found) == "a@x.org"
    assert references(found) == ("1@x", "2@x", "broken@x")
    assert in_reply_to(found) == ("2@x", "3@x")
    assert message_id(head(b"Message-ID: a@x.org\n\n")) == "a@x.org"
    assert message_id(head(b"Message-ID: <>\n\n")) is None
    assert message_id(head(b"Subject: x\n\n")) is None
    many = references(
        head(b"References: " + b" ".join(b"<%d@x>" % n for n in range(5000)) + b"\n\n")
    )
    assert (len(many), many[0], many[-1]) == (100, "0@x", "4999@x")


def test_a_retry_has_the_digest_of_the_first_try_and_other_content_has_not() -> None:
    sent = b"Message-ID: <a@x>\r\nSubject: one\r\n two\r\n\r\nhello\r\n"
    trace = b"Return-Path: <a@x>\r\nReceived: from b\r\n by c\r\nARC-Seal: i=1\r\n"
    other_trace = b"Received: from d\r\nAuthentication-Results: x\r\nDelivered-To: l@x\r\n"
    assert content_digest(trace + sent) == content_digest(other_trace + sent)
    assert content_digest(sent) == content_digest(sent.replace(b"one\r\n two", b"one two"))
    for other in (sent.replace(b"hello", b"hullo"), sent.replace(b"one", b"two"), sent + b"\r\n"):
        assert content_digest(other) != content_digest(sent)
    assert content_digest(b"A: 1\nB: 2\n\n") != content_digest(b"A: 1\n\nB: 2\n\n")


def nested(depth: int, inner: bytes = b"") -> bytes:
    parts = [
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(depth)
    ]
    return b"".join(parts) + b"\r\n" + inner


MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
BOMBS = {
    "1,000 nested parts": nested(1000),
    "101 nested parts": nested(101, b"x\r\n" * 20_000),
    "1,000 nested messages": b"Content-Type: message/rfc822\r\n\r\n" * 1000,
    "1,000 folded nested messages": b"Content-Type:\r\n\tmessage/rfc822\r\n\r\n" * 1000,
    "50,000 parts": MIXED + b"--b\r\n\r\nx\r\n" * 50_000,
    "100,000 fields": b"X: y\n" * 100_000 + b"\n",
    "5,000 fields": b"X: y\n" * 5000 + b"\n",
    "a header of 1 MB": b"Subject: " + b"x" * 1_000_000 + b"\n\n",
    "references of 1 MB": b"References: " + b" <x@y>\n" * 150_000 + b"\n",
    "a long content type": b'Content-Type: multipart/mixed; a="' + b";" * 90_000 + b'"\n\n',
    "many costly content types": MIXED
    + (b'--b\nContent-Type: a/b; a="' + b";" * 8000 + b"\n\n") * 300,
    "many lines in deep parts": nested(290, b"x\r\n" * 100_000),
    "a million short lines": b"\n\n" + b"\n" * 1_000_000,
    "encoded-word soup": b"Subject: " + b"=?utf-8?q?=41?= " * 60_000 + b"\n\n",
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.no_cover
def test_a_bomb_is_named_cheaply_and_not_parsed(name: str) -> None:
    raw = BOMBS[name]

    def name_it() -> None:
        assert check_limits(raw) is not None
        found = head(raw)
        for _, value in found.fields[:50]:
            text_of(value)
            addresses_of(value)
        references(found)
        content_digest(raw)

    assert cost(name_it) < AFFORDABLE
    with pytest.raises(Refused):
        parse(raw)


NEAR = {
    "depth": nested(99, b"x\r\n" * 20_000),
    "lines": b"\r\n" + b"x\r\n" * 590_000,
    "parts": MIXED + b"--b\r\n\r\nx\r\n" * 9_990,
    "parameters": MIXED + (b'--b\r\nContent-Type: a/b; a="' + b";" * 4000 + b"\r\n\r\n"),
    "header": b"".join(b"X-%d: %b\r\n" % (n, b"y" * 40) for n in range(1900)) + b"\r\n",
    "words": b"Subject:" + b" =?utf-8?q?=41?=" * 6300 + b"\r\n\r\n",
    "addresses": b"To: " + b'"\\"' * 33_000 + b"\r\n\r\n",
    "size": b"Subject: x\r\n\r\n" + (b"A" * 76 + b"\r\n") * 320_000,
}


@pytest.mark.parametrize("name", NEAR)
@pytest.mark.no_cover
def test_what_is_just_allowed_is_parsed_within_bounds(name: str) -> None:
    raw = NEAR[name]

    def read_all() -> None:
        assert check_limits(raw) is None
        for part in parse(raw).walk():
            part.get_content_type()
            part.get_filename()
        for _, value in head(raw).fields:
            text_of(value)
            addresses_of(value)

    assert cost(read_all) < AFFORDABLE


@pytest.mark.no_cover
def test_parsing_25_megabytes_takes_less_than_100_more() -> None:
    raw = NEAR["size"]
    tracemalloc.start()
    try:
        parse(raw)
        assert tracemalloc.get_traced_memory()[1] < 110_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.no_cover
def test_no_real_mail_is_over_the_limits() -> None:
    for raw in real_mail():
        assert check_limits(raw) is None
    for raw in real_mail()[::7]:
        assert parse(raw).keys() == message_from_bytes(raw).keys()


def test_limits_say_which_one_it_was() -> None:
    assert "100 KiB" in str(check_limits(b"A: " + b"x" * parse_limits.HEADER + b"\n\n"))
    assert "parts that hold others" in str(check_limits(nested(301)))


@given(st.binary(max_size=60))
def test_what_may_travel_has_crlf_line_ends_and_no_nul(raw: bytes) -> None:
    """The lines stay the same lines, and what was right already is the same object."""
    made = with_crlf(raw)
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", made)
    assert made.splitlines() == raw.replace(b"\0", b"").splitlines()
    assert with_crlf(made) is made
