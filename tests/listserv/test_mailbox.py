"""The page of ``krets try``: a mail's HTML is seen, and can do nothing."""

from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from listserv.trying.mailbox import Mailbox, build
from tests.listserv.web.conftest import Web

HOST = "evil.example"  # what this visitor always asks for
HTML = '<style>p{color:red}</style><script>alert(1)</script><p>Bald <a href="http://x.example/">här</a>'


@pytest.fixture
def desk(tmp_path: Path) -> Web:
    """Give the page with a mail in two forms and one in plain text."""
    for number, html in ((1, HTML), (2, "")):
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["Subject"] = "Anna <anna@example.org>", "Gate"
        mail.set_content("Bald\n")
        if html:
            mail.add_alternative(html, subtype="html", charset="iso-8859-1")
        (tmp_path / f"{number}.eml").write_bytes(mail.as_bytes())
        (tmp_path / f"{number}.json").write_text('{"recipients": ["bo@x"], "received_at": 1.0}')
    box = Mailbox(tmp_path, ("127.0.0.1", 9), "http://127.0.0.1:8080")
    return Web(None, build(box, HOST))  # type: ignore[arg-type]


def test_the_html_of_a_mail_stands_in_a_frame_that_runs_nothing(desk: Web) -> None:
    page = desk.get("/mail/1")
    assert 'src="/mail/1/html"' in page.text
    assert "<script" not in page.text
    assert "frame-src 'self'" in page.headers["content-security-policy"]
    frame = desk.get("/mail/1/html")
    assert "här" in frame.text
    policy = frame.headers["content-security-policy"]
    assert policy.startswith("sandbox ")
    assert "default-src 'none'" in policy
    assert not {"allow-scripts", "allow-same-origin", "allow-forms"} & set(policy.split())
    assert frame.headers["x-frame-options"] == "SAMEORIGIN"


def test_a_mail_in_plain_text_has_no_frame(desk: Web) -> None:
    assert "<iframe" not in desk.get("/mail/2").text
    assert desk.get("/mail/2/html").status == 404
    assert desk.get("/mail/3/html").status == 404


def test_the_frame_answers_to_its_own_address_alone(tmp_path: Path) -> None:
    box = Mailbox(tmp_path, ("127.0.0.1", 9), "http://127.0.0.1:8080")
    desk = Web(None, build(box, "127.0.0.1:8081"))  # type: ignore[arg-type]
    assert desk.get("/mail/1/html").status == 421
