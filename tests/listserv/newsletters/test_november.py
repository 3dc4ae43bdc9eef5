"""A realistic issue in every theme: what leaves is valid, right in Outlook, light, a good letter.

Delete a golden file to write it anew. tests/browser looks at the same issue.
"""

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path

import pytest

import templates
from listserv.letters.post_headers import ListFace
from listserv.newsletters.checks.preflight import CLIP
from listserv.newsletters.composing import issues
from listserv.newsletters.composing.looks import IssueLook
from listserv.newsletters.writing import drafts, manuscript_text
from tests.validity import wrong_for_outlook, wrong_in

HERE = Path(__file__).resolve().parents[2] / "golden" / "issue"
NOVEMBER = (HERE / "november.md").read_bytes()
FACE = ListFace("news@example.org", "Садовые вести", "https://lists.example", False, True)


def november(theme: str, accent: str = "", title: str = FACE.title) -> tuple[str, str]:
    """Return the plain text and the HTML that a reader of the issue gets."""
    found = templates.find_theme(theme)
    issue = issues.ComposedIssue(
        drafts.read(NOVEMBER),
        ListFace(FACE.address, title, FACE.base_url, False, True),
        language="ru",
        message_id="one@example.org",
        at=1.8e9,
        imprint=issues.Imprint("Ingrid Lund", "Hamngatan 12, 211 22 Malmö"),
        permalink="https://lists.example/news@example.org/m/abc/",
        look=IssueLook(found, templates.brand(accent or found.accent)),
    )
    raw = issues.proof(
        issue, "Мария", "m@example.net", "ru", "abcdefgh", message_id="p@b.example", vote="abcdefgh"
    )
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    return str(plain.get_content()).replace("\r\n", "\n"), str(html.get_content())


@pytest.mark.parametrize("theme", templates.theme_names())
def test_november_is_valid_right_in_outlook_light_and_a_good_letter(theme: str) -> None:
    plain, html = november(theme)
    assert not wrong_in(html)
    assert not wrong_for_outlook(html)
    assert len(html.encode()) < CLIP / 2
    wide = [line for line in plain.split("\n") if len(line) > manuscript_text.WIDTH]
    assert all("https://" in line for line in wide)
    golden = HERE / "november.txt"
    if not golden.exists():
        golden.write_text(plain, encoding="utf-8")
        pytest.fail(f"{golden.name} was written: read it and run again")
    assert plain == golden.read_text(encoding="utf-8")
