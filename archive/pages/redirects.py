"""Lead old addresses to permanent links: those of Pipermail, MHonArc and HyperKitty.

    found = read_tree(folder)                    # old pages that name their mail
    moves = moves_of(session, lst, "/pipermail/friends", found)
    keep(session, lst, moves)                    # rows; the web door and an export use them

Pipermail and MHonArc count their pages, so only the old pages themselves say which mail each was:
both write its Message-ID into them. HyperKitty's addresses are made of Message-IDs (base32 of
SHA-1), so they are known without any old file. SECURITY: old pages are a stranger's: a bounded
part of each is searched for one id, and an address only ever leads into its own list.
"""

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, unquote

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from archive.pages.page_frame import ListView
from archive.threads.archive_tables import Message, MonthCount, Redirect
from mailer.errors import BadInput
from mailer.reading.headers.head_facts import permalink_hash
from subscriptions.lists.roster import ArchivePolicy, MailList, find_list

LOOK = 64 * 1024  # bytes of an old page that are searched
LONGEST = 400  # characters of an old address
DEEPEST = 12  # folders of one
CHUNK = 400
OLD = "old"  # the folder of a members' archive below which old addresses are looked up
_MONTHS = "January February March April May June July August September October November December"
_MONTH = {name: number for number, name in enumerate(_MONTHS.split(), 1)}
_PIPERMAIL = re.compile(rb"In-Reply-To=([^\"'&\s>]{3,2000})", re.IGNORECASE)
_MHONARC = re.compile(rb"<!--X-Message-Id:\s*([^\s]{3,2000}?)\s*-->")
_FOLDER = re.compile(r"(\d{4})-([A-Z][a-z]{2,8})\Z")
_LISTS = {"index", "thread", "subject", "author", "date", "maillist", "threads"}


class FormerProgram(StrEnum):
    """Say which program made the old archive."""

    PIPERMAIL = "pipermail"
    MHONARC = "mhonarc"
    HYPERKITTY = "hyperkitty"


@dataclass(slots=True)
class FormerPages:
    """Hold what a folder of old pages says; paths are relative to it."""

    pages: dict[str, str] = field(default_factory=dict)  # path -> Message-ID
    months: dict[str, str] = field(default_factory=dict)  # path -> month, or "" for the home


@dataclass(slots=True)
class Moves:
    """Hold old address -> place in the list's archive; ``lost`` are pages of mails not here."""

    targets: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


def read_tree(folder: Path) -> FormerPages:
    """Read the pages of Pipermail or MHonArc below ``folder``."""
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder.", "Give the folder with the old archive's pages.")
    old = FormerPages()
    for path in sorted(folder.rglob("*.htm*")):
        name = path.relative_to(folder).as_posix()
        if len(name) > LONGEST or not name.isprintable() or not path.is_file():
            continue
        if path.stem in _LISTS:
            old.months[name] = _month(path.parent.name)
            continue
        with path.open("rb") as file:
            found = message_id_of(file.read(LOOK))
        if found:
            old.pages[name] = found
    return old


def message_id_of(page: bytes) -> str:
    """Return the Message-ID that an old page was made of, "" where it names none."""
    mhonarc = _MHONARC.search(page)
    if mhonarc is not None:
        return html.unescape(mhonarc[1].decode("utf-8", "replace")).strip("<> ")
    pipermail = _PIPERMAIL.search(page.replace(b"&amp;", b"&"))
    if pipermail is None:
        return ""
    told = html.unescape(unquote(pipermail[1].decode("utf-8", "replace")))
    return "".join(told.split()).strip("<>")


def moves_of(session: Session, lst: MailList, at: str, old: FormerPages | None) -> Moves:
    """Return where each old address leads; without ``old`` they are HyperKitty's.

    ``at`` is the path below which the old archive stood, such as ``/pipermail/friends``.
    """
    at = _root(at)
    months = set(session.scalars(select(MonthCount.month).where(MonthCount.list_id == lst.id)))
    moves = Moves({at: ""})
    if old is None:
        for month in months:
            moves.targets[f"{at}/{int(month[:4])}/{int(month[5:])}"] = f"{month}/"
        rows = select(Message.message_id, Message.hash).where(Message.list_id == lst.id)
        for row in session.execute(rows.execution_options(yield_per=1_000)):
            name = hyperkitty_hash(row.message_id)
            moves.targets[f"{at}/message/{name}"] = f"m/{row.hash}/"
            moves.targets[f"{at}/thread/{name}"] = f"m/{row.hash}/"
        return moves
    for name, month in old.months.items():
        moves.targets[f"{at}/{name}"] = f"{month}/" if month in months else ""
    hashes = {name: permalink_hash(id_) for name, id_ in old.pages.items()}
    here = _here(session, lst, hashes.values())
    for name, hash_ in hashes.items():
        if hash_ in here:
            moves.targets[f"{at}/{name}"] = f"m/{hash_}/"
        else:
            moves.lost.append(name)
    return moves


def hyperkitty_hash(message_id: str) -> str:
    """Return the name that HyperKitty (and Mailman's Message-ID-Hash) gives a mail."""
    digest = hashlib.sha1(message_id.encode("utf-8", "surrogateescape"), usedforsecurity=False)
    return base64.b32encode(digest.digest()).decode("ascii")


def keep(session: Session, lst: MailList, targets: Mapping[str, str]) -> None:
    """Write down some of the moves, over what was known of the same addresses."""
    known = list(targets)
    for start in range(0, len(known), CHUNK):
        some = known[start : start + CHUNK]
        session.execute(delete(Redirect).where(Redirect.path.in_(some)))
        session.execute(
            insert(Redirect),
            [{"list_id": lst.id, "path": path, "target": targets[path]} for path in some],
        )


def renamed(session: Session, path: str) -> str | None:
    """Return where a path below a list's former address leads, None where it is below none."""
    first, slash, rest = path.lstrip("/").partition("/")
    lst = find_list(session, first) if "@" in first and len(path) <= LONGEST * 2 else None
    if lst is None or first.lower() == lst.address:
        return None
    return f"/{lst.address}{slash or '/'}{quote(rest)}"


def resolve(session: Session, path: str) -> str | None:
    """Return the path that the old address ``path`` leads to, or None where it is none.

    SECURITY: of a members' archive every address below its old place leads below the list's own
    folder, where the door asks who is there, whether it is known or not.
    """
    path = _bare(path)
    if len(path) > LONGEST * 2 or path.count("/") > DEEPEST:
        return None
    parts = path.split("/")
    above = ["/".join(parts[:count]) for count in range(2, len(parts) + 1)]
    rows = session.execute(
        select(Redirect, MailList)
        .join(MailList, MailList.id == Redirect.list_id)
        .where(Redirect.path.in_(above))
    ).all()
    for known, lst in sorted(rows, key=lambda row: len(row[0].path), reverse=True):
        if lst.archive == ArchivePolicy.MEMBERS:
            return f"/{lst.address}/{OLD}{quote(path)}"
        if known.path == path and lst.archive == ArchivePolicy.PUBLIC:
            return f"/{lst.address}/{known.target}"
    return None


def resolve_for_member(session: Session, lst: MailList, path: str) -> str | None:
    """Return where an old address leads in a list's own folder, for one who may read it."""
    target = session.scalar(
        select(Redirect.target).where(Redirect.path == _bare(path), Redirect.list_id == lst.id)
    )
    return None if target is None else f"/{lst.address}/{target}"


def redirect_lines(session: Session, view: ListView, lst: MailList) -> Iterator[str]:
    """Yield the lines of a ``_redirects`` file, which static hosts read: old, new, 301.

    An old address that holds what was taken out, or leads to what ``view`` does not show, is not
    among them.
    """
    older = select(Message.hash).where(Message.list_id == lst.id, Message.arrival < view.since)
    hidden = {f"m/{hash_}/" for hash_ in session.scalars(older)} if view.since else set()
    rows = session.execute(
        select(Redirect.path, Redirect.target)
        .where(Redirect.list_id == lst.id)
        .order_by(Redirect.path)
        .execution_options(yield_per=1_000)
    )
    for former in lst.addresses[1:]:
        yield f"/{quote(former, safe='@')}/* /{lst.address}/:splat 301\n"
    removed = view.viewer.removed
    for row in rows:
        if row.target not in hidden and removed.clean(row.path) == row.path:
            yield f"{quote(row.path, safe='/@')} /{lst.address}/{row.target} 301\n"


def batches(targets: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield parts of ``targets`` that one short transaction takes."""
    names: Sequence[str] = list(targets)
    for start in range(0, len(names), CHUNK):
        yield {name: targets[name] for name in names[start : start + CHUNK]}


def _here(session: Session, lst: MailList, hashes: Iterable[str]) -> set[str]:
    wanted = sorted(set(hashes))
    found: set[str] = set()
    for start in range(0, len(wanted), CHUNK):
        some = Message.hash.in_(wanted[start : start + CHUNK])
        found |= set(session.scalars(select(Message.hash).where(Message.list_id == lst.id, some)))
    return found


def _month(folder: str) -> str:
    found = _FOLDER.match(folder)
    number = _MONTH.get(found[2]) if found else None
    return f"{found[1]}-{number:02}" if found and number else ""


def _root(at: str) -> str:
    path = _bare(unquote(at))
    if not path.startswith("/") or len(path) < 2 or len(path) > LONGEST:  # noqa: PLR2004 - "/x"
        raise BadInput(
            f"{at!r} is not where an archive can have stood.",
            "Give the path of its old address, such as /pipermail/friends.",
        )
    return path


def _bare(path: str) -> str:
    """Return ``path`` without what makes no difference: slashes at the end, a home's file name."""
    return path.rstrip("/").removesuffix("/index.html").rstrip("/")
