"""A manuscript: Markdown set twice, as plain text that reads like a letter and as blocks of HTML.

A paragraph that is nothing but a picture is a picture (its title the caption), one that is nothing
but a bold link is a button: what a theme sets in its own way, spelled so that mail programs leave
it alone. Knows markdown-it's tree; refuses to know slots, themes and mail. SECURITY: HTML in the
source is text (``html=False``), and markdown-it refuses javascript:, data: and file: links; what
comes out holds tags that this module and its renderer wrote, and nothing else. Nesting is bounded
by the parser.
"""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode as Node
from markupsafe import Markup

WIDTH = 72  # columns of the text
_BREAKS = {"softbreak": " ", "hardbreak": "\n"}
_MARKS = {"strong": "*", "em": "_"}
_UNDERLINES = {"h1": "=", "h2": "-"}
COLUMN = 540  # pixels of the narrowest theme's column
Address = Callable[[str], str]  # a link's address as it stands in the source -> as it is written
Sizes = Mapping[str, tuple[int, int]]
_NO_SIZES: Sizes = MappingProxyType({})
_NOTHING = Markup()


class BlockKind(StrEnum):
    """Say what a theme sets."""

    PROSE = "prose"
    PICTURE = "picture"
    BUTTON = "button"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Block:
    """Hold one block: ``html`` of prose; words and address of a picture or a button, as text.

    Prose runs from a heading of the first two levels, whose ``words`` it has, to the next.
    """

    kind: BlockKind
    html: Markup = _NOTHING
    words: str = ""
    address: str = ""
    caption: str = ""
    href: str = ""  # where a picture leads
    width: int = 0  # of a picture, in pixels; 0 where nobody knows
    height: int = 0
    level: int = 0  # of the heading that prose is, 0 where it is none


@dataclass(frozen=True, slots=True)
class Manuscript:
    """Hold both settings of one text."""

    text: str
    blocks: tuple[Block, ...]

    @property
    def html(self) -> str:
        """Return the prose by itself."""
        return "".join(block.html for block in self.blocks)


def read(source: str, address: Address = str, sizes: Sizes = _NO_SIZES) -> Manuscript:
    """Set ``source``; every link's address goes through ``address``.

    ``sizes`` tells the width and height of pictures, in pixels, by address.
    """
    tokens = _parser().parse(source)
    _dress(tokens, address, sizes)
    setter = _Setter()
    nodes = Node(tokens).children
    lines = [setter.top(node) for node in nodes]
    text = "\n\n".join("\n".join(block) for block in lines if block) + "\n"
    return Manuscript(text, tuple(_joined(map(_block, nodes))))


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def _dress(tokens: Iterable[Token], address: Address, sizes: Sizes) -> None:
    """Give links and pictures their address, pictures a size, tables what readers aloud need."""
    for token in tokens:
        for name in ("href", "src"):
            found = token.attrGet(name)
            if found is not None:
                token.attrSet(name, address(str(found)))
        if token.type == "th_open":
            token.attrSet("scope", "col")
        if token.type == "image" and (size := sizes.get(unquote(str(token.attrGet("src"))))):
            wide = min(size[0], COLUMN)  # Outlook knows no max-width
            token.attrSet("width", str(wide))
            token.attrSet("height", str(round(wide * size[1] / size[0])))
            token.meta["size"] = size
        _dress(token.children or (), address, sizes)


def _block(node: Node) -> Block:
    only = _only_child(node)
    if node.type == "hr":
        return Block(BlockKind.RULE)
    if only is not None and only.type == "image":
        return _picture(only)
    if only is not None and only.type == "link":
        inside = _only_child(only, own=False)
        if inside is not None and inside.type == "image":
            return _picture(inside, str(only.attrs.get("href", "")))
    if only is not None and only.type == "strong" and node.type == "paragraph":
        link = _only_child(only, own=False)
        if link is not None and link.type == "link" and not _holds(link, "image"):
            return Block(
                BlockKind.BUTTON,
                words=_bare(link),
                address=str(link.attrs.get("href", "")),
            )
    level = int(node.tag[1]) if node.type == "heading" else 0
    parser = _parser()
    html = str(parser.renderer.render(node.to_tokens(), parser.options, {}))
    words = _bare(node) if level else ""
    return Block(BlockKind.PROSE, html=Markup(html), words=words, level=level)  # noqa: S704 - html=False


def _joined(blocks: Iterable[Block]) -> Iterator[Block]:
    """Join prose that stands together; a heading of the first two levels begins a block."""
    held: Block | None = None
    for block in blocks:
        begins = block.kind is not BlockKind.PROSE or block.level in {1, 2}
        if held is not None and not begins:
            held = replace(held, html=held.html + block.html)
            continue
        if held is not None:
            yield held
        held = block if block.kind is BlockKind.PROSE else None
        if held is None:
            yield block
    if held is not None:
        yield held


def _only_child(node: Node, *, own: bool = True) -> Node | None:
    """Return what a paragraph (``own``), or a mark, is nothing but; None where it is more."""
    if own and (node.type != "paragraph" or not node.children):
        return None
    children = node.children[0].children if own else node.children
    said = [one for one in children if one.type != "text" or one.content.strip()]
    return said[0] if len(said) == 1 else None


def _picture(node: Node, href: str = "") -> Block:
    width, height = node.meta.get("size", (0, 0))
    return Block(
        BlockKind.PICTURE,
        words=_bare(node),
        address=str(node.attrs.get("src", "")),
        caption=str(node.attrs.get("title", "")),
        href=href,
        width=width,
        height=height,
    )


def _holds(node: Node, kind: str) -> bool:
    return any(one.type == kind for one in node.walk())


def _bare(node: Node) -> str:
    """Return the words of marks and links, nothing else."""
    words = "".join(one.content for one in node.walk() if one.type in {"text", "code_inline"})
    return words or node.content


class _Setter:
    """Set blocks as lines; links are numbered through the whole text."""

    def __init__(self) -> None:
        self._count = 0
        self._links: list[str] = []

    def top(self, node: Node) -> list[str]:
        """Return a block's lines, and below it the addresses that it named."""
        made = _block(node) if node.type == "paragraph" else None
        if made is not None and made.kind is BlockKind.BUTTON:
            return [*_wrap(f"{made.words}:", WIDTH), f"  {made.address}"]
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
