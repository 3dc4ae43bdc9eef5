"""Markdown is set twice: as text that reads like a letter, and as small HTML."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listserv.newsletters.writing import manuscript, manuscript_text
from listserv.newsletters.writing.blocks import BadBlockError

LONG = "word " * 40
W = "w" * 30
LINK = "\n\n  [1] https://a.example"
TAGS = {
    "h1", "h2", "h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "em", "strong", "code", "pre",
    "blockquote", "hr", "br", "a", "img", "s", "table", "thead", "tbody", "tr", "th", "td",
    "div",
}  # fmt: skip


def text(source: str) -> str:
    return manuscript.read(source).text


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("# Big", "Big\n==="),
        ("## Less", "Less\n----"),
        ("### Small", "Small"),
        ("a  \nb\nc", "a\nb c"),
        ("**a** *b* `c`", "*a* _b_ c"),
        ("- a\n- b", "- a\n- b"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("- a\n\n- b", "- a\n\n- b"),
        ("- a\n  - b", "- a\n  - b"),
        ("> a\n>\n> b", "> a\n>\n> b"),
        ("```\n  x\n```", "      x"),
        ("***", "* * *"),
        ("<https://a.example>", "https://a.example"),
        ("<a@b.example>", "a@b.example"),
        ("[a](https://a.example)", "a [1]\n\n  [1] https://a.example"),
        ("**[a](https://a.example)**", "a:\n  https://a.example"),
        ('![a](https://a.example "b")', "a: b\n  https://a.example"),
        ("x ![a](https://a.example)", "x a [1]\n\n  [1] https://a.example"),
        ("|a|b|\n|-|-:|\n|1|22|", "  a    b\n  -   --\n  1   22"),
        (f"|a|b|c|\n|-|-|-|\n|{W}|{W}|{W}|\n|2|||", f"{W}\n  b: {W}\n  c: {W}\n\n2"),
        (f"{'word ' * 14}[a](https://a.example)", f"{'word ' * 13}word\na [1]{LINK}"),
        ("<b>x</b>", "<b>x</b>"),
    ],
)
def test_text_reads_like_a_letter(source: str, shown: str) -> None:
    assert text(source) == shown + "\n"


def test_prose_is_wrapped_whatever_it_stands_in() -> None:
    for source in (LONG, f"- {LONG}", f"> {LONG}", f"1. - > {LONG}"):
        assert max(map(len, text(source).splitlines())) <= manuscript_text.WIDTH


def test_links_are_numbered_through_the_whole_text() -> None:
    shown = text("[a](https://a.example)\n\n[b](https://b.example)")
    assert "a [1]" in shown
    assert "[2] https://b.example" in shown


_PIECES = [*"<>&\"'[]()!*_`#-+|\n abj:/=", "onclick", "quote: ", "event: ", "when: ", "text: "]


@given(st.lists(st.sampled_from(_PIECES), max_size=40).map("".join))
def test_nothing_in_a_source_becomes_a_tag_or_a_script(source: str) -> None:
    try:
        shown = manuscript.read(source).html
    except BadBlockError:
        return  # an editor is told
    tags = set(re.findall(r"<\s*/?\s*([a-zA-Z0-9]+)", shown))
    assert tags <= TAGS
    assert not re.search(r"<[^>]+\son\w+=", shown)


@pytest.mark.parametrize("link", ["javascript:x", "data:text/html,x", "vbscript:x", "file:///x"])
def test_only_links_that_lead_to_pages_and_mail_are_links(link: str) -> None:
    assert "<a " not in manuscript.read(f"[a]({link})").html
