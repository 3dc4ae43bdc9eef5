"""What an owner's options change in a copy, and what they leave as it came."""

import email
import email.policy
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest

from listserv.posts.copy_options import Cost, Options, change, costs
from mailer.reading.message import head

PLAIN = b"From: a@x.net\r\nSubject: Re: Beans\r\nReply-To: b@x.net\r\n\r\nHello\r\n"
FOOTER = (
    "___\nThe garden, Lövgatan 3\n\nLeave: https://lists.example/leave/SLOTSLOTSLOTSLOTSLOTSLOTSL"
)
SLOT = "SLOTSLOTSLOTSLOTSLOTSLOTSL"


def changed(raw: bytes, **options: str) -> bytes:
    return change(raw, head(raw), Options(**options))


def subject(raw: bytes) -> str:
    return str(make_header(decode_header(email.message_from_bytes(raw)["Subject"])))


def text_parts(raw: bytes) -> list[str]:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    return [
        part.get_content().replace("\r\n", "\n")
        for part in message.walk()
        if part.get_content_type() == "text/plain"
    ]


def test_nothing_asked_is_nothing_changed() -> None:
    assert changed(PLAIN) == PLAIN


@pytest.mark.parametrize("tag", ["[Garden]", "[Сад]", "Träd:"])
@pytest.mark.parametrize(
    "value", ["Beans", "=?utf-8?q?B=C3=B6nor?= och mer", "x" * 300, "word " * 60 + "end", ""]
)
def test_a_tag_stands_before_the_subject_once(tag: str, value: str) -> None:
    raw = f"From: a@x.net\r\nSubject: {value}\r\n\r\nHi\r\n".encode()
    once = changed(raw, subject_tag=tag)
    before = subject(raw)
    assert " ".join(subject(once).split()) == " ".join(f"{tag} {before}".split())
    assert changed(once, subject_tag=tag) == once
    assert once.replace(once.partition(b"\r\n")[2].partition(b"\r\n\r\n")[0], b"") != raw
    assert once.endswith(b"\r\n\r\nHi\r\n")


def test_an_answer_that_has_the_tag_keeps_its_subject() -> None:
    raw = PLAIN.replace(b"Re: Beans", b"Re: [GARDEN] Beans")
    assert changed(raw, subject_tag="[Garden]") == raw


def test_a_mail_without_a_subject_gets_the_tag_as_one() -> None:
    assert subject(changed(b"From: a@x.net\r\n\r\nHi\r\n", subject_tag="[G]")) == "[G]"


def test_answers_go_to_the_list_and_the_writers_wish_stays_readable() -> None:
    message = email.message_from_bytes(changed(PLAIN, reply_to="garden@example.org"))
    assert message.get_all("Reply-To") == ["<garden@example.org>"]
    assert message["X-Original-Reply-To"] == "b@x.net"


@pytest.mark.parametrize(
    ("kind", "coding", "body"),
    [
        ("", "", b"Hello"),
        ("text/plain; charset=us-ascii", "7bit", b"Hello"),
        ("text/plain; charset=utf-8", "8bit", "Hällo".encode()),
        ("text/plain; charset=iso-8859-1", "8bit", "Hällo".encode("latin-1")),
        ("text/plain; charset=koi8-r", "8bit", "Привет".encode("koi8-r")),
        ("text/plain; charset=utf-8", "quoted-printable", b"H=C3=A4llo"),
        ("text/plain; charset=utf-8", "base64", b"SMOkbGxv"),
        ("text/html; charset=utf-8", "8bit", b"<p>Hello</p>"),
        ("text/plain; charset=utf-16le", "base64", b"SABpAA=="),
        ('multipart/mixed; boundary="b"', "", b"--b\r\n\r\nHello\r\n--b--"),
        ("multipart/alternative; boundary=b", "", b"--b\r\n\r\nHello\r\n--b--"),
        ("multipart/mixed; boundary=cut", "", b"--cut\r\n\r\nHello\r\n"),
        ("multipart/mixed", "", b"Hello"),
    ],
)
def test_a_footer_can_be_read_under_any_text_with_its_slot_whole(
    kind: str, coding: str, body: bytes
) -> None:
    fields = f"Content-Type: {kind}\r\n" if kind else ""
    fields += f"Content-Transfer-Encoding: {coding}\r\n" if coding else ""
    raw = b"From: a@x.net\r\n" + fields.encode() + b"\r\n" + body + b"\r\n"
    done = changed(raw, footer=FOOTER, slot=SLOT)
    assert done.count(SLOT.encode()) == 1
    assert FOOTER in "\n".join(text_parts(done)).replace("\r", "")
    assert b"Hello" not in body or b"Hello" in done
    assert max(map(len, done.split(b"\r\n"))) < 998
    bare = done.replace(b"\r\n", b"")
    assert b"\n" not in bare
    assert b"\r" not in bare


def test_a_signed_part_stays_byte_for_byte_under_a_footer() -> None:
    message = EmailMessage()
    message["From"] = "a@x.net"
    message.set_content("Signed words.\n")
    inner = message.as_bytes(policy=email.policy.SMTP).partition(b"\r\n\r\n")[2]
    raw = (
        b"From: a@x.net\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\n"
        + inner
        + b"--s\r\nContent-Type: application/pgp-signature\r\n\r\nxyz\r\n--s--\r\n"
    )
    done = changed(raw, footer="Below")
    assert raw.partition(b"\r\n\r\n")[2] in done
    assert email.message_from_bytes(done).get_content_type() == "multipart/mixed"


def test_what_an_option_costs_is_read_from_the_signature() -> None:
    signed = (
        b"DKIM-Signature: v=1; d=strict.example; h=from:to:subject;\r\n bh=x; b=y\r\n"
        b"DKIM-Signature: v=1; d=also.example; h=From : Reply-To; bh=x; b=y\r\n" + PLAIN
    )
    found = costs(head(signed), Options("[G]", "garden@example.org", "Below"))
    assert found == (
        Cost("subject_tag", ("strict.example",)),
        Cost("reply_to_list", ("also.example",)),
        Cost("footer", ("also.example", "strict.example")),
    )
    assert costs(head(PLAIN), Options(footer="Below")) == (Cost("footer", ()),)
    assert costs(head(signed), Options()) == ()
