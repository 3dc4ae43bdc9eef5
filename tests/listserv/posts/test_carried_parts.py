"""What a post may carry: files by all that they say of themselves, HTML, and nothing sealed."""

import base64

import pytest

from listserv.posts import carried_parts
from listserv.posts.carried_parts import Carried, CarryPolicy, PartChange, PartFate
from mailer.reading import mime
from subscriptions.lists import file_policy
from subscriptions.lists.policies import HtmlPolicy

PICTURES = CarryPolicy(files=file_policy.read("pictures, documents"))
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 40
PROGRAM = b"MZ\x90\x00" + b"y" * 40
HEAD = "From: a@example.net\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
BODY = "Content-Type: text/plain\r\n\r\nHello"


def note(change: PartChange, page: str) -> str:
    return f"[{change.fate} {change.name} {page}]"


def carried(raw: bytes, policy: CarryPolicy = PICTURES) -> Carried:
    return carried_parts.carry(raw, policy, note)


def attached(name: str, data: bytes = PNG, kind: str = "application/octet-stream") -> str:
    coded = base64.encodebytes(data).decode().replace("\n", "\r\n").strip()
    return (
        f'Content-Type: {kind}\r\nContent-Disposition: attachment; filename="{name}"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{coded}"
    )


def whole(*parts: str, kind: str = "mixed", mark: str = "B", more: str = "") -> str:
    inner = "".join(f"--{mark}\r\n{one}\r\n" for one in parts)
    return f'Content-Type: multipart/{kind}; boundary="{mark}"{more}\r\n\r\n{inner}--{mark}--\r\n'


def mail(*parts: str, kind: str = "mixed", more: str = "") -> bytes:
    return (HEAD + whole(*parts, kind=kind, more=more)).encode()


def test_what_may_come_leaves_byte_for_byte_as_it_came() -> None:
    raw = mail(BODY, attached("photo.png"), attached("a.pdf", b"%PDF-1.7 x", "application/pdf"))
    assert carried(raw).raw is raw


def test_a_file_that_may_not_come_is_named_where_it_stood_and_all_else_stays() -> None:
    raw = mail(BODY, attached("tool.exe", PROGRAM), attached("photo.png"))
    found = carried(raw)
    assert [(one.fate, one.name) for one in found.changes] == [(PartFate.REMOVED, "tool.exe")]
    assert b"[removed tool.exe ]" in found.raw
    assert b"TVqQ" not in found.raw
    before, after = raw.split(attached("tool.exe", PROGRAM).encode())
    assert found.raw.startswith(before)
    assert found.raw.endswith(after)


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("photo.png", PROGRAM, "image/png"),  # a program under another name
        ("report.pdf.exe", b"hello", "application/pdf"),
        ("report.exe .", b"hello", "application/octet-stream"),
        ("report.exe::$DATA", b"hello", "application/octet-stream"),
        ("..\\..\\windows\\report.exe", b"hello", "application/octet-stream"),
        ("\u202egnp.exe", b"hello", "application/octet-stream"),  # shown as exe.png
        ("report.e\u200bxe", b"hello", "application/octet-stream"),
        ("report\uff0eexe", b"hello", "application/octet-stream"),  # a full-width dot
        ("photo.png", b"<html><script>x</script>", "image/png"),
        ("photo.png", PNG, "text/html"),
        ("photo.png", PNG, "application/x-msdownload"),
        ("drawing.svg", b"<svg onload=x>", "image/svg+xml"),
        ("report.pdf", b"PK\x03\x04x", "application/pdf"),
        ("winmail.dat", b"\x78\x9f\x3e\x22", "application/ms-tnef"),
        ("report.pdf", b"\x78\x9f\x3e\x22", "application/octet-stream"),
        ("noending", b"hello", "application/octet-stream"),
        ("", b"hello", "application/octet-stream"),
        ("invite.ics", PROGRAM, "text/calendar"),
        ("photo.exe", b"BEGIN:VCALENDAR", "text/calendar"),
        ("smime.exe", PROGRAM, "application/pkcs7-mime"),
    ],
)
def test_each_name_the_type_and_the_bytes_must_all_be_allowed(
    name: str, data: bytes, kind: str
) -> None:
    (change,) = carried(mail(BODY, attached(name, data, kind))).changes
    assert change.fate is PartFate.REMOVED
    assert not any(c in change.name for c in "\u202e\u200b\\/\r\n")


def test_a_second_name_and_a_doubled_label_count_too() -> None:
    two = attached("photo.png", kind='image/png; name="tool.exe"')
    twice = attached("photo.png", kind="image/png\r\nContent-Type: application/x-msdownload")
    assert len(carried(mail(BODY, two, twice)).changes) == 2


def test_a_file_inside_a_mail_inside_a_mail_is_found() -> None:
    inner = (
        "Content-Type: message/rfc822\r\n\r\n"
        + HEAD
        + whole(BODY, attached("tool.exe", PROGRAM), mark="C")
    )
    raw = mail(BODY, inner)
    found = carried(raw)
    assert [one.name for one in found.changes] == ["tool.exe"]
    assert found.raw.count(b"Subject: x") == 2


def test_a_mail_that_is_encoded_is_a_file() -> None:
    coded = attached("letter.png", (HEAD + BODY).encode(), "message/rfc822")
    assert [one.type for one in carried(mail(BODY, coded)).changes] == ["message/rfc822"]


def test_a_mail_that_is_nothing_but_a_file_keeps_its_header() -> None:
    found = carried((HEAD + attached("tool.exe", PROGRAM) + "\r\n").encode())
    top = mime.cut(found.raw)
    assert found.raw.startswith(HEAD.encode())
    assert top.kind == "text/plain"
    assert top.data().strip() == b"[removed tool.exe ]"


def test_a_uuencoded_file_in_a_text_does_not_come() -> None:
    text = "Content-Type: text/plain\r\n\r\nLook:\r\nbegin 644 tool.exe\r\n#0V%T\r\n`\r\nend"
    assert [one.fate for one in carried(mail(text)).changes] == [PartFate.REMOVED]


def test_parts_that_nobody_can_cut_do_not_come() -> None:
    odd = "Content-Type: multipart/mixed\r\n\r\n--X\r\n\r\nTVqQ\r\n--X--"
    assert [one.fate for one in carried(mail(BODY, odd)).changes] == [PartFate.REMOVED]


SIGNATURE = (
    'Content-Type: application/pgp-signature; name="signature.asc"\r\n\r\n'
    "-----BEGIN PGP SIGNATURE-----\r\nx\r\n-----END PGP SIGNATURE-----"
)
ENCRYPTED = "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1"
CALENDAR = "Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR"
HTML = "Content-Type: text/html; charset=utf-8\r\n\r\n<p style='color:red'>Hello <b>you</b></p>"
ALL = CarryPolicy(
    files=file_policy.read("none"), big=4, page="https://x.example/m/", html=HtmlPolicy.TEXT
)


@pytest.mark.parametrize(
    "raw",
    [
        mail(HTML, SIGNATURE, kind="signed", more='; protocol="application/pgp-signature"'),
        mail(ENCRYPTED, attached("encrypted.asc", b"-----BEGIN PGP"), kind="encrypted"),
        (HEAD + attached("smime.p7m", b"0\x82", "application/pkcs7-mime") + "\r\n").encode(),
        mail(BODY, HTML, CALENDAR, kind="alternative"),
        (HEAD + CALENDAR + "\r\n").encode(),
    ],
)
def test_signed_and_encrypted_mail_and_invitations_are_never_touched(raw: bytes) -> None:
    found = carried(raw, ALL)
    assert found.raw is raw
    assert not found.sealed


@pytest.mark.parametrize(
    "raw",
    [
        mail(whole(BODY, attached("tool.exe", PROGRAM), mark="C"), SIGNATURE, kind="signed"),
        mail(BODY, attached("tool.exe", PROGRAM, "application/pgp-signature"), kind="signed"),
        mail(ENCRYPTED, attached("tool.exe", PROGRAM), kind="encrypted"),
    ],
)
def test_a_seal_around_a_file_that_may_not_come_is_for_a_moderator(raw: bytes) -> None:
    found = carried(raw)
    assert found.sealed
    assert found.raw is raw


def test_what_only_says_that_it_is_signed_is_no_seal() -> None:
    raw = mail(BODY, attached("tool.exe", PROGRAM), kind="signed")
    assert [one.name for one in carried(raw).changes] == ["tool.exe"]


def test_a_large_file_becomes_a_link_and_a_small_one_stays() -> None:
    policy = CarryPolicy(big=100, page="https://x.example/m/abc/")
    raw = mail(BODY, attached("small.png"), attached("large.png", PNG * 5))
    found = carried(raw, policy)
    assert [(one.fate, one.name) for one in found.changes] == [(PartFate.LINKED, "large.png")]
    assert b"[linked large.png https://x.example/m/abc/]" in found.raw
    assert attached("small.png").encode() in found.raw
    assert carried(raw, CarryPolicy(big=100)).raw is raw  # no archive, no link


def test_html_beside_text_goes_and_alone_becomes_text() -> None:
    text = CarryPolicy(html=HtmlPolicy.TEXT)
    beside = carried(mail(BODY, HTML, kind="alternative"), text)
    assert [one.kind for one in mime.cut(beside.raw).parts] == ["text/plain"]
    alone = mime.cut(carried((HEAD + HTML + "\r\n").encode(), text).raw)
    assert (alone.kind, alone.data().strip()) == ("text/plain", b"Hello you")


def test_reduced_html_has_words_and_structure_and_pictures_that_came_along() -> None:
    markup = (
        "<style>p{color:red}</style><p style='color:red' onclick=x>Hi <b>you</b>"
        "<img src='https://t.example/1.gif' alt='Fig'><img src='cid:p1'><script>x()</script></p>"
        "<form action=x><input></form><a href='javascript:x()'>go</a>"
    )
    part = f"Content-Type: text/html\r\n\r\n{markup}"
    found = carried(mail(BODY, part, kind="alternative"), CarryPolicy(html=HtmlPolicy.REDUCE))
    shown = mime.cut(found.raw).parts[1].data().decode()
    assert "<b>you</b>" in shown
    assert "Fig" in shown
    assert 'src="cid:p1"' in shown
    for word in ("style", "onclick", "t.example", "script", "form", "input"):
        assert word not in shown
