"""Look into files for what was taken out, however it is written there.

    proof = prove(root, names, removed)        # reads; names what still holds something

Unpacks (gzip, bzip2, xz, zip, and with it office files; the streams of a PDF) and decodes (base64,
quoted-printable, encoded words, entities, percent signs, the escapes of JSON, UTF-16), a file in
a file too. A file that is sealed, or shows its words only to the eye, is named apart: whoever says
that nothing is left must say what could not be looked into. SECURITY: files hold what strangers
sent; depth and unpacked size are bounded, nothing is run and nothing written.
"""

import base64
import bz2
import gzip
import hashlib
import html
import io
import json
import lzma
import quopri
import re
import zipfile
import zlib
from binascii import Error as BadBase64
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from archive.visibility.removal import Removed, digest, words_of
from mailer.reading.charsets import decode
from mailer.reading.message import text_of

STILL = 0.2  # of a removed message's runs of words; a file with more still holds it
DEEP = 6  # files in files
MOST = 200_000_000  # bytes that one file is unpacked to
_OF_MESSAGE = re.compile(r"/m/([a-z2-7]{52})/")
# Ids are taken out wherever they stand or nowhere: answers hang on them.
_IDS = re.compile(rb"^(?:Message-ID|In-Reply-To): [^\n]*\n", re.MULTILINE)
_TAG = re.compile(r"<[^<>]*>")
_INSIDE_WORD = re.compile(r"\w</?[a-zA-Z][^<>]*>\w")
_WORD = rb"=\?[^?\s]{1,80}\?[bBqQ]\?[^?]{0,2000}\?="
_ENCODED_WORDS = re.compile(rb"%b(?:\s*%b)*" % (_WORD, _WORD))
_BASE64 = re.compile(rb"(?:^[A-Za-z0-9+/]{4,}={0,2}[ \t]*(?:\r?\n|\Z))+", re.MULTILINE)
_BASE64_URI = re.compile(rb";base64,([A-Za-z0-9+/]+={0,2})")
# A soft line end, a letter of UTF-8 in two bytes, or a field that says so: "x=10" is none.
_QUOPRI = re.compile(rb"=\r?\n|=[C-F][0-9A-F]=[89AB][0-9A-F]|quoted-printable", re.IGNORECASE)
_RUN = re.compile(r"[^\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd]{3,}")  # words in a program's own form
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}")
_PDF_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_PDF_STRING = re.compile(rb"\(((?:[^()\\]|\\.)*)\)|<([0-9A-Fa-f\s]+)>(?!>)", re.DOTALL)
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF")
_Opened = gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
_PACKED: dict[bytes, Callable[[IO[bytes]], _Opened]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
_SEALED = (b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd", b"-----BEGIN PGP MESSAGE")


@dataclass(frozen=True, slots=True)
class RemovalProof:
    """Say what a look into files found.

    ``left`` names those that still hold something, ``closed`` those whose words nobody can look
    for: sealed, or drawn as a picture.
    """

    looked: int = 0
    left: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()

    def __add__(self, other: "RemovalProof") -> "RemovalProof":
        return RemovalProof(
            self.looked + other.looked, self.left + other.left, self.closed + other.closed
        )

    def below(self, folder: Path) -> "RemovalProof":
        """Return the same with names that begin with ``folder``."""
        left, closed = (
            tuple(f"{folder}/{name}" for name in names) for names in (self.left, self.closed)
        )
        return RemovalProof(self.looked, left, closed)


@dataclass(slots=True)
class FileSearch:
    """Unpack one file; ``closed`` is set where something in it could not be."""

    left: int = MOST
    closed: bool = False

    def texts(self, data: bytes) -> Iterator[str]:
        """Yield all that stands in a file, in every way in which it may be read."""
        todo = [(data, 0)]
        while todo:
            data, depth = todo.pop()
            inside = list(self._unpacked(data)) if depth < DEEP else []
            self.closed |= depth >= DEEP and any(True for _ in self._unpacked(data))
            todo += [(one, depth + 1) for one in inside]
            if data.startswith(_PICTURES) or data.startswith(_SEALED):
                self.closed = True
            yield from _read(data)

    def _unpacked(self, data: bytes) -> Iterator[bytes]:
        """Yield what is packed or coded in ``data``."""
        for magic, opened in _PACKED.items():
            if data.startswith(magic):
                yield from self._stream(data, opened)
                return
        if data.startswith(b"PK\x03\x04"):
            yield from self._zipped(data)
        elif data.startswith(b"%PDF"):
            yield from self._pdf(data)
        elif b"\0" not in data[:1_000]:
            yield from self._coded(data)

    def _stream(self, data: bytes, opened: Callable[[IO[bytes]], _Opened]) -> Iterator[bytes]:
        try:
            with opened(io.BytesIO(data)) as file:
                found = file.read(self.left + 1)
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            self.closed = True
            return
        yield from self._taken(found)

    def _taken(self, found: bytes) -> Iterator[bytes]:
        if len(found) > self.left:
            self.closed = True
        self.left -= min(len(found), self.left)
        yield found

    def _zipped(self, data: bytes) -> Iterator[bytes]:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as box:
                for one in box.infolist():
                    yield one.filename.encode("utf-8", "replace")
                    if one.flag_bits & 1 or self.left <= 0:
                        self.closed = True
                        continue
                    with box.open(one) as file:
                        yield from self._taken(file.read(self.left + 1))
        except (OSError, EOFError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error):
            self.closed = True

    def _pdf(self, data: bytes) -> Iterator[bytes]:
        """Yield the streams of a PDF, and the strings in them joined: letters stand apart there."""
        words = False
        for found in _PDF_STREAM.finditer(data):
            stream = found[1]
            with suppress(zlib.error):
                stream = zlib.decompressobj().decompress(stream, max(self.left, 1))
            self.left -= min(len(stream), self.left)
            strings = [_pdf_string(m) for m in _PDF_STRING.finditer(stream)]
            if strings:
                words = True
                yield b"".join(strings)
                yield b" ".join(strings)
            yield stream.replace(b"%PDF", b"")
        # A font of its own draws numbers of shapes, which no search can read.
        self.closed |= b"/Encrypt" in data or not words or b"/Identity-H" in data

    def _coded(self, data: bytes) -> Iterator[bytes]:
        """Yield what a mail would hold coded (RFC 2045), wherever it stands."""
        for coded in (*_BASE64.findall(data), *_BASE64_URI.findall(data)):
            tight = b"".join(coded.split())
            try:
                yield from self._taken(base64.b64decode(tight + b"=" * (-len(tight) % 4)))
            except BadBase64:
                continue
        if _QUOPRI.search(data):
            plain = quopri.decodestring(data)
            if plain != data:
                yield from self._taken(plain.replace(b"=?", b"= ?"))


Known = dict[bytes, tuple[bool, bool]]  # SHA-256 -> (holds something, closed)


def prove(
    root: Path, names: Iterable[str], removed: Removed, known: Known | None = None
) -> RemovalProof:
    """Look into files below ``root`` for what was removed; what is ``known`` is not read twice."""
    known = {} if known is None else known
    looked = 0
    left: list[str] = []
    closed: list[str] = []
    for name in names:
        looked += 1
        gone = any(f"/m/{hash_}/raw.eml" in f"/{name}" for hash_ in removed.messages)
        kept = any(f"/f/{key}." in f"/{name}" for key in removed.files)
        data = (root / name).read_bytes()
        content = hashlib.sha256(data).digest()
        own = _OF_MESSAGE.search(f"/{name}")
        alone = removed.within(own[1]) if own else removed
        if content not in known or alone is not removed:
            look = FileSearch()
            bare = data if alone is removed else _IDS.sub(b"", data)
            known[content] = (_any(alone, look, bare), look.closed)
        inside, sealed = known[content]
        if gone or kept or inside or holds(removed, name):
            left.append(name)
        elif sealed:
            closed.append(name)
    return RemovalProof(looked, tuple(left), tuple(closed))


def _any(removed: Removed, look: FileSearch, data: bytes) -> bool:
    """Tell whether anything removed stands in ``data``; look at all of it, for what is closed."""
    return any(holds(removed, text) for text in dict.fromkeys(look.texts(data)))


def holds(removed: Removed, text: str) -> bool:
    """Tell whether a removed phrase, or much of a removed message, stands in ``text``."""
    return removed.clean(text) != text or _holds_message(removed, text)


def _holds_message(removed: Removed, text: str) -> bool:
    if not removed.quotes:
        return False
    words = words_of(text)
    found = {
        (length, made)
        for length in {n for n, _ in removed.quotes}
        for place in range(len(words) - length + 1)
        if (length, made := digest(removed.key, words[place : place + length])) in removed.quotes
    }
    return len(found) > STILL * len(removed.quotes)


def _read(data: bytes) -> Iterator[str]:
    """Yield bytes as the texts that they may be."""
    text = data.decode("utf-16", "replace") if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else ""
    text = text or decode(data)
    if "\0" in text:  # UTF-16 without a mark, or a program's own form
        if text.count("\0") * 3 > len(text):
            yield text.replace("\0", "")
        yield "\n".join(_RUN.findall(text))
        return
    yield from _written(text)
    for found in _ENCODED_WORDS.finditer(data):
        yield text_of(found[0])


def _written(text: str) -> Iterator[str]:
    """Yield a text as markup, JSON and addresses of the web may say it."""
    yield text
    if "<" in text and ">" in text:
        yield html.unescape(_TAG.sub(" ", text))
        if _INSIDE_WORD.search(text):
            yield html.unescape(_TAG.sub("", text))
    if "&" in text:
        yield html.unescape(text)
    if "%" in text:
        yield unquote(text)
    if "\\u" in text:
        yield _ESCAPE.sub(lambda m: str(json.loads(f'"{m[0]}"')), text)


def _pdf_string(found: "re.Match[bytes]") -> bytes:
    if found[1] is not None:
        return re.sub(rb"\\(.)", rb"\1", found[1], flags=re.DOTALL)
    digits = b"".join(found[2].split())
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
