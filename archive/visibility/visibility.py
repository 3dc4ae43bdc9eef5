"""Decide what may be seen of a mail: the one view from which everything that is published derives.

Pages, thread.json, feeds, mbox, raw, attachments and the search index are all made of ``Seen``
mails and know no other. Strangers get shortened addresses; what was redacted is in no view at
all. SECURITY: what is not taken out here is published, so what is new passes here first.
"""

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from archive.visibility.removal import MARK, Removed
from mailer.reading.attachments import Attachment
from mailer.reading.bodies import VERSION, MailBody
from mailer.reading.masking import mask
from mailer.reading.quotes import LineBlock, LineKind, Quoted
from mailer.storage.store import compress, decompress

_ANY = re.compile(r"<[^<>]*>")
_SHORT = re.compile(r"[^\s@<>]{0,64}?\.\.\.(@|%40)")
_ADDRESS = re.compile(r"[\w.+-]{1,64}(?:@|&#64;|%40)[\w-]{1,63}\.[\w-]")
_MAILTO = re.compile(r' href="mailto:[^"]*"')
_LINK = re.compile(r"https?://[^\s<>\"'\u00ab\u00bb]{3,2000}")
MAX_LINKS = 50  # of one mail, that a thread's list names


@dataclass(frozen=True, slots=True)
class Seen:
    """Hold what may be shown of one mail; ``words`` are the HTML of its page, "" until drawn."""

    subject: str
    author: str
    blocks: tuple[LineBlock, ...]
    attachments: tuple[Attachment, ...] = ()
    markup: str = ""
    rest: str = ""
    remote: int = 0
    language: str = ""
    cut: bool = False
    gone: bool = False  # taken out of the archive: a tombstone
    changed: bool = False  # something was taken out: the original bytes are not shown either
    words: str = ""

    @property
    def quoted(self) -> Quoted:
        """Return the text, taken apart."""
        return Quoted(self.blocks)


DRAWING = 2  # of the HTML that is made of a mail; a higher one draws all anew


@dataclass(frozen=True, slots=True)
class Viewer:
    """Say who looks: ``masked`` for strangers; ``removed`` is what nobody sees.

    It has no default and is made in archive/pages/views.py alone: no writer of files can forget it.
    """

    masked: bool
    language: str
    removed: Removed

    @property
    def key(self) -> str:
        """Return what a drawn mail depends on besides itself."""
        return f"{VERSION}.{DRAWING}{self.whose}"

    @property
    def whose(self) -> str:
        """Return the end of the key, which says who looks and at what: older programs' is alike."""
        who = "m" if self.masked else "w"
        return f"{who}{self.language}{self.removed.revision}"

    def text(self, text: str) -> str:
        """Return a short text (a subject, a name) as it may be shown."""
        text = self.removed.clean(text)
        return mask(text) if self.masked else text

    def line(self, hash_: str, text: str) -> str:
        """Return the subject of the mail ``hash_`` as it may be shown where mails are listed."""
        if hash_ in self.removed.messages:
            return ""
        text = self.removed.within(hash_).clean_subject(text)
        return mask(text) if self.masked else text

    def name(self, hash_: str, author: str) -> str:
        """Return the author of the mail ``hash_`` as they may be named where mails are listed."""
        return "" if hash_ in self.removed.authors else self.line(hash_, author)

    def id(self, message_id: str, hash_: str) -> str:
        """Return what stands for a Message-ID: another, where it names what was removed."""
        hidden = self.removed.clean(message_id) != message_id
        return f"removed-{hash_[:20]}@invalid" if hidden else message_id


def see(hash_: str, subject: str, author: str, reading: MailBody, viewer: Viewer) -> Seen:
    """Return what ``viewer`` may see of a mail."""
    if hash_ in viewer.removed.messages:
        return Seen(subject="", author="", blocks=(), gone=True, changed=True)
    seen = Seen(
        subject=subject,
        author=author,
        blocks=reading.quoted.blocks,
        attachments=reading.attachments,
        markup=reading.markup,
        rest=reading.rest if reading.markup else "",
        remote=reading.remote,
        language=reading.language,
        cut=reading.cut,
    )
    if viewer.removed.revision:
        seen = _without(seen, viewer.removed.within(hash_))
    if hash_ in viewer.removed.quoteless:
        seen = _unquoted(seen)
    if hash_ in viewer.removed.authors:
        seen = replace(seen, author="", changed=True)
    return _masked(seen) if viewer.masked else seen


def _without(seen: Seen, removed: Removed) -> Seen:
    """Return ``seen`` without what was removed; markup that holds any of it gives way to text."""
    blocks = tuple(
        LineBlock(
            b.kind, (removed.clean if b.kind is LineKind.OWN else removed.clean_quote)(b.text)
        )
        for b in seen.blocks
    )
    files = tuple(
        replace(a, name=removed.clean(a.name))
        for a in seen.attachments
        if a.key not in removed.files
    )
    bare = html.unescape(_ANY.sub(" ", seen.markup))
    tight = html.unescape(_ANY.sub("", seen.markup))
    hidden = any(removed.clean_quote(text) != text for text in (bare, tight, seen.markup))
    if len(files) < len(seen.attachments) and any(a.shown for a in seen.attachments):
        hidden = True
    after = replace(
        seen,
        subject=removed.clean_subject(seen.subject),
        author=removed.clean(seen.author),
        blocks=blocks,
        rest="" if hidden else removed.clean_quote(seen.rest),
        markup="" if hidden else seen.markup,
        attachments=files,
    )
    return after if after == seen else replace(after, changed=True)


def _unquoted(seen: Seen) -> Seen:
    """Return ``seen`` with a mark where it quoted."""
    blocks: list[LineBlock] = []
    for block in seen.blocks:
        if block.kind in {LineKind.OWN, LineKind.SIGNATURE}:
            blocks.append(block)
        elif not blocks or blocks[-1] != _CUT:
            blocks.append(_CUT)
    files = tuple(replace(one, shown=False) for one in seen.attachments)
    return replace(seen, blocks=tuple(blocks), markup="", rest="", attachments=files, changed=True)


_CUT = LineBlock(LineKind.QUOTE, f"> {MARK}")


def _masked(seen: Seen) -> Seen:
    """Return ``seen`` with every address shortened, in the names of its files too."""
    markup = masked_markup(seen.markup)
    return replace(
        mapped(seen, mask),
        markup=markup,
        rest=mask(seen.rest) if markup else "",
        attachments=tuple(
            replace(a, name=mask(a.name), key=a.masked, shown=a.shown and bool(markup))
            for a in seen.attachments
        ),
    )


def masked_markup(markup: str) -> str:
    """Return ``markup`` with addresses shortened, "" where one hides across its elements."""
    shown = mask(_MAILTO.sub("", markup))
    bare = _SHORT.sub("", html.unescape(_ANY.sub("", shown)))
    return "" if _ADDRESS.search(bare) else shown


def mapped(seen: Seen, change: Callable[[str], str]) -> Seen:
    """Return ``seen`` with ``change`` done to each of its texts."""
    return replace(
        seen,
        subject=change(seen.subject),
        author=change(seen.author),
        blocks=tuple(LineBlock(b.kind, change(b.text)) for b in seen.blocks),
        rest=change(seen.rest),
    )


def links_of(seen: Seen) -> list[str]:
    """Return the web addresses that the writer's own words name."""
    found = (m[0].rstrip(".,;:!?*_')>]") for m in _LINK.finditer(seen.quoted.text))
    return list(dict.fromkeys(found))[:MAX_LINKS]


def pack(seen: Seen) -> bytes:
    """Return ``seen`` as bytes for the database."""
    fields = [
        seen.subject,
        seen.author,
        [[b.kind.value, b.text] for b in seen.blocks],
        [[a.name, a.type, a.size, a.key, a.masked, a.ending, a.shown] for a in seen.attachments],
        [seen.markup, seen.rest, seen.remote, seen.language, seen.cut, seen.gone, seen.changed],
        seen.words,
    ]
    return compress(json.dumps(fields, ensure_ascii=False).encode())


def unpack(data: bytes) -> Seen:
    """Return what ``pack`` was given."""
    subject, author, blocks, files, rest, words = json.loads(decompress(data))
    markup, beside, remote, language, cut, gone, changed = rest
    return Seen(
        subject,
        author,
        tuple(LineBlock(LineKind(kind), text) for kind, text in blocks),
        tuple(Attachment(*one) for one in files),
        markup,
        beside,
        remote,
        language,
        cut=cut,
        gone=gone,
        changed=changed,
        words=words,
    )
