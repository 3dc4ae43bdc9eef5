"""A manuscript: Markdown set twice, as plain text that reads like a letter and as small HTML.

Knows markdown-it's tree; refuses to know slots and mail. SECURITY: HTML in the source is text
(``html=False``), and markdown-it refuses javascript:, data: and file: links; what comes out holds
tags that this module and its renderer wrote, and nothing else. Nesting is bounded by the parser.
"""

import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode as Node

WIDTH = 72  # columns of the text
_BREAKS = {"softbreak": " ", "hardbreak": "\n"}
_MARKS = {"strong": "*", "em": "_"}
_UNDERLINES = {"h1": "=", "h2": "-"}
_STYLES = {  # mail programs drop style sheets, so each tag brings its own
    "img": "max-width:100%;height:auto",
    "blockquote_open": "margin:0 0 1em;padding-left:1em;border-left:2px solid #ccc",
    "table_open": "border-collapse:collapse",
    "th_open": "padding:.2em 1em .2em 0;text-align:left;border-bottom:1px solid #ccc",
    "td_open": "padding:.2em 1em .2em 0;border-bottom:1px solid #eee",
    "hr": "border:0;border-top:1px solid #ccc;margin:2em 0",
}
Address = Callable[[str], str]  # a link's address as it stands in the source -> as it is written


@dataclass(frozen=True, slots=True)
class Manuscript:
    """Hold both settings of one text."""

    text: str
    html: str


def read(source: str, address: Address = str) -> Manuscript:
    """Set ``source``; every link's address goes through ``address``."""
    tokens = _parser().parse(source)
    _dress(tokens, address)
    setter = _Setter()
    blocks = [setter.top(node) for node in Node(tokens).children]
    html = _parser().renderer.render(tokens, _parser().options, {})
    return Manuscript("\n\n".join("\n".join(block) for block in blocks if block) + "\n", str(html))


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def _dress(tokens: Iterable[Token], address: Address) -> None:
    """Give tags their style, and links and pictures their address."""
    for token in tokens:
        for name in ("href", "src"):
            found = token.attrGet(name)
            if found is not None:
                token.attrSet(name, address(str(found)))
        style = _STYLES.get("img" if token.type == "image" else token.type)
        if style:
            token.attrJoin("style", style)
        _dress(token.children or (), address)


class _Setter:
    """Set blocks as lines; links are numbered through the whole text."""

    def __init__(self) -> None:
        self._count = 0
        self._links: list[str] = []

    def top(self, node: Node) -> list[str]:
        """Return a block's lines, and below it the addresses that it named."""
        lines = self._block(node, WIDTH)
        if self._links:
            lines += ["", *self._links]
            self._links = []
        return lines

    def _block(self, node: Node, width: int) -> list[str]:
        kind = node.type
        if kind in {"bullet_list", "ordered_list"}:
            return self._list(node, width)
        if kind == "blockquote":
            return [f"> {line}".rstrip() for line in self._blocks(node, width - 2)]
        if kind in {"fence", "code_block"}:
            return [f"    {line}" for line in node.content.rstrip("\n").split("\n")]
        if kind == "hr":
            return ["* * *"]
        if kind == "table":
            return self._table(node)
        text = self._inline(node)
        lines = [line for part in text.split("\n") for line in _wrap(part, width)]
        if kind == "heading" and lines and node.tag in _UNDERLINES:
            lines.append(_UNDERLINES[node.tag] * min(width, max(map(len, lines))))
        return lines

    def _blocks(self, node: Node, width: int, gap: bool = True) -> list[str]:  # noqa: FBT001, FBT002 - of our own
        lines: list[str] = []
        for child in node.children:
            block = self._block(child, width)
            lines += ["", *block] if lines and gap else block
        return lines

    def _list(self, node: Node, width: int) -> list[str]:
        loose = any(not p.hidden for item in node.children for p in item.children if _is_prose(p))
        number = int(node.attrs.get("start", 1))
        lines: list[str] = []
        for at, item in enumerate(node.children):
            mark = "- " if node.type == "bullet_list" else f"{number + at}. "
            inside = self._blocks(item, width - len(mark), loose) or [""]
            block = [
                mark + inside[0],
                *(" " * len(mark) + line if line else "" for line in inside[1:]),
            ]
            lines += ["", *block] if lines and loose else block
        return lines

    def _table(self, node: Node) -> list[str]:
        rows = [
            [self._inline(cell) for cell in row.children]
            for part in node.children
            for row in part.children
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=False)]
        return [
            "  " + "   ".join(c.ljust(w) for c, w in zip(row, widths, strict=False)).rstrip()
            for row in rows
        ]

    def _inline(self, node: Node) -> str:
        return "".join(self._piece(child) for child in node.children)

    def _piece(self, node: Node) -> str:
        kind = node.type
        if kind in _BREAKS:
            return _BREAKS[kind]
        if kind in _MARKS:
            return f"{_MARKS[kind]}{self._inline(node)}{_MARKS[kind]}"
        if kind == "image":
            return self._reference(node.content, str(node.attrs.get("src", "")))
        if kind == "link":
            return self._reference(self._inline(node), str(node.attrs.get("href", "")))
        return self._inline(node) if node.children else node.content

    def _reference(self, words: str, address: str) -> str:
        if words in {address, address.removeprefix("mailto:")}:
            return words
        self._count += 1
        self._links.append(f"  [{self._count}] {address}")
        return f"{words} [{self._count}]"


def _is_prose(node: Node) -> bool:
    return node.type == "paragraph"


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 20), break_long_words=False, break_on_hyphens=False)
