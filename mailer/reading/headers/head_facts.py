"""Read what the archive needs from the head of a mail: who, when, what, and which thread.

Knows Message-ID, References and dates (RFC 5322 section 3.6), and who asked not to be kept;
how a header is taken apart is ``mailer.reading.message``'s business. SECURITY: heads are hostile;
nothing raises, and no decoded value holds a line end.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from mailer.reading.headers.header_search import search_header, wanted
from mailer.reading.headers.mail_dates import read_date
from mailer.reading.message import MessageHeader as Fields
from mailer.reading.message import addresses_of, in_reply_to, message_id, references, text_of

MAX_SUBJECT = 500
MAX_AUTHOR = 120
EARLIEST = 0.0  # a Date of 1970-01-01 is a clock that was never set
DAY = 86400.0
AHEAD = DAY  # how far a Date may be ahead of arrival: time zones and hasty clocks
# How Pipermail and old mail programs write From: `anna at example.org (Anna)`.
_AT = re.compile(rb"(\S{1,200}?)(?:@|\s+at\s+)\S{1,250}\s+\((.{1,1000})\)\s*$")
_WANTED = wanted(
    *("message-id", "references", "in-reply-to", "subject", "from", "sender", "date"),
    *("x-no-archive", "archive"),
)
_YES = {b"yes", b"y", b"1", b"true"}


@dataclass(frozen=True, slots=True)
class HeadFacts:
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


@lru_cache(maxsize=8_192)  # each id stands in the References of all that follow
def permalink_hash(message_id: str) -> str:
    """Return lower-case base32 of the SHA-256 of ``message_id`` (no angle brackets, no padding)."""
    digest = hashlib.sha256(message_id.encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()


def content_id(raw: bytes) -> str:
    """Return the id of a mail that has no Message-ID, or whose Message-ID is another mail's."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def read_head(raw: bytes) -> HeadFacts:
    """Read the head of the mail ``raw``."""
    found = search_header(raw, _WANTED)
    own = message_id(found) or content_id(raw)
    author, local = read_author(found.first("From") or found.first("Sender") or b"")
    return HeadFacts(
        message_id=own,
        references=read_references(found, own),
        subject=found.text("Subject")[:MAX_SUBJECT],
        author=author,
        local=local,
        date=read_date(found.first("Date") or b""),
        private=asks_privacy(found),
    )


def read_references(found: Fields, own: str) -> tuple[str, ...]:
    """Return the ids of ``References``, then that of ``In-Reply-To`` when it is not among them.

    An In-Reply-To of old holds prose and addresses before the id. A mail is not its own parent.
    """
    ids = [*references(found), *(in_reply_to(found)[-1:])]
    named = in_reply_to(found)
    if len(named) == 1 and named[0] in ids[:-1]:  # it says whose answer this is
        ids = ids[: ids.index(named[0]) + 1]
    return tuple(i for i in dict.fromkeys(ids) if i != own)


def clamp_date(said: float | None, arrival: float) -> float:
    """Return when a mail was written: what it says, unless that cannot be.

    A mail is never younger than its arrival plus a day of clock error; a clock that was
    never set (1970, year 102) says nothing.
    """
    if said is None or said < EARLIEST + 365 * DAY or said > arrival + AHEAD:
        return arrival
    return said


@lru_cache(maxsize=2_048)
def read_author(value: bytes) -> tuple[str, str]:
    """Return (display name, local part) of a From field; a name that is an address is no name."""
    mangled = _AT.match(value)
    if mangled:
        shown, local = text_of(mangled[2]), text_of(mangled[1])
    else:
        shown, address = next(iter(addresses_of(value[:4096])), ("", ""))
        local = address.rpartition("@")[0] or address
    shown = shown.strip("\"' ")
    if "@" in shown or re.search(r"\S at \S+\.\S+$", shown):
        # `anna@example.org via Circle`: the address is not for strangers
        shown = re.sub(r"\S*@\S*", "", shown).strip(" \"'()")
        shown = re.sub(r"\S+ at \S+\.\S+$", "", shown).strip()
    return shown[:MAX_AUTHOR], local.strip("\"' <>")[:64]


def asks_privacy(found: Fields) -> bool:
    """Tell whether the author asked not to be archived (X-No-Archive, and RFC 5536's Archive)."""
    if any(value.strip().lower() in _YES for value in found.all("X-No-Archive")):
        return True
    return any(v.lower().partition(b";")[0].strip() == b"no" for v in found.all("Archive"))
