"""Set a manuscript as plain text: lines of 72 columns that read like a letter.

Links are numbered through the whole text, and their addresses stand below the block that names
them. Knows markdown-it's tree and the blocks of manuscript_blocks.py; refuses to know HTML.
"""

import textwrap
from collections.abc import Iterable, Iterator

from markdown_it.tree import SyntaxTreeNode as Node

from listserv.newsletters.writing.blocks import WrittenBlock, split_address
from listserv.newsletters.writing.manuscript_blocks import (
    ALONE,
    Address,
    BlockKind,
    BlockMaker,
    DraftBlock,
    TextEntry,
    block_of,
)

WIDTH = 72  # columns of the text
_BREAKS = {"softbreak": " ", "hardbreak": "\n"}
_GLUE = "\0"  # a blank at which no line ends; no draft holds one
_MARKS = {"strong": "*", "em": "_"}
_UNDERLINES = {"h1": "=", "h2": "-"}
_GAP = 3  # columns between those of a table
_NODE = Node()  # of an entry that is a block


def set_text(entries: Iterable[TextEntry], maker: BlockMaker, shortly: Address) -> str:
    """Return ``entries`` as plain text; ``shortly`` writes an address where all of it is seen."""
    setter = _TextSetter(maker, shortly)
    lines = [block for entry in entries for block in setter.entry(entry)]
    text = "\n\n".join("\n".join(block) for block in lines if block) + "\n"
    return text.replace(_GLUE, " ")


class _TextSetter:
    """Set blocks as lines; links are numbered through the whole text."""

    def __init__(self, maker: BlockMaker, shortly: Address) -> None:
        self._count = 0
        self._links: list[str] = []
        self._maker = maker
        self._shortly = shortly

    def entry(self, entry: TextEntry) -> Iterator[list[str]]:
        """Yield the lines of each block of an entry; columns stand below each other."""
        if entry.columns:
            for column in entry.columns:
                for one in column:
                    yield from self.entry(one)
        elif entry.said is not None:
            yield self._said(entry.said)
        else:
            yield self.top(entry.node)

    def _said(self, said: WrittenBlock) -> list[str]:
        made = self._maker.block(TextEntry(_NODE, said))
        if made.kind is BlockKind.RULE:
            return ["* * *"]
        if made.kind in ALONE:
            return _alone(made)
        if made.kind is BlockKind.QUOTE:
            text = self._inline(self._maker.inline(said.get("quote")))
            quoted = [f"> {line}" for line in _wrap(text, WIDTH - 2)]
            return self._noted([*quoted, *([f"> -- {made.name}"] if made.name else [])])
        text = self._inline(self._maker.inline(said.get("text"))) if said.get("text") else ""
        title = ": ".join(one for one in (made.label, made.words) if one)
        lines = [
            f"  {line}" for one in (made.when, made.where, text) for line in _wrap(one, WIDTH - 2)
        ]
        if split_address(said.get("link"))[0]:  # words of the writer's own
            lines += [f"  {line}" for line in _wrap(f"{made.name}:", WIDTH - 2)]
        if made.address:
            lines.append(f"  {made.address}")
        return self._noted([*_wrap(title, WIDTH), *lines])

    def _noted(self, lines: list[str]) -> list[str]:
        """Return ``lines``, and below them the addresses that they named."""
        if self._links:
            lines += ["", *self._links]
            self._links = []
        return lines

    def top(self, node: Node) -> list[str]:
        """Return a block's lines, and below it the addresses that it named."""
        made = block_of(node) if node.type == "paragraph" else None
        if made is not None and made.kind in ALONE:
            return _alone(made)
        return self._noted(self._block(node, WIDTH))

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
            return self._table(node, width)
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

    def _table(self, node: Node, width: int) -> list[str]:
        """Set a table as columns, or row by row where it has more than a line holds."""
        head, *rows = [
            [self._inline(cell) for cell in row.children]
            for part in node.children
            for row in part.children
        ]
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        if sum(widths) + _GAP * len(widths) - 1 > width:
            return _records(head, rows, width)
        cells = node.children[0].children[0].children
        right = ["right" in str(cell.attrs.get("style", "")) for cell in cells]
        return [
            _row(cells, widths, right) for cells in (head, ["-" * wide for wide in widths], *rows)
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
        self._links.append(f"  [{self._count}] {self._shortly(address)}")
        return f"{words}{_GLUE}[{self._count}]"


def _alone(made: DraftBlock) -> list[str]:
    """Set what has an address on a line of its own: a button, or a picture with its caption."""
    if made.kind is BlockKind.BUTTON:
        return [*_wrap(f"{made.words}:", WIDTH), f"  {made.address}"]
    said = ": ".join(one for one in (made.words, made.caption) if one)
    return [*_wrap(said, WIDTH), f"  {made.href or made.address}"]


def _row(cells: list[str], widths: list[int], right: list[bool]) -> str:
    put = [
        cell.rjust(wide) if to_right else cell.ljust(wide)
        for cell, wide, to_right in zip(cells, widths, right, strict=True)
    ]
    return (" " * (_GAP - 1) + (" " * _GAP).join(put)).rstrip()


def _records(head: list[str], rows: list[list[str]], width: int) -> list[str]:
    """Set each row below the other: its first cell, then what the others say under their names."""
    lines: list[str] = []
    for first, *others in rows:
        lines += ["", *_wrap(first, width)] if lines else _wrap(first, width)
        for name, said in zip(head[1:], others, strict=True):
            whole = ": ".join(one for one in (name, said) if one)
            lines += [f"  {line}" for line in _wrap(whole, width - 2)] if said else []
    return lines


def _is_prose(node: Node) -> bool:
    return node.type == "paragraph"


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 20), break_long_words=False, break_on_hyphens=False)
