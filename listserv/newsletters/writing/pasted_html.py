"""Turn the HTML of a draft into Markdown: what Gmail, Outlook, Word and Apple Mail make of words.

Keeps headings, paragraphs, lists, bold, italic, links, quotes, simple tables, pictures, code;
drops fonts, colours, signatures and everything else. Slots pass as they are. Pure.
SECURITY: hostile; one linear pass over at most ``MAX`` characters (the standard library's parser
takes a minute for 60 KB of ``<a <a <a``), at most ``DEEP`` open elements; what comes out is
Markdown with HTML off, so no tag survives.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from itertools import pairwise

from listserv.newsletters.writing import html_tags

MAX = 500_000
DEEP = 60
CELLS = 20_000  # of one table with all its rows as wide as the widest; a larger one is words
_HIDDEN = {"head", "style", "script", "title", "template", "noscript", "svg", "object"}
_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "code": "`", "tt": "`"}
_LINES = {"div", "address", "section", "article", "center", "tr", "header", "footer", "main"}
_PARAGRAPHS = {"p", "ul", "ol", "blockquote", "table", "pre", "dl"} | {f"h{n}" for n in range(1, 7)}
_SIGNED = re.compile(r"gmail_signature|moz-signature|applemailsignature|^signature$", re.IGNORECASE)
_FILE = re.compile(r"[^:<>]{1,200}\.(?:jpe?g|png|gif|webp)", re.IGNORECASE)
_BULLET = re.compile(r"\s*[\u00b7\u2022\u25aa\u00a7o-]\s+")
_NUMBER = re.compile(r"\s*(\d{1,3})[.)]\s+")
_SPECIAL = re.compile(r"([\\`*\[\]<])|(?<!\w)(_)|(_)(?!\w)")
_OPENS = re.compile(r"\A\s{0,3}(#{1,6}\s|>|[-+]\s|\d+[.)]\s|={2,}|-{2,})")
_TURNED = re.compile(
    r"""flex-direction\s*:\s*(?:row|column)-reverse|position\s*:\s*(?:absolute|fixed)"""
    r"""|[\s;"'{]order\s*:\s*-?[1-9]|<(?:table|tbody|tr)\s[^<>]{0,500}dir\s*=\s*["']?rtl""",
    re.IGNORECASE,
)
# What is no line of prose; "preheader: ..." on top of a draft is none either.
_BLOCK = re.compile(r"\s*(?:[-+*]\s|\d+\.\s|[>|#]|\*{3}|```|[a-z]{5,9}:\s)")


@dataclass(slots=True)
class _Open:
    """Hold an open element: its pieces so far, and what its tag asks for."""

    tag: str
    attributes: dict[str, str]
    pieces: list[str] = field(default_factory=list)  # of the line that is being written
    lines: list[str] = field(default_factory=list)  # whole lines; "" ends a paragraph
    hidden: bool = False
    rows: list[list[str]] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    items: int = 0  # of a list, so far


def is_turned(markup: str) -> bool:
    """Tell whether a page is drawn in another order than its words stand in: all that it says so.

    Markdown keeps the order of the words, so what the eye read first may stand below.
    """
    return _TURNED.search(html_tags.uncommented(markup[:MAX])) is not None


def to_markdown(markup: str, *, beside: bool = False) -> str:
    """Return ``markup`` as Markdown; a picture of the mail is named by its Content-ID.

    Of a page with files ``beside`` it, pictures are also named by those.
    """
    reader = _Reader(beside=beside)
    reader.feed(html_tags.uncommented(markup[:MAX]))
    return reader.result()


class _Reader:
    def __init__(self, *, beside: bool) -> None:
        self._beside = beside
        self._stack = [_Open("", {})]

    def feed(self, markup: str) -> None:
        at = 0
        for tag in html_tags.TAG.finditer(markup):
            self._words(unescape(markup[at : tag.start()]))
            at = tag.end()
            if tag[1]:
                self._end(tag[2].lower())
            elif tag[2]:
                self._start(tag[2].lower(), html_tags.attributes(tag[3]))
        self._words(unescape(markup[at:]))

    def result(self) -> str:
        while len(self._stack) > 1:
            self._close()
        self._end_line(self._stack[0])
        text = "\n".join(_broken(self._stack[0].lines))
        return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        top = self._stack[-1]
        if tag in html_tags.VOID:
            if not top.hidden:
                self._void(tag, attributes, top)
            return
        if len(self._stack) >= DEEP:
            return
        if tag in {"li", "tr", "td", "th", "p"} and top.tag == tag:
            self._close()  # HTML lets these stay open
            top = self._stack[-1]
        opened = _Open(tag, attributes, hidden=top.hidden or _is_hidden(tag, attributes))
        self._stack.append(opened)

    def _end(self, tag: str) -> None:
        if not any(one.tag == tag for one in self._stack[1:]):
            return
        while True:
            closed = self._stack[-1].tag
            self._close()
            if closed == tag:
                return

    def _words(self, data: str) -> None:
        top = self._stack[-1]
        if top.hidden:
            return
        if any(one.tag in {"pre", "code", "tt"} for one in self._stack):
            top.pieces.append(data)
            return
        bare = re.sub(r"[ \t\r\n\f]+", " ", data.replace("\u00a0", " "))
        top.pieces.append(_SPECIAL.sub(lambda match: f"\\{match[0]}", bare))

    def _void(self, tag: str, attributes: dict[str, str], top: _Open) -> None:
        if tag == "br":
            if "".join(top.pieces).strip():
                self._end_line(top)
            else:
                top.pieces.clear()
                _blank(top)
        elif tag == "hr":
            self._end_line(top)
            top.lines += ["", "***", ""]
        elif tag == "img":
            address = attributes.get("src", "")
            words = re.sub(r"[\[\]\\]", "", attributes.get("alt", ""))
            known = address.startswith(("http://", "https://", "cid:"))
            if (known or (self._beside and _FILE.fullmatch(address))) and ">" not in address:
                top.pieces.append(f"![{words}](<{address}>)")

    def _close(self) -> None:
        done = self._stack.pop()
        above = self._stack[-1]
        if done.hidden:
            return
        tag = done.tag
        if tag in {"td", "th"}:
            self._end_line(done)
            above.cells.append(" ".join(line for line in done.lines if line))
        elif tag == "tr":
            self._row(done, above)
        elif tag in {"tbody", "thead", "tfoot"}:
            above.rows += done.rows
        elif tag == "table":
            self._end_line(above)
            above.lines += ["", *_table(done.rows), ""]
        elif tag == "li":
            self._end_line(done)
            above.lines += _item(done, above)
        elif tag in _LINES or tag in _PARAGRAPHS:
            self._block(done, above)
        elif done.lines or tag not in _MARKS | {"a": ""}:
            above.lines += [*self._joined(above, done)]
            above.pieces += done.pieces
        else:
            above.pieces.append(_mark(tag, done))

    def _joined(self, above: _Open, done: _Open) -> list[str]:
        """Return the lines of an element that is no block though blocks stand in it."""
        if done.lines and above.pieces:
            done.lines[0] = "".join(above.pieces) + done.lines[0]
            above.pieces = []
        return done.lines

    def _row(self, done: _Open, above: _Open) -> None:
        above.rows.append(done.cells)

    def _block(self, done: _Open, above: _Open) -> None:
        self._end_line(above)
        if done.tag == "pre":
            text = "".join(done.pieces).strip("\n")
            above.lines += ["", "```", *text.split("\n"), "```", ""]
            return
        self._end_line(done)
        lines = _heading(done)
        if done.tag == "blockquote":
            lines = [f"> {line}".rstrip() for line in "\n".join(lines).strip("\n").split("\n")]
        if done.tag in {"ul", "ol"} and above.tag == "li":
            above.lines += lines
            return
        apart = done.tag in _PARAGRAPHS and not _is_line(done)
        if apart:
            _blank(above)
        above.lines += lines or ([""] if done.tag in _LINES or done.tag == "p" else [])
        if apart:
            _blank(above)

    def _end_line(self, one: _Open) -> None:
        line = "".join(one.pieces).strip()
        one.pieces.clear()
        if line:
            one.lines.append(_OPENS.sub(lambda match: f"\\{match[0].lstrip()}", line))


def _broken(lines: list[str]) -> Iterator[str]:
    """Keep the ends of lines that somebody ended, within a paragraph."""
    code = False
    for line, below in pairwise((*lines, "")):
        code = code != line.startswith("```")
        prose = line and below and not code
        ends = prose and not _BLOCK.match(line) and not _BLOCK.match(below)
        yield f"{line}\\" if ends else line


def _is_hidden(tag: str, attributes: dict[str, str]) -> bool:
    named = f"{attributes.get('class', '')} {attributes.get('id', '')}".strip()
    style = attributes.get("style", "").replace(" ", "").lower()
    return tag in _HIDDEN or "display:none" in style or bool(_SIGNED.search(named))


def _is_line(one: _Open) -> bool:
    """Tell whether a paragraph is one by its tag alone: Outlook sets every line in one."""
    return one.tag == "p" and one.attributes.get("class", "").startswith("Mso")


def _blank(one: _Open) -> None:
    if one.lines and one.lines[-1]:
        one.lines.append("")


def _mark(tag: str, done: _Open) -> str:
    said = "".join(done.pieces)
    bare = said.strip()
    if not bare:
        return said
    before, after = said[: len(said) - len(said.lstrip())], said[len(said.rstrip()) :]
    if tag == "a":
        address = done.attributes.get("href", "").strip()
        plain = re.sub(r"\\(.)", r"\1", bare)
        if not address.startswith(("http://", "https://", "mailto:")):
            return said
        if plain in {address, address.removeprefix("mailto:"), address.rstrip("/")}:
            return f"{before}<{address.removeprefix('mailto:')}>{after}"
        return f"{before}[{bare}](<{address.replace('>', '%3E')}>){after}"
    mark = _MARKS[tag]
    if mark == "`" and "`" in bare:
        return said
    return f"{before}{mark}{bare}{mark}{after}"


def _heading(done: _Open) -> list[str]:
    """Return a block's lines, with the mark of a heading where it is one."""
    level = int(done.tag[1]) if re.fullmatch(r"h[1-6]", done.tag) else 0
    if level and done.lines:
        words = " ".join(line.replace("**", "") for line in done.lines if line)
        return [f"{'#' * level} {words}"] if words.strip() else []
    if "MsoListParagraph" in done.attributes.get("class", ""):
        return [_listed(line) for line in done.lines]
    return done.lines


def _listed(line: str) -> str:
    """Return a line that Word has drawn as an item."""
    bare = line.lstrip("\\")
    number = _NUMBER.match(bare)
    if number is not None:
        return f"{number[1]}. {bare[number.end() :]}"
    bullet = _BULLET.match(bare)
    return f"- {bare[bullet.end() :]}" if bullet is not None else line


def _item(done: _Open, above: _Open) -> list[str]:
    mark = "- "
    if above.tag == "ol":
        above.items += 1
        mark = f"{above.items}. "
    lines = [line for line in done.lines if line] or [""]
    return [mark + lines[0], *(" " * len(mark) + line for line in lines[1:])]


def _table(rows: list[list[str]]) -> list[str]:
    rows = [row for row in rows if any(row)]
    wide = max(map(len, rows), default=0)
    if wide < 2 or len(rows) < 2 or wide * len(rows) > CELLS:  # noqa: PLR2004 - a frame around words
        return [line for row in rows for cell in row for line in (cell, "") if cell]
    even = [[cell.replace("|", "\\|") for cell in row] + [""] * (wide - len(row)) for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in even]
    return [lines[0], "|" + "---|" * wide, *lines[1:]]
