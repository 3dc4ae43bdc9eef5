"""What came back is read: who, and for which reason; a refusal of our mail is nobody's death."""

import email
import json
import re
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


def test_a_field_in_eight_bits_hides_nobody_and_leaves_no_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = "<anna@example.org>:\nThis address no longer accepts mail.\n"
    mail = f"Subject: failure notice\n\nHi. This is the qmail-send program at x.org.\n\n{text}"
    for sender in (b"MAILER-DAEMON@x.org", b"M\xe9iler <mailer-daemon@x.org>"):
        found = read(b"From: " + sender + b"\nX: \xff\n" + mail.encode())
        assert found.recipient == "anna@example.org"
    parsed = email.message_from_bytes(b"From: \xe9 <mailer-daemon@sina.com>\n" + mail.encode())
    assert bounces._meant(parsed) == ["anna@example.org"]
    assert not caplog.records


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


SES = (
    '{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"General",'
    '"bouncedRecipients":[{"emailAddress":"anna@example.net","action":"failed","status":"5.1.1",'
    '"diagnosticCode":"smtp; 550 5.1.1 user unknown"}]},"mail":{"headers":[{"name":"Message-ID",'
    '"value":"<m7@x.org>"}]}}'
)


def letter(
    body: str, *, sender: str = "MAILER-DAEMON@x.org", subject: str = "failure notice"
) -> bytes:
    return f"From: {sender}\nSubject: {subject}\n\n{body}".encode()


@pytest.mark.parametrize(
    "body",
    [
        SES,
        SES.replace('"action"', '\n "action"'),
        json.dumps({"Type": "Notification", "Message": SES}),
        SES + "\n\n--\nIf you wish to stop receiving notifications, click below",
    ],
    ids=["bare", "folded", "wrapped by SNS", "with a footer"],
)
def test_a_provider_that_reports_in_json_is_read(body: str) -> None:
    mail = letter(body, sender="no-reply@sns.amazonaws.com", subject="AWS Notification Message")
    found = read(mail)
    assert (found.kind, found.recipient, found.status) == (
        BounceKind.DEAD,
        "anna@example.net",
        "5.1.1",
    )
    assert found.about == "m7@x.org"
    assert found.said == "550 5.1.1 user unknown"


def test_json_that_complains_puts_off_or_says_nothing_of_mail_is_read_as_that() -> None:
    complaint = SES.replace("Bounce", "Complaint").replace('"bounce"', '"complaint"')
    complaint = complaint.replace("bouncedRecipients", "complainedRecipients")
    assert read(letter(complaint)).kind is BounceKind.COMPLAINT
    full = SES.replace("Permanent", "Transient").replace("General", "MailboxFull")
    full = full.replace("550 5.1.1 user unknown", "552 5.2.2 mailbox full").replace(
        "5.1.1", "5.2.2"
    )
    assert read(letter(full)).kind is BounceKind.FULL
    assert (
        read(letter('{"a": [1, 2}', sender="anna@x.org", subject="A file")).kind is BounceKind.NONE
    )
    assert read(letter("{" * 9000 + SES)).kind in set(BounceKind)


@pytest.mark.parametrize(
    ("body", "kind", "who"),
    [
        (  # the boundary is lost, so that the report is text
            ("This is a MIME-encapsulated message\n\n--B\n\nFinal-Recipient: rfc822; anna@x.org\n"
            "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\n"),
            BounceKind.DEAD, "anna@x.org",
        ),
        (  # forwarded by a person, with marks and folds
            ("> Final-Recipient: RFC822; anna@x.org\n> Action: failed\n> Status: 5.2.2\n"
            "> Diagnostic-Code: SMTP; 552\n>  mailbox is full\n"),
            BounceKind.FULL, "anna@x.org",
        ),
        (
            ("Message could not be delivered to mobile.\nError: No valid recipients for this MM\n\n"
            "Original Message:\nFrom: us <list@y.org>\nTo: 5550001@mobile.example\n"),
            BounceKind.DEAD, "5550001@mobile.example",
        ),
        (
            ("We had trouble delivering your message. Full details follow.\n\n"
            "* anna@x.org failed with 550 5.1.1 no such user\n"),
            BounceKind.DEAD, "anna@x.org",
        ),
        ("<anna@x.org>: host mx.x.org said: 550 <anna@x.org>: Recipient address rejected\n",
         BounceKind.DEAD, "anna@x.org"),
        ("<anna@x.org>: host mx.x.org said: 550 Recipient address rejected (in reply to RCPT TO)\n",
         BounceKind.DEAD, "anna@x.org"),
        ("<anna@x.org>: 554 Recipient address rejected: Greylisted, see help\n",
         BounceKind.TEMPORARY, "anna@x.org"),
        ("<anna@x.org>: label too long in domain name\n", BounceKind.DEAD, "anna@x.org"),
        ("<anna@x.org>: Host not found\n", BounceKind.DEAD, "anna@x.org"),
        ("anna@x.org Error, ERROR_CODE :421, Host not reachable.\n",
         BounceKind.TEMPORARY, "anna@x.org"),
        (  # what is said of the next person is not said of this one
            "anna@x.org: 550 5.2.2 Mailbox full\nbo@x.org: 550 5.1.1 User unknown\n",
            BounceKind.FULL, "anna@x.org",
        ),
        (  # an unknown user is known at RCPT: what came after the text disliked the text
            ("<anna@x.org>\n SMTP error from remote mail server after end of data:\n"
            " host mx.x.org: 550 :\n User unknown\n"),
            BounceKind.POLICY, "anna@x.org",
        ),
        (  # pipelined: the sender noticed at DATA what RCPT had said
            ("<anna@x.org>\n... while talking to mx.x.org.:\n>>> DATA\n"
            "<<< 550 5.1.1 <anna@x.org>... User unknown\n<<< 503 5.0.0 Need RCPT (recipient)\n"),
            BounceKind.DEAD, "anna@x.org",
        ),
        ("pipe to |/bin/x generated by anna@x.org\nNo such file or directory\n",
         BounceKind.TEMPORARY, "anna@x.org"),
        ("MAIL FROM: list@y.org\nRCPT TO: anna@x.org\nError: 550 no such user here\n",
         BounceKind.DEAD, "anna@x.org"),
        ("Message-ID:<14a3.1@mx.x.org>\nTo:<anna@x.org>\n\nInvalid Address\n",
         BounceKind.DEAD, "anna@x.org"),
    ],
)  # fmt: skip
def test_what_follows_no_standard_is_read_all_the_same(
    body: str, kind: BounceKind, who: str
) -> None:
    found = read(letter(body))
    assert (found.kind, found.recipient) == (kind, who)


@pytest.mark.parametrize(
    "sender", ["post_master@x.org", "postmaster@x.org", "Mail Delivery <a@x.org>"]
)
def test_whoever_speaks_for_a_mail_system_is_heard(sender: str) -> None:
    assert read(letter("550 no such user", sender=sender, subject="News")).kind is BounceKind.DEAD


def test_a_report_that_a_server_still_tries_says_so_and_is_no_failure() -> None:
    found = read(report("451 try later", "4.4.1", action="delayed"))
    assert (found.kind, found.delayed) == (BounceKind.TEMPORARY, True)
    assert not read(report("550 5.1.1 User unknown")).delayed


SAY_SO = re.compile(
    r"(?:user|recipient|mailbox|address) unknown|unknown user|no such user|does(?:n't| not)"
    r" (?:exist|have)|not a registered",
    re.IGNORECASE,
)


@pytest.mark.no_cover
@pytest.mark.parametrize(("command", "kind"), [("DATA", "policy"), ("RCPT", "dead")])
def test_an_unknown_user_is_known_at_rcpt_and_not_at_the_command_that_came_after(
    command: str, kind: str
) -> None:
    words = (
        "It could not be sent to:\nnils@post.example\n\n-------server message\n"
        f"550 unknown user <nils@post.example>\n\n-------SMTP command\n{command}\n"
    )
    raw = f"From: POSTMASTER <postmaster@mx.example>\nSubject: failure notice\n\n{words}".encode()
    assert read(raw).kind == kind


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
    same = found_dead = hard = nobody = 0
    slandered = []  # taken for the end of an address, and its words do not say so
    for name, (first, *_) in expected.items():
        found = read((corpora / "bounces" / "eml" / f"{name}.eml").read_bytes())
        reason = first["reason"]
        want = kinds.get(reason, BounceKind.TEMPORARY)
        same += found.kind is want or (reason == "filtered" and found.kind is not BounceKind.DEAD)
        dead = found.kind is BounceKind.DEAD
        gone = first["hard"] or reason == "suspend"  # by us: nobody reads there
        hard += first["hard"]
        found_dead += first["hard"] and dead
        nobody += not found.recipient and found.kind not in {BounceKind.NONE, BounceKind.AUTO_REPLY}
        if dead and not gone and not SAY_SO.search(" ".join(found.text.split())):
            slandered.append(name)
    soft = len(expected) - hard
    assert same / len(expected) > 0.84
    assert found_dead / hard >= 0.97
    assert len(slandered) / soft <= 0.02, slandered
    assert nobody / len(expected) < 0.02
