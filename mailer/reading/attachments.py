"""Name and judge what is attached to a mail, so that it can be handed out as a file.

A file is called after its content, so it never changes, is kept once, and no name of a stranger
becomes a path. SECURITY: what a browser may run (HTML, SVG, scripts) gets no ending that would
let a plain file server say so; a picture is one by its first bytes, never by its label.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

from mailer.reading.charsets import clean, decode
from mailer.reading.masking import mask

MAX_NAME = 120
MAX_MASKED = 2_000_000  # bytes of a text that is masked as pages are; a larger one more bluntly
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)
_PICTURES = {"png", "jpg", "gif", "webp"}
# Endings that are kept: no browser runs these, whatever a server calls them.
_KEPT = {
    *("pdf", "txt", "csv", "ics", "vcf", "patch", "diff", "log", "md", "asc", "sig", "p7s", "eml"),
    *("zip", "gz", "bz2", "xz", "7z", "tar", "tgz", "zst", "rar"),
    *("doc", "docx", "odt", "rtf", "xls", "xlsx", "ods", "ppt", "pptx", "odp", "epub"),
    *("mp3", "ogg", "oga", "opus", "flac", "wav", "m4a", "mp4", "webm", "ogv", "mov"),
}
_TEXTS = ("text/", "message/")
_SIGNS = (b"@", b"%40", b"(at)", b"[at]", b" at ")
# What may stand before a sign: NUL, for a character may have two bytes, and all that is not ASCII.
_LOCAL = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.!#$&'*+/=?^_`{|}~%-"
_LOCAL += bytes((0, *range(128, 256)))
_LATIN = re.compile(r"\.([A-Za-z0-9]{1,5})\Z")


@dataclass(frozen=True, slots=True)
class Attachment:
    """Hold what is told of a part; ``size`` is in decoded bytes.

    ``key`` names the content, ``masked`` what strangers get of it, the same but for texts with
    addresses; ``path`` is the file's name in the list's folder ``f/``.
    """

    name: str
    type: str
    size: int
    key: str = ""
    masked: str = ""
    ending: str = "bin"
    shown: bool = False  # stands in the markup already

    @property
    def path(self) -> str:
        """Return the name of the file."""
        return f"{self.key}.{self.ending}"

    @property
    def picture(self) -> bool:
        """Tell whether a browser shows it and nothing more."""
        return self.ending in _PICTURES


def attachment(name: str, kind: str, data: bytes) -> Attachment:
    """Return what is told of a part called ``name`` that holds ``data``."""
    name = name.replace("/", "_").replace("\\", "_")[-MAX_NAME:]
    ending = _ending(name, data)
    key = key_of(data)
    made = Attachment(name, kind[:80], len(data), key, key, ending)
    masked = masked_bytes(made, data)
    if masked is data:
        return made
    return Attachment(name, kind[:80], len(data), key, key_of(masked), ending)


def key_of(data: bytes) -> str:
    """Return lower-case base32 of SHA-256, as permalinks are spelled."""
    return base64.b32encode(hashlib.sha256(data).digest()).decode().rstrip("=").lower()


def masked_bytes(made: Attachment, data: bytes) -> bytes:
    """Return what strangers get: texts with shortened addresses, everything else as it is."""
    if not made.type.startswith(_TEXTS) and made.ending not in {"txt", "csv", "ics", "vcf", "eml"}:
        return data
    if not any(sign in data for sign in _SIGNS):
        return data
    if len(data) > MAX_MASKED:
        return _blunted(data)
    text = clean(decode(data), "\n\t\r")
    shown = mask(text)
    return data if shown == text else shown.encode("utf-8", "replace")


def _blunted(data: bytes) -> bytes:
    """Return a large text without whatever stands before a sign of an address: a pass for each."""
    for sign in _SIGNS[:-1]:
        if sign in data:
            *before, last = data.split(sign)
            data = sign.join((*(piece.rstrip(_LOCAL) + b"..." for piece in before), last))
    return data


def _ending(name: str, data: bytes) -> str:
    for magic, ending in _MAGIC:
        if data.startswith(magic):
            return ending
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    found = _LATIN.search(name)
    ending = found[1].lower() if found else ""
    return ending if ending in _KEPT else "bin"
