"""Labels that lie, octets that are bad, dates as programs write them, bounces in other words."""

from datetime import UTC, datetime

import pytest

from mailer.errors import BadInput
from mailer.reading import addresses, bounces, charsets, header_words
from mailer.reading.bounce_reasons import BounceKind, judge
from mailer.reading.headers import head_facts, mail_dates

JAPANESE = "\u3053\u308c\u306f\u30c6\u30b9\u30c8"


@pytest.mark.parametrize("label", ["", "us-ascii", "utf-8", "iso-8859-1", "iso-2022-jp"])
def test_japanese_by_escapes_is_read_whatever_its_label(label: str) -> None:
    assert charsets.decode(JAPANESE.encode("iso2022_jp"), label) == JAPANESE


def test_utf_8_that_is_called_japanese_is_utf_8() -> None:
    assert charsets.decode(JAPANESE.encode(), "iso-2022-jp") == JAPANESE


def test_the_characters_of_necs_row_13_are_read() -> None:
    assert (
        charsets.decode(b"\x1b$B-!El5~-7-j\x1b(B", "iso-2022-jp")
        == "\u2460\u6771\u4eac\u2162\u3231"
    )


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("windows-874", "cp874", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35"),
        ("x-windows-874", "cp874", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35"),
        ("x-mac-roman", "mac_roman", "Gr\u00fc\u00dfe"),
        ("cp-850", "cp850", "Gr\u00fc\u00dfe"),
        ("x-euc-jp", "euc_jp", JAPANESE),
        ("koi8-ru", "koi8_u", "\u041f\u0440\u0438\u0432\u0456\u0442"),
        ("big5", "big5hkscs", "\u55ba\u5ea6"),
    ],
)
def test_a_label_that_python_spells_otherwise_is_known(label: str, codec: str, text: str) -> None:
    assert charsets.decode(text.encode(codec), label) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            b"=?utf-8?Q?F=C3=B6r alla v=C3=A4nner i Malm=C3?=",
            "F\u00f6r alla v\u00e4nner i Malm\ufffd",
        ),
        (b"=?utf-8?B?w4VyIG3DtnRlIMM=?=", "\u00c5r m\u00f6te \ufffd"),
        (b"=?utf-8?Q?M=C3=\tB6te?=", "M\u00f6te"),
        (
            b"\xf0\xd2\xc9\xd7\xc5\xd4 \xd7\xd3\xc5\xcd",
            "\u041f\u0440\u0438\u0432\u0435\u0442 \u0432\u0441\u0435\u043c",
        ),
        (b"Gr\xfc\xdfe", "Gr\u00fc\u00dfe"),
    ],
)
def test_one_bad_octet_spoils_one_character(value: bytes, text: str) -> None:
    assert header_words.text_of(value) == text


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("28 Feb 2025 11:30:00 PM -0500", "2025-03-01T04:30:00"),
        ("Sun, 22 Nov 2026 12:05:00 AM GMT", "2026-11-22T00:05:00"),
        ("Fri, 8 May 2015", "2015-05-08T12:00:00"),
        ("Fri, 8 May 2015 10:00:00 JST", "2015-05-08T01:00:00"),
        ("2015 May 9 25:00:00", "2015-05-09T12:00:00"),
        ("Sun, 22 Nov 2026 10:00:00 +0100 (CET)", "2026-11-22T09:00:00"),
        ("Sun, 22 Nov 2026 10:00:00 EST", "2026-11-22T15:00:00"),
    ],
)
def test_a_date_is_what_its_program_meant(said: str, meant: str) -> None:
    read = mail_dates.read_date(said.encode())
    assert read is not None
    assert datetime.fromtimestamp(read, UTC).isoformat()[:19] == meant


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("550-5.2.1 The email account that you tried to reach is inactive.", BounceKind.DEAD),
        ("550 5.2.1 Mailbox disabled, not accepting messages", BounceKind.DEAD),
        ("550 Account deactivated", BounceKind.DEAD),
        ("550 5.2.1 This user's account has been suspended", BounceKind.DEAD),
        ("550 5.2.1 mailbox temporarily disabled, try again later", BounceKind.TEMPORARY),
        ("has failed due to a full mailbox", BounceKind.FULL),
    ],
)
def test_a_mailbox_that_nobody_opens_any_more_is_dead(text: str, kind: BounceKind) -> None:
    assert judge(text) is kind


@pytest.mark.parametrize(
    ("subject", "body", "kind"),
    [
        ("=?utf-8?B?T3V0IG9mIG9mZmljZQ==?=", "Back on Monday.", BounceKind.AUTO_REPLY),
        ("=?utf-8?Q?Fr=C3=A5nvaro?=: Re: News", "Tillbaka den 5 maj.", BounceKind.AUTO_REPLY),
        (
            "=?utf-8?B?VW5kZWxpdmVyYWJsZTogTmV3cw==?=",
            "anna@example.org: user unknown",
            BounceKind.DEAD,
        ),
        (
            "Mail Delivery Failure",
            "a full mailbox.\r\n\r\nThe first lines of your original message follow:> X-Spam: yes",
            BounceKind.FULL,
        ),
    ],
)
def test_a_bounce_is_judged_by_its_decoded_subject_and_not_by_what_it_returns(
    subject: str, body: str, kind: BounceKind
) -> None:
    raw = f"From: postmaster@example.org\r\nSubject: {subject}\r\n\r\n{body}\r\n"
    sender = (
        "Anna <anna@example.org>" if kind is BounceKind.AUTO_REPLY else "postmaster@example.org"
    )
    raw = raw.replace("postmaster@example.org", sender, 1)
    assert bounces.read(raw.encode()).kind is kind


def test_the_dot_of_the_root_goes_from_a_domain() -> None:
    assert addresses.parse("my@example.org.").given == "my@example.org"
    assert addresses.parse("my@example.org.") == addresses.parse("my@example.org")
    with pytest.raises(BadInput):
        addresses.parse("my@example.org..")


def test_an_in_reply_to_among_the_references_names_the_parent() -> None:
    raw = (
        b"Message-ID: <3@x.org>\r\nReferences: <1@x.org> <2@x.org> <0@x.org>\r\n"
        b"In-Reply-To: <2@x.org>\r\n\r\nhello\r\n"
    )
    assert head_facts.read_head(raw).references == ("1@x.org", "2@x.org")
