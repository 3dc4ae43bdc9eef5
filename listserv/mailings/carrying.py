"""Apply what a list carries to its posts: to what is filed and sent, and to the copies alone.

    whole = carrying.without_files(reading, lst)      # before it is filed: files it does not take
    raw = carrying.for_copies(raw, lst, page, "sv")   # large files and HTML, of the copies

Knows a list's settings and the words that stand for a part; how bytes change is for
posts/carried_parts.py. Large files and HTML stay in the archive as they came.
"""

from dataclasses import replace

import templates
from listserv.letters.post_headers import ListFace
from listserv.posts import carried_parts
from listserv.posts.carried_parts import Carried, CarryPolicy, PartChange, PartFate
from listserv.posts.facts import PostReading
from mailer.reading import message
from subscriptions.lists import file_policy
from subscriptions.lists.roster import MailList


def without_files(reading: PostReading, lst: MailList) -> PostReading:
    """Return a post without the files that its list does not take."""
    found = refused_files(reading.raw, lst)
    if not found.changes:
        return reading
    return replace(reading, raw=found.raw, head=message.head(found.raw))


def refused_files(raw: bytes, lst: MailList) -> Carried:
    """Return a mail without the files that a list does not take, and which those are."""
    policy = CarryPolicy(files=file_policy.read(lst.files or ""))
    return carried_parts.carry(raw, policy, _note(lst.language))


def for_copies(raw: bytes, lst: MailList, page: str, language: str) -> Carried:
    """Return a mail as its copies carry it; ``page`` is the mail's own, "" without an archive."""
    policy = CarryPolicy(big=lst.big_files or 0, page=page, html=lst.html)
    return carried_parts.carry(raw, policy, _note(language))


def foretold(raw: bytes, lst: MailList, face: ListFace) -> list[tuple[str, PartChange]]:
    """Return what would become of the parts of a mail, each with the option that asks for it."""
    refused = refused_files(raw, lst)
    page = f"{face.page}m/" if face.archived else ""
    found = for_copies(refused.raw, lst, page, lst.language)
    return [(_OPTIONS[one.fate], one) for one in (*refused.changes, *found.changes)]


_OPTIONS = {
    PartFate.REMOVED: "files", PartFate.LINKED: "big_files",
    PartFate.REDUCED: "html", PartFate.TEXT: "html",
}  # fmt: skip


def _note(language: str) -> carried_parts.Note:
    def said(change: PartChange, page: str) -> str:
        return templates.mail_part(
            "post-file",
            language,
            fate=change.fate.value,
            file=change.name,
            type=change.type,
            size=_size(change.size, language),
            page=page,
        )

    return said


def _size(octets: int, language: str) -> str:
    """Return a size as people say it: 3.1 MB, in a language's own way."""
    number, unit = (octets / 1e6, "MB") if octets >= 1e6 else (max(1, octets / 1e3), "kB")  # noqa: PLR2004
    text = f"{number:.1f}" if unit == "MB" else f"{number:.0f}"
    return f"{text if language == 'en' else text.replace('.', ',')} {unit}"
