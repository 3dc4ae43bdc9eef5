"""Read Markdown as the blocks that a theme sets, each with HTML that any theme can show.

A paragraph that is nothing but a picture is a picture (its title the caption), one that is nothing
but a bold link is a button, one that begins with a block's word is that block (blocks.py): what a
theme sets in its own way, spelled so that mail programs leave it alone. Knows markdown-it's tree;
refuses to know plain text, slots, themes and mail.

SECURITY: HTML in the source is text (``html=False``), and markdown-it refuses javascript:, data:
and file: links; what comes out holds tags that this module and its renderer wrote, and nothing
else. Nesting is bounded by the parser.
"""

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

from listserv.newsletters.writing import blocks
from listserv.newsletters.writing.blocks import BadBlockError, WrittenBlock, split_address

MARK = 180  # pixels of a sponsor's picture, at most
COLUMN = 540  # pixels of the narrowest theme's column
Address = Callable[[str], str]  # a link's address as it stands in the source -> as it is written
Sizes = Mapping[str, tuple[int, int]]
NO_SIZES: Sizes = MappingProxyType({})
Words = Mapping[str, str]
NO_WORDS: Words = MappingProxyType({})
_NOTHING = Markup()


class BlockKind(StrEnum):
    """Say what a theme sets."""

    PROSE = "prose"
    PICTURE = "picture"
    BUTTON = "button"
    RULE = "rule"
    COLUMNS = "columns"
    EVENT = "event"
    QUOTE = "quote"
    SPONSOR = "sponsor"


@dataclass(frozen=True, slots=True)
class DraftBlock:
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
    text: Markup = _NOTHING  # of a quote, an event or a sponsor: one paragraph's inside
    name: str = ""  # who is quoted
    when: str = ""
    where: str = ""
    label: str = ""  # a word of ours above a sponsor
    alt: str = ""  # of a sponsor's picture
    columns: tuple[tuple["DraftBlock", ...], ...] = ()


@dataclass(slots=True)
class TextEntry:
    """Hold what stands at the top of a text: a node, a block, or two columns of entries."""

    node: Node
    said: WrittenBlock | None = None
    columns: tuple[list["TextEntry"], ...] = ()


def read_entries(nodes: Iterable[Node]) -> list[TextEntry]:
    """Read the blocks among ``nodes``, and gather what stands in columns."""
    found: list[TextEntry] = []
    open_at: int | None = None  # the line of "left:"
    columns: tuple[list[TextEntry], ...] = ()
    for node in nodes:
        line = node.map[0] if node.map else 0
        try:
            said = blocks.read(node.children[0].content) if node.type == "paragraph" else None
        except BadBlockError as error:
            error.line += line
            raise
        word = said.word if said else ""
        if word not in {blocks.LEFT, blocks.RIGHT, blocks.END}:
            (columns[-1] if columns else found).append(TextEntry(node, said))
        elif len(columns) != {blocks.LEFT: 0, blocks.RIGHT: 1, blocks.END: 2}[word]:
            raise _unpaired(line, word)
        elif word == blocks.END:
            found.append(TextEntry(node, None, columns))
            columns, open_at = (), None
        else:
            columns = (*columns, [])
            open_at = line if open_at is None else open_at
    if open_at is not None:
        raise _unpaired(open_at, "left")
    return found


def _unpaired(line: int, word: str) -> BadBlockError:
    return BadBlockError(
        line,
        "block-columns",
        f'"{word}:" stands alone.',
        'Two columns are "left:", a text, "right:", a text, "end:".',
        said=word,
    )


@cache
def markdown_parser() -> MarkdownIt:
    """Return the parser of a draft's Markdown."""
    made = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    made.add_render_rule("table_open", _open_table)
    made.add_render_rule("table_close", _close_table)
    return made


# A table that a telephone has no room for is moved, by finger or by key, and nothing else with it.
def _open_table(*_: object) -> str:
    return '<div class="wide" tabindex="0"><table>\n'


def _close_table(*_: object) -> str:
    return "</table></div>\n"


def dress_links(tokens: Iterable[Token], address: Address, sizes: Sizes) -> None:
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
        dress_links(token.children or (), address, sizes)


def block_of(node: Node) -> DraftBlock:
    """Return the block that a node of Markdown is."""
    only = _only_child(node)
    if node.type == "hr":
        return DraftBlock(BlockKind.RULE)
    if only is not None and only.type == "image":
        return _picture(only)
    if only is not None and only.type == "link":
        inside = _only_child(only, own=False)
        if inside is not None and inside.type == "image":
            return _picture(inside, str(only.attrs.get("href", "")))
    if only is not None and only.type == "strong" and node.type == "paragraph":
        link = _only_child(only, own=False)
        if link is not None and link.type == "link" and not _holds(link, "image"):
            return DraftBlock(
                BlockKind.BUTTON,
                words=_bare(link),
                address=str(link.attrs.get("href", "")),
            )
    level = int(node.tag[1]) if node.type == "heading" else 0
    parser = markdown_parser()
    html = str(parser.renderer.render(node.to_tokens(), parser.options, {}))
    words = _bare(node) if level else ""
    return DraftBlock(BlockKind.PROSE, html=Markup(html), words=words, level=level)  # noqa: S704 - html=False


class BlockMaker:
    """Make a theme's blocks of entries."""

    def __init__(self, address: Address, sizes: Sizes, words: Words) -> None:
        self._address = address
        self._sizes = sizes
        self._words = words

    def blocks(self, entries: Iterable[TextEntry]) -> Iterator[DraftBlock]:
        """Yield the blocks of ``entries``, prose joined."""
        return _joined(map(self.block, entries))

    def block(self, entry: TextEntry) -> DraftBlock:
        """Return the block that an entry is."""
        if entry.columns:
            columns = tuple(tuple(self.blocks(column)) for column in entry.columns)
            html = Markup().join(_any_theme(one) for column in columns for one in column)
            return DraftBlock(BlockKind.COLUMNS, html=html, columns=columns)
        if entry.said is None:
            return block_of(entry.node)
        made = self._said(entry.said)
        return replace(made, html=_any_theme(made)) if made.kind in _SHOWN else made

    def inline(self, text: str) -> Node:
        """Return the tree of one paragraph's inside, its links and pictures dressed."""
        tokens = markdown_parser().parseInline(text)
        dress_links(tokens, self._address, self._sizes)
        return Node(tokens).children[0]

    def _said(self, said: WrittenBlock) -> DraftBlock:
        kind = BlockKind(said.word.replace("divider", "rule"))
        words, address = split_address(said.get("link"))
        if kind is BlockKind.RULE:
            return DraftBlock(kind)
        if kind is BlockKind.BUTTON:
            label = f"{said.get('button')} {words}".strip()
            return DraftBlock(kind, words=self._bare(label), address=self._address(address))
        if kind is BlockKind.PICTURE:
            src = _web(said.get("picture"))
            width, height = self._sizes.get(src, (0, 0))
            return DraftBlock(
                kind,
                words=self._bare(said.get("alt")),
                address=self._address(src),
                caption=self._bare(said.get("caption")),
                href=self._address(address),
                width=width,
                height=height,
            )
        if kind is BlockKind.QUOTE:
            return DraftBlock(
                kind, text=self._html(said.get("quote")), name=self._bare(said.get("name"))
            )
        src = _web(said.get("picture"))
        width, height = self._sizes.get(src, (0, 0))
        return DraftBlock(
            kind,
            words=self._bare(said.get(kind.value)),
            when=self._bare(said.get("when")),
            where=self._bare(said.get("where")),
            text=self._html(said.get("text")),
            address=self._address(address),
            name=self._bare(words) or (self._words.get("more", "") if address else ""),
            label=self._words.get("sponsor", "") if kind is BlockKind.SPONSOR else "",
            href=self._address(src),
            alt=self._bare(said.get("alt")) or self._bare(said.get(kind.value)),
            width=width,
            height=height,
        )

    def _bare(self, text: str) -> str:
        return _bare(self.inline(text)) if text else ""

    def _html(self, text: str) -> Markup:
        parser = markdown_parser()
        tokens = self.inline(text).to_tokens()
        return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704 - html=False


ALONE = {BlockKind.BUTTON, BlockKind.PICTURE}
_SHOWN = {BlockKind.QUOTE, BlockKind.EVENT, BlockKind.SPONSOR}


def _any_theme(block: DraftBlock) -> Markup:
    """Return a block as HTML that needs no theme to know it."""
    link = Markup('<p><a href="{}">{}</a></p>')
    picture = Markup('<p><img src="{}" alt="{}" /></p>')
    if block.kind is BlockKind.BUTTON:
        return link.format(block.address, block.words)
    if block.kind is BlockKind.PICTURE:
        shown = picture.format(block.address, block.words)
        return shown + Markup("<p>{}</p>").format(block.caption) if block.caption else shown
    if block.kind is BlockKind.RULE:
        return Markup("<hr />")
    if block.kind is BlockKind.QUOTE:
        name = Markup('<p class="by">{}</p>').format(block.name) if block.name else _NOTHING
        return Markup("<blockquote><p>{}</p>{}</blockquote>").format(block.text, name)
    if block.kind in {BlockKind.EVENT, BlockKind.SPONSOR}:
        return _CARD.format(Markup().join(_card(block)))
    return block.html


# A table, because Outlook draws no frame around anything else.
_CARD = Markup(
    '<table role="presentation" class="card"><tbody><tr><td class="card">{}</td></tr></tbody>'
    "</table>"
)


def _card(block: DraftBlock) -> Iterator[Markup]:
    """Yield the lines of an event or a sponsor."""
    if block.label:
        yield Markup('<p class="label">{}</p>').format(block.label)
    if block.href:
        yield Markup('<p><img src="{}" alt="{}"{} /></p>').format(
            block.href, block.alt, _small(block)
        )
    yield Markup("<h3>{}</h3>").format(block.words)
    if block.when:
        where = Markup("<br />{}").format(block.where) if block.where else _NOTHING
        yield Markup("<p><b>{}</b>{}</p>").format(block.when, where)
    if block.text:
        yield Markup("<p>{}</p>").format(block.text)
    if block.address:
        yield Markup('<p><a href="{}">{}</a></p>').format(block.address, block.name)


def _web(address: str) -> str:
    """Return a picture's address, "" for one that no browser should be sent to."""
    bare = address.strip("<>")
    return bare if bare.startswith(("https://", "http://")) else ""


def _small(block: DraftBlock) -> Markup:
    """Return the size of a sponsor's mark, whose own may not be known."""
    if not block.width:
        return Markup(' width="{}"').format(MARK)
    wide = min(block.width, MARK)
    high = round(wide * block.height / block.width)
    return Markup(' width="{}" height="{}"').format(wide, high)


def _joined(blocks: Iterable[DraftBlock]) -> Iterator[DraftBlock]:
    """Join prose that stands together; a heading of the first two levels begins a block."""
    held: DraftBlock | None = None
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


def _picture(node: Node, href: str = "") -> DraftBlock:
    width, height = node.meta.get("size", (0, 0))
    return DraftBlock(
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
