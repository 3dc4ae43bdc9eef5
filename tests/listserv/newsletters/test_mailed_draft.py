"""A draft is what its editor meant, whatever the mail program made of it; so is an answer."""

import base64
import quopri
import re
from collections.abc import Callable
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listserv.answers import own_words
from listserv.newsletters.editors import editor_orders
from listserv.newsletters.editors.editor_orders import EditorOrder, Verb
from listserv.newsletters.writing import drafts, mailed_draft, manuscript
from listserv.newsletters.writing.drafts import Draft
from listserv.newsletters.writing.pasted_html import to_markdown
from mailer.reading import bodies
from tests.cost import AFFORDABLE, cost
from tests.replies import LANGUAGES, PROGRAMS, reply

MARKDOWN = """preheader: Blad och te

# Rubrik: Ноябрь

Hej {{ name }}, läs [här](https://a.example/?a=1&b=2).

- ett
- två

> Citat

**[Kom](https://a.example/kom)**"""


def part(text: str, kind: str, coding: str) -> bytes:
    data = text.replace("\n", "\r\n").encode()
    if coding == "base64":
        data = base64.encodebytes(data).replace(b"\n", b"\r\n")
    elif coding == "quoted-printable":
        data = quopri.encodestring(text.encode()).replace(b"\n", b"\r\n")
    return (
        f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {coding}\r\n\r\n"
    ).encode() + data


def both(text: str, markup: str, coding: str) -> bytes:
    inside = b"\r\n--=b\r\n".join([part(text, "plain", coding), part(markup, "html", coding)])
    return (
        b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="=b"\r\n\r\n'
        b"--=b\r\n" + inside + b"\r\n--=b--\r\n"
    )


def gmail(text: str) -> bytes:
    rows = "".join(f"<div>{line or '<br>'}</div>" for line in text.split("\n"))
    linked = re.sub(r"(https://[^\s)<]+)", r'<a href="\1">\1</a>', rows)
    signed = f'<div class="gmail_signature">Olga<br>Garden</div>{linked}'
    return both(f"{text}\n\n-- \nOlga\nGarden\n", f'<div dir="ltr">{signed}</div>', "base64")


def outlook(text: str) -> bytes:
    blanks = text.replace("\n\n", "\n\u00a0\n").replace("Hej {{ name }}", "Hej\u00a0{{ name }}")
    rows = "".join(f'<p class="MsoNormal">{line}<o:p></o:p></p>' for line in blanks.split("\n"))
    return both(blanks, f'<div class="WordSection1">{rows}</div>', "quoted-printable")


def apple(text: str) -> bytes:
    return part(f"{text}\n\nSkickat från min iPhone\n", "plain", "quoted-printable")


def thunderbird(text: str) -> bytes:
    flowed = part(f"{text}\n\n-- \nOlga\n", "plain", "8bit")
    return flowed.replace(b"charset=utf-8", b"charset=UTF-8; format=flowed", 1)


def with_dashes(text: str) -> bytes:
    """Write front matter as a telephone does, that makes a long dash of three hyphens."""
    return apple(
        "\u2014\nsubject: \u201eNovember\u201d\n" + text.replace("\n\n#", "\n\u2014\n\n#", 1)
    )


DRAFTERS: list[Callable[[str], bytes]] = [gmail, outlook, apple, thunderbird, with_dashes]


def read(raw: bytes, subject: str = "November") -> Draft:
    return drafts.read(mailed_draft.read(raw, subject).source.encode())


@pytest.mark.parametrize("write", DRAFTERS)
def test_markdown_comes_through_every_mail_program(write: Callable[[str], bytes]) -> None:
    draft = read(write(MARKDOWN))
    assert "November" in draft.subject
    assert draft.preheader == "Blad och te"
    made = manuscript.read(drafts.fill(draft.text, lambda slot: slot.upper()))
    assert "Rubrik: Ноябрь\n==============" in made.text
    assert "Hej NAME, läs här [1]." in made.text
    assert "> Citat" in made.text
    assert "<li>två</li>" in made.html
    assert [block.words for block in made.blocks if block.kind == "button"] == ["Kom"]
    assert "Olga" not in made.text
    assert "iPhone" not in made.text


RICH = [
    (
        '<div dir="ltr"><div>Hej {{ name }},</div><div><br></div><div>läs <b>allt</b> <i>här</i>:'
        ' <a href="https://a.example/x">sidan</a></div><ul><li>ett</li><li>två</li></ul>'
        '<div class="gmail_signature">Olga</div></div>'
    ),
    (
        '<div class="WordSection1"><p class="MsoNormal">Hej&nbsp;{{&nbsp;name&nbsp;}},<o:p></p>'
        '<p class="MsoNormal"><o:p>&nbsp;</o:p></p><p class="MsoNormal">läs <b>allt</b> <i>här</i>'
        ": "
        '<a href="https://a.example/x"><span style="color:blue">sidan</span></a></p>'
        '<p class="MsoListParagraph"><![if !supportLists]><span>\u00b7&nbsp;&nbsp; </span>'
        "<![endif]>ett</p>"
        '<p class="MsoListParagraph"><span>\u00b7&nbsp;&nbsp; </span>två</p></div>'
    ),
    (
        "<html><body><p>Hej {{ name }},</p><p>läs <strong>allt</strong> <em>här</em>:&nbsp;"
        '<a href="https://a.example/x">sidan</a></p><ul><li><p>ett</p><li><p>två</p></ul></body>'
    ),
]  # fmt: skip


@pytest.mark.parametrize("markup", RICH)
def test_words_set_with_the_programs_own_buttons_are_markdown(markup: str) -> None:
    draft = read(both("Hej {{ name }}, ...", markup, "quoted-printable"))
    assert draft.text.startswith(
        "Hej {{ name }},\n\nläs **allt** *här*: [sidan](<https://a.example/x>)"
    )
    html = manuscript.read(draft.text).html
    assert '<strong>allt</strong> <em>här</em>: <a href="https://a.example/x">sidan</a>' in html
    assert html.count("<li>") == 2


def test_a_picture_stands_where_it_was_pasted_and_a_pasted_page_keeps_its_tables() -> None:
    mail = MIMEMultipart("related")
    mail.attach(MIMEText('<p><b>Se</b> <img src="cid:a" alt="Dammen"></p>', "html", "utf-8"))
    picture = MIMEImage(b"\x89PNG\r\n\x1a\n" + bytes(40), "png", name="damm.png")
    picture["Content-ID"] = "<a>"
    mail.attach(picture)
    found = mailed_draft.read(mail.as_bytes(), "x")
    assert found.files[0].name == "damm.png"
    assert "**Se** ![Dammen](<cid:a>)" in found.source
    table = "<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2|3</td></tr></table>"
    assert to_markdown(table) == "| A | B |\n|---|---|\n| 1 | 2\\|3 |\n"


@given(st.text(alphabet="<>/bpliau=\"' \n*_[]#-{}hdivtr&;", max_size=200))
def test_no_markup_stumbles_and_none_survives(markup: str) -> None:
    text = to_markdown(markup)
    assert "<b" not in manuscript.read(text).html.replace("<blockquote", "").replace("<br", "")


HOSTILE = [
    "<div>", "<b>x", "<table><tr><td>", "<a href=", "<!--", "</b>", "<a ", "<x y='", "x<br>",
    "<div><b>x</div>", "&", "<![if ", "</", '<a b="', "<li>", "a-b-",
]  # fmt: skip


@pytest.mark.no_cover
@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_markup_costs_little(piece: str) -> None:
    assert cost(lambda: to_markdown(piece * (200_000 // len(piece)))) < AFFORDABLE


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("opens", "piece"), [("<ol>", "<li>x"), (f"<table><tr>{'<td>x' * 1_000}", "<tr><td>x")]
)
def test_a_long_list_and_a_wide_table_cost_little(opens: str, piece: str) -> None:
    made = ""

    def turn() -> None:
        nonlocal made
        made = to_markdown(opens + piece * 20_000)

    assert cost(turn) < AFFORDABLE
    assert len(made) < 500_000


ORDERS = {
    "sv": "Skicka", "it": "Invia", "ro": "Trimite", "ru": "Отправить", "nl": "Verstuur",
    "en": "Send",
}  # fmt: skip
LATER = {
    "sv": "Skicka imorgon kl 8", "it": "Invia domani alle 8", "ro": "Trimite mâine la 8",
    "ru": "Отправить завтра в 8", "nl": "Verstuur morgen om 8", "en": "Send tomorrow 8",
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_an_order_is_read_from_every_mail_program_in_every_language(
    program: str, language: str
) -> None:
    zone = ZoneInfo("Europe/Rome")
    for words, verb in ((ORDERS[language], Verb.SEND), (LATER[language], Verb.SEND)):
        raw = reply(program, language, words)
        own = own_words.read(bodies.read(raw).quoted).text
        order = editor_orders.read(own, 1.8e9, zone)
        assert isinstance(order, EditorOrder)
        assert order.verb is verb
        assert (order.at is None) is (words == ORDERS[language])


def test_an_answers_text_keeps_the_front_matter_that_it_does_not_name() -> None:
    before = mailed_draft.compose({"subject": 'A "b"', "language": "sv", "theme": "letter"}, "Old.")
    after = drafts.read(mailed_draft.edited("subject: New\n\nText.\n", before).encode())
    assert (after.subject, after.language, after.theme, after.text) == (
        "New",
        "sv",
        "letter",
        "Text.",
    )
    same = drafts.read(mailed_draft.edited("Text.", before).encode())
    assert same.subject == 'A "b"'


@given(st.text(max_size=80), st.text(max_size=200))
def test_what_is_composed_is_read_back(subject: str, body: str) -> None:
    clean = " ".join("".join(c if c.isprintable() else " " for c in subject).split())
    made = mailed_draft.compose({"subject": clean}, body)
    assert mailed_draft.fields_of(made).get("subject", "") == clean


QUOTES = (
    '<br><div class="gmail_quote"><div>Krets wrote:</div><blockquote>No</blockquote></div>',
    '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>From:</b> Krets</div><p>No</p>',
    "<div style='border:none;border-top:solid #E1E1E1 1.0pt'><b>Från:</b> Krets</div><p>No</p>",
    '<blockquote type="cite">On 1 Dec 2026 Krets wrote:<br>No</blockquote>',
)


@pytest.mark.parametrize("quote", QUOTES)
def test_a_new_text_keeps_the_links_and_lists_that_a_program_drew(quote: str) -> None:
    words = '<div>Hej, läs <b>allt</b> på <a href="https://a.example/x">sidan</a>.</div>'
    own = "Hej, läs *allt* på sidan <https://a.example/x>.\n\n   - ett\n"
    answer = both(own + "\n> No\n", f"{words}<ul><li>ett</li></ul>{quote}", "quoted-printable")
    kept = mailed_draft.own_words(answer, own)
    assert "**allt** på [sidan](<https://a.example/x>)" in kept
    assert "No" not in kept
    assert mailed_draft.own_words(answer, "# Hej\n\nannat") == "# Hej\n\nannat"  # Markdown
    assert mailed_draft.own_words(answer, "annat") == "annat"  # the two say different things
