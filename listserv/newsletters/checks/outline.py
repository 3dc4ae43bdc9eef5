"""Check the order in which an issue is read aloud, headings first. Pure.

    findings(blocks, html, sheet)    # of one language: its blocks, its HTML as it leaves, its MJML

Who hears an issue goes from heading to heading, and through a table row by row. Our own cards and
themes are not judged here; what an editor wrote is.
"""

import re
from collections.abc import Iterable, Iterator

import templates
from listserv.newsletters.checks.findings import Finding
from listserv.newsletters.writing import html_tags
from listserv.newsletters.writing.manuscript_blocks import BlockKind, DraftBlock

LONG = 350  # words from which a text without a heading is hard to find one's way in
PARAGRAPH = 40  # words in a cell that are no datum any more
_HEADING = re.compile(r"<h([1-6])[^>]*>(.*?)</h\1>", re.DOTALL)
_CELLS = re.compile(r"<td[^>]*>(.*?)</td>", re.DOTALL)
_BARE = re.compile(r"<[^>]*>")
_ROOT = re.compile(r"<html\b([^<>]{0,2000})>", re.IGNORECASE)
_TURNED = re.compile(r"""<mj-(?:section|group|wrapper)\b[^<>]{0,2000}\sdirection\s*=\s*["']rtl""")


def findings(blocks: tuple[DraftBlock, ...], html: str, source: str) -> Iterator[Finding]:
    """Say what makes an issue hard to follow for who hears it."""
    prose = list(_prose(blocks))
    yield from _headings(prose)
    for one in prose:
        for cell in _CELLS.finditer(one):
            words = _BARE.sub(" ", cell[1]).split()
            if len(words) >= PARAGRAPH:
                said = " ".join(words)[:60]
                yield Finding(
                    "table-read",
                    f'a table has whole paragraphs in it ("{said}"); it is read aloud row by row:'
                    ' columns are written with "left:" and "right:"',
                    values={"words": said},
                )
                break
    if templates.is_sheet(source) and _TURNED.search(source):
        yield turned()
    root = _ROOT.search(html)
    if root is not None and html_tags.attributes(root[1]).get("lang", "und") in {"", "und"}:
        yield Finding(
            "no-lang", 'the theme does not say its language (<mjml lang="{{ body_language }}">)'
        )


def turned() -> Finding:
    """Say that what the eye sees first stands below in the source, by which it is read aloud."""
    return Finding(
        "turned",
        "the page is drawn in another order than its words stand in; it is read aloud, and set"
        " here, in the order of the words",
    )


def _prose(blocks: Iterable[DraftBlock]) -> Iterator[str]:
    for block in blocks:
        if block.kind is BlockKind.PROSE:
            yield block.html
        for column in block.columns:
            yield from _prose(column)


def _headings(prose: list[str]) -> Iterator[Finding]:
    level, seen = 0, False
    for one in prose:
        for found in _HEADING.finditer(one):
            deeper, seen = int(found[1]), True
            if level and deeper > level + 1:
                said = " ".join(_BARE.sub("", found[2]).split())[:60]
                yield Finding(
                    "heading-jump",
                    f'the heading "{said}" (level {deeper}) stands below one of level {level}',
                    values={"words": said, "level": deeper, "above": level},
                )
                return
            level = deeper
    if not seen and sum(len(_BARE.sub(" ", one).split()) for one in prose) >= LONG:
        yield Finding(
            "no-heading", "a long text without a heading: who hears it finds no way in it"
        )
