"""What came back is read: who, and for which reason; a refusal of our mail is nobody's death."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.reading import bounces
from mailer.reading.bounce_reasons import BounceKind
from mailer.reading.bounces import read, said
from tests.cost import AFFORDABLE, cost

REPORT = """\
From: MAILER-DAEMON@mx.example.org
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type={report}; boundary=B

--B
Content-Type: text/plain

The mail could not be delivered.

--B
Content-Type: message/{part}

Reporting-MTA: dns; mx.example.org

Final-Recipient: {type}; {who}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--B
Content-Type: message/rfc822

From: friends@lists.example.org
Message-ID: <m1@x.org>

Hi
--B--
"""


def report(said: str, status: str = "5.1.1", action: str = "failed", **more: str) -> bytes:
    fields = {"report": "delivery-status", "part": "delivery-status", "type": "rfc822"}
    fields |= {"who": "anna@example.org", **more}
    text = REPORT.format(said=said, status=status, action=action, **fields)
    return text.replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("words", "status", "kind"),
    [
        ("550 5.1.1 <anna@example.org>: User unknown", "5.1.1", BounceKind.DEAD),
        ("550 No such user here", "5.0.0", BounceKind.DEAD),
        ("550 5.1.2 Host not found", "5.1.2", BounceKind.DEAD),
        ("552 5.2.2 Mailbox full", "5.2.2", BounceKind.FULL),
        ("452 4.2.2 The email account is over quota", "4.2.2", BounceKind.FULL),
        ("550 5.7.26 Unauthenticated email: DMARC policy", "5.7.26", BounceKind.POLICY),
        (
            "554 5.7.1 Service unavailable; Client host blocked using Spamhaus",
            "5.7.1",
            BounceKind.POLICY,
        ),
        ("550 5.1.1 Relaying denied", "5.1.1", BounceKind.POLICY),
        ("550 5.1.1 Message rejected as spam", "5.1.1", BounceKind.CONTENT),
        ("552 5.3.4 Message size exceeds fixed limit", "5.3.4", BounceKind.CONTENT),
        ("554 5.6.0 Virus found in message", "5.6.0", BounceKind.CONTENT),
        ("421 4.4.2 Connection timed out", "4.4.2", BounceKind.TEMPORARY),
        ("550 Nyet", "5.0.0", BounceKind.TEMPORARY),
        ("550 5.1.8 Domain of sender address a@x.org does not exist", "5.1.8", BounceKind.POLICY),
    ],
)
def test_the_words_of_a_report_outweigh_its_number(
    words: str, status: str, kind: BounceKind
) -> None:
    found = read(report(words, status))
    assert (found.kind, found.recipient, found.status) == (kind, "anna@example.org", status)
    assert found.about == "m1@x.org"
    assert said(words).kind is kind


def test_a_report_in_other_scripts_is_read(  # RFC 6533
) -> None:
    more = {"report": "delivery-status", "part": "global-delivery-status", "type": "utf-8"}
    assert read(report("550 5.1.1 User unknown", **more)).kind is BounceKind.DEAD


def test_what_is_still_tried_or_has_arrived_is_no_failure() -> None:
    assert read(report("450 User unknown", "4.1.1", "delayed")).kind is BounceKind.TEMPORARY
    assert read(report("250 OK", "2.0.0", "delivered")).kind is BounceKind.NONE


def test_an_unknown_user_after_data_is_a_filter() -> None:
    words = "550 User unknown (in reply to end of DATA command)"
    assert read(report(words, "5.0.0")).kind is BounceKind.POLICY


def test_a_letter_of_qmail_is_read_without_any_standard() -> None:
    raw = (
        b"From: MAILER-DAEMON@mx.example.org\r\nSubject: failure notice\r\n\r\n"
        b"Hi. This is the qmail-send program at mx.example.org.\r\n\r\n<anna@example.org>:\r\n"
        b"192.0.2.1 does not like recipient.\r\nRemote host said: 550 No such user\r\n\r\n"
        b"--- Below this line is a copy of the message.\r\n\r\nSubject: spam virus full\r\n"
    )
    found = read(raw)
    assert (found.kind, found.recipient) == (BounceKind.DEAD, "anna@example.org")


def test_a_complaint_and_an_absence_are_told_apart_from_bounces() -> None:
    arf = (
        b"From: feedback@mx.example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report;"
        b" report-type=feedback-report; boundary=B\r\n\r\n--B\r\nContent-Type: text/plain\r\n\r\n"
        b"spam\r\n--B\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n"
        b"Original-Rcpt-To: <anna@example.org>\r\n\r\n--B--\r\n"
    )
    assert (read(arf).kind, read(arf).recipient) == (BounceKind.COMPLAINT, "anna@example.org")
    forgiven = arf.replace(b"Feedback-Type: abuse", b"Feedback-Type: not-spam")
    assert read(forgiven).kind is BounceKind.NONE
    away = b"From: a@x.org\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\nBye\r\n"
    assert read(away).kind is BounceKind.AUTO_REPLY
    assert (
        read(b"From: a@x.org\r\nSubject: Hello\r\n\r\n550 No such user\r\n").kind is BounceKind.NONE
    )


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_nothing_that_comes_back_can_stop_us(junk: bytes) -> None:
    for raw in (junk, report("x").replace(b"smtp; x", junk), b"Subject: failure notice\r\n" + junk):
        assert bounces.read(raw).kind in BounceKind


@pytest.mark.parametrize(
    "body",
    [b"-" * 10_000_000, b"\r\n" * 150_000, b" " * 5_000_000, b"<" * 200_000],
    ids=["dashes", "empty lines", "blanks", "tags"],
)
@pytest.mark.no_cover
def test_no_bounce_costs_more_than_a_moment(body: bytes) -> None:
    head = b"From: mailer-daemon@x.example\r\nSubject: failure\r\nContent-Type: text/html\r\n\r\n"
    assert cost(lambda: read(head + body)) < AFFORDABLE
    assert read(head + body).kind is BounceKind.TEMPORARY


@pytest.mark.no_cover
def test_real_bounces_are_judged_as_others_judge_them(corpora: Path) -> None:
    """Sisimai's reasons, joined into our kinds; *filtered* only says that nobody is dead."""
    joined = {
        BounceKind.DEAD: "userunknown hostunknown hasmoved notaccept suspend",
        BounceKind.FULL: "mailboxfull",
        BounceKind.CONTENT: "mesgtoobig exceedlimit spamdetected virusdetected contenterror",
        BounceKind.COMPLAINT: "feedback",
        BounceKind.AUTO_REPLY: "vacation",
        BounceKind.NONE: "delivered",
        BounceKind.POLICY: "rejected blocked authfailure policyviolation requireptr badreputation"
        " securityerror norelaying notcompliantrfc toomanyconn filtered",
    }
    kinds = {reason: kind for kind, reasons in joined.items() for reason in reasons.split()}
    expected = json.loads((corpora / "bounces" / "expected.json").read_text())
    same = dead = 0
    slandered = []  # a refusal of what was sent, taken for the end of an address
    for name, (first, *_) in expected.items():
        found = read((corpora / "bounces" / "eml" / f"{name}.eml").read_bytes())
        reason = first["reason"]
        want = kinds.get(reason, BounceKind.TEMPORARY)
        same += found.kind is want or (reason == "filtered" and found.kind is not BounceKind.DEAD)
        hard = first["hard"] or reason == "suspend"  # by us: nobody reads there
        dead += (found.kind is BounceKind.DEAD) is hard
        ours = want in {BounceKind.POLICY, BounceKind.CONTENT} and reason != "filtered"
        slandered += [name] if ours and found.kind is BounceKind.DEAD else []
    assert same / len(expected) > 0.84
    assert dead / len(expected) > 0.90
    # Both say in so many words that there is no such user.
    assert slandered == ["rfc3464-35", "rhost-nttdocomo-03"]
