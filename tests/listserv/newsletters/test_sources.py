"""Issues in MJML, and web pages: as they were meant, with our foot, and nothing that runs."""

import contextlib
import email
import email.policy
from email.message import EmailMessage
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from hypothesis import given
from hypothesis import strategies as st

import templates
from listserv.newsletters.checks import preflight
from listserv.newsletters.composing import issues
from listserv.newsletters.sending import issue_sending
from listserv.newsletters.writing import drafts, mailed_draft, pictures, sources
from listserv.newsletters.writing.drafts import BadDraft
from mailer.errors import BadInput
from tests.cost import AFFORDABLE, cost
from tests.listserv.newsletters.test_issues import FACE
from tests.listserv.newsletters.test_pictures import DOT, NEWS, Place, kept, place
from tests.validity import wrong_for_outlook, wrong_in

__all__ = ["place"]  # a fixture
SHEET = """<mjml>
  <mj-head><mj-title>November news</mj-title><mj-preview>What to leave</mj-preview></mj-head>
  <mj-body background-color="#f4f4f4">
    <mj-section background-color="#ffffff">
      <mj-column>
        <mj-text font-size="20px">Hello {{ name }},<br>leaves &amp; tea.</mj-text>
        <mj-image src="https://garden.example/p.jpg" alt="Pond" padding="0 30px 9px" />
        <mj-button href="https://garden.example/?e={{ email }}">Come</mj-button>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""
PLAIN = """Hello Eva & <b>,
leaves & tea.

Pond
  https://garden.example/p.jpg

Come:
  https://garden.example/?e=e@x.example
"""


def bodies_of(draft: drafts.Draft) -> tuple[str, str, str]:
    """Return (the plain text, the HTML, the archive's copy) of an issue."""
    issue = issues.ComposedIssue(draft, FACE, language="sv", message_id="a@b.example", at=1.8e9)
    raw = issues.proof(issue, "Eva & <b>", "e@x.example", "sv", "abc", message_id="p@b.example")
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    found = [mail.get_body((kind,)) for kind in ("plain", "html")]
    plain, html = (str(one.get_content()) for one in found if one is not None)
    return plain, html, issues.archived(issue).decode()


def test_a_sheet_is_sent_as_it_was_written_with_our_foot_and_a_plain_text() -> None:
    draft = drafts.read(SHEET.encode())
    assert (draft.subject, draft.preheader) == ("November news", "What to leave")
    plain, html, archived = bodies_of(draft)
    assert plain.replace("\r\n", "\n").startswith(PLAIN)
    assert "Hello Eva &amp; &lt;b&gt;,<br>leaves &amp; tea." in html
    assert 'href="https://garden.example/?e=e@x.example"' in html
    assert 'href="https://lists.example.org/news@example.org/leave/abc"' in html
    assert "Lämna listan" in html
    assert 'lang="sv"' in html
    assert not wrong_in(html)
    assert not wrong_for_outlook(html)
    assert "leave/" not in archived
    assert "Pond" in archived
    made = issues.compositions(
        issues.ComposedIssue(draft, FACE, language="sv", message_id="a@b.example", at=1.8e9)
    )
    found = {one.key for one in preflight.look(draft, made, {}, "sv")}
    assert not found & {"no-way-out", "alt", "heavy"}


BAD = [
    ("<mj-image", '<mj-include path="/etc/passwd" /><mj-image', 7, "<mj-include>"),
    ("leaves", "<script>x</script>", 6, "<script>"),
    ("leaves", "<FORM></FORM>", 6, "<FORM>"),
    ("</mj-button>", "", 9, "mismatched tag"),
    ("<mj-text ", '<mj-text onclick="x" ', 6, "onclick"),
    ("https://garden.example/?e", "javascript:x", 8, "javascript"),
    ("https://garden.example/?e", "javascript&colon;x", 8, "javascript"),  # MRML knows the name
    ("mj-button", "mj-buton", 8, "<mj-buton>"),
    ("{{ name }}", "{{ nam }}", 6, "slot"),
    ("<mj-image", "<mj-raw>" * 70 + "<mj-image", 7, "too deep"),
    ("<mj-body ", "<mj-style>a{background:url(x)}</mj-style><mj-body ", 3, "style"),
    ("</mjml>", " " * 200_000 + "</mjml>", 0, "200,000"),
    ("leaves", "<!-- leaves -->", 6, "comment"),
    ("leaves", "<![CDATA[leaves]]>", 6, "CDATA"),
]


@pytest.mark.parametrize(("was", "now", "line", "said"), BAD)
def test_a_broken_or_hostile_sheet_names_its_line(was: str, now: str, line: int, said: str) -> None:
    with pytest.raises(BadDraft) as caught:
        drafts.read(SHEET.replace(was, now).encode())
    assert caught.value.line == line
    assert said in caught.value.what


@given(st.lists(st.sampled_from([*SHEET.split(">"), "<script>", "<", "&x;", "</mj-body>"])))
def test_a_sheet_in_pieces_is_refused_or_set_and_runs_nothing(pieces: list[str]) -> None:
    source = "<mjml>" + ">".join(pieces)
    try:
        templates.check_sheet(source)
        html = templates.set_sheet(
            source, "sv", list={"title": "x", "page": "p", "owner": "o"}, permalink="",
            leave_url="https://l.example", imprint={"controller": "", "postal_address": ""},
        )  # fmt: skip
    except templates.BrokenSheetError:
        return
    assert "<script" not in html
    assert "https://l.example" in html


def test_a_sheet_comes_by_mail_as_a_file_or_as_the_text() -> None:
    made = MIMEMultipart("mixed")
    made.attach(MIMEText("subject: Other\n\nplease send this\n", "plain", "utf-8"))
    file = MIMEApplication(SHEET.encode(), "octet-stream", name="n.mjml")
    file.add_header("Content-Disposition", "attachment", filename="n.mjml")
    made.attach(file)
    draft = drafts.read(mailed_draft.read(made.as_bytes(), "The mail's").source.encode())
    assert (draft.subject, draft.preheader) == ("Other", "What to leave")
    assert draft.text.startswith("<mjml>")
    text = MIMEText(SHEET, "plain", "utf-8")
    draft = drafts.read(mailed_draft.read(text.as_bytes(), "The mail's").source.encode())
    assert draft.subject == "November news"
    assert draft.text.strip() == SHEET.strip()


def test_a_sheets_pictures_lie_beside_it_and_a_web_page_becomes_markdown(place: Place) -> None:
    folder = place.app.data
    (folder / "pond.png").write_bytes(DOT)
    sheet = SHEET.replace("https://garden.example/p.jpg", "pond.png")
    survey = issue_sending.survey(
        place.app, NEWS, sheet.encode(), 1e9, readers=False, folder=folder
    )
    (one,) = survey.ready.issue.pictures.values()
    assert f'src="https://lists.example/{NEWS}/{one.path}"' in survey.draft.text
    assert f"cid:{one.key}" in survey.ready.raw.decode()
    assert not kept(place)
    page = (
        "<!DOCTYPE html>\n<html><head><title>Leaves &amp; tea</title><style>x</style></head>"
        "<body><h1>Hi</h1><p>Dear {{ name }}, <b>come</b>.</p><script>alert(1)</script>"
        '<img src="pond.png" alt="The pond"></body></html>'
    )
    survey = issue_sending.survey(place.app, NEWS, page.encode(), 1e9, readers=False, folder=folder)
    assert survey.draft.subject == "Leaves & tea"
    assert survey.draft.text.startswith("# Hi\n\nDear {{ name }}, **come**.")
    assert "alert" not in survey.draft.text
    assert len(survey.ready.issue.pictures) == 1
    assert sources.from_page("Hello <html>") is None


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "piece",
    [
        "![](", "![", "![](  ", "![](a b ", "[image: ", "[cid:", "<img ", "<br  ", "<mj-title>",
        "picture: a.jpg  ", "button: [", "button: https://a", "<title ", "<mj-button>", "left:\n\n",
        'src="data:image/png;base64,', "![](((",
    ],
)  # fmt: skip
def test_no_text_is_slow_to_read(piece: str) -> None:
    text = piece * (30_000 // len(piece))
    lonely = f"picture:{text}<"

    def read(source: str) -> None:
        mail = MIMEText(source, "plain", "utf-8").as_bytes()
        with contextlib.suppress(BadInput):
            pictures.place(source, (), "https://l.example/")
        with contextlib.suppress(BadInput):
            sources.from_page(f"<html>{source}")
        with contextlib.suppress(BadInput):
            drafts.read(mailed_draft.read(mail, "x").source.encode())

    assert cost(lambda: [read(one) for one in (text, lonely, f"<mjml>{text}</mjml>")]) < AFFORDABLE


@pytest.mark.no_cover
def test_an_empty_element_of_a_sheet_is_not_searched_for_its_end() -> None:
    sheet = f"<mjml><mj-body>{'<mj-button />' * 3_900}{'x' * 140_000}</mj-body></mjml>"
    sources.check(sheet)
    assert cost(lambda: sources.read(sheet, str, {}, {})) < AFFORDABLE
