"""The page of ``krets try``: a mail's HTML is seen, and can do nothing."""

import re
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

import templates
from listserv.trying.mailbox import Mailbox, build
from listserv.trying.tour import Tour, said
from tests.listserv.web.conftest import Web

HOST = "evil.example"  # what this visitor always asks for
LISTS = "http://127.0.0.1:8080"
TOUR = Tour(
    LISTS,
    "http://127.0.0.1:8081",
    "127.0.0.1:8025",
    "krets-try",
    {"it": "paolo@ortofelice.example"},
)
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
    box = Mailbox(tmp_path, ("127.0.0.1", 9), LISTS)
    return Web(None, build(box, HOST, TOUR, "nl"))  # type: ignore[arg-type]


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
    box = Mailbox(tmp_path, ("127.0.0.1", 9), LISTS)
    desk = Web(None, build(box, "127.0.0.1:8081", TOUR))  # type: ignore[arg-type]
    assert desk.get("/mail/1/html").status == 421


@pytest.mark.parametrize(
    ("query", "accept", "language"),
    [
        ("", "it-CH, it;q=0.9, en;q=0.5", "it"),
        ("", "ja", "nl"),  # the terminal's
        ("?language=ro", "it", "ro"),
        ("?language=xx", "ru", "ru"),
    ],
)
def test_a_page_speaks_the_language_that_is_named_or_the_browsers_or_the_terminals(
    desk: Web, query: str, accept: str, language: str
) -> None:
    for path in ("/", "/mail/2", "/mail/9"):
        page = desk.get(path + query, accept_language=accept)
        assert f'<html lang="{language}">' in page.text
        assert page.headers["content-language"] == language


def test_a_language_chosen_by_hand_stays_from_page_to_page(desk: Web) -> None:
    page = desk.get("/?language=ru").text
    links = re.findall(r'href="(/(?!static/)[^"]*|[^"]*/join[^"]*)"', page)
    assert len(links) > 5
    assert all("language=" in one for one in links)
    assert 'action="/?language=ru"' in page
    assert "language=" not in re.sub(r"<nav.*?</nav>", "", desk.get("/").text, flags=re.DOTALL)


def test_the_tour_names_a_moderator_whose_mails_the_visitor_can_read(desk: Web) -> None:
    assert "paolo@ortofelice.example" in desk.get("/?language=it").text
    assert "ingrid@bladverk.example" in desk.get("/?language=ro").text


@pytest.mark.parametrize("language", templates.LANGUAGES)
def test_the_terminal_shows_each_step_and_breaks_no_address(language: str) -> None:
    steps = TOUR.steps(language)
    text = said(
        "up", language, 60, steps=steps, box="http://127.0.0.1:8081/", pages=f"{LISTS}/",
        door="127.0.0.1:8025", folder="krets-try",
    )  # fmt: skip
    assert all(step.link in text for step in steps)
    assert all(f"  {number}. " in text for number in range(1, 6))
    assert all(len(line) <= 60 or "://" in line for line in text.split("\n"))
