"""Read a file of people as rows of cells: whatever encoding, delimiter and damage it has.

Knows bytes, quotation marks (RFC 4180) and lines; refuses to know what a cell means
(importing.py). SECURITY: the file is hostile. It is read as a stream, a line is bounded, and
a quotation mark that is never closed costs its own line, not all the lines behind it.
"""

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from mailer.errors import BadInput

MAX_LINE = 16_384  # characters
MAX_JOINED = 10  # physical lines that one quoted record may span
DELIMITERS = (",", ";", "\t", "|")
_BLOCK = 1 << 20
_BOMS = (
    # UTF-32's little-endian mark begins with UTF-16's.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FALLBACK = "cp1252"
_PACKED = {b"PK\x03\x04": "a spreadsheet (xlsx or ods)", b"\xd0\xcf\x11\xe0": "an old Excel file"}


class Row(NamedTuple):
    """Hold one record: the line it begins on, its cells, or the fault that makes it unreadable."""

    line: int
    text: str
    cells: tuple[str, ...] = ()
    fault: str = ""


def detect_encoding(stream: BinaryIO) -> str:
    """Return the encoding of a seekable stream: by its mark, its NULs, or by trying UTF-8."""
    stream.seek(0)
    head = stream.read(4096)
    for magic, what in _PACKED.items():
        if head.startswith(magic):
            raise BadInput(f"This file is {what}, not text.", "Save it as CSV and import that.")
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) * 4 > len(head) and min(even, odd) * 8 < max(even, odd):
        return "utf-16-be" if even > odd else "utf-16-le"
    return "utf-8" if _is_utf8(stream) else _FALLBACK


def _is_utf8(stream: BinaryIO) -> bool:
    stream.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := stream.read(_BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def open_text(stream: BinaryIO, encoding: str) -> io.TextIOWrapper:
    """Return the stream as text from its beginning; what cannot be decoded becomes U+FFFD."""
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise BadInput(
            f"There is no encoding {encoding[:40]!r}.", "Try utf-8, cp1252, windows-1251 or koi8-r."
        ) from None
    stream.seek(0)
    return io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline=None)


def lines_of(text: io.TextIOWrapper) -> Iterator[Row]:
    """Yield every line that is not blank, unparsed; one that is too long has a fault."""
    try:
        yield from _numbered(text)
    finally:
        if not text.closed:
            text.detach()  # the stream below is the caller's to close


def _numbered(text: io.TextIOWrapper) -> Iterator[Row]:
    number = 0
    while line := text.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            shown = line[:80]
            while line and not line.endswith("\n"):
                line = text.readline(MAX_LINE)
            yield Row(number, shown, fault="the line is far too long")
        elif line.strip():
            yield Row(number, line.rstrip("\n"))


def split_cells(line: str, delimiter: str) -> tuple[str, ...]:
    """Return the cells of one line, forgiving about quotation marks."""
    if '"' not in line:
        return tuple(line.split(delimiter))
    return tuple(next(csv.reader([line], delimiter=delimiter), ()))


def records(lines: Iterator[Row], delimiter: str) -> Iterator[Row]:
    """Yield the lines with their cells; a quoted cell may span a few lines."""
    ahead: deque[Row] = deque()
    while True:
        row = ahead.popleft() if ahead else next(lines, None)
        if row is None:
            return
        if row.fault:
            yield row
        elif '"' not in row.text:
            yield Row(row.line, row.text, tuple(row.text.split(delimiter)))
        else:
            yield _quoted(row, lines, ahead, delimiter)


def _quoted(row: Row, lines: Iterator[Row], ahead: deque[Row], delimiter: str) -> Row:
    """Join ``row`` with the lines its quoted cell spans; give back what was not needed."""
    joined = [row]
    while True:
        text = "\n".join(part.text for part in joined)
        cells, open_quote = _strict_cells(text, delimiter)
        if cells is not None:
            if len(joined) > 1 and any("\n" in cell and "@" in cell for cell in cells):
                break  # it swallowed somebody's line: the mark was a mistake
            return Row(row.line, text, cells)
        if not open_quote and len(joined) == 1:
            return Row(row.line, row.text, split_cells(row.text, delimiter))
        follower = _next(lines, ahead, joined) if open_quote else None
        if follower is None or len(joined) == MAX_JOINED or len(text) > MAX_LINE:
            if follower is not None:
                joined.append(follower)
            break
        joined.append(follower)
    ahead.extendleft(reversed(joined[1:]))
    return Row(row.line, row.text, fault="a quotation mark is opened and not closed")


def _next(lines: Iterator[Row], ahead: deque[Row], joined: list[Row]) -> Row | None:
    follower = ahead.popleft() if ahead else next(lines, None)
    if follower is not None and follower.fault:
        joined.append(follower)
        return None
    return follower


def _strict_cells(text: str, delimiter: str) -> tuple[tuple[str, ...] | None, bool]:
    """Return (cells, False), or (None, whether a quotation mark is still open)."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return None, "unexpected end" in str(error)
    return tuple(rows[0]) if rows else (), False


def neutral(cell: str) -> str:
    """Return the cell so that no spreadsheet takes it for a formula."""
    return "'" + cell if cell[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"} else cell
