"""Read and write mbox files: mboxrd, mboxo, mboxcl and mboxcl2 (RFC 4155), and Pipermail's text.

Mails come out byte for byte as they stand in the file, less the quoting of ``From `` lines;
line ends stay what they are. What is written is mboxrd, and reading it gives the same bytes
again (of mails that end with a line end, as all mail does). SECURITY: files are hostile: they
are read as a stream, one mail at a time, and a mail above ``MAX_MAIL`` is told, not kept.
"""

import bz2
import gzip
import io
import lzma
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from mailer.errors import BadInput
from mailer.reading.headers.header_search import search_header, wanted
from mailer.reading.headers.mail_dates import read_date

MAX_MAIL = 128 * 1024 * 1024
MAX_LINE = 1024 * 1024  # of a longer line the beginning is judged
BLOCK = 1 << 20  # bytes that are searched at a time
_OURS = b"From mboxrd@z "
_FROM = re.compile(rb"From .{0,200}?\d{1,2}:\d\d.{0,40}\d{4}|From .{0,300}\d{4} \d\d:\d\d")
_HEADER = re.compile(rb"[!-9;-~]+[ \t]*:|>?From ")
_SEPARATOR = b"\nFrom "
_BLANK = re.compile(rb"\n\r*\n")
_TOLD = wanted("received", "date")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_UNQUOTED = re.compile(rb"^(>*From )", re.MULTILINE)
_LENGTH = re.compile(
    rb"^content-length[ \t]*:[ \t]*(\d{1,10})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class MboxMail:
    """Hold one mail of a file; ``arrival`` is in seconds since 1970 UTC, None when unknown."""

    number: int  # 1 for the first
    raw: bytes
    arrival: float | None
    problem: str = ""  # why it cannot be kept


@contextmanager
def open_mail_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that may be compressed (.gz, .bz2, .xz), by what it is and not by its name."""
    with ExitStack() as closing:
        try:
            file = closing.enter_context(path.open("rb"))
            magic = file.read(6)
            file.seek(0)
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
        opened: object = file
        if magic.startswith(b"\x1f\x8b"):
            opened = closing.enter_context(gzip.GzipFile(fileobj=file))
        elif magic.startswith(b"BZh"):
            opened = closing.enter_context(bz2.BZ2File(file))
        elif magic == b"\xfd7zXZ\x00":
            opened = closing.enter_context(lzma.LZMAFile(file))
        with io.BufferedReader(cast("io.RawIOBase", opened), 1 << 18) as reader:
            yield reader


def read_mbox(file: BinaryIO) -> Iterator[MboxMail]:
    """Yield the mails of ``file`` in order; a file cut short gives what there is."""
    number = 0
    for stretch in _stretches(file):
        for line, raw in _unpack(stretch):
            number += 1
            problem = ""
            if stretch.too_long:
                problem = f"it is longer than {MAX_MAIL // 1024 // 1024} MB"
            elif not _HEADER.match(raw) and not line.startswith(_OURS):
                problem = "it has no header"
            yield MboxMail(number, raw, _arrival(line, raw), problem)


def write_mbox(mails: Iterable[tuple[bytes, float]]) -> Iterator[bytes]:
    """Yield the pieces of an mboxrd file of (raw mail, arrival)."""
    for raw, arrival in mails:
        date = time.asctime(time.gmtime(arrival))
        end = b"" if raw.endswith(b"\n") or not raw else b"\n"
        yield _OURS + date.encode() + b"\n" + _UNQUOTED.sub(rb">\1", raw) + end + b"\n"


@dataclass(slots=True)
class _Stretch:
    """Hold what stands between two ``From `` lines; ``inner`` are where such lines stand in it.

    Those are a mail's own words where its Content-Length holds, else they part mails after all.
    """

    line: bytes
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    inner: list[int] = field(default_factory=list)
    expected: int | None = None  # where the body ends, if Content-Length is to be believed

    @property
    def too_long(self) -> bool:
        return self.size > MAX_MAIL

    @property
    def raw(self) -> bytes:
        return b"".join(self.pieces)

    def take(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.too_long:
            self.pieces.clear()
        elif piece:
            self.pieces.append(piece)

    def ends(self, more: bytes) -> bool:
        """Tell whether a ``From `` line after ``more`` can end this mail."""
        if self.expected is None:
            begin = b"\n" + b"".join(self.pieces[:2]) + more[:MAX_LINE]
            found = _BLANK.search(begin)
            self.expected = _body_end(begin[1 : found.end()]) if found else 0
        size = self.size + len(more)
        return size >= self.expected or size > self.expected + MAX_LINE


class _Cutter:
    """Cut blocks of a file at its ``From `` lines."""

    def __init__(self) -> None:
        self._open: _Stretch | None = None
        self._rest = b""  # what is not judged yet

    def cut(self, block: bytes) -> Iterator[_Stretch]:
        """Take the next block, empty at the end; yield what is whole now."""
        data = self._rest + block
        if self._open is None:
            data = data.lstrip()
            self._rest = data
            if not data:
                return
            line, following = _lines_at(data, 0)
            if block and not following.endswith(b"\n") and len(following) < MAX_LINE:
                return
            self._open = _Stretch(b"")  # a file that holds one bare mail, unless:
            if _separates(line, following):
                self._open.line, data = line, data[len(line) :]
        yield from self._go_on(self._open, data, last=not block)

    def _go_on(self, open_: _Stretch, data: bytes, *, last: bool) -> Iterator[_Stretch]:
        taken, safe = 0, len(data) if last else max(0, len(data) - 2 * len(_SEPARATOR))
        place = data.find(_SEPARATOR) + 1
        while place:
            line, following = _lines_at(data, place)
            if not last and not following.endswith(b"\n") and len(following) < MAX_LINE:
                safe = min(safe, max(taken, place - 8))
                break
            if _blank_above(data, place) and _separates(line, following):
                if open_.ends(data[taken:place]):
                    open_.take(data[taken:place])
                    yield open_
                    taken = place + len(line)
                    open_ = _Stretch(line)
                else:
                    open_.inner.append(open_.size + place - taken)
            place = data.find(_SEPARATOR, place + len(line) - 1) + 1
        if last:
            open_.take(data[taken:])
            yield open_
            return
        safe = max(safe, taken)
        open_.take(data[taken:safe])
        self._open, self._rest = open_, data[safe:]


def _stretches(file: BinaryIO) -> Iterator[_Stretch]:
    cutter = _Cutter()
    while block := _block(file):
        yield from cutter.cut(block)
    yield from cutter.cut(b"")


def _block(file: BinaryIO) -> bytes:
    """Return what comes next; a damaged file gives all that stands before the damage."""
    try:
        return cast("io.BufferedReader", file).read1(BLOCK)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise BadInput(f"The file is damaged: {error}.", "What came before was read.") from None


def _lines_at(data: bytes, place: int) -> tuple[bytes, bytes]:
    """Return the line at ``place`` and the next one, of long ones the beginning."""
    end = data.find(b"\n", place, place + MAX_LINE) + 1 or min(len(data), place + MAX_LINE)
    after = data.find(b"\n", end, end + MAX_LINE) + 1 or min(len(data), end + MAX_LINE)
    return data[place:end], data[end:after]


def _blank_above(data: bytes, place: int) -> bool:
    """Tell whether the line that ends at ``place`` is blank."""
    return not data[data.rfind(b"\n", 0, place - 1) + 1 : place].strip(b"\r\n")


def _separates(line: bytes, following: bytes) -> bool:
    if not line.startswith(b"From "):
        return False
    if line.startswith(_OURS):
        return True
    return bool(_FROM.match(line)) and (not following or bool(_HEADER.match(following)))


def _body_end(header: bytes) -> int:
    """Return where the body ends by Content-Length, counted from the mail's begin; 0 if unsaid."""
    match = _LENGTH.search(header) if b"content-length" in header.lower() else None
    length = int(match[1]) if match else 0
    return len(header) + length if 0 < length <= MAX_MAIL else 0


def _unpack(stretch: _Stretch) -> Iterator[tuple[bytes, bytes]]:
    """Yield the mails of a stretch: one, unless a Content-Length was wrong."""
    raw, line, start = stretch.raw, stretch.line, 0
    if stretch.too_long or not stretch.inner or _length_holds(raw):
        yield line, _mail(raw, unquote=not stretch.inner)
        return
    for place in stretch.inner:
        yield line, _mail(raw[start:place])
        line, _ = _lines_at(raw, place)
        start = place + len(line)
    yield line, _mail(raw[start:])


def _length_holds(raw: bytes) -> bool:
    """Tell whether Content-Length leads exactly to the end, or to blank lines before it."""
    found = search_header(raw, _TOLD)
    match = _LENGTH.search(raw, 0, found.body)
    if match is None or len(raw) < found.body + int(match[1]):
        return False
    return not raw[found.body + int(match[1]) :].strip(b"\r\n")


def _mail(raw: bytes, *, unquote: bool = True) -> bytes:
    """Return a mail without the blank line that ends it in the file."""
    above = raw.rfind(b"\n", 0, len(raw) - 1) + 1
    if not raw[above:].strip(b"\r\n") and _has_blank(raw, above):
        raw = raw[:above]
    return _QUOTED.sub(rb"\1", raw) if unquote and b">From " in raw else raw


def _has_blank(raw: bytes, end: int) -> bool:
    """Tell whether a blank line, the one that ends the head, stands before ``end``."""
    first = raw.find(b"\n", 0, end) + 1
    return bool(_BLANK.search(raw, 0, end)) or bool(first and not raw[:first].strip(b"\r\n"))


def _arrival(from_line: bytes, raw: bytes) -> float | None:
    """Return when a mail arrived: by its last hop, else by its From line, else by its Date."""
    found = search_header(raw, _TOLD)
    for received in found.all("Received")[:1]:
        date = read_date(received.rpartition(b";")[2].strip())
        if date is not None and date > 0:
            return date
    match = re.search(rb"(?:\w{3} +)?\w{3} +\d{1,2} +\d\d:\d\d.*", from_line)
    if match:
        return read_date(match[0])
    return read_date(found.first("Date") or b"")
