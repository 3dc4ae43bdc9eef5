"""Read a draft's text, whether it is Markdown or MJML from the first tag to the last.

``read`` makes of either what the archive, plain text and preflight look at; ``check`` says what is
wrong with it, and where. Knows which is which; what they mean is for manuscript.py and
templates/own_mjml.py. A web page (``from_page``) becomes Markdown before it is a draft.
"""

import re
from dataclasses import dataclass
from html import unescape

import templates
from listserv.newsletters.writing import html_tags, manuscript, pasted_html
from listserv.newsletters.writing.manuscript import Manuscript
from listserv.newsletters.writing.manuscript_blocks import Address, Sizes, Words
from mailer.errors import BadInput

_PAGE = re.compile(r"\s*(?:<!doctype html|<html[\s>]|<body[\s>])", re.IGNORECASE)
_HEAD = re.compile(r"<title[^<>]{0,200}>([^<]{1,400})</title>", re.IGNORECASE)
_ANY_TAG = re.compile(r"<(mj-[a-z-]+|area|a)\s([^<>]{1,5000})>", re.IGNORECASE)
_SAID = {"a", "mj-button"}  # links that stand among the words, where they lead anywhere
_SHOWS = {"mj-carousel-image", "mj-social-element"}  # pictures that no words are made of
_LINKED = re.compile(r"""(\s(?:href|src)=")([^"]*)(")""")


@dataclass(frozen=True, slots=True)
class DraftPage:
    """Hold a web page as a draft has it."""

    title: str
    text: str
    turned: bool = False  # drawn in another order than its words stand in


def read(
    source: str, address: Address, sizes: Sizes, words: Words, shortly: Address = str
) -> Manuscript:
    """Return what stands in a draft's text, whatever it is written in."""
    if templates.is_sheet(source):
        source = pasted_html.to_markdown(templates.words_of(source))
    return manuscript.read(source, address, sizes, words, shortly)


def check(source: str) -> None:
    """Raise BadBlockError or BrokenSheetError for what cannot be read."""
    if templates.is_sheet(source):
        templates.check_sheet(source)
    else:
        manuscript.check(source)


def sheet(source: str, address: Address, language: str, context: dict[str, object]) -> str:
    """Return the HTML of a draft in MJML; addresses in it go through ``address``."""
    try:
        html = templates.set_sheet(source, language, **context)
    except templates.BrokenSheetError as error:
        raise BadInput(error.what, error.fix) from None
    return _LINKED.sub(lambda found: found[1] + address(found[2]) + found[3], html)


def drawn_links(source: str) -> list[tuple[str, str]]:
    """Return (address, element) of links in a sheet that its words do not have."""
    return [
        (given["href"], name)
        for name, given in _drawn(source)
        if "href" in given
        and not (name in _SAID and given["href"].startswith(("http://", "https://", "mailto:")))
    ]


def drawn_pictures(source: str) -> list[str]:
    """Return the addresses of a sheet's pictures that say nothing, and are not among its words."""
    return [
        given.get("src", given.get("name", ""))
        for name, given in _drawn(source)
        if name in _SHOWS
        and not given.get("alt", "").strip()
        and ("src" in given or name == "mj-carousel-image")
    ]


def _drawn(source: str) -> list[tuple[str, dict[str, str]]]:
    if not templates.is_sheet(source):
        return []
    return [(one[1].lower(), html_tags.attributes(one[2])) for one in _ANY_TAG.finditer(source)]


def from_page(text: str) -> DraftPage | None:
    """Return the draft that a web page is, None for anything else."""
    if not _PAGE.match(text):
        return None
    title = _HEAD.search(text)
    said = " ".join(unescape(title[1]).split()) if title else ""
    return DraftPage(
        said, pasted_html.to_markdown(text, beside=True).strip(), pasted_html.is_turned(text)
    )
