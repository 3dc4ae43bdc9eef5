"""Cutting: what is found by search is what reading it line by line would find."""

from email import message_from_bytes
from email.message import Message
from email.policy import compat32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.reading.headers.header_search import search_header, wanted
from mailer.reading.message import head
from mailer.reading.mime import MAX_DEPTH, MAX_MARKS, MimePart, cut

PIECES = st.sampled_from(
    b"\r\n,\n,\r, ,\t,From ,>From ,x,:,\x80,Subject:,Date: y,content-type:,Received".split(b",")
)
NAMES = ("subject", "date", "content-*")
LINES = st.sampled_from(
    [
        *(b"--b\n", b"--b--\n", b"--c\n", b"--c--\n", b"--bc\n", b"--b  \n", b"--b x\n", b"x\n"),
        *(b"\n", b"Content-Type: text/html\n", b"Content-Type: message/rfc822\n"),
        b"Content-Type: multipart/mixed; boundary=c\n",
    ]
)


@given(st.lists(PIECES, max_size=12).map(b"".join))
def test_a_skimmed_header_is_the_header_that_was_read(raw: bytes) -> None:
    """The same fields, the same values, the same end."""
    whole, some = head(raw), search_header(raw, wanted(*NAMES))
    kept = tuple(
        (name, value)
        for name, value in whole.fields
        if name.lower() in NAMES or name.lower().startswith("content-")
    )
    assert (some.fields, some.body) == (kept, whole.body)


def leaves(part: MimePart) -> list[tuple[str, bytes]]:
    inner = [leaf for one in part.parts for leaf in leaves(one)]
    return inner or [(part.kind, b"" if part.kind.startswith("multipart") else part.data())]


def said(part: Message) -> list[tuple[str, bytes]]:
    payload = part.get_payload()
    if isinstance(payload, list):
        inner = [leaf for one in payload if isinstance(one, Message) for leaf in said(one)]
        if inner:
            return inner
    data = part.get_payload(decode=True)
    known = isinstance(data, bytes) and part.get_content_maintype() != "multipart"
    return [(part.get_content_type(), data if known else b"")]


@given(st.lists(LINES, max_size=14).map(b"".join))
def test_parts_are_those_of_the_standard_library(body: bytes) -> None:
    """Whatever is missing, doubled or in the wrong place."""
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n" + body
    assert leaves(cut(raw)) == said(message_from_bytes(raw, policy=compat32))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_the_line_end_before_a_boundary_belongs_to_it(end: bytes) -> None:
    """RFC 2046 section 5.1.1, with every line end that mail has."""
    lines = [b"Content-Type: multipart/mixed; boundary=b", b"", b"--b", b"", b"one", b""]
    raw = end.join([*lines, b"--b", b"", b"two", b"--b--", b"after", b""])
    assert leaves(cut(raw)) == [("text/plain", b"one" + end), ("text/plain", b"two")]


def test_what_is_nested_without_end_ends() -> None:
    """Levels, parts and lines that look like boundaries are counted."""
    deep = b"Content-Type: message/rfc822\n\n" * 5_000
    depth, here = 0, cut(deep)
    while here.parts:
        depth, here = depth + 1, here.parts[0]
    assert depth == MAX_DEPTH - 1
    wide = b"Content-Type: multipart/mixed; boundary=-\n\n" + b"---\nx\n" * (MAX_MARKS * 2)
    assert len(cut(wide).parts) <= MAX_MARKS


@pytest.mark.parametrize(
    ("coded", "data"),
    [
        (b"aGVq", b"hej"),
        (b"aGVq\naGVqa", b"hejhej"),
        (b"aGVqaA", b"hejh"),
        (b"Hej, du.", b"Hej, du."),
    ],
)
def test_broken_base64_gives_what_it_has(coded: bytes, data: bytes) -> None:
    """Cut short it is read as far as it goes; words that only claim it stay words."""
    assert cut(b"Content-Transfer-Encoding: base64\n\n" + coded).data() == data
