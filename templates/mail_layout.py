"""Lay out the rendered text of a mail: wrapped, flowed, and in blocks for HTML.

    wrapped(text)   lines of at most ``WIDTH`` columns: what people compare and print
    flowed(text)    the same lines with soft ends (RFC 3676): a narrow telephone joins them again
    blocks(text)    paragraphs, items, quotes, links: what mail/notice.html draws

Pure. Knows how our templates write: "- " begins an item, "> " a quote, two blanks what stands for
itself, "-- " the foot, and ``FINE`` (a character that no letter has) what is fine print from there
on. An address is never broken. SECURITY: what is quoted is a stranger's and is drawn without links.
"""

import re
import textwrap
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby

from markupsafe import Markup

WIDTH = 72  # columns of a mail
FINE = "\x0f"
MARK = "-- "
_SOURCE = 200  # columns of HTML: a line of mail has at most 998 bytes (RFC 5321)
_TOKEN = 20  # letters from which on the end of an address says nothing to a person
_ALONE = re.compile(r"https?://[^\s<>\"]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_AROUND = '()<>,.;:!?"\u00ab\u00bb\u201c\u201d\u201e'
_STUFFED = (" ", "From ")  # RFC 3676 section 4.4: what a line may not begin with as it is


@dataclass(frozen=True, slots=True)
class Block:
    """Hold one thing of a mail: a paragraph, items, a quote, a link, indented lines or the foot."""

    kind: str  # text, items, quote, link, indented, foot
    lines: tuple[str, ...]
    fine: bool = False


def plain(text: str) -> str:
    """Return a rendered template without the marks that only the layout reads."""
    return text.replace(FINE, "")


def wrapped(text: str) -> str:
    """Set plain text: paragraphs of at most ``WIDTH`` columns, no blank line twice."""
    return "".join(
        f"{row}\n"
        for line in _lines(text)
        for row in _rows(line, WIDTH, "  " if line.startswith("- ") else "")
    )


def flowed(text: str) -> str:
    """Set the same text as format=flowed: a line that goes on ends with a blank."""
    rows: list[str] = []
    for line in _lines(text):
        first, *more = _rows(line, WIDTH - 1)
        parts = [_stuffed(first), *(f" {row}" if row[0] == ">" else _stuffed(row) for row in more)]
        rows += [f"{row} " for row in parts[:-1]] + parts[-1:]
    return "".join(f"{row}\n" for row in rows)


def blocks(text: str) -> list[Block]:
    """Take rendered text apart; after ``FINE`` everything is fine print, after ``-- `` the foot."""
    body, _, foot = f"\n{text.strip(chr(10))}\n".partition(f"\n{MARK}\n")
    found: list[Block] = []
    fine = False
    for part in re.split(r"\n\s*\n", body):
        fine = fine or FINE in part
        lines = [line for line in plain(part).split("\n") if line.strip()]
        for kind, group in groupby(lines, key=_kind):
            found.append(Block(kind, tuple(_bare(kind, line) for line in group), fine))
    if foot.strip():
        found.append(Block("foot", tuple(line for line in plain(foot).split("\n") if line.strip())))
    return _joined(found)


def linked(text: str) -> Markup:
    """Escape a line of our mail for HTML, and link the addresses in it."""
    words = [_dressed(word) for word in text.split()]
    rows = textwrap.wrap(" ".join(words), _SOURCE, break_long_words=False, break_on_hyphens=False)
    return Markup("\n".join(rows))  # noqa: S704 - each word is escaped by _dressed


def _dressed(word: str) -> str:
    address = word.strip(_AROUND)
    if not _ALONE.fullmatch(address):
        return escape(word, quote=False)
    before, _, after = word.partition(address)
    target = address if "://" in address else f"mailto:{address}"
    shown = escape(_short(address), quote=False).replace("/", "/<wbr>")
    link = f'<a href="{escape(target)}">{shown}</a>'
    return f"{escape(before, quote=False)}{link}{escape(after, quote=False)}"


def _short(address: str) -> str:
    """Return an address as a person reads it: without what only machines need."""
    if "://" not in address:
        local, _, domain = address.rpartition("@")
        name, plus, token = local.partition("+")
        return f"{name}+\u2026@{domain}" if plus and len(token) >= _TOKEN else address
    path, _, last = address.partition("://")[2].rstrip("/").rpartition("/")
    return f"{path}/\u2026" if path and len(last) >= _TOKEN else f"{path}/{last}".lstrip("/")


def _joined(found: list[Block]) -> list[Block]:
    """Join items that a template wrote with blank lines between."""
    out: list[Block] = []
    for block in found:
        last = out[-1] if out else None
        if last is not None and block.kind == last.kind == "items" and block.fine == last.fine:
            out[-1] = replace(last, lines=last.lines + block.lines)
        else:
            out.append(block)
    return out


def _kind(line: str) -> str:
    if line.startswith(">"):
        return "quote"
    if line.startswith(("- ", "* ")):
        return "items"
    if line.startswith("  "):
        return "link" if _ALONE.fullmatch(line.strip()) else "indented"
    return "text"


def _bare(kind: str, line: str) -> str:
    if kind in {"quote", "items"}:
        return line[1:].removeprefix(" ").rstrip()
    return line.strip()


def _lines(text: str) -> list[str]:
    lines: list[str] = []
    for line in plain(text).strip("\n").split("\n"):
        kept = line if line == MARK else line.rstrip()
        if kept or (lines and lines[-1]):
            lines.append(kept)
    return lines


def _rows(line: str, width: int, indent: str = "") -> list[str]:
    if len(line) <= width or line[0] in " >":
        return [line]
    return textwrap.wrap(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _stuffed(row: str) -> str:
    return f" {row}" if row.startswith(_STUFFED) else row
