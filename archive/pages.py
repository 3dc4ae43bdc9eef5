"""Set the page of a thread, and the tiny pages that lead to it.

Knows what stands on a page and in which order; the words and looks are templates. What a mail
shows is drawn once and kept (``draw``); a page is then little more than a join. SECURITY: all text
is hostile; it leaves here as text and is escaped by the templates. Only ``Seen`` mails come in
(archive/sight.py): nothing here decides what may be shown.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from html import escape
from urllib.parse import quote

from archive.files import Attachment
from archive.markup import FOLD, UNFOLD
from archive.prose import Paragraph, paragraphs, unquote
from archive.quotes import Block, Kind
from archive.sight import Seen, Sight, links_of
from templates import drawn, iso, moment, page, prose, static_files, stencil

CONTEXT_LINES = 6  # a quote as short as this, with an answer below it, is shown unfolded
MAX_SHOWN = 100_000  # characters of one mail on a page; JSON, mbox and raw have the rest
MAX_PARAGRAPHS = 4_000  # of one mail on a page
MAX_LISTED = 100  # links that the list of a thread names
STEPS = 3  # levels of indentation; a telephone shows none
MANY = 250  # messages on one page of a thread; those that came later stand on pages of their own
LONG = 12  # messages; a longer thread begins with a table of contents
CARD = 200  # characters of a thread that other sites may show of it
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
    sight: Sight

    @property
    def masked(self) -> bool:
        """Tell whether strangers may read this."""
        return self.sight.masked

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
    date: float
    arrival: float
    seen: Seen
    raw: bytes = b""
    reply: str = ""  # the address that a reply goes to, so that it finds its thread
    sheet: int = 1  # the page of its thread that it stands on; by arrival, so it stays there


@dataclass(frozen=True, slots=True)
class _Shown:
    kind: str  # own, context, quote, signature
    paragraphs: list[Paragraph]
    lines: int


@dataclass(frozen=True, slots=True)
class File:
    """Hold what a page says about a file; ``path`` is in the list's folder."""

    name: str
    type: str
    size: str
    path: str
    picture: bool


@dataclass(frozen=True, slots=True)
class _Gathered:
    """Hold what stands in a whole thread: who, which links, which files."""

    people: list[tuple[str, int]]
    links: list[str]
    files: list[tuple[File, str]]  # and where the mail that it came with stands


def sheet_name(number: int) -> str:
    """Return how a page of a thread is called; a folder's first one needs no name."""
    return "" if number == 1 else f"{number}.html"


def sheet_files(size: int) -> list[str]:
    """Return the files of the pages of a thread with ``size`` messages, but for the first."""
    return [sheet_name(number) for number in range(2, (size - 1) // MANY + 2)]


def permalink_file(
    lst: ListView, hash_: str, thread: str, subject: str, sheet: int = 1
) -> dict[str, bytes]:
    """Return the tiny page of one message, which leads to its place in its thread."""
    target = f"../../t/{thread}/{sheet_name(sheet)}#{hash_}"
    return {
        f"{lst.address}/m/{hash_}/index.html": _pointer(
            lst, target, lst.sight.line(hash_, bare_subject(subject) or subject)
        )
    }


def former_file(
    lst: ListView, former: str, thread: str, subject: str, sheet: int = 1
) -> dict[str, bytes]:
    """Return the page that stands where a thread once was."""
    target = f"../../t/{thread}/{sheet_name(sheet)}#{former}"
    return {
        f"{lst.address}/t/{former}/index.html": _pointer(
            lst, target, lst.sight.line(former, bare_subject(subject) or subject)
        )
    }


def shared_files() -> dict[str, bytes]:
    """Return the files that all pages of a tree refer to."""
    return {f"static/{name}": data for name, data in static_files().items()}


def accent_file(lst: ListView) -> dict[str, bytes]:
    """Return the list's own colour: a hue that its address decides."""
    return {f"{lst.address}/{_accent_name(lst)}": f":root{{--hue:{_hue(lst)}}}\n".encode()}


@lru_cache(maxsize=4_096)
def bare_subject(subject: str) -> str:
    """Return ``subject`` without its Re: and its kin, and without a list's tag."""
    before = ""
    while before != subject:
        before, subject = subject, _TAG.sub("", _PREFIX.sub("", subject), count=1)
    return subject.strip()


def thread_pages(lst: ListView, mails: Sequence[Mail]) -> dict[str, bytes]:
    """Return the pages of a thread whose mails are drawn: index.html, and 2.html and so on."""
    by_hash = {mail.hash: mail for mail in mails}
    whole = _gather(mails)
    last = max(mail.sheet for mail in mails)
    found: dict[str, bytes] = {}
    for sheet in range(1, last + 1):
        here = [mail for mail in mails if mail.sheet == sheet]
        name = sheet_name(sheet) or "index.html"
        found[name] = _sheet(lst, mails, here, by_hash, whole, (sheet, last))
    return found


def _sheet(
    lst: ListView,
    mails: Sequence[Mail],
    here: Sequence[Mail],
    by_hash: dict[str, Mail],
    whole: _Gathered,
    place: tuple[int, int],
) -> bytes:
    """Return one page of a thread; what stands in the whole of it is gathered on the first."""
    first, (sheet, last) = mails[0], place
    own = sheet_name(sheet)
    answered = mails[-1] if last == 1 else here[-1]
    gathered = whole if sheet == 1 else _Gathered(whole.people, [], [])
    html = page(
        "thread",
        lst.language,
        **frame(lst, "../../../", "../../"),
        subject=bare_subject(first.seen.subject) or first.seen.subject,
        articles=[_article(lst, mail, by_hash) for mail in here],
        count=len(mails),
        toc=[(m.hash, m.seen.author, m.date) for m in here] if len(here) > LONG else [],
        answer="" if answered.seen.gone else reply_link(answered, lst.sight),
        gathered=gathered,
        sheet=sheet,
        sheets=[(number, sheet_name(number) or "./") for number in range(1, last + 1)],
        first=min(mail.date for mail in mails),
        last=max(mail.date for mail in mails),
        canonical=f"{lst.base}/{lst.address}/t/{first.hash}/{own}" if lst.base else "",
        card=" ".join(first.seen.quoted.text[:1_000].split())[:CARD],
        picture=next((f.path for f, _ in gathered.files if f.picture), ""),
        masked=lst.masked,
    )
    return html.encode()


def draw(lst: ListView, seen: Seen) -> Seen:
    """Return ``seen`` with the HTML of its words, which does not depend on its thread."""
    if seen.markup or seen.gone:
        body, cut = prose(paragraphs(seen.rest)), False
    else:
        blocks, cut = _bounded(seen.blocks)
        body = drawn("\n".join(_folded(lst.language, one) for one in blocks))
    files = [file_of(one) for one in seen.attachments if not one.shown]
    cut = cut or seen.cut
    if body and not (cut or files or seen.markup or seen.gone or seen.remote):
        return replace(seen, words=str(body))
    words = page(
        "words",
        lst.language,
        body=body,
        nothing=not (body or files or seen.markup or seen.gone),
        markup=seen.markup,
        fold=FOLD,
        unfold=UNFOLD,
        remote=seen.remote,
        cut=cut,
        gone=seen.gone,
        files=files,
    )
    return replace(seen, words=words.strip())


def _folded(language: str, shown: _Shown) -> str:
    words = prose(shown.paragraphs)
    if shown.kind == Kind.OWN:
        return words
    outline = stencil("fold", language, ("words",), kind=shown.kind, lines=shown.lines)
    return outline.fill({"words": words}).strip("\n")


def _gather(mails: Sequence[Mail]) -> _Gathered:
    people = Counter(mail.seen.author for mail in mails)
    links = dict.fromkeys(link for mail in mails for link in links_of(mail.seen))
    files = {
        one.key: (file_of(one), f"{sheet_name(mail.sheet)}#{mail.hash}")
        for mail in mails
        for one in mail.seen.attachments
    }
    return _Gathered(people.most_common(), list(links)[:MAX_LISTED], list(files.values()))


_ARTICLE = (
    *("hash", "initials", "author", "iso", "moment", "above", "whom", "topic", "tongue"),
    *("words", "reply"),
)


def _article(lst: ListView, mail: Mail, by_hash: dict[str, Mail]) -> str:
    """Return one mail on its thread's page."""
    seen = mail.seen
    parent = by_hash.get(mail.parent) if mail.parent else None
    own = bare_subject(seen.subject)
    above = bare_subject(parent.seen.subject) if parent else own
    topic = own if own.casefold() != above.casefold() else ""
    tongue = seen.tongue if seen.tongue != lst.language else ""
    reply = "" if seen.gone else reply_link(mail, lst.sight)
    outline = stencil(
        "article",
        lst.language,
        _ARTICLE,
        step=min(mail.depth, STEPS),
        named=bool(seen.author),
        answers=parent is not None,
        above_named=bool(parent and parent.seen.author),
        has_topic=bool(topic),
        has_tongue=bool(tongue),
        has_reply=bool(reply),
        gone=seen.gone,
    )
    return outline.fill(
        {
            "hash": mail.hash,
            "initials": initials(seen.author),
            "author": seen.author,
            "iso": iso(mail.date),
            "moment": moment(mail.date, lst.language),
            "above": _way(mail, parent) if parent else "",
            "whom": parent.seen.author if parent else "",
            "topic": topic,
            "tongue": tongue,
            "words": drawn(seen.words),
            "reply": reply,
        }
    ).strip("\n")


def _way(here: Mail, there: Mail) -> str:
    """Return the link from one mail of a thread to another."""
    same = here.sheet == there.sheet
    return f"{'' if same else sheet_name(there.sheet) or './'}#{there.hash}"


def reply_link(mail: Mail, sight: Sight) -> str:
    """Return the link (RFC 6068) that begins a reply to ``mail`` in the reader's mail program."""
    subject = quote(f"Re: {bare_subject(mail.seen.subject)}"[:200])
    answers = quote(f"<{mail.message_id}>", safe="@")
    shown = sight.id(mail.message_id, mail.hash) == mail.message_id
    known = shown and not mail.message_id.startswith("sha256:")
    return f"mailto:{mail.reply}?subject={subject}" + (f"&In-Reply-To={answers}" if known else "")


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


@lru_cache(maxsize=4_096)
def initials(name: str) -> str:
    """Return one or two letters for ``name``."""
    words = [w for w in re.split(r"[\s._-]+", name) if w and w[0].isalnum()]
    letters = [words[0][0], words[-1][0]] if len(words) > 1 else [w[0] for w in words]
    return unicodedata.normalize("NFC", "".join(letters)).upper()[:2] or "·"


def file_of(attachment: Attachment) -> File:
    """Return what a page says about a file."""
    size = attachment.size
    text = f"{size} B" if size < 1_000 else f"{size / 1_000:.0f} KB"  # noqa: PLR2004 - SI
    if size >= 1_000_000:  # noqa: PLR2004
        text = f"{size / 1_000_000:.1f} MB"
    return File(attachment.name, attachment.type, text, f"f/{attachment.path}", attachment.picture)


def _pointer(lst: ListView, target: str, subject: str) -> bytes:
    """Return a page that leads on; only two words of it differ, and every mail has one."""
    if not subject:
        return _pointer_page(lst, target, "")
    key = (lst.address, lst.title, lst.language)
    if key not in _POINTERS:
        if len(_POINTERS) >= MAX_LISTED:
            _POINTERS.clear()
        _POINTERS[key] = _pointer_page(lst, FOLD, UNFOLD).decode()
    text = _POINTERS[key].replace(FOLD, escape(target)).replace(UNFOLD, escape(subject))
    return text.encode("utf-8", "replace")


_POINTERS: dict[tuple[str, str, str], str] = {}


def _pointer_page(lst: ListView, target: str, subject: str) -> bytes:
    shown = frame(lst, "../../../", "../../")
    return page("pointer", lst.language, **shown, target=target, subject=subject).encode()


def frame(lst: ListView, root: str, up: str) -> dict[str, object]:
    """Return what every page of a list needs; ``root`` and ``up`` lead to the top and the list."""
    return {"list": lst, "root": root, "accent": f"{up}{_accent_name(lst)}"}


def _hue(lst: ListView) -> int:
    return int.from_bytes(hashlib.sha256(lst.address.encode()).digest()[:2]) % 360


def _accent_name(lst: ListView) -> str:
    return f"hue{_hue(lst)}.css"
