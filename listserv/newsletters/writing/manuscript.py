"""A manuscript: Markdown set twice, as plain text that reads like a letter and as blocks of HTML.

The text is set by manuscript_text.py, the blocks by manuscript_blocks.py. Knows that both come of
one reading; refuses to know slots, themes and mail.
"""

from dataclasses import dataclass

from markdown_it.tree import SyntaxTreeNode as Node

from listserv.newsletters.writing.manuscript_blocks import (
    NO_SIZES,
    NO_WORDS,
    Address,
    BlockMaker,
    DraftBlock,
    Sizes,
    Words,
    dress_links,
    markdown_parser,
    read_entries,
)
from listserv.newsletters.writing.manuscript_text import set_text


@dataclass(frozen=True, slots=True)
class Manuscript:
    """Hold both settings of one text."""

    text: str
    blocks: tuple[DraftBlock, ...]

    @property
    def html(self) -> str:
        """Return the prose by itself."""
        return "".join(block.html for block in self.blocks)


def read(
    source: str,
    address: Address = str,
    sizes: Sizes = NO_SIZES,
    words: Words = NO_WORDS,
    shortly: Address = str,
) -> Manuscript:
    """Set ``source``; every link's address goes through ``address``.

    ``sizes`` tells the width and height of pictures, in pixels, by address; ``words`` are ours,
    by key: "sponsor" (above one), "more" (of a link without words). ``shortly`` writes an address
    where all of it is seen, in the plain text.
    """
    tokens = markdown_parser().parse(source)
    dress_links(tokens, address, sizes)
    entries = read_entries(Node(tokens).children)
    maker = BlockMaker(address, sizes, words)
    return Manuscript(set_text(entries, maker, shortly), tuple(maker.blocks(entries)))


def check(source: str) -> None:
    """Raise BadBlockError for the first block that cannot be read; its line counts from 0."""
    read_entries(Node(markdown_parser().parse(source)).children)
