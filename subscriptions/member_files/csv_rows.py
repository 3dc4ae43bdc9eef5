"""Read a file of people as rows of cells: whatever encoding, delimiter and damage it has.

Knows bytes, quotation marks (RFC 4180) and lines; refuses to know what a cell means
(member_file.py). SECURITY: the file is hostile. It is read as a stream, a line and a cell are
bounded, and a quotation mark that is never closed stops the file: whoever stands behind it
would be dropped, or be read from the wrong column.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from mailer.errors import BadInput

MAX_LINE = 65_536  # characters; a cell may have csv's own 131,072
DELIMITERS = (",", ";", "\t", "|")
HEAD = 1 << 17  # characters that are looked at for a heading
_BLOCK = 1 << 20
_BOMS = (
    # UTF-32's little-endian mark begins with UTF-16's.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LATIN, _CYRILLIC, _KOI8 = "cp1252", "cp1251", "koi8-r"
FALLBACKS = (_LATIN, _CYRILLIC, _KOI8)
_RUN = re.compile(rb"[\xa3\xa8\xb3\xb8\xc0-\xff]{3,}")
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
    return "utf-8" if _is_utf8(stream) else _guess(stream)


def _guess(stream: BinaryIO) -> str:
    """Tell Cyrillic from Latin by its runs of high bytes; small letters stand in other halves."""
    stream.seek(0)
    letters = stream.read(_BLOCK)
    high = sum(byte >= 0xC0 for byte in letters)  # noqa: PLR2004 - where accented letters begin
    tails = b"".join(word[1:] for word in _RUN.findall(letters))
    if len(tails) * 2 < high:
        return _LATIN
    upper_half = sum(byte >= 0xE0 for byte in tails)  # noqa: PLR2004 - small ones in cp1251
    return _CYRILLIC if upper_half * 2 >= len(tails) else _KOI8


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


def beginning(stream: BinaryIO, encoding: str) -> str:
    """Return the first characters of a stream, in which its heading is looked for."""
    text = open_text(stream, encoding)
    try:
        return text.read(HEAD)
    finally:
        text.detach()


def records(text: io.TextIOWrapper | io.StringIO, delimiter: str) -> Iterator[Row]:
    """Yield every record that is not blank, as RFC 4180 reads it; a quoted cell may span lines.

    Raise BadInput, with the line, for a quotation mark that is not closed or closed amid words
    on another line: nobody can say then where the next person begins.
    """
    fed = _Fed(text)
    taken, line = fed.taken, 1
    try:
        for cells in csv.reader(fed.lines(), delimiter=delimiter):
            if fed.ended:
                if taken:
                    _unclosed(line + sum(cell.count("\n") for cell in cells[:-1]))
                return
            many = len(taken)
            if many > 1 or taken[0].strip():
                yield _row(line, fed, cells, delimiter)
            line += many
            taken.clear()
    except csv.Error:
        raise BadInput(
            f"A cell that begins on line {line} is far too long.",
            "Perhaps a quotation mark is opened there and not closed. Nothing was imported.",
        ) from None
    finally:
        if isinstance(text, io.TextIOWrapper) and not text.closed:
            text.detach()  # the stream below is the caller's to close


def _unclosed(line: int) -> None:
    raise BadInput(
        f"On line {line} a quotation mark is opened and not closed.",
        "Close it, or write two of them where one is meant. Nothing was imported.",
    )


class _Fed:
    """Hand csv one line after the other, and remember those of the record it is reading."""

    def __init__(self, text: io.TextIOWrapper | io.StringIO) -> None:
        self._text = text
        self.taken: list[str] = []
        self.long = self.ended = False

    def lines(self) -> Iterator[str]:
        """Yield the lines, and one more behind them: a cell that takes it in is open."""
        read, take = self._text.readline, self.taken.append
        while line := read(MAX_LINE + 1):
            if len(line) > MAX_LINE:
                self.long = True
                line = self._shortened(line)
            take(line)
            yield line
        self.ended = True
        yield "end"

    def _shortened(self, line: str) -> str:
        """Skip the rest of a line; one quotation mark stands for an odd number of them."""
        odd, shown = line.count('"'), line[:80].replace('"', "").strip() or "..."
        while line and not line.endswith("\n"):
            line = self._text.readline(MAX_LINE)
            odd += line.count('"')
        return '"' * (odd % 2) + shown + "\n"


def _row(line: int, fed: _Fed, cells: list[str], delimiter: str) -> Row:
    whole = "".join(fed.taken).rstrip("\n")
    if fed.long:
        fed.long = False
        return Row(line, whole[:80], fault="the line is far too long")
    if len(fed.taken) > 1 and not _is_strict(whole, delimiter):
        _unclosed(line)
    return Row(line, whole, tuple(cells))


def _is_strict(text: str, delimiter: str) -> bool:
    """Tell whether each quotation mark stands at an end of its cell, or is doubled."""
    try:
        list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return True


_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def neutral(cell: str) -> str:
    """Return the cell so that no spreadsheet takes it for a formula."""
    return "'" + cell if _FORMULA.match(cell) else cell


def as_meant(cell: str) -> str:
    """Return the cell without the mark that ``neutral`` put before it."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell
