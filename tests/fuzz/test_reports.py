"""Whatever comes back: it is some kind of answer about one recipient at most, and no surprise."""

from hypothesis import given
from hypothesis import strategies as st

from mailer.reading import bounces
from mailer.reading.bounce_reasons import BounceKind
from tests.fuzz.pieces import ENDS, MAILS, SOME

FIELDS = st.sampled_from([
    b"Reporting-MTA: dns; mx.example", b"Final-Recipient: rfc822; anna@example.net", b"Action: failed",
    b"Final-Recipient: utf-8; \xd0\xb0@example.net", b"Action: delayed", b"Status: 5.1.1", b"Status: 4.2.2",
    b"Status: 5.7.26 (policy)", b"Diagnostic-Code: smtp; 550 5.1.1 unknown", b"Status: 9.9.9",
    b"Original-Recipient: rfc822;anna@example.net", b"Feedback-Type: abuse", b"Feedback-Type: not-spam",
    b"Original-Rcpt-To: anna@example.net", b'{"notificationType":"Bounce","bounce":{"bounceType":', b"",
    b'{"notificationType":"Complaint","complaint":{"complainedRecipients":[{"emailAddress":"a@b.c"}]}}',
])  # fmt: skip
LINES = st.one_of(st.tuples(FIELDS, ENDS).map(b"".join), SOME)
REPORTS = st.tuples(
    st.sampled_from([b"From: MAILER-DAEMON@x.example\r\n", b"From: <>\r\n", b"Return-Path: <>\r\n", b""]),
    st.just(
        b"Subject: Delivery Status Notification (Failure)\r\n"
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\n"
    ),
    SOME,
    st.sampled_from([b"\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n",
                     b"\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n", b"\r\n--b\r\n\r\n"]),
    st.lists(LINES, max_size=12).map(b"\r\n".join),
    st.sampled_from([b"\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n", b""]),
    MAILS,
    st.sampled_from([b"\r\n--b--\r\n", b""]),
).map(b"".join)  # fmt: skip


@given(st.one_of(REPORTS, MAILS))
def test_a_report_is_of_one_kind_and_names_whom_on_one_line(raw: bytes) -> None:
    found = bounces.read(raw)
    assert found.kind in BounceKind
    assert "\n" not in found.recipient


@given(st.text(max_size=400))
def test_bare_words_are_of_one_kind(text: str) -> None:
    assert bounces.said(text).kind in BounceKind
