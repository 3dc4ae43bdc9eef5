"""A machine's mail is known by its marks, its parts and its shape; a person's is left alone."""

import lzma
import mailbox
import tomllib
from contextlib import closing
from email.header import Header
from pathlib import Path

import pytest

from listserv.answers.automatic import judge
from listserv.answers.machine_kinds import MachineKind, MailRole


def mail(subject: str, text: str, head: str = "", kind: str = "text/plain; charset=utf-8") -> bytes:
    coded = Header(subject, "utf-8").encode()
    return (
        f"From: anna@example.net\r\nTo: friends@example.org\r\nSubject: {coded}\r\n{head}"
        f"MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n{text}\r\n"
    ).encode()


CASES = tomllib.loads(Path(__file__).with_name("automatic.toml").read_text())
NOTES = [(one["kind"], one["subject"], one["text"]) for one in CASES["note"]]
PEOPLE = [(one["subject"], one["text"]) for one in CASES["person"]]


@pytest.mark.parametrize(("kind", "subject", "text"), NOTES)
def test_a_note_without_marks_is_known_by_its_shape(kind: str, subject: str, text: str) -> None:
    raw = mail(subject, text, "In-Reply-To: <question@example.org>\r\n")
    assert judge(raw, "anna@example.net", MailRole.POST).kind == kind
    assert judge(raw, "anna@example.net").kind is not None


@pytest.mark.parametrize(("subject", "text"), PEOPLE)
def test_a_post_that_only_mentions_such_things_is_a_persons(subject: str, text: str) -> None:
    assert not judge(mail(subject, text), "anna@example.net", MailRole.POST)


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.journey)])
def test_none_of_two_thousand_real_posts_is_taken_for_a_machines(
    corpora: Path, tmp_path: Path, every: int
) -> None:
    path = tmp_path / "box"
    path.write_bytes(lzma.decompress((corpora / "community" / "speakup.mbox.xz").read_bytes()))
    with closing(mailbox.mbox(path, create=False)) as box:
        posts = [one.as_bytes() for one in box]
    assert len(posts) == 1967
    assert [raw for raw in posts[::every] if judge(raw, door=MailRole.POST)] == []


@pytest.mark.parametrize(
    ("head", "sure"),
    [
        ("Auto-Submitted: auto-replied (vacation)", True),
        ("Auto-Submitted: auto-generated", False),
        ("Precedence: auto_reply", True),
        ("X-Autoreply: yes", True),
        ("X-Auto-Response-Suppress: All", False),
        ("X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent", True),
    ],
)
def test_a_mark_makes_any_mail_automatic(head: str, *, sure: bool) -> None:
    found = judge(mail("Hello", "See you on Sunday.", f"{head}\r\n"), door=MailRole.POST)
    assert (bool(found), found.sure) == (True, sure)


@pytest.mark.parametrize(
    "head",
    [
        "Precedence: list",
        "Precedence: bulk\r\nList-Id: <other.example.com>\r\nList-Unsubscribe: <mailto:x@y.org>",
        "List-Id: <other.example.com>\r\nX-Auto-Response-Suppress: All",
        "Auto-Submitted: no",
        "X-Auto-Response-Suppress: DR, RN",
    ],
)
def test_what_a_list_once_sent_may_be_posted_again(head: str) -> None:
    assert not judge(mail("Hello", "See you on Sunday.", f"{head}\r\n"), door=MailRole.POST)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        (
            MachineKind.REPORT,
            "Content-Type: message/disposition-notification\r\n\r\nFinal-Recipient: x",
        ),
        (MachineKind.REPORT, "Content-Type: message/delivery-status\r\n\r\nAction: failed"),
        (MachineKind.CALENDAR, "Content-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR"),
        (
            MachineKind.CALENDAR,
            "Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:COUNTER\r\nEND:VCALENDAR",
        ),
        (
            MachineKind.REACTION,
            'Content-Type: text/vnd.google.email-reaction+json\r\n\r\n{"version":1,"emoji":"x"}',
        ),
        (None, "Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR"),
        (
            None,
            "Content-Type: message/rfc822\r\n\r\nContent-Type: message/delivery-status\r\n\r\nx: y",
        ),
    ],
)
def test_a_part_says_what_the_mail_is_unless_somebody_passes_it_on(
    kind: MachineKind | None, parts: str
) -> None:
    body = f"--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b\r\n{parts}\r\n--b--\r\n"
    raw = mail("Hello", body, kind="multipart/mixed; boundary=b")
    assert judge(raw, door=MailRole.POST).kind is kind


def test_a_report_is_one_whatever_stands_in_it() -> None:
    raw = mail("Read", "read", kind="multipart/report; report-type=disposition-notification")
    assert judge(raw, door=MailRole.POST).sure


def test_a_holiday_that_somebody_commands_is_no_note_and_an_answer_is() -> None:
    raw = mail("", "Sono in vacanza fino al 7 gennaio")
    assert not judge(raw, "anna@example.net", MailRole.COMMAND)
    assert judge(raw, "anna@example.net", MailRole.ANSWER).kind is MachineKind.ABSENCE


def test_who_begins_with_a_yes_is_a_person() -> None:
    raw = mail("Re: Friends", "Yes please. I am out of the office until Monday.")
    assert not judge(raw, "anna@example.net")


def test_an_empty_sender_is_a_machine() -> None:
    assert judge(mail("Hello", "Hello"), "", MailRole.POST).kind is MachineKind.NULL_SENDER
    assert not judge(mail("Hello", "Hello"), None, MailRole.POST)
