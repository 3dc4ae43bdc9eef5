"""What a list carries: files and HTML on their way to the members and to the archive."""

import base64
import json
import re
import smtplib
from collections.abc import Iterator
from email.message import Message

import pytest

from mailer.rehearsal.sink import Caught
from tests.journeys.letters import send, settled, wait_mail
from tests.tree import Krets, running

LIST = "friends@example.org"
ANNA, BO = "anna@example.net", "bo@example.com"
PDF = b"%PDF-1.7\n" + b"0" * 6000
PROGRAM = b"MZ\x90\x00" + b"\x01" * 300


@pytest.fixture
def friends(krets: Krets) -> Iterator[Krets]:
    krets.krets("list", "create", LIST, "--language", "sv")
    for person in (ANNA, BO):
        krets.krets("member", "add", LIST, person, "--consent", "asked")
    with running(krets):
        yield krets


def part(name: str, data: bytes) -> str:
    coded = base64.encodebytes(data).decode().replace("\n", "\r\n")
    return (
        "--B\r\nContent-Type: application/octet-stream\r\n"
        f'Content-Disposition: attachment; filename="{name}"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{coded}"
    )


RAW = (
    f"From: Anna <{ANNA}>\r\nTo: {LIST}\r\nSubject: Files\r\nMessage-ID: <files@example.net>\r\n"
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n"
    "--B\r\nContent-Type: multipart/alternative; boundary=A\r\n\r\n"
    "--A\r\nContent-Type: text/plain\r\n\r\nHere they are.\r\n"
    "--A\r\nContent-Type: text/html\r\n\r\n<p style='color:red'>Here they are.</p>\r\n--A--\r\n"
    + part("plan.pdf", PDF)
    + part("tool.exe", PROGRAM)
    + "--B--\r\n"
).encode()


def post(krets: Krets) -> None:
    with smtplib.SMTP("127.0.0.1", krets.smtp_port, timeout=60) as client:
        client.sendmail(ANNA, [LIST], RAW)


def kinds(mail: Message) -> list[str]:
    return [one.get_content_type() for one in mail.walk() if not one.is_multipart()]


def words(mail: Message) -> str:
    found = [one.get_payload(decode=True) for one in mail.walk() if not one.is_multipart()]
    return b"".join(one for one in found if isinstance(one, bytes)).decode("utf-8", "replace")


def test_explain_says_what_goes_and_whose_signature_it_breaks_and_the_copy_agrees(
    friends: Krets, outbox: list[Caught]
) -> None:
    friends.krets("list", "set", LIST, "--files", "documents", "--big-files", "5000")
    friends.krets("list", "set", LIST, "--html", "text")
    (friends.folder / "mail.eml").write_bytes(
        b"DKIM-Signature: v=1; d=example.net; h=from\r\n" + RAW
    )
    told = friends.json("explain", "post", LIST, str(friends.folder / "mail.eml"))
    assert {one["name"] or one["type"]: one["fate"] for one in told["carried"]} == {
        "tool.exe": "removed", "plan.pdf": "linked", "text/html": "text",
    }  # fmt: skip
    costs = {one["option"]: one["breaks"] for one in told["costs"]}
    assert costs["files"] == costs["big_files"] == costs["html"] == ["example.net"]
    post(friends)
    copy = wait_mail(outbox, BO)
    assert kinds(copy) == ["text/plain"] * 3
    page = str(copy["Archived-At"]).strip("<>")
    assert f"Den finns här: {page}" in words(copy)
    assert "tool.exe" in words(copy)
    settled(friends)
    friends.krets("archive", "build")
    assert friends.get(page.removeprefix(friends.url))[0] == 200
    home = friends.get(f"/{LIST}/")[1].decode()
    thread = re.findall(r"t/[a-z2-7]{52}/", home)[0]
    (mail,) = json.loads(friends.get(f"/{LIST}/{thread}thread.json")[1])["messages"]
    assert [one["name"] for one in mail["attachments"]] == ["plan.pdf"]


@pytest.mark.journey
def test_without_settings_a_post_leaves_byte_for_byte(friends: Krets, outbox: list[Caught]) -> None:
    post(friends)
    copy = next(one for one in [wait_mail(outbox, BO)] if one)
    assert "MZ" in words(copy)
    assert outbox[0].raw.partition(b"\r\n\r\n")[2] == RAW.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("said", ["pictures/", "--", "x" * 30])
@pytest.mark.journey
def test_what_is_no_kind_of_file_is_refused(friends: Krets, said: str) -> None:
    done = friends.run("list", "set", LIST, f"--files={said}")
    assert done.returncode == 2
    assert "no kind of file" in done.stderr


@pytest.mark.journey
def test_an_owner_sets_it_by_mail(friends: Krets, outbox: list[Caught]) -> None:
    friends.krets("member", "set", LIST, ANNA, "--role", "owner")
    request = "friends-request@example.org"
    send(friends, ANNA, request, "filer: bilder, pdf\r\nhtml: ren text\r\n")
    asked = wait_mail(outbox, ANNA)
    send(friends, ANNA, str(asked["Reply-To"]).strip("<>"), "ja")
    wait_mail(outbox, ANNA, 2)
    shown = friends.json("list", "show", LIST)
    assert (shown["files"], shown["html"]) == ("pictures, pdf", "text")
