"""Read which files a post may carry, and say of one file whether it may.

    policy = read("pictures, pdf")
    policy.allows(["report.pdf"], "application/pdf", first_bytes)

A file may come where everything that it says of itself may: each of its names, its type, and its
first bytes. SECURITY: a sender chooses all three. Names are read as a receiving machine would: the
last ending counts, signs that turn or hide text are nothing, and dots and blanks at the end fall
off. What contradicts itself (a program called picture.png) is not allowed by either. Pure.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from mailer.errors import BadInput

LOOK = 1024  # bytes at the beginning of a file that are looked at
GROUPS = {
    "pictures": ("png", "jpg", "jpeg", "gif", "webp", "heic", "avif"),
    "documents": (
        *("pdf", "txt", "csv", "md", "rtf", "doc", "docx", "odt", "xls", "xlsx", "ods"),
        *("ppt", "pptx", "odp", "epub"),
    ),
    "sound": ("mp3", "ogg", "oga", "opus", "flac", "wav", "m4a"),
    "video": ("mp4", "webm", "ogv", "mov"),
    "archives": ("zip", "gz", "tgz", "tar", "bz2", "xz", "7z"),
}
NONE = "none"
_ENDING = re.compile(r"\.?([a-z0-9]{1,10})\Z")
_SPLIT = re.compile(r"[\s,;]+")
_ZIPPED = frozenset(
    ("zip", "docx", "xlsx", "pptx", "odt", "ods", "odp", "epub", "jar", "apk", "xpi", "kmz")
)
# How files begin, and which endings such a file may have; the longest first.
_BEGIN: tuple[tuple[bytes, frozenset[str]], ...] = (
    (b"\x89PNG\r\n\x1a\n", frozenset(("png",))),
    (b"\xff\xd8\xff", frozenset(("jpg", "jpeg"))),
    (b"GIF8", frozenset(("gif",))),
    (b"%PDF-", frozenset(("pdf",))),
    (b"PK\x03\x04", _ZIPPED),
    (b"Rar!", frozenset(("rar",))),
    (b"7z\xbc\xaf\x27\x1c", frozenset(("7z",))),
    (b"\x1f\x8b", frozenset(("gz", "tgz"))),
    (b"\xd0\xcf\x11\xe0", frozenset(("doc", "xls", "ppt", "msg", "msi"))),
    (b"MZ", frozenset(("exe", "dll", "scr", "com", "sys"))),
    (b"\x7fELF", frozenset(("elf", "so", "bin"))),
    (b"#!", frozenset(("sh", "py", "pl", "rb", "bash"))),
    (b"\x78\x9f\x3e\x22", frozenset(("dat", "tnef"))),  # [MS-OXTNEF] 2.1.3.1
    (b"L\x00\x00\x00\x01\x14\x02\x00", frozenset(("lnk",))),
)
_MARKUP = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|script|svg|iframe|\?xml)", re.IGNORECASE
)
_HTML = frozenset(("html", "htm", "xhtml", "svg", "xml", "hta"))
# What a type says of the ending; a type that is not here says nothing.
_TYPES = {
    "application/pdf": ("pdf",),
    "application/rtf": ("rtf",),
    "application/zip": tuple(_ZIPPED),
    "application/ms-tnef": ("dat", "tnef"),
    "application/vnd.ms-tnef": ("dat", "tnef"),
    "application/x-msdownload": ("exe",),
    "application/x-msdos-program": ("exe",),
    "application/x-dosexec": ("exe",),
    "application/x-executable": ("exe",),
    "application/hta": ("hta",),
    "application/javascript": ("js",),
    "application/x-javascript": ("js",),
    "application/x-sh": ("sh",),
    "application/java-archive": ("jar",),
    "application/xhtml+xml": ("xhtml",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/jpg": ("jpg", "jpeg"),
    "image/pjpeg": ("jpg", "jpeg"),
    "image/png": ("png",),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "image/heic": ("heic",),
    "image/avif": ("avif",),
    "image/svg+xml": ("svg",),
    "text/html": ("html", "htm"),
    "text/javascript": ("js",),
    "text/csv": ("csv",),
    "text/plain": ("txt", "md", "csv", "log", "patch", "diff", "asc"),
    "text/markdown": ("md",),
    "text/rtf": ("rtf",),
    "video/mp4": ("mp4",),
    "audio/mpeg": ("mp3",),
}


@dataclass(frozen=True, slots=True)
class FilePolicy:
    """Say which files may come: all, or those with one of these endings."""

    everything: bool = True
    endings: frozenset[str] = frozenset()

    def allows(self, names: Sequence[str], kind: str, data: bytes) -> bool:
        """Tell whether a file may come; ``data`` is its beginning, decoded."""
        if self.everything:
            return True
        said = [ending_of(name) for name in names if name.strip()]
        typed = _TYPES.get(kind.lower())
        if not said:
            said = [one for one in typed or () if one in self.endings][:1]
        if not said or not all(one in self.endings for one in said):
            return False
        if typed is not None and not self.endings & set(typed):
            return False
        begun = _begun(data[:LOOK])
        return begun is None or all(one in begun for one in said)


def read(text: str) -> FilePolicy:
    """Return the policy that a setting spells; raise BadInput for what is no ending."""
    words = [one for one in _SPLIT.split(text.strip().casefold()) if one]
    if not words:
        return FilePolicy()
    endings: set[str] = set()
    for word in words:
        if word == NONE:
            continue
        match = _ENDING.match(word)
        if word in GROUPS:
            endings |= set(GROUPS[word])
        elif match:
            endings.add(match[1])
        else:
            raise BadInput(
                f"{word[:40]!r} is no kind of file.",
                f"Write {', '.join(GROUPS)}, an ending such as pdf, or none.",
            )
    return FilePolicy(everything=False, endings=frozenset(endings))


def check(text: str) -> str:
    """Return a setting's text as it is kept; raise BadInput as ``read`` does."""
    read(text)
    return ", ".join(dict.fromkeys(one for one in _SPLIT.split(text.strip().casefold()) if one))


def plain_name(name: str) -> str:
    """Return a file's name as it may be shown: one line, no path, nothing that turns or hides."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFKC", name))[-1]
    kept = "".join(c for c in last if unicodedata.category(c) not in _HIDDEN)
    return " ".join(kept.split())


_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def ending_of(name: str) -> str:
    """Return a name's last ending as a receiving machine reads it, "" for none."""
    bare = plain_name(name).casefold().partition(":")[0].rstrip(". ")
    return bare.rpartition(".")[2] if "." in bare else ""


def _begun(data: bytes) -> frozenset[str] | None:
    """Return the endings that a file with this beginning may have, None where it says nothing."""
    for begin, endings in _BEGIN:
        if data.startswith(begin):
            return endings
    if data[:4] == b"RIFF":
        return frozenset(("webp",)) if data[8:12] == b"WEBP" else frozenset(("wav", "avi"))
    return _HTML if _MARKUP.match(data) else None
