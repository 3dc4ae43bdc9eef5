"""Turn an HTML mail into text that reads like one written as text.

SECURITY: HTML is hostile. The result is text and is escaped like any text; nothing of the
markup survives. One pass, linear, at most ``MAX_HTML`` characters, no parser with a stack.
"""

import html
import re
from dataclasses import dataclass, field

MAX_HTML = 2_000_000
MAX_QUOTE = 8  # levels of blockquote that are shown
MAX_TAG = 20_000  # characters of one tag
_NAME = re.compile(r"/?[a-zA-Z][a-zA-Z0-9:-]{0,30}")
_HREF = re.compile(
    r"""\bhref\s*=\s*(?:"([^"]{0,2000})"|'([^']{0,2000})'|([^\s"'>]{1,2000}))""", re.IGNORECASE
)
_COMMENT_END = re.compile(r"--!?>")
_TAG_END = re.compile(">")
_SPACE = re.compile(r"[ \t\r\n\f]+")
_HIDDEN = {"script", "style", "head", "title", "template"}
_BLOCK = {
    *("div", "section", "article", "header", "footer", "address", "center", "form", "main"),
    *("tr", "table", "tbody", "thead", "dl", "dt", "dd", "fieldset", "figure", "nav", "aside"),
}
_PARAGRAPH = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "pre", "blockquote"}


@dataclass(slots=True)
class _Writer:
    """Collect lines, with the quote marks and blank lines that the markup asked for."""

    lines: list[str] = field(default_factory=list)
    line: list[str] = field(default_factory=list)
    quote: int = 0
    pre: int = 0
    links: list[tuple[str, int]] = field(default_factory=list)
    unclosed: set[str] = field(default_factory=set)  # ends that do not come from here on

    def text(self, data: str) -> None:
        if self.pre:
            first, *rest = data.replace("\r", "").split("\n")
            self.line.append(first)
            for part in rest:
                self.end(force=True)
                self.line.append(part)
            return
        data = _SPACE.sub(" ", data)
        if data.startswith(" ") and (not self.line or self.line[-1].endswith(" ")):
            data = data[1:]
        if data:
            self.line.append(data)

    def end(self, *, force: bool = False) -> None:
        """End the line; an empty one only counts when ``force`` is set."""
        text = "".join(self.line).rstrip()
        self.line.clear()
        if text or force:
            marks = "> " * min(self.quote, MAX_QUOTE)
            self.lines.append(f"{marks}{text}".rstrip())

    def blank(self) -> None:
        self.end()
        if self.lines and self.lines[-1].strip("> "):
            self.lines.append(("> " * min(self.quote, MAX_QUOTE)).rstrip())


def html_to_text(markup: str) -> str:
    """Return the readable text of ``markup``; quotes get ``> ``, links their address."""
    markup = markup[:MAX_HTML]
    writer = _Writer()
    here = 0
    while True:
        start = markup.find("<", here)
        if start < 0:
            writer.text(html.unescape(markup[here:]))
            break
        writer.text(html.unescape(markup[here:start]))
        here = _tag(markup, start, writer)
    writer.end()
    return "\n".join(writer.lines).strip("\n")


def _tag(markup: str, start: int, writer: _Writer) -> int:
    """Act on what begins with ``<`` at ``start`` and return where the text goes on."""
    if markup.startswith("<!--", start):
        # "<!-->" and "<!--->" are whole comments
        return _after(markup, "-->", start + 2, writer)
    name = _NAME.match(markup, start + 1)
    if name is None:
        if markup.startswith(("<!", "<?", "</"), start):
            return _after(markup, ">", start + 2, writer)
        writer.text("<")
        return start + 1
    end = tag_end(markup, name.end())
    word = name[0].lower()
    if word in _HIDDEN:
        close = None
        if word not in writer.unclosed:
            close = re.compile(rf"</{word}\b", re.IGNORECASE).search(markup, end)
        if close is None:  # never closed: hide code, show the rest
            writer.unclosed.add(word)
            return len(markup) if word in {"script", "style"} else end
        return _after(markup, ">", close.end(), writer)
    _act(word, markup[name.end() : end], writer)
    return end


def _after(markup: str, mark: str, start: int, writer: _Writer) -> int:
    """Return the place after ``mark``; without one, hide no more than the rest of the line."""
    pattern = _COMMENT_END if mark == "-->" else _TAG_END
    found = None if mark in writer.unclosed else pattern.search(markup, start)
    if found is not None:
        return found.end()
    writer.unclosed.add(mark)
    line = markup.find("\n", start)
    return len(markup) if line < 0 else line


def tag_end(markup: str, start: int) -> int:
    """Return the place after the tag's ``>``, one inside of quotes not counting."""
    quote = ""
    for place in range(start, min(len(markup), start + MAX_TAG)):
        char = markup[place]
        if quote:
            if char == quote:
                quote = ""
        elif char in "\"'" and markup[place - 1] in "= \t\n":
            quote = char
        elif char == ">":
            return place + 1
    found = markup.find(">", start, start + MAX_TAG)
    return found + 1 if found >= 0 else min(len(markup), start + MAX_TAG)


def _act(word: str, attributes: str, writer: _Writer) -> None:  # noqa: C901 - an element each
    name = word.lstrip("/")
    closing = word.startswith("/")
    if name == "br":
        writer.end(force=True)
    elif name == "hr":
        writer.blank()
        writer.text("-" * 20)
        writer.blank()
    elif name == "li":
        writer.end()
        if not closing:
            writer.text("- ")
    elif name in {"td", "th"}:
        writer.text(" ")
    elif name == "a":
        _link(attributes, writer, closing=closing)
    elif name in _PARAGRAPH:
        if name == "blockquote" and closing:
            writer.end()
            writer.quote = max(0, writer.quote - 1)
        writer.blank()
        if name == "blockquote" and not closing:
            writer.quote += 1
        elif name == "pre":
            writer.pre = max(0, writer.pre + (-1 if closing else 1))
    elif name in _BLOCK:
        writer.end()


def _link(attributes: str, writer: _Writer, *, closing: bool) -> None:
    """Write the address of a link after its text, unless the text says it already."""
    if not closing:
        found = _HREF.search(attributes)
        address = html.unescape(next((g for g in found.groups() if g), "")) if found else ""
        writer.links.append((address.strip(), len(writer.line)))
        del writer.links[:-50]
    elif writer.links:
        address, start = writer.links.pop()
        text = "".join(writer.line[start:]).strip()
        if address.startswith(("http://", "https://")) and not _says(text, address):
            writer.text(f" <{_SPACE.sub('', address)}>" if text else "")


def _says(text: str, address: str) -> bool:
    plain = address.partition("://")[2].rstrip("/").removeprefix("www.")
    return plain in text or text.rstrip("/") == address.rstrip("/")
