"""Make an archive's files out of rows: pages, JSON, mbox and raw mail, as bytes, always the same.

Knows what stands on a page and in which order; the words and looks are templates. ``masked``
trees are for strangers: addresses are shortened everywhere, and mbox and raw files are rebuilt
from what is shown instead of holding the original bytes. SECURITY: all text is hostile; it leaves
here as text and is escaped by the templates.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime
from urllib.parse import quote

from archive.bodies import Attachment, Reading
from archive.masking import mask
from archive.mbox import write_mbox
from archive.prose import Paragraph, paragraphs, unquote
from archive.quotes import Block, Kind, Quoted
from templates import page, static_files

CONTEXT_LINES = 6  # a quote as short as this, with an answer below it, is shown unfolded
MAX_SHOWN = 100_000  # characters of one mail on a page; JSON, mbox and raw have the rest
MAX_PARAGRAPHS = 4_000  # of one mail on a page
STEPS = 3  # levels of indentation; a telephone shows none
_PREFIX = re.compile(
    r"^(?:\s*(?:re|sv|vs|aw|antw|betr|r|rif|ref|res|odp|fwd?|vb|i|tr|rv|enc|doorst|отв|ответ|пересл|на)"
    r"(?:\[\d{1,3}\])?\s?:\s*)+",
    re.I,
)
_SIGN = re.compile(r"\A\s*(?:--|_{5,})\s*\n")
_TAG = re.compile(r"^\s*\[[^\]]{1,40}\]\s*")


@dataclass(frozen=True, slots=True)
class ListView:
    """Hold what pages say about a list; ``base`` is the web address of the whole site or ""."""

    address: str
    title: str
    description: str
    language: str
    base: str
    masked: bool

    @property
    def domain(self) -> str:
        """Return the domain that the list is at."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Mail:
    """Hold one mail of a thread, in tree order; ``raw`` is needed in unmasked trees."""

    hash: str
    message_id: str
    parent: str | None  # the hash of the nearest present ancestor
    depth: int
    subject: str
    author: str
    date: float
    arrival: float
    reading: Reading
    raw: bytes


@dataclass(frozen=True, slots=True)
class ThreadView:
    """Hold one line of a page that lists threads."""

    hash: str
    subject: str
    author: str
    last: float
    size: int


@dataclass(frozen=True, slots=True)
class Month:
    """Hold one month that has threads; ``path`` is its folder."""

    path: str
    at: float
    count: int


@dataclass(frozen=True, slots=True)
class _Answered:
    hash: str
    author: str


@dataclass(frozen=True, slots=True)
class _Shown:
    kind: str  # own, context, quote, signature
    paragraphs: list[Paragraph]
    lines: int


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    type: str
    size: str


@dataclass(frozen=True, slots=True)
class _Message:
    hash: str
    author: str
    initials: str
    date: float
    answers: _Answered | None
    topic: str
    step: int
    blocks: list[_Shown]
    cut: bool  # there is more than a page shows
    attachments: list[_File]


def thread_files(lst: ListView, mails: Sequence[Mail]) -> dict[str, bytes]:
    """Return the files of one thread: index.html, thread.json, thread.mbox, and each mail's raw."""
    folder = f"{lst.address}/t/{mails[0].hash}"
    if lst.masked:
        mails = [_masked(mail) for mail in mails]
    raws = _raws(lst, mails)
    pieces = write_mbox(
        (raw, mail.date if lst.masked else mail.arrival)
        for mail, raw in zip(mails, raws, strict=True)
    )
    files = {
        f"{folder}/index.html": _thread_page(lst, mails),
        f"{folder}/thread.json": _thread_json(mails),
        f"{folder}/thread.mbox": b"".join(pieces),
    }
    names = (raw_name(lst, mail.hash) for mail in mails)
    return files | dict(zip(names, raws, strict=True))


def _masked(mail: Mail) -> Mail:
    """Return ``mail`` as a stranger may see it; all that is made of it needs no more masking."""
    reading = mail.reading
    blocks = tuple(Block(block.kind, mask(block.text)) for block in reading.quoted.blocks)
    files = tuple(Attachment(mask(a.name), a.type, a.size) for a in reading.attachments)
    return replace(
        mail,
        subject=mask(mail.subject),
        author=mask(mail.author),
        reading=Reading(Quoted(blocks), files, cut=reading.cut),
    )


def raw_name(lst: ListView, hash_: str) -> str:
    """Return the path of one mail as it came."""
    return f"{lst.address}/m/{hash_}/raw.eml"


def _thread_json(mails: Sequence[Mail]) -> bytes:
    """Return a thread as JSON: messages in tree order, own words apart from what is quoted."""
    ids = {mail.hash: mail.message_id for mail in mails}
    messages = [
        {
            "id": mail.message_id,
            "parent": None if mail.parent is None else ids[mail.parent],
            "author": mail.author,
            "date": datetime.fromtimestamp(mail.date, UTC).isoformat(timespec="seconds"),
            "text": mail.reading.quoted.text,
            "quoted": mail.reading.quoted.quoted,
        }
        for mail in mails
    ]
    thread = {"subject": mails[0].subject, "messages": messages}
    return (json.dumps(thread, ensure_ascii=False, indent=1) + "\n").encode()


def permalink_file(lst: ListView, hash_: str, thread: str, subject: str) -> dict[str, bytes]:
    """Return the tiny page of one message, which leads to its place in its thread."""
    target = f"../../t/{thread}/#{hash_}"
    return {f"{lst.address}/m/{hash_}/index.html": _pointer(lst, target, subject)}


def former_file(lst: ListView, former: str, thread: str, subject: str) -> dict[str, bytes]:
    """Return the page that stands where a thread once was."""
    target = f"../../t/{thread}/#{former}"
    return {f"{lst.address}/t/{former}/index.html": _pointer(lst, target, subject)}


def home_file(
    lst: ListView,
    threads: Sequence[ThreadView],
    months: Sequence[Month],
    *,
    closed: bool = False,
    read: str = "",
) -> dict[str, bytes]:
    """Return a list's home: its newest threads, and all months by year, the newest first.

    ``closed`` says that there is more than this page may show; ``read`` is where members ask for
    it.
    """
    years: dict[str, list[Month]] = {}
    for month in months:
        years.setdefault(month.path[:4], []).append(month)
    rows = [_masked_view(lst, thread) for thread in threads]
    join = f"{lst.base}/{lst.address}/join" if lst.base else f"mailto:{_sub_address(lst, 'join')}"
    html = page(
        "home",
        lst.language,
        **_frame(lst, "../", ""),
        threads=rows,
        years=sorted(years.items(), reverse=True),
        join=join,
        me=f"{lst.base}/{lst.address}/me" if lst.base else "",
        read=read,
        closed=closed,
    )
    return {f"{lst.address}/index.html": html.encode()}


def month_file(
    lst: ListView,
    month: Month,
    threads: Sequence[ThreadView],
    older: Month | None,
    newer: Month | None,
) -> dict[str, bytes]:
    """Return the page of one month."""
    html = page(
        "month",
        lst.language,
        **_frame(lst, "../../", "../"),
        at=month.at,
        threads=[_masked_view(lst, thread) for thread in threads],
        older=older,
        newer=newer,
    )
    return {f"{lst.address}/{month.path}/index.html": html.encode()}


def index_file(lists: Sequence[ListView], language: str) -> dict[str, bytes]:
    """Return the page of all lists in a tree."""
    return {"index.html": page("index", language, root="", accent="", lists=lists).encode()}


def shared_files() -> dict[str, bytes]:
    """Return the files that all pages of a tree refer to."""
    return {f"static/{name}": data for name, data in static_files().items()}


def accent_file(lst: ListView) -> dict[str, bytes]:
    """Return the list's own colour: a hue that its address decides."""
    return {f"{lst.address}/{_accent_name(lst)}": f":root{{--hue:{_hue(lst)}}}\n".encode()}


def bare_subject(subject: str) -> str:
    """Return ``subject`` without its Re: and its kin, and without a list's tag."""
    before = ""
    while before != subject:
        before, subject = subject, _TAG.sub("", _PREFIX.sub("", subject), count=1)
    return subject.strip()


def _thread_page(lst: ListView, mails: Sequence[Mail]) -> bytes:
    first = mails[0]
    by_hash = {mail.hash: mail for mail in mails}
    messages = [_message(mail, by_hash) for mail in mails]
    subject = bare_subject(first.subject) or first.subject
    last = mails[-1]
    answer = f"mailto:{lst.address}?subject={quote(f'Re: {bare_subject(last.subject)}')}"
    html = page(
        "thread",
        lst.language,
        **_frame(lst, "../../../", "../../"),
        subject=subject,
        messages=messages,
        people=len({mail.author for mail in mails}),
        first=min(mail.date for mail in mails),
        last=max(mail.date for mail in mails),
        canonical=f"{lst.base}/{lst.address}/t/{first.hash}/" if lst.base else "",
        answer=f"{answer}&In-Reply-To={quote(f'<{last.message_id}>')}",
        masked=lst.masked,
    )
    return html.encode()


def _message(mail: Mail, by_hash: dict[str, Mail]) -> _Message:
    parent = by_hash.get(mail.parent) if mail.parent else None
    above = bare_subject(parent.subject) if parent else bare_subject(mail.subject)
    own = bare_subject(mail.subject)
    blocks, cut = _bounded(mail.reading.quoted.blocks)
    return _Message(
        hash=mail.hash,
        author=mail.author,
        initials=initials(mail.author),
        date=mail.date,
        answers=_Answered(parent.hash, parent.author) if parent else None,
        topic=own if own.casefold() != above.casefold() else "",
        step=min(mail.depth, STEPS),
        blocks=blocks,
        cut=cut or mail.reading.cut,
        attachments=[_file(one) for one in mail.reading.attachments],
    )


def _bounded(blocks: Sequence[Block]) -> tuple[list[_Shown], bool]:
    """Return (what to show, whether that is less than all): one mail must not cost a second."""
    taken: list[Block] = []
    left = MAX_SHOWN
    for block in blocks:
        if left <= 0:
            break
        taken.append(Block(block.kind, block.text[:left]))
        left -= len(block.text)
    cut = left < 0 or len(taken) < len(blocks)
    shown: list[_Shown] = []
    room = MAX_PARAGRAPHS
    for one in _blocks(taken):
        if room <= 0:
            return shown, True
        shown.append(replace(one, paragraphs=one.paragraphs[:room]))
        cut = cut or len(one.paragraphs) > room
        room -= len(one.paragraphs)
    return shown, cut


def _blocks(blocks: Sequence[Block]) -> list[_Shown]:
    """Return what to show: an attribution joins its quote; short quotes with answers stay open."""
    shown: list[_Shown] = []
    pending: list[str] = []
    last_own = max((n for n, block in enumerate(blocks) if block.kind is Kind.OWN), default=-1)
    for number, block in enumerate(blocks):
        text = block.text
        if block.kind is Kind.ATTRIBUTION:
            pending.append(text)
            continue
        if block.kind is Kind.QUOTE:
            text = "\n\n".join([*pending, unquote(text)])
            answered = last_own > number
            lines = block.text.strip().count("\n") + 1
            kind = "context" if answered and lines <= CONTEXT_LINES else "quote"
        else:
            text = _SIGN.sub("", text) if block.kind is Kind.SIGNATURE else text
            text = "\n\n".join([*pending, text]) if block.kind is Kind.OWN else text
            kind, lines = block.kind.value, 0
        pending = []
        shown.append(_Shown(kind, paragraphs(text), lines))
    if pending:
        text = "\n\n".join(pending)
        shown.append(_Shown("quote", paragraphs(text), text.count("\n") + 1))
    return shown


def initials(name: str) -> str:
    """Return one or two letters for ``name``."""
    words = [w for w in re.split(r"[\s._-]+", name) if w and w[0].isalnum()]
    letters = [words[0][0], words[-1][0]] if len(words) > 1 else [w[0] for w in words]
    return unicodedata.normalize("NFC", "".join(letters)).upper()[:2] or "·"


def _file(attachment: Attachment) -> _File:
    size = attachment.size
    text = f"{size} B" if size < 1_000 else f"{size / 1_000:.0f} KB"  # noqa: PLR2004 - SI
    if size >= 1_000_000:  # noqa: PLR2004
        text = f"{size / 1_000_000:.1f} MB"
    return _File(attachment.name, attachment.type, text)


def _raws(lst: ListView, mails: Sequence[Mail]) -> list[bytes]:
    """Return the mails as they came, or what a stranger may see of them."""
    if not lst.masked:
        return [mail.raw for mail in mails]
    ids = {mail.hash: mail.message_id for mail in mails}
    return [_rebuilt(mail, ids) for mail in mails]


def _rebuilt(mail: Mail, ids: dict[str, str]) -> bytes:
    """Write a mail anew out of what a stranger may see of it."""
    fields = [
        ("From", f"{_encoded(mail.author or 'Someone')} <hidden@invalid.invalid>"),
        ("Date", format_datetime(datetime.fromtimestamp(mail.date, UTC))),
        ("Subject", _encoded(mail.subject)),
    ]
    if not mail.message_id.startswith("sha256:"):
        fields.append(("Message-ID", f"<{_one_line(mail.message_id)}>"))
    if mail.parent is not None:
        fields.append(("In-Reply-To", f"<{_one_line(ids[mail.parent])}>"))
    fields += [
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "8bit"),
    ]
    body = "\n".join(block.text for block in mail.reading.quoted.blocks)
    head = "".join(f"{name}: {value}\n" for name, value in fields)
    return f"{head}\n{body}\n".encode("utf-8", "replace")


def _encoded(text: str) -> str:
    text = _one_line(text)
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=76).encode()


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _pointer(lst: ListView, target: str, subject: str) -> bytes:
    html = page(
        "pointer",
        lst.language,
        **_frame(lst, "../../../", "../../"),
        target=target,
        subject=_shown_to(lst, bare_subject(subject) or subject),
    )
    return html.encode()


def _masked_view(lst: ListView, thread: ThreadView) -> ThreadView:
    subject = bare_subject(thread.subject) or thread.subject
    return ThreadView(
        thread.hash,
        _shown_to(lst, subject),
        _shown_to(lst, thread.author),
        thread.last,
        thread.size,
    )


def _frame(lst: ListView, root: str, up: str) -> dict[str, object]:
    return {"list": lst, "root": root, "accent": f"{up}{_accent_name(lst)}"}


def _shown_to(lst: ListView, text: str) -> str:
    return mask(text) if lst.masked else text


def _sub_address(lst: ListView, what: str) -> str:
    name, _, domain = lst.address.partition("@")
    return f"{name}-{what}@{domain}"


def _hue(lst: ListView) -> int:
    return int.from_bytes(hashlib.sha256(lst.address.encode()).digest()[:2]) % 360


def _accent_name(lst: ListView) -> str:
    return f"hue{_hue(lst)}.css"
