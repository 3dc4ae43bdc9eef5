"""A post: from a member's mail program to every member once, and to a page."""

import email
import json
import re
import smtplib
from email.message import Message

import pytest

from mailer.rehearsal.sink import Caught
from tests.tree import Krets, wait_for

LIST = "friends@example.org"
PEOPLE = ["anna@example.net", "boris@example.com", "chiara@example.it"]
POST = (
    b"From: Anna <anna@example.net>\r\n"
    b"To: friends@example.org\r\n"
    b"Subject: =?utf-8?q?H=C3=A4lsningar?=\r\n"
    b"Date: Sun, 22 Nov 2026 10:00:00 +0100\r\n"
    b"Message-ID: <one@example.net>\r\n"
    b"X-Odd:   kept  as\r\n\tit came \r\n"
    b"List-Id: <elsewhere.example.com>\r\n"
    b"List-Unsubscribe: <mailto:foreign@example.com>\r\n"
    b"Return-Receipt-To: anna@example.net\r\n"
    b"Precedence: bulk\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n"
    b"\r\n"
    b"Hej alla,\r\n.\r\n..two dots\r\n\xc3\xa5\xc3\xa4\xc3\xb6 \r\nFrom here\r\n\r\n"
)


@pytest.fixture
def friends(krets: Krets) -> Krets:
    """Make a list of three and start serving it."""
    krets.krets("list", "create", LIST, "--title", "Vänner & friends")
    people = "\n".join(PEOPLE)
    krets.krets(
        "member", "import", LIST, "-", "--consent", "Asked at the meeting", "--yes", stdin=people
    )
    krets.start()
    return krets


def send(krets: Krets, raw: bytes, sender: str = PEOPLE[0], to: str = LIST) -> None:
    with smtplib.SMTP("127.0.0.1", krets.smtp_port, timeout=60) as client:
        client.ehlo()
        client.mail(sender, ["BODY=8BITMIME"])
        assert client.rcpt(to)[0] == 250
        assert client.data(raw)[0] == 250


def body(raw: bytes) -> bytes:
    return raw.partition(b"\r\n\r\n")[2]


def fields(raw: bytes) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in email.message_from_bytes(raw).items()]


def test_every_member_has_a_post_once_with_exactly_the_stated_headers(
    friends: Krets, outbox: list[Caught]
) -> None:
    send(friends, POST)
    wait_for("three copies", lambda: len(outbox) >= 3)
    assert sorted(caught.recipients for caught in outbox) == [(person,) for person in PEOPLE]
    tokens = set()
    for caught in outbox:
        assert body(caught.raw) == body(POST)
        message = email.message_from_bytes(caught.raw)
        tokens.add(check_added(friends, message))
        assert re.fullmatch(r"friends-bounces\+[a-z2-7]{26}@example\.org", caught.sender)
        removed = {
            "list-id", "list-unsubscribe", "return-receipt-to", "precedence",
        }  # fmt: skip
        added = {
            "received", "list-id", "list-post", "list-help", "list-subscribe", "list-owner",
            "list-archive", "archived-at", "precedence", "list-unsubscribe", "x-original-list-id",
        }  # fmt: skip
        kept = [pair for pair in fields(POST) if pair[0] not in removed]
        assert [pair for pair in fields(caught.raw) if pair[0] not in added] == kept
        assert message["X-Original-List-Id"] == "<elsewhere.example.com>"
    assert len(tokens) == 3
    assert len({caught.sender for caught in outbox}) == 3


def check_added(krets: Krets, message: Message) -> str:
    assert message["List-Id"].endswith("<friends.example.org>")
    assert message["List-Post"] == f"<mailto:{LIST}>"
    assert message["List-Owner"] == "<mailto:friends-owner@example.org>"
    assert message["Precedence"] == "list"
    assert message["List-Unsubscribe-Post"] is None
    leave = re.fullmatch(
        r"<mailto:friends-leave\+([a-z2-7]{26})@example\.org>,\s+"
        rf"<{krets.url}/{LIST}/leave/([a-z2-7]{{26}})>",
        message["List-Unsubscribe"],
    )
    assert leave is not None
    assert leave[1] == leave[2]
    page = message["Archived-At"].strip("<>")
    assert krets.get(page.removeprefix(krets.url))[0] == 200
    return leave[1]


def test_the_post_stands_in_the_archive(friends: Krets) -> None:
    send(friends, POST)
    home = f"/{LIST}/"
    wait_for("the list's home", lambda: "Hälsningar" in friends.get(home)[1].decode())
    link = re.search(r'href="([^"]*/?t/[a-z2-7]{52}/)"', friends.get(home)[1].decode())
    assert link is not None
    path = link[1] if link[1].startswith("/") else home + link[1].removeprefix("./")
    status, page = friends.get(path)
    assert status == 200
    assert "Hej alla" in page.decode()
    assert "anna@example.net" not in page.decode()


def test_the_same_message_again_is_a_duplicate_and_another_under_its_id_is_held(
    friends: Krets, outbox: list[Caught]
) -> None:
    send(friends, POST)
    wait_for("three copies", lambda: len(outbox) >= 3)
    send(friends, b"Received: from elsewhere by front; now\r\n" + POST)
    send(friends, POST.replace(b"Hej", b"Hoj"))
    held = wait_for("a hold", lambda: friends.json("queue", "ls")["held"])
    assert held[0]["why"] == ["same-id"]
    assert len(outbox) == 3
    number = str(held[0]["id"])
    assert friends.run("queue", "release", number).returncode == 1  # nobody is there to ask
    friends.krets("queue", "release", number, "--dry-run")
    assert len(friends.json("queue", "ls")["held"]) == 1
    friends.krets("queue", "release", number, "--yes")
    wait_for("three more", lambda: len(outbox) >= 6)
    assert {caught.raw.count(b"Hoj") for caught in outbox[3:]} == {1}


def test_a_strangers_post_waits_and_explain_says_why(friends: Krets, outbox: list[Caught]) -> None:
    stranger = POST.replace(b"anna@example.net", b"eve@example.com")
    told = friends.run("explain", "post", LIST, "-", "--json", stdin=stranger)
    why = json.loads(told.stdout)
    assert (why["decision"], why["rules"], why["costs"]) == ("hold", ["membership"], [])
    judged = {"spf": "none", "dkim": "none", "dmarc": "none", "aligned": False}
    assert why["authentication"].items() >= judged.items()
    send(friends, stranger, sender="eve@example.com")
    held = wait_for("a hold", lambda: friends.json("queue", "ls")["held"])
    assert held[0]["why"] == ["membership"]
    assert held[0]["subject"] == "Hälsningar"
    assert not outbox


def test_leaving_between_freeze_and_claim_is_honoured(friends: Krets, outbox: list[Caught]) -> None:
    friends.krets("member", "set", LIST, PEOPLE[2], "--state", "left")
    send(friends, POST)
    wait_for("two copies", lambda: len(outbox) >= 2)
    wait_for("the end", lambda: not friends.json("queue", "ls")["mailings"])
    assert sorted(caught.recipients[0] for caught in outbox) == PEOPLE[:2]


def test_everything_stops_cleanly_and_starts_again(friends: Krets, outbox: list[Caught]) -> None:
    pids = friends.pids()
    assert len(pids) <= 6
    assert friends.stop() == 0
    friends.start(cold=True)
    send(friends, POST)
    wait_for("three copies", lambda: len(outbox) >= 3)


def test_what_became_of_each_recipient_can_be_asked(friends: Krets, outbox: list[Caught]) -> None:
    send(friends, POST)
    wait_for("three copies", lambda: len(outbox) >= 3)
    wait_for("the end", lambda: friends.json("queue", "mailing")[0]["state"] == "done")
    newest = friends.json("queue", "mailing")[0]
    assert (newest["audience"], newest["accepted"], newest["list"]) == (3, 3, LIST)
    rows = friends.json("queue", "mailing", str(newest["id"]))
    assert [(row["address"], row["state"], row["code"]) for row in rows] == [
        (person, "accepted", 250) for person in PEOPLE
    ]
    assert friends.json("queue", "mailing", str(newest["id"]), "--only", "refused") == []


def test_a_post_without_id_and_date_leaves_with_both_and_the_archive_knows_its_id(
    friends: Krets, outbox: list[Caught]
) -> None:
    raw = b"From: Anna <anna@example.net>\r\nTo: friends@example.org\r\nSubject: bare\r\n\r\nhi\r\n"
    send(friends, raw)
    wait_for("three copies", lambda: len(outbox) >= 3)
    send(friends, raw)  # its client never saw our 250
    copies = [email.message_from_bytes(one.raw) for one in outbox]
    (made,) = {copy["Message-ID"] for copy in copies}
    assert all(copy["Date"] for copy in copies)
    assert "(added Message-ID and Date)" in copies[0]["Received"]
    send(friends, POST.replace(b"X-Odd:", b"In-Reply-To: " + made.encode() + b"\r\nX-Odd:"))
    wait_for("the answer", lambda: len(outbox) == 6)
    wait_for("both to be on a page", lambda: made.strip("<>") in page_of(friends))


def page_of(krets: Krets) -> str:
    """Return the JSON of the thread that the list's home names first."""
    home = krets.get(f"/{LIST}/")[1].decode()
    found = re.search(r"t/([a-z2-7]{52})/", home)
    told = krets.get(f"/{LIST}/t/{found[1]}/thread.json")[1].decode() if found else ""
    return told if "one@example.net" in told else ""


def test_an_odd_field_does_not_cut_the_header_in_two(friends: Krets, outbox: list[Caught]) -> None:
    raw = (
        b"From : Anna <anna@example.net>\r\nTo: friends@example.org\r\n: nameless\r\n"
        b"Subject : Spaced\r\nX Mailer: Old\r\nMessage-ID: <odd@example.net>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Date: Sun, 22 Nov 2026 10:00:00 +0100\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZQ==\r\n"
    )
    send(friends, raw)
    wait_for("three copies", lambda: len(outbox) >= 3)
    copy = email.message_from_bytes(outbox[0].raw)
    text = copy.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert (copy["Subject"], text.decode()) == ("Spaced", "Gr\u00fc\u00dfe")
