"""Bodies: every charset and shape is read, nothing is lost, nothing raises."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.visibility.removal import Removed
from archive.visibility.visibility import Seen, Viewer, pack, see, unpack
from mailer.reading.attachments import MAX_MASKED, attachment, key_of, masked_bytes
from mailer.reading.bodies import read, read_text
from mailer.reading.charsets import decode
from mailer.reading.flowed import unflow
from mailer.reading.headers.head_facts import read_author, read_head
from mailer.reading.html_text import html_to_text


def shown(raw: bytes, *, masked: bool = False) -> Seen:
    """Return what is shown of a mail."""
    return see("h", "S", "A", read(raw), Viewer(masked, "en", Removed()))


@pytest.mark.parametrize("many", [1, 70_000])
@pytest.mark.parametrize(("codec", "at"), [("utf-8", "@"), ("utf-16", "@"), ("utf-8", "(at)")])
def test_a_stranger_finds_no_address_in_an_attached_text_however_long(
    codec: str, at: str, many: int
) -> None:
    data = f"Members\nanna.berg{at}example.org;1990\n".encode(codec) * many
    made = attachment("members.csv", "text/csv", data)
    masked = masked_bytes(made, data)
    shown = masked.replace(b"\0", b"")
    assert made.masked == key_of(masked) != made.key
    assert b"berg" not in shown
    assert b"Members" in shown
    assert (len(data) > MAX_MASKED) is (many > 1)


TORTURE = {
    "m1@x": ("Привет рассылка", "Доброе утро, коллеги! Кодировка КОИ-8."),
    "m2@x": ("Ответ: Привет рассылка", "Windows кириллица"),
    "m3@x": ("Şedinţă bună", "Bună ziua, învăţătură şi ştiinţă"),
    "m4@x": ("Sv: Möte i Göteborg", "Hälsningar från Åsa"),
    "m5@x": ("中文测试", "中文正文𠮷"),
    "m6@x": ("日本語", "日本語本文"),
    "m7@x": ("utf7", "Grüße aus Köln"),
    "m8@x": ("Räksmörgås 8bit header", "Räksmörgås raw"),
    "m10@x": ("xss", "hi\n\nx"),
    "m11@x": ("loop a", "a"),
    "m12@x": ("loop b", "b"),
    "m13@x": ("Antw: Möte i Göteborg", "geen references"),
}


def test_all_readable_text_of_the_torture_file_is_right(corpora: Path) -> None:
    """Eight charsets, lying and missing labels, raw 8-bit headers, hostile HTML."""
    data = (corpora / "community" / "torture.mbox").read_bytes()
    found = {}
    for raw in re.split(rb"(?m)^From mboxrd@z.*\n", data)[1:]:
        head = read_head(raw)
        if not head.private:
            found[head.message_id] = (head.subject, read(raw).quoted.text)
    assert found == TORTURE


@pytest.mark.parametrize(
    ("octets", "label", "text"),
    [
        ("Räksmörgås".encode(), "iso-8859-1", "Räksmörgås"),
        ("Räksmörgås".encode("cp1252"), "utf-8", "Räksmörgås"),
        ("Räksmörgås".encode("cp1252"), "x-unknown", "Räksmörgås"),
        ("Доброе утро, коллеги".encode("koi8-r"), "unknown-8bit", "Доброе утро, коллеги"),
        ("Доброе утро, коллеги".encode("cp1251"), "", "Доброе утро, коллеги"),
        ("Доброе утро".encode(), "koi8-r", "Доброе утро"),
        (b"caf\xc3\xa9 \xe9", "utf-8", "café é"),
        (b"plain", "base64", "plain"),
        (b"plain", "idna", "plain"),
    ],
)
def test_bytes_become_text_whatever_their_label(octets: bytes, label: str, text: str) -> None:
    """A label that lies, lacks or names no charset loses nothing."""
    assert decode(octets, label) == text


@given(raw=st.binary(max_size=2000), label=st.text(max_size=20))
def test_no_bytes_raise(raw: bytes, label: str) -> None:
    """Random bytes are read, packed and unpacked."""
    decode(raw, label)
    head = b"Content-Type: text/html; charset=" + label.encode("utf-8", "ignore") + b"\n\n"
    seen = shown(head + raw)
    assert unpack(pack(seen)) == seen
    read_head(raw)


def test_flowed_text_is_joined_and_keeps_its_quotes() -> None:
    """RFC 3676: soft ends, stuffing, DelSp, a signature that never flows."""
    assert unflow("One \ntwo \nthree\n> quoted \n> on\n From here\n-- \nAnna") == (
        "One two three\n> quoted on\nFrom here\n-- \nAnna"
    )
    assert unflow("Donau \ndampf", delsp=True) == "Donaudampf"


def test_html_reads_like_text() -> None:
    """Paragraphs, lists, links and quotes survive; scripts and styles do not."""
    text = html_to_text(
        "<style>p{}</style><p>Hello <b>you</b><br>there</p><ul><li>one<li>two</ul>"
        '<a href="https://example.org/x">here</a><blockquote>she said</blockquote>'
        "<script>alert(1)</script>1 < 2"
    )
    assert text == (
        "Hello you\nthere\n\n- one\n- two\n\nhere <https://example.org/x>\n\n> she said\n\n1 < 2"
    )


@pytest.mark.parametrize(
    "hostile",
    [
        b"<" * 400_000,
        b"<div>" * 100_000,
        b"<!--" * 100_000,
        b"<!--\n" * 100_000,
        b"<!\n" * 150_000,
        b'<a title="' * 40_000,
        b"<script" * 60_000,
        b"<svg>" * 100_000,
        b"&" * 400_000,
        b"<a href='x" * 40_000,
    ],
)
@pytest.mark.timeout(20)
@pytest.mark.no_cover
def test_hostile_html_is_linear(hostile: bytes) -> None:
    """Half a megabyte of half tags is read in far less than the timeout."""
    read_text(b"Content-Type: text/html\n\n" + hostile)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "line", [b"> ", b"On 1 2 ", b"a@b ", b"wrote: ", b"-- ", b"From: x\n", b"  "]
)
@pytest.mark.no_cover
def test_hostile_text_is_linear(line: bytes) -> None:
    """Half a megabyte of what looks like quotes, on one line or on many."""
    read(b"\n" + line * (500_000 // len(line)))
    read(b"\n" + (line.strip() + b"\n") * (500_000 // (len(line) + 1)))


def test_a_deep_nest_is_not_parsed() -> None:
    """A thousand nested parts cost nothing and raise nothing."""
    raw = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (i, i) for i in range(1000)
    )
    read(raw + b"Content-Type: text/plain\n\nhello\n")


def test_attachments_are_listed_and_a_nested_mail_is_quoted() -> None:
    """A file has its name, type and size; a forwarded mail is not the writer's own words."""
    raw = (
        b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n'
        b"--b\nContent-Type: text/plain\n\nSee below.\n"
        b"--b\nContent-Type: message/rfc822\n\nFrom: Bo <bo@example.org>\nSubject: S\n\nInner.\n"
        b'--b\nContent-Type: image/png; name="a.png"\nContent-Transfer-Encoding: base64\n\nAAAA\n'
        b"--b--\n"
    )
    reading = read(raw)
    assert reading.quoted.text == "See below."
    assert "Inner." in reading.quoted.quoted
    assert [(a.name, a.type, a.size) for a in reading.attachments] == [("a.png", "image/png", 3)]


@pytest.mark.parametrize(
    ("field", "author"),
    [
        (b"Anna Ek <anna@example.org>", "Anna Ek"),
        (b"=?utf-8?q?=C3=85sa?= <asa@example.org>", "Åsa"),
        (b"anna@example.org (Anna Ek)", "Anna Ek"),
        (b"anna at example.org (Anna Ek)", "Anna Ek"),
        (b"anna@example.org", ""),
        (b'"anna@example.org" <anna@example.org>', ""),
        (b"anna at example.org", ""),
    ],
)
def test_an_author_is_a_name_and_never_an_address(field: bytes, author: str) -> None:
    """Six ways to write From."""
    assert read_author(field)[0] == author


def test_half_a_character_in_a_file_name_stops_nothing() -> None:
    """UTF-7 can spell a lone surrogate; a page that cannot be made would hold up all others."""
    raw = (
        b"From: a@b.se\r\nContent-Type: text/plain\r\n"
        b"Content-Disposition: attachment; filename*=utf-7''+2AA-\r\n\r\nhi\r\n"
    )
    reading = read(raw)
    assert [file.size for file in reading.attachments] == [4]
    assert unpack(pack(shown(raw))) == shown(raw)
