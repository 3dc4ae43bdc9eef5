"""What a relay cannot carry is written so that it can, unless something signed would break."""

import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.client.relay import Relay
from mailer.client.seven_bit import rewrite
from tests.cost import AFFORDABLE, cost
from tests.mailer.client.test_smtp_out import Sink, converse, letters

HEAD = "From: Anna <anna@example.net>\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
TEXT = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
PATCH = ".dot\r\n-Grüße \r\n+Łódź\t\r\n" + "ü" * 400 + "\r\n-- \r\n2.39\r\n"


def read(raw: bytes) -> EmailMessage:
    """Read a mail as its recipient would."""
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def written(raw: str, *, body: bool = True) -> EmailMessage:
    """Write a mail again and read it."""
    made = rewrite(raw.encode(), body=body)
    assert made is not None
    assert not body or made.isascii()
    return read(made)


def test_a_patch_reaches_a_relay_of_seven_bits_and_says_the_same() -> None:
    raw = (HEAD + TEXT + PATCH).encode()
    stuffed = raw.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    for extensions in (("PIPELINING",), ("PIPELINING", "CHUNKING"), ()):
        desk = letters("a@x", "b@x", data=stuffed)
        caught = converse(desk, Sink(extensions=extensions), relay=Relay("127.0.0.1", 0))
        assert [code for _, _, code in desk.told] == [250, 250]
        assert all(one.raw.isascii() for one in caught)
        assert {read(one.raw).get_payload(decode=True) for one in caught} == {PATCH.encode()}
        assert max(len(line) for line in caught[0].raw.split(b"\r\n")) < 100


def test_with_8bitmime_a_letter_leaves_byte_for_byte() -> None:
    raw = (HEAD + TEXT + PATCH).encode()
    desk = letters("a@x", data=raw.replace(b"\r\n.", b"\r\n..") + b".\r\n")
    (caught,) = converse(desk, Sink(extensions=("8BITMIME",)))
    assert caught.raw == raw


@pytest.mark.parametrize(
    ("field", "name", "value"),
    [
        ("Subject: Żółta łódź på sjön", "Subject", "Żółta łódź på sjön"),
        ("Subject: " + "жёлтая " * 40, "Subject", ("жёлтая " * 40).strip()),
        ('To: "Żółć" <z@example.net>', "To", "Żółć <z@example.net>"),
        ("To: Åsa <asa@example.net>, Bo <b@x.org>", "To", "Åsa <asa@example.net>, Bo <b@x.org>"),
        ("Cc: anna@przykład.example", "Cc", "anna@xn--przykad-rjb.example"),
        ("Comments: plain å", "Comments", "plain å"),
    ],
)
def test_a_field_beyond_ascii_is_written_in_encoded_words(
    field: str, name: str, value: str
) -> None:
    raw = f"{field}\r\n{HEAD.replace('Subject: x', 'X: x')}\r\nhi"
    made = rewrite(raw.encode(), body=False)
    assert made is not None
    assert made.isascii()
    assert max(map(len, made.split(b"\r\n"))) < 200
    assert str(read(made)[name]) == value


def test_an_address_that_ascii_cannot_name_is_a_name_without_a_mailbox() -> None:
    found = written(f"Cc: użytkownik@przykład.example, b@x.org\r\n{HEAD}\r\nhi", body=False)
    assert [one.addr_spec for one in found["Cc"].addresses] == ["b@x.org"]
    assert "użytkownik" in found["Cc"].groups[0].display_name


def test_files_of_a_multipart_keep_their_bytes_and_names() -> None:
    whole = (
        HEAD + 'Content-Type: multipart/mixed; boundary="b"\r\nContent-Transfer-Encoding: 8bit'
        "\r\n\r\n--b\r\n" + TEXT + "Hé\r\n--b\r\nContent-Type: application/x-bin\r\n"
        'Content-Disposition: attachment; filename="żaba.bin"\r\n'
        "Content-Transfer-Encoding: 8bit\r\n\r\nå\r\nä\r\n--b--\r\n"
    )
    text, file = written(whole).iter_parts()
    assert text.get_content() == "Hé"
    assert file.get_payload(decode=True) == "å\r\nä".encode()
    assert file.get_filename() == "żaba.bin"


@pytest.mark.parametrize(
    "raw",
    [
        f"Received: x\r\nDKIM-Signature: v=1; h=from;\r\n b=x\r\n{HEAD}{TEXT}é",
        f'{HEAD}Content-Type: multipart/signed; boundary="b"\r\n\r\n--b\r\n\r\né\r\n--b--',
        f"{HEAD}Content-Transfer-Encoding: x-uuencode\r\n\r\né",
    ],
)
def test_what_is_signed_or_unreadable_is_left_alone(raw: str) -> None:
    assert rewrite(raw.encode(), body=True) is None


def test_a_signature_holds_where_it_does_not_cover_what_changes() -> None:
    raw = f"Received: x\r\nDKIM-Signature: v=1; h=From:To; b=x\r\nComments: å\r\n{HEAD}{TEXT}é"
    assert str(written(raw, body=False)["Comments"]) == "å"
    assert rewrite(raw.replace("Comments", "To").encode(), body=False) is None


def test_our_own_signature_goes_before_a_letter_is_refused_for_it() -> None:
    """It stands on top; without it there is no one-click leaving (RFC 8058)."""
    raw = (
        "DKIM-Signature: v=1; h=from; b=x\r\nReceived: x\r\n"
        f"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n{HEAD}{TEXT}é"
    )
    made = written(raw)
    assert made["DKIM-Signature"] is None
    assert made["List-Unsubscribe-Post"] is None
    assert made["Received"] == "x"


@pytest.mark.parametrize("offered", [("8BITMIME", "SMTPUTF8"), ("8BITMIME",), ()])
def test_a_raw_header_leaves_with_smtputf8_or_not_raw(offered: tuple[str, ...]) -> None:
    raw = (HEAD.replace("Subject: x", "Subject: Żółta") + TEXT + "é\r\n").encode()
    desk = letters("a@x", data=raw + b".\r\n")
    (caught,) = converse(desk, Sink(extensions=offered))
    high = not caught.raw.partition(b"\r\n\r\n")[0].isascii()
    assert high == ("SMTPUTF8" in caught.parameters) == ("SMTPUTF8" in offered)
    assert str(read(caught.raw)["Subject"]) == "Żółta"


def test_a_signed_raw_header_is_refused_where_smtputf8_is_not_offered() -> None:
    raw = "Received: x\r\nDKIM-Signature: v=1; h=subject\r\nSubject: Ż\r\n\r\nhi\r\n.\r\n"
    desk = letters("a@x", data=raw.encode())
    assert converse(desk, Sink(extensions=("8BITMIME",))) == []
    assert desk.told == [(0, "RCPT", 554)]


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_raise_and_no_field_grows_another(raw: bytes, body: bool) -> None:  # noqa: FBT001
    made = rewrite(b"Subject: " + raw, body=body)
    assert made is None or not body or made.isascii()


@pytest.mark.parametrize(
    "field",
    [
        "To: " + '"å' * 9_000,
        "To: " + "å " * 9_000,
        "X: " + " å" * 9_000,
        "Content-Type: a; " + 'n="å' * 9_000,
        "Cc: " + "å@å," * 9_000,
        "To: " + "a" * 30_000 + "å",
    ],
)
@pytest.mark.no_cover
def test_no_field_costs_more_than_its_size(field: str) -> None:
    assert cost(lambda: rewrite(field.encode(), body=True)) < AFFORDABLE / 4
