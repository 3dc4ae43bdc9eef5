"""Blocks beyond Markdown: the same from every mail program, in every theme, in plain text."""

import email
import email.policy
import re
from email.message import EmailMessage

import pytest

import templates
from listserv.newsletters.composing import issues
from listserv.newsletters.composing.looks import IssueLook
from listserv.newsletters.writing import drafts, manuscript, pasted_html
from listserv.newsletters.writing.drafts import BadDraft
from listserv.newsletters.writing.manuscript_blocks import BlockKind
from tests.listserv.newsletters.test_issues import FACE
from tests.validity import wrong_for_outlook, wrong_in

TEXT = """Hello {{ name }},

event: Planting day
when: Sunday 14 November, 10-13
where: The garden, Hamngatan 12
text: Bring *gloves*. See the [map](https://m.example/x).
https://garden.example/come

Button: I will come https://garden.example/come?a=1&b=2

quote: Thirty tomato plants are
thirty too many.
name: Vera

left:

### Plant

Garlic

button: Seeds
link: https://seeds.example

right:

### Rest

Roses

end:

sponsor: Nordic <Seeds>
text: Seeds for short summers.
picture: https://a.example/l.png
link: Order now https://n.example

divider:

Note: bring gloves.

picture: https://a.example/q.jpg
alt: The pond
caption: Mist
link: https://a.example/pond
"""
PLAIN = """Hello {{ name }},

Planting day
  Sunday 14 November, 10-13
  The garden, Hamngatan 12
  Bring _gloves_. See the map [1].
  https://garden.example/come

  [1] https://m.example/x

I will come:
  https://garden.example/come?a=1&b=2

> Thirty tomato plants are thirty too many.
> -- Vera

Plant

Garlic

Seeds:
  https://seeds.example

Rest

Roses

Annons: Nordic <Seeds>
  Seeds for short summers.
  Order now:
  https://n.example

* * *

Note: bring gloves.

The pond: Mist
  https://a.example/pond
"""
KINDS = ["prose", "event", "button", "quote", "columns", "sponsor", "rule", "prose", "picture"]


def test_each_block_has_its_kind_and_reads_well_as_plain_text() -> None:
    made = manuscript.read(TEXT, words=templates.block_words("sv"))
    assert made.text == PLAIN
    assert [one.kind for one in made.blocks] == KINDS
    columns = made.blocks[4].columns
    assert [[one.kind for one in column] for column in columns] == [["prose", "button"], ["prose"]]
    picture = made.blocks[-1]
    assert (picture.words, picture.caption, picture.href) == (
        "The pond", "Mist", "https://a.example/pond",
    )  # fmt: skip


@pytest.mark.parametrize(
    "program",
    [
        lambda line: f"<div>{line or '<br>'}</div>",  # Gmail, Apple Mail
        lambda line: f"<p class=MsoNormal>{line or '&nbsp;'}</p>",  # Outlook
        lambda line: f"{line}<br>\n",  # Thunderbird
    ],
    ids=["gmail", "outlook", "thunderbird"],
)
def test_blocks_survive_the_html_of_mail_programs(program: object) -> None:
    said = TEXT.replace("### ", "").replace("<Seeds>", "Seeds").replace("*gloves*", "gloves")
    said = said.replace("[map](https://m.example/x)", "map")
    lines = [line.replace("&", "&amp;") for line in said.strip().split("\n")]
    linked = [re.sub(r"https://\S+", r'<a href="\g<0>">\g<0></a>', line) for line in lines]
    text = pasted_html.to_markdown("".join(program(line) for line in linked))  # type: ignore[operator]
    made = manuscript.read(text)
    assert [one.kind for one in made.blocks] == KINDS, text
    assert made.blocks[2].address == "https://garden.example/come?a=1&b=2"
    assert made.blocks[-1].caption == "Mist"


@pytest.mark.parametrize("name", templates.theme_names())
def test_every_theme_sets_every_block_and_so_does_the_archive(name: str) -> None:
    theme = templates.find_theme(name)
    draft = drafts.read(f"---\nsubject: x\nlanguage: sv\n---\n{TEXT}".encode())
    look = IssueLook(theme, templates.brand(theme.accent))
    issue = issues.ComposedIssue(
        draft, FACE, language="sv", message_id="a@b.example", at=1.8e9, look=look
    )
    raw = issues.proof(issue, "Eva", "e@x.example", "sv", "abc", message_id="p@b.example")
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    body = mail.get_body(("html",))
    assert body is not None
    html = str(body.get_content())
    for said in (
        "Planting day</h3>", "Sunday 14 November, 10-13</b>", "Bring <em>gloves</em>",
        "I will come", "?a=1&amp;b=2", "Thirty tomato", ">Vera</p>", "Garlic", "Seeds</a>", "Roses",
        "Annons</p>", "Nordic &lt;Seeds&gt;", "Order now</a>", "Note: bring gloves.", "Mist",
        'alt="The pond"',
    ):  # fmt: skip
        assert said in html, said
    assert html.count("mj-column-per-50") >= 2
    assert 'width="180"' in html
    assert not wrong_in(html)
    assert not wrong_for_outlook(html)
    archived = issues.archived(issue).decode()
    assert all(said in archived for said in ("Planting day", "Garlic", "Annons", "Mist"))


BAD = [
    ("buton: x https://a.example", 7, "block", "Did you mean button?"),
    ("ps: hej", 7, "block", "begin with a capital letter"),
    ("event: x", 7, "block-lacks", "when: ..."),
    ("button: x", 7, "block-lacks", "https://"),
    ("event: a\nwhen: b\nwher: c", 9, "block-field", "when, where"),
    ("event: a\nwhen: b\nwhen: c", 9, "key-twice", ""),
    ("divider: x", 7, "block-alone", ""),
    ("left:\n\nx", 7, "block-columns", "right:"),
    ("right:\n\nx", 7, "block-columns", "right:"),
    ("left:\n\nleft:", 9, "block-columns", "right:"),
]


@pytest.mark.parametrize(("said", "line", "key", "cure"), BAD)
def test_a_block_that_is_none_names_its_line_and_the_cure(
    said: str, line: int, key: str, cure: str
) -> None:
    with pytest.raises(BadDraft) as caught:
        drafts.read(f"---\nsubject: x\n---\nHello\n\n\n{said}\n".encode())
    assert (caught.value.line, caught.value.key) == (line, key)
    assert cure in caught.value.fix


@pytest.mark.parametrize(
    "said",
    [
        "Note: gloves", "https://a.example is a page", "mailto:a@b.example", "Event: tomorrow",
        "Picture: of my dog", "Left: the old, right: the new", "    buton: x", "> buton: x",
        "- buton: x", "```\nbuton: x\n```", "\\buton: x", "12: x",
    ],
)  # fmt: skip
def test_prose_and_code_are_left_alone(said: str) -> None:
    made = manuscript.read(said)
    assert {one.kind for one in made.blocks} == {BlockKind.PROSE}
