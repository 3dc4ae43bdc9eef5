"""Read what the archive needs from the head of a mail: who, when, what, and which thread.

Knows Message-ID, References and dates (RFC 5322 section 3.6), and who asked not to be kept.
SECURITY: heads are hostile: at most ``MAX_HEAD`` bytes are read, at most ``MAX_REFERENCES``
ids are followed, nothing raises, and no decoded value holds a line end.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz

from archive.charsets import decode_header

MAX_HEAD = 100 * 1024
MAX_REFERENCES = 100  # of longer chains the first and the last ones
MAX_ID = 998  # characters; one line of RFC 5322
MAX_SUBJECT = 500
MAX_AUTHOR = 120
EARLIEST = 0.0  # a Date of 1970-01-01 is a clock that was never set
DAY = 86400.0
AHEAD = DAY  # how far a Date may be ahead of arrival: time zones and hasty clocks
_BLANK = re.compile(rb"\r?\n[ \t]*\r?\n|\r\r")
_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:[ \t]*(.*(?:\r?\n[ \t].*)*)", re.MULTILINE)
_BRACKETED = re.compile(r"<([^<>]*)>")
_SPACE = re.compile(r"\s+")
_COMMENT = re.compile(r"\(([^()]*)\)\s*$")
_YES = {"yes", "y", "1", "true"}


@dataclass(frozen=True, slots=True)
class Head:
    """Hold what one mail says about itself; ``references`` end with the direct parent."""

    message_id: str  # without angle brackets, or ``sha256:HEX`` where there is none
    references: tuple[str, ...]
    subject: str
    author: str  # a display name, never an address; "" where only an address is known
    local: str  # the local part of From, for a name when there is nothing better
    date: float | None  # what the Date field says; None where it says nothing
    private: bool  # asked not to be archived

    @property
    def hash(self) -> str:
        """Return the permalink hash."""
        return permalink_hash(self.message_id)


def permalink_hash(message_id: str) -> str:
    """Return lower-case base32 of the SHA-256 of ``message_id`` (no angle brackets, no padding)."""
    digest = hashlib.sha256(message_id.encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()


def content_id(raw: bytes) -> str:
    """Return the id of a mail that has no Message-ID, or whose Message-ID is another mail's."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def split_head(raw: bytes) -> tuple[bytes, bytes]:
    """Return (head, body); the head is cut at MAX_HEAD."""
    blank = _BLANK.search(raw)
    if blank is None:
        return raw[:MAX_HEAD], b""
    return raw[: min(blank.start(), MAX_HEAD)], raw[blank.end() :]


def fields(head: bytes) -> dict[str, list[bytes]]:
    """Return the fields of ``head`` by lower-case name, values unfolded, in order."""
    found: dict[str, list[bytes]] = {}
    for match in _FIELD.finditer(head):
        name = match[1].decode("ascii").lower()
        found.setdefault(name, []).append(match[2].replace(b"\r", b"").replace(b"\n", b""))
    return found


def read_head(raw: bytes) -> Head:
    """Read the head of the mail ``raw``."""
    found = fields(split_head(raw)[0])

    def one(name: str) -> bytes:
        return found.get(name, [b""])[0]

    own = read_id(one("message-id")) or content_id(raw)
    author, local = read_author(one("from") or one("sender"))
    return Head(
        message_id=own,
        references=read_references(one("references"), one("in-reply-to"), own),
        subject=decode_header(one("subject"))[:MAX_SUBJECT],
        author=author,
        local=local,
        date=read_date(one("date")),
        private=_is_private(found),
    )


def read_id(value: bytes) -> str:
    """Return the first id in ``value`` without brackets and white space, or ""."""
    text = value.decode("utf-8", "replace")
    match = _BRACKETED.search(text)
    return _SPACE.sub("", match[1] if match else text.strip("<> \t"))[:MAX_ID]


def read_references(references: bytes, in_reply_to: bytes, own: str) -> tuple[str, ...]:
    """Return the ids of ``References``, then that of ``In-Reply-To`` when it is not among them.

    An id that comes twice counts where it stands last; the mail's own id never counts.
    """
    ids = [_SPACE.sub("", i) for i in _BRACKETED.findall(references.decode("utf-8", "replace"))]
    parent = _reply_id(in_reply_to.decode("utf-8", "replace"))
    if parent and parent not in ids:
        ids.append(parent)
    kept = [i[:MAX_ID] for i in dict.fromkeys(reversed(ids)) if i and i != own]
    kept.reverse()
    if len(kept) > MAX_REFERENCES:
        kept = kept[:1] + kept[1 - MAX_REFERENCES :]
    return tuple(kept)


def read_date(value: bytes) -> float | None:
    """Return ``value`` as seconds since 1970 UTC, or None where it is no date."""
    text = value[:200].decode("ascii", "replace")
    parsed = parsedate_tz(text)
    if parsed is None:
        return None
    try:
        return float(mktime_tz(parsed))
    except (ValueError, OverflowError):
        return None


def clamp_date(said: float | None, arrival: float) -> float:
    """Return when a mail was written: what it says, unless that cannot be.

    A mail is never younger than its arrival plus a day of clock error; a clock that was
    never set (1970, year 102) says nothing.
    """
    if said is None or said < EARLIEST + 365 * DAY or said > arrival + AHEAD:
        return arrival
    return said


def read_author(value: bytes) -> tuple[str, str]:
    """Return (display name, local part) of a From field; a name that is an address is no name."""
    raw = value[:2000]
    start = raw.rfind(b"<")
    local = ""
    if start >= 0:
        name = raw[:start]
        local = raw[start + 1 :].partition(b"@")[0].decode("utf-8", "replace")
    else:
        text = raw.decode("utf-8", "replace")
        comment = _COMMENT.search(text)
        # `anna at example.org (Anna)`: how Pipermail and old mail programs write it
        name = comment[1].encode() if comment else b""
        bare = text[: comment.start()] if comment else text
        local = re.split(r"@|\sat\s", bare.strip())[0]
    shown = decode_header(name.strip()).strip("\"' ").replace('\\"', '"').replace("\\\\", "\\")
    if "@" in shown or re.search(r"\S at \S+\.\S+$", shown):
        # `anna@example.org via Circle`: the address is not for strangers
        shown = re.sub(r"\S*@\S*", "", shown).strip(" \"'()")
        shown = re.sub(r"\S+ at \S+\.\S+$", "", shown).strip()
    return shown[:MAX_AUTHOR], local.strip("\"' <>")[:64]


def _reply_id(text: str) -> str:
    """Return the parent of an In-Reply-To field; old ones carry prose and addresses too."""
    ids = [_SPACE.sub("", i) for i in _BRACKETED.findall(text)]
    if ids:
        return next((i for i in reversed(ids) if "@" in i), ids[-1])
    bare = text.strip()
    return bare if "@" in bare and not _SPACE.search(bare) else ""


def _is_private(found: dict[str, list[bytes]]) -> bool:
    """Tell whether the author asked not to be archived (X-No-Archive, and RFC 5536's Archive)."""
    for value in found.get("x-no-archive", []):
        if value.strip().lower().decode("latin-1") in _YES:
            return True
    words = [v.strip().lower().partition(b";")[0].strip() for v in found.get("archive", [])]
    return b"no" in words
