"""A letter to one of our service addresses, read once: who wrote, what they say, what made it.

Reads before any transaction begins, because bodies take time. SECURITY: hostile bytes; a message
over the limits is not parsed, its text is empty and ``trouble`` says why.
"""

from dataclasses import dataclass
from itertools import pairwise

from archive import bodies
from archive.phrases import HEADER, MARKER
from archive.quotes import MAX_LINE, Block, Kind, Quoted
from listserv import commands
from mailer import message
from mailer.addresses import Address, parse
from mailer.arrivals import Arrival
from mailer.errors import BadInput
from mailer.message import Head
from subscriptions.roster import LANGUAGES

_HEADERS = 2  # header lines that make a quoted mail


@dataclass(frozen=True, slots=True)
class Letter:
    """Hold what a letter says of itself; nothing in it is proof of anything but its own bytes."""

    arrival_id: int
    raw: bytes
    sha: bytes
    head: Head
    received_at: float
    client: str
    protocol: str
    author: Address | None  # the one From address, if there is exactly one
    name: str
    message_id: str
    subject: str
    language: str  # of Content-Language, where we speak it
    text: str  # own words
    automatic: str  # why it looks automatic; "" where a person wrote
    trouble: str


def read(arrival: Arrival, raw: bytes) -> Letter:
    """Read the letter of ``arrival``; never raises for what stands in it."""
    head = message.head(raw)
    trouble = message.check_limits(raw) or ""
    text = "" if trouble else own_words(bodies.read(raw).quoted)
    name, author = _author(head)
    return Letter(
        arrival_id=arrival.id,
        raw=raw,
        sha=arrival.raw_sha,
        head=head,
        received_at=arrival.received_at,
        client=arrival.client,
        protocol=arrival.protocol,
        author=author,
        name=name,
        message_id=message.message_id(head) or "",
        subject=commands.subject_of(head),
        language=_language(head),
        text=text,
        automatic=commands.is_automatic(head, arrival.sender, text),
        trouble=trouble,
    )


def own_words(quoted: Quoted) -> str:
    """Return what the writer of a reply added; an empty answer over a whole mail is empty.

    For a page, nothing but a mail below Outlook's header lines is shown as what was sent; as an
    answer it says nothing, whatever the mail below it says.
    """
    kept: list[str] = []
    for before, block in pairwise((None, *quoted.blocks)):
        if block is not None and block.kind is Kind.OWN:
            if before is not None and before.kind is Kind.ATTRIBUTION and _is_whole_mail(before):
                break
            kept.append(block.text.strip("\n"))
    return "\n\n".join(text for text in kept if text.strip())


def _is_whole_mail(block: Block) -> bool:
    lines = block.text.splitlines()
    marked = any(MARKER.match(line[:MAX_LINE]) for line in lines)
    return marked or sum(1 for line in lines if HEADER.match(line[:MAX_LINE])) >= _HEADERS


def _author(head: Head) -> tuple[str, Address | None]:
    found: dict[str, tuple[str, Address]] = {}
    for value in head.all("from"):
        for name, spelled in message.addresses_of(value):
            try:
                address = parse(spelled)
            except BadInput:
                continue
            found.setdefault(address.key, (name, address))
    return next(iter(found.values())) if len(found) == 1 else ("", None)


def _language(head: Head) -> str:
    said = head.text("content-language").split(",")[0].strip().lower().partition("-")[0]
    return said if said in LANGUAGES else ""
