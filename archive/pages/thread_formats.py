"""Make the other forms of a thread: JSON, mbox, Atom and each mail's raw.

Knows the formats (RFC 4155 mboxrd, RFC 4287). Members get the bytes that came, unless something was
taken out of them; strangers get mails written anew out of what may be seen, because an address
can hide in base64 or an encoded word. SECURITY: only ``Seen`` mails come in; text is hostile and
is escaped by the writers of JSON and XML, never by hand.
"""

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime

from archive.pages.page_frame import ListView, PageMail, sheet_name, spot
from mailer.reading.mbox import write_mbox
from mailer.reading.subjects import bare_subject
from templates import page, stencil

NEWEST = 30  # entries of a feed
MAX_ENTRY = 20_000  # characters of own words in one entry
_JSON = json.JSONEncoder(ensure_ascii=False).encode


def thread_json(lst: ListView, mails: Sequence[PageMail], subject: str) -> bytes:
    """Return a thread as JSON: messages in tree order, own words apart from what is quoted."""
    ids = ids_of(lst, mails)
    messages = [
        {
            "id": ids[mail.hash],
            "parent": None if mail.parent is None else ids[mail.parent],
            "author": mail.seen.author,
            "date": iso_second(mail.date),
            "text": mail.seen.quoted.text,
            "quoted": mail.seen.quoted.quoted,
            "language": mail.seen.language or None,
            "attachments": [
                {"name": a.name, "type": a.type, "size": a.size, "path": f"../../f/{a.path}"}
                for a in mail.seen.attachments
            ],
        }
        for mail in mails
    ]
    # A line for each message: indenting would cost five times as much, and lines can be compared.
    lines = ",\n".join(_JSON(message) for message in messages)
    text = f'{{"subject": {_JSON(subject)}, "messages": [\n{lines}\n]}}\n'
    return text.encode("utf-8", "replace")


def thread_mbox(mails: Sequence[PageMail], raws: Sequence[bytes], *, masked: bool) -> bytes:
    """Return a thread as mbox.gz, always the same bytes for the same mails."""
    pieces = write_mbox(
        (raw, mail.date if masked else mail.arrival) for mail, raw in zip(mails, raws, strict=True)
    )
    return gzip.compress(b"".join(pieces), 4, mtime=0)  # 6: 1.7 times the time, 6 % less


def feed(
    lst: ListView, entries: Sequence[tuple[str, PageMail]], *, title: str, path: str, up: str
) -> bytes:
    """Return an Atom feed (RFC 4287) of ``entries``: (thread, mail), the newest first.

    ``path`` is the page it belongs to, ``up`` leads from there to the list's folder.
    """
    newest = sorted(entries, key=lambda e: (e[1].date, e[1].hash), reverse=True)[:NEWEST]
    root = f"{lst.base}/{lst.address}/" if lst.base else up
    text = page(
        "feed.atom",
        lst.language,
        list=lst,
        title=title,
        root=root,
        path=path,
        updated=max((mail.date for _, mail in newest), default=0.0),
        entries=[_entry(lst, thread, mail, root) for thread, mail in newest],
    )
    return text.encode("utf-8", "replace")


_ENTRY = (
    *(
        "address",
        "hash",
        "spot",
        "title",
        "updated",
        "author",
        "root",
        "thread",
        "own_language",
        "text",
    ),
)


def _entry(lst: ListView, thread: str, mail: PageMail, root: str) -> str:
    seen = mail.seen
    title = bare_subject(seen.subject)
    outline = stencil(
        "entry.atom",
        lst.language,
        _ENTRY,
        titled=bool(title),
        named=bool(seen.author),
        has_own_language=bool(seen.language),
    )
    return outline.fill(
        {
            "address": lst.identity,
            "hash": mail.hash,
            "spot": spot(mail.hash),
            "title": title,
            "updated": datetime.fromtimestamp(mail.date, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "author": seen.author,
            "root": root,
            "thread": f"{thread}/{sheet_name(mail.sheet)}",
            "own_language": seen.language,
            "text": seen.quoted.text[:MAX_ENTRY],
        }
    ).strip("\n")


def ids_of(lst: ListView, mails: Sequence[PageMail]) -> dict[str, str]:
    """Return hash -> the id that is shown of each mail."""
    return {mail.hash: lst.viewer.id(mail.message_id, mail.hash) for mail in mails}


def raws_of(lst: ListView, mails: Sequence[PageMail]) -> list[bytes]:
    """Return the mails as they came, or what may be seen of them."""
    ids = ids_of(lst, mails)
    # What was removed may stand in any field, encoded or not: then nobody gets the bytes that came.
    anew = lst.masked or lst.viewer.removed.revision > 0
    return [_rebuilt(mail, ids) if anew else mail.raw for mail in mails]


def _rebuilt(mail: PageMail, ids: dict[str, str]) -> bytes:
    """Write a mail anew out of what may be seen of it."""
    seen = mail.seen
    fields = [
        ("From", f"{_encoded(seen.author or 'Someone')} <hidden@invalid.invalid>"),
        ("Date", format_datetime(datetime.fromtimestamp(mail.date, UTC))),
        ("Subject", _encoded(seen.subject)),
    ]
    if not mail.message_id.startswith("sha256:"):
        fields.append(("Message-ID", f"<{_one_line(ids[mail.hash])}>"))
    if mail.parent is not None:
        fields.append(("In-Reply-To", f"<{_one_line(ids[mail.parent])}>"))
    fields += [
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "8bit"),
    ]
    body = "\n".join(block.text for block in seen.blocks)
    head = "".join(f"{name}: {value}\n" for name, value in fields)
    return f"{head}\n{body}\n".encode("utf-8", "replace")


def _encoded(text: str) -> str:
    text = _one_line(text)
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=76).encode()


def _one_line(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def iso_second(at: float) -> str:
    """Return a second (UTC) for machines."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
