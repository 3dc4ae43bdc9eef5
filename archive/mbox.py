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
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from pathlib import Path
from typing import BinaryIO, cast

from archive.heads import read_date
from mailer.errors import BadInput
from mailer.message import head

MAX_MAIL = 128 * 1024 * 1024
MAX_LINE = 1024 * 1024  # longer lines are read in pieces
_OURS = b"From mboxrd@z "
_FROM = re.compile(rb"From .{0,200}?\d{1,2}:\d\d.{0,40}\d{4}|From .{0,300}\d{4} \d\d:\d\d")
_HEADER = re.compile(rb"[!-9;-~]+[ \t]*:|>?From ")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_UNQUOTED = re.compile(rb"^(>*From )", re.MULTILINE)
_LENGTH = re.compile(
    rb"^content-length[ \t]*:[ \t]*(\d{1,10})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Found:
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


def read_mbox(file: BinaryIO) -> Iterator[Found]:
    """Yield the mails of ``file`` in order; a file cut short gives what there is."""
    reader = _Reader(file)
    number = 0
    for from_line, lines in reader.mails():
        for line, raw in _unpack(from_line, lines):
            number += 1
            problem = ""
            if reader.too_long:
                problem = f"it is longer than {MAX_MAIL // 1024 // 1024} MB"
            elif not _HEADER.match(raw) and not line.startswith(_OURS):
                problem = "it has no header"
            yield Found(number, raw, _arrival(line, raw), problem)


def write_mbox(mails: Iterable[tuple[bytes, float]]) -> Iterator[bytes]:
    """Yield the pieces of an mboxrd file of (raw mail, arrival)."""
    for raw, arrival in mails:
        date = time.asctime(time.gmtime(arrival))
        end = b"" if raw.endswith(b"\n") or not raw else b"\n"
        yield _OURS + date.encode() + b"\n" + _UNQUOTED.sub(rb">\1", raw) + end + b"\n"


class _Reader:
    """Cut a stream of lines at its ``From `` lines."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.too_long = False

    def _lines(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield (line, the next line)."""
        try:
            line = self._file.readline(MAX_LINE)
            while line:
                following = self._file.readline(MAX_LINE)
                yield line, following
                line = following
        except (OSError, EOFError, lzma.LZMAError) as error:
            raise BadInput(f"The file is damaged: {error}.", "What came before was read.") from None

    def mails(self) -> Iterator[tuple[bytes, list[bytes]]]:
        """Yield (From line, lines) of each mail."""
        from_line: bytes | None = None
        lines: list[bytes] = []
        size = 0
        expected: int | None = None  # where the body ends, if Content-Length is to be believed
        blank = True  # what stands above is a blank line, or the beginning
        for line, following in self._lines():
            starts = blank and _separates(line, following)
            if starts and (expected is None or size >= expected):
                if from_line is not None:
                    yield from_line, lines
                from_line, lines, size, expected = line, [], 0, None
                self.too_long = False
                blank = False
                continue
            if from_line is None:
                if not line.strip():
                    continue
                from_line = b""  # a file that holds one bare mail
            size += len(line)
            self.too_long = self.too_long or size > MAX_MAIL
            if not self.too_long:
                lines.append(line)
            blank = not line.strip(b"\r\n")
            if blank and expected is None and len(lines) < 2_000:  # noqa: PLR2004 - end of a head
                expected = _body_end(lines, size)
            if expected is not None and size > expected + MAX_LINE:
                expected = 0
        if from_line is not None:
            yield from_line, lines


def _separates(line: bytes, following: bytes) -> bool:
    if not line.startswith(b"From "):
        return False
    if line.startswith(_OURS):
        return True
    return bool(_FROM.match(line)) and (not following or bool(_HEADER.match(following)))


def _body_end(lines: list[bytes], size: int) -> int:
    """Return where the body ends by Content-Length, counted from the mail's begin; 0 if unsaid."""
    match = _LENGTH.search(b"".join(lines))
    length = int(match[1]) if match else 0
    return size + length if 0 < length <= MAX_MAIL else 0


def _unpack(from_line: bytes, lines: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the mails that ``lines`` hold: one, unless a Content-Length was wrong."""
    inner = [
        n
        for n in range(1, len(lines))
        if lines[n].startswith(b"From ")
        and not lines[n - 1].strip(b"\r\n")
        and _separates(lines[n], lines[n + 1] if n + 1 < len(lines) else b"")
    ]
    if inner and not _length_holds(lines):
        for start, end in zip([-1, *inner], [*inner, len(lines)], strict=True):
            line = from_line if start < 0 else lines[start]
            yield line, _mail(lines[start + 1 : end])
        return
    yield from_line, _mail(lines, unquote=not inner)


def _length_holds(lines: list[bytes]) -> bool:
    """Tell whether Content-Length leads exactly to the end, or to blank lines before it."""
    raw = b"".join(lines)
    body = head(raw).body
    match = _LENGTH.search(raw, 0, body)
    if match is None or len(raw) < body + int(match[1]):
        return False
    return not raw[body + int(match[1]) :].strip(b"\r\n")


def _mail(lines: list[bytes], *, unquote: bool = True) -> bytes:
    """Join a mail's lines without the blank line that ends it in the file."""
    if lines and not lines[-1].strip(b"\r\n") and _has_body(lines):
        lines = lines[:-1]
    raw = b"".join(lines)
    return _QUOTED.sub(rb"\1", raw) if unquote and b">From " in raw else raw


def _has_body(lines: list[bytes]) -> bool:
    """Tell whether the last blank line comes after the one that ends the head."""
    return any(not line.strip(b"\r\n") for line in lines[:-1])


def _arrival(from_line: bytes, raw: bytes) -> float | None:
    """Return when a mail arrived: by its last hop, else by its From line, else by its Date."""
    found = head(raw)
    for received in found.all("Received")[:1]:
        date = read_date(received.rpartition(b";")[2].strip())
        if date is not None and date > 0:
            return date
    match = re.search(rb"(?:\w{3} +)?\w{3} +\d{1,2} +\d\d:\d\d.*", from_line)
    if match:
        parsed = parsedate_tz(match[0].decode("ascii", "replace"))
        if parsed is not None:
            try:
                return float(mktime_tz(parsed))
            except (ValueError, OverflowError):
                return None
    return read_date(found.first("Date") or b"")
