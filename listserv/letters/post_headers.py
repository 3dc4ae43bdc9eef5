"""The header set of a post: what is added, replaced and removed, and nothing else.

Works on the bytes as they came, so that every other field and the whole body leave unchanged
and most author signatures stay valid (DESIGN.md, "Headers we add, replace and remove").
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime

from mailer.ledger.splice import Segments
from mailer.reading.headers import auth_results
from mailer.reading.message import MessageHeader

LEAVE = "leave"  # the slot of a recipient's own leave token
ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"

_ID = re.compile(r"[!-;=?-~]{3,900}")  # no brackets, no spaces, ASCII
_REMOVED = frozenset({
    "return-path", "delivered-to", "x-original-to", "errors-to", "bcc",
    "disposition-notification-to", "return-receipt-to", "archived-at", "precedence",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class ListFace:
    """Hold what a list's headers say of it."""

    address: str
    title: str
    base_url: str
    posts: bool  # False for newsletters: List-Post: NO (RFC 2369 section 3.4)
    archived: bool
    one_click: bool = False  # RFC 8058: where https and a signature make it true
    identity: str = ""  # the address it was made with, "" where it is the same

    def sub(self, suffix: str) -> str:
        """Return the list's address for ``suffix``, such as ``friends-join@example.org``."""
        local, _, domain = self.address.partition("@")
        return f"{local}-{suffix}@{domain}"

    @property
    def list_id(self) -> str:
        """Return the list's identifier, which stays when its address changes (RFC 2919)."""
        return (self.identity or self.address).replace("@", ".", 1)

    @property
    def page(self) -> str:
        """Return the address of the list's home page."""
        return f"{self.base_url}/{self.address}/"


@dataclass(frozen=True, slots=True)
class Trace:
    """Say where a message came from, for our Received line (RFC 5321 section 4.4)."""

    client: str
    helo: str
    protocol: str
    arrival: int
    received_at: float
    by: str
    added: tuple[str, ...] = ()  # fields that the writer's program left out


def compose(
    raw: bytes,
    head: MessageHeader,
    face: ListFace,
    trace: Trace,
    permalink: str,
    *,
    answers: str = "",
    shared: bool = False,
    own: Collection[str] = (),
    disowned: Collection[str] = (),
) -> Segments:
    """Return the copy of a post with one slot, the recipient's leave token.

    A ``shared`` copy has no slot: its way out is the list's address and page, without one click.

    ``permalink`` is the page of this very message (RFC 5064), empty where there is none;
    ``answers`` the Message-ID that it answers, added where the writer's program named none;
    ``own`` the names under which nobody but us may say who a mail is from (RFC 8601), and
    ``disowned`` those in whose names nobody has signed it, whatever a DKIM-Signature says.
    """
    kept = auth_results.without(b"".join(_kept(raw, head)), own)
    kept = auth_results.without_signatures(kept, disowned)
    token_free = _received(trace, face) + list_fields(face, permalink) + _answers(head, answers)
    if shared:
        leave = f"List-Unsubscribe: <mailto:{face.sub('leave')}>,\r\n <{face.page}>\r\n".encode()
        return Segments((token_free + leave + kept + raw[head.body :],))
    local, _, domain = face.address.partition("@")
    before = f"List-Unsubscribe: <mailto:{local}-leave+".encode()
    between = f"@{domain}>,\r\n <{face.page}leave/".encode()
    after = b">\r\n" + (ONE_CLICK if face.one_click else b"")
    return Segments(
        parts=(token_free + before, between, after + kept + raw[head.body :]),
        slots=(LEAVE, LEAVE),
    )


def _answers(head: MessageHeader, answers: str) -> bytes:
    """Return In-Reply-To (RFC 5322 section 3.6.4) for a reply that lost it on its way."""
    if head.first("In-Reply-To") or head.first("References") or not _ID.fullmatch(answers):
        return b""
    return f"In-Reply-To: <{answers}>\r\n".encode("ascii")


def _kept(raw: bytes, head: MessageHeader) -> Iterator[bytes]:
    last = 0
    for (spelled, _), (start, end) in zip(head.fields, head.spans, strict=True):
        name, last = spelled.lower(), end
        if name == "list-id":
            yield b"X-Original-List-Id:" + raw[start:end].partition(b":")[2]
        elif name not in _REMOVED and not name.startswith("list-"):
            yield raw[start:end]
    blank = raw[last : head.body]
    # SECURITY: where a line that is no field ended the header, some readers would go on and
    # take List-Unsubscribe and the like from what we have read as the body.
    yield blank if blank or head.body >= len(raw) else b"\r\n"


def _received(trace: Trace, face: ListFace) -> bytes:
    when = format_datetime(datetime.fromtimestamp(trace.received_at, UTC))
    helo = "".join(c for c in trace.helo if c.isascii() and (c.isalnum() or c in ".-:[]"))[:255]
    client = f"IPv6:{trace.client}" if ":" in trace.client else trace.client
    literal = f" ([{client}])" if client else ""  # RFC 5321 section 4.1.3; LMTP may not know it
    added = f" (added {' and '.join(trace.added)})" if trace.added else ""
    return (
        f"Received: from {helo or 'unknown'}{literal}\r\n"
        f" by {trace.by} (Krets) with {trace.protocol} id {trace.arrival}{added}\r\n"
        f" for <{face.address}>; {when}\r\n"
    ).encode("ascii", "replace")


def list_fields(face: ListFace, permalink: str) -> bytes:
    """Return what every copy for members says of its list (RFC 2369, 2919, 5064)."""
    fields = [
        f"List-Id: {phrase(face.title, 'List-Id')}<{face.list_id}>",
        f"List-Post: <mailto:{face.address}>" if face.posts else "List-Post: NO",
        f"List-Help: <mailto:{face.sub('help')}>",
        f"List-Subscribe: <mailto:{face.sub('join')}>",
        f"List-Owner: <mailto:{face.sub('owner')}>",
    ]
    if face.archived:
        fields.append(f"List-Archive: <{face.page}>")
    if permalink:
        fields.append(f"Archived-At: <{permalink}>")
    fields.append("Precedence: list")
    return "".join(f"{field}\r\n" for field in fields).encode("ascii")


def coded(name: str, text: str) -> str:
    """Return one field of unstructured text, without its line end (RFC 5322, RFC 2047)."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    charset = "us-ascii" if clean.isascii() else "utf-8"
    return f"{name}: {Header(clean, charset, header_name=name).encode(linesep=chr(13) + chr(10))}"


def phrase(title: str, field: str) -> str:
    """Return ``title`` as an RFC 5322 phrase with a space after it, or nothing."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in title).split())[:120]
    if not clean:
        return ""
    if clean.isascii():
        escaped = clean.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"\r\n ' if len(escaped) > 30 else f'"{escaped}" '  # noqa: PLR2004 - fold
    return Header(clean, "utf-8", header_name=field).encode(linesep="\r\n") + "\r\n "
