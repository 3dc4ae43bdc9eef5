"""Keep the pages of those members who asked for one: what each wrote, under `/LIST/p/HASH/`.

    more = tend(store, root)                        # rows follow what members want, and new mail
    files = page_files(session, desk, lst, drawn, pages_of(session, lst))

A wish stands in the membership (subscriptions/membership/changes.py). ``tend`` compares it with the
pages that stand, so a page goes whatever took the member away: a switch, leaving, an erasure, a
restored database. A mail is a member's when its From names one address, and that is a proven one of
theirs; mail of those who have no page is tied to nobody. SECURITY: HASH is keyed, names and texts
are shown as the list's viewer may see them and are masked for members too.
"""

import base64
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from archive.pages import thread_formats
from archive.pages.feed_entries import entries_of
from archive.pages.page_frame import ListView, frame
from archive.pages.thread_page import initials
from archive.pages.thread_rendering import DrawingContext, Drawn
from archive.threads.archive_tables import MailAuthor, Message, PersonPage, Thread
from archive.threads.disk import plain_errors, remove_files
from archive.visibility.visibility import mapped
from mailer.errors import BadInput
from mailer.reading.addresses import parse
from mailer.reading.masking import mask
from mailer.reading.message import addresses_of, head
from mailer.reading.subjects import bare_subject
from mailer.storage.store import RawMessage, Store, decompress, insert_or_ignore
from mailer.storage.tokens import Keyring, load_keyring
from subscriptions.lists.roster import Address, ArchivePolicy, MailList, Membership, Person
from templates import page

PERSON_FILES = ("index.html", "feed.atom", "person.json")
MOST = 500  # messages that a page names; all stand in their threads
READ = 200  # mails that one look reads
_TREES = ("public", "members")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Hold one member who wants a page; ``known`` stands for all that it is made with."""

    list_id: int
    address: str  # of the list
    hash: str
    known: str
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class MemberPage:
    """Hold one page that stands; ``name`` is what the member is called, maybe ""."""

    member: int
    hash: str
    name: str


def page_hash(keyring: Keyring, list_address: str, membership: int) -> str:
    """Return the HASH of a member's page: the same for ever, and it tells nobody who it is."""
    made = keyring.keyed_hash(f"page {list_address} {membership}")
    return base64.b32encode(made).decode().rstrip("=").lower()


def waits(session: Session) -> bool:
    """Tell whether a page stands that nobody wants, or the other way round."""
    standing = _standing(session)
    wish = select(Membership.id).where(Membership.has_page).limit(1)
    if not standing and session.scalar(wish) is None:
        return False
    keyring = load_keyring(session)
    wanted = _wanted(session, keyring) if keyring else {}
    return standing != {key: one.known for key, one in wanted.items()}


def tend(store: Store, root: Path) -> bool:
    """Let rows and folders follow what members want, and tie a look of mail; tell if more waits.

    Threads whose pages change by it are touched, so that rendering finds them.
    """
    with store.read() as session:
        keyring = load_keyring(session)
        if keyring is None:
            return False
        wanted = _wanted(session, keyring)
        standing = _standing(session)
        known = {key: one.known for key, one in wanted.items()}
        gone = [key for key, was in standing.items() if known.get(key) != was]
        folders = _folders(session, gone)
    if not (standing or wanted):
        return False
    new = [key for key in wanted if key in gone or key not in standing]
    with plain_errors(root):  # files first: after a kill they are found gone, and the rows go too
        for tree in _TREES:
            remove_files(root / tree, [f"{one}/{name}" for one in folders for name in PERSON_FILES])
    if gone or new:
        with store.write() as session:
            theirs = select(Message.thread_id).join(MailAuthor, MailAuthor.message_id == Message.id)
            _touch(session, theirs.where(MailAuthor.membership_id.in_(gone)))
            session.execute(delete(MailAuthor).where(MailAuthor.membership_id.in_(gone)))
            session.execute(delete(PersonPage).where(PersonPage.membership_id.in_(gone)))
            if new:
                session.execute(
                    insert_or_ignore(session, PersonPage), [_row(key, wanted[key]) for key in new]
                )
    lists = {one.list_id for one in wanted.values()}
    left = [_tie(store, list_id, wanted) for list_id in sorted(lists)]  # a look at each list
    return any(left)


def pages_of(
    session: Session, lst: MailList, threads: Collection[int] | None = None
) -> Sequence[MemberPage]:
    """Return the pages of ``lst``, of those who wrote in ``threads`` if these are given."""
    found = (
        select(PersonPage.membership_id, PersonPage.hash, Person.name)
        .join(Membership, Membership.id == PersonPage.membership_id)
        .join(Person, Person.id == Membership.person_id)
        .where(PersonPage.list_id == lst.id, Membership.has_page)
        .order_by(PersonPage.membership_id)
    )
    if threads is not None:
        theirs = select(MailAuthor.membership_id).join(Message, Message.id == MailAuthor.message_id)
        found = found.where(
            PersonPage.membership_id.in_(theirs.where(Message.thread_id.in_(threads)))
        )
    return [MemberPage(row.membership_id, row.hash, row.name) for row in session.execute(found)]


def page_files(
    session: Session, desk: DrawingContext, lst: MailList, drawn: Drawn, found: Iterable[MemberPage]
) -> dict[str, bytes]:
    """Return the files of these pages; a page without a message has none (``drawn.gone``)."""
    files: dict[str, bytes] = {}
    view, removed = desk.view, desk.view.viewer.removed
    hidden = removed.messages | removed.authors
    for one in found:
        rows = session.execute(
            select(Message, Thread)
            .join(MailAuthor, MailAuthor.message_id == Message.id)
            .join(Thread, Thread.id == Message.thread_id)
            .where(
                MailAuthor.membership_id == one.member,
                Message.list_id == lst.id,
                Message.arrival >= view.since,
                Message.author != "",  # a stone has none
            )
            .order_by(Message.date.desc(), Message.hash.desc())
        ).all()
        shown = [(row.Message, row.Thread) for row in rows if row.Message.hash not in hidden]
        folder = f"{view.address}/p/{one.hash}"
        if not shown:
            drawn.gone += [f"{folder}/{name}" for name in PERSON_FILES]
            continue
        first = shown[0][0]
        name = mask(view.viewer.text(one.name) or view.viewer.name(first.hash, first.author))
        lines = [(message, _subject(view, message)) for message, _ in shown[:MOST]]
        files[f"{folder}/index.html"] = _html(view, name, lines, len(shown))
        files[f"{folder}/person.json"] = _json(view, name, lines, len(shown))
        entries = [
            (thread, replace(mail, seen=mapped(mail.seen, mask)))
            for thread, mail in entries_of(session, desk, drawn, shown[: thread_formats.NEWEST])
        ]
        files[f"{folder}/feed.atom"] = thread_formats.feed(
            view, entries, title=name, path=f"p/{one.hash}/", up="../../"
        )
    return files


def _html(view: ListView, name: str, lines: Sequence[tuple[Message, str]], count: int) -> bytes:
    html = page(
        "person",
        view.language,
        **frame(view, "../../../", "../../"),
        called=name,
        initials=initials(name),
        lines=[(message.hash, subject, message.date) for message, subject in lines],
        count=count,
        shown=len(lines),
    )
    return html.encode("utf-8", "replace")


def _json(view: ListView, name: str, lines: Sequence[tuple[Message, str]], count: int) -> bytes:
    data = {
        "name": name,
        "list": view.address,
        "count": count,
        "messages": [
            {
                "id": view.viewer.id(message.message_id, message.hash),
                "path": f"../../m/{message.hash}/",
                "subject": subject,
                "date": thread_formats.iso_second(message.date),
            }
            for message, subject in lines
        ],
    }
    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")


def _subject(view: ListView, message: Message) -> str:
    subject = bare_subject(message.subject) or message.subject
    return mask(view.viewer.line(message.hash, subject))


def _wanted(session: Session, keyring: Keyring) -> dict[int, _Wanted]:
    """Return everybody who wants a page, by membership."""
    rows = session.execute(
        select(Membership.id, MailList, Person.name, Address.key)
        .join(MailList, MailList.id == Membership.list_id)
        .join(Person, Person.id == Membership.person_id)
        .join(Address, Address.person_id == Person.id)
        .where(Membership.has_page, MailList.archive != ArchivePolicy.NONE)
        .where(Address.proven_at.is_not(None))
        .order_by(Membership.id, Address.key)
    )
    told: dict[int, tuple[MailList, str, list[str]]] = {}
    for row in rows:
        told.setdefault(row.id, (row.MailList, row.name, []))[2].append(row.key)
    return {
        key: _Wanted(
            lst.id,
            lst.address,
            page_hash(keyring, lst.identity, key),
            keyring.keyed_hash("\0".join((lst.address, name, *keys))).hex(),
            frozenset(keys),
        )
        for key, (lst, name, keys) in told.items()
    }


def _standing(session: Session) -> dict[int, str]:
    rows = session.execute(select(PersonPage.membership_id, PersonPage.known))
    return {row.membership_id: row.known for row in rows}


def _folders(session: Session, members: Sequence[int]) -> list[str]:
    rows = session.execute(
        select(PersonPage.hash, MailList)
        .join(MailList, MailList.id == PersonPage.list_id)
        .where(PersonPage.membership_id.in_(members))
    )
    return [f"{row.MailList.address}/p/{row.hash}" for row in rows]


def _row(key: int, one: _Wanted) -> dict[str, object]:
    return {
        "membership_id": key,
        "list_id": one.list_id,
        "hash": one.hash,
        "known": one.known,
        "upto": 0,
    }


def _tie(store: Store, list_id: int, wanted: dict[int, _Wanted]) -> bool:
    """Tie the next mails of a list to those who wrote them; tell whether there are more."""
    owners = {
        key: member for member, one in wanted.items() if one.list_id == list_id for key in one.keys
    }
    with store.read() as session:
        upto = select(func.min(PersonPage.upto)).where(PersonPage.list_id == list_id)
        rows = session.execute(
            select(Message.id, Message.thread_id, RawMessage.data)
            .join(RawMessage, RawMessage.sha == Message.raw_sha, isouter=True)
            .where(Message.list_id == list_id, Message.id > (session.scalar(upto) or 0))
            .order_by(Message.id)
            .limit(READ)
        ).all()
        tied = select(MailAuthor.message_id).where(
            MailAuthor.message_id.in_([row.id for row in rows])
        )
        before = set(session.scalars(tied))
    ties = [
        (row.id, owner, row.thread_id)
        for row in rows
        if row.id not in before
        and row.data is not None
        and (owner := owners.get(_writer(decompress(row.data))))
    ]
    if rows:
        with store.write() as session:
            if ties:
                # A page that went meanwhile takes no more: the look that took it away is ours too.
                made = [{"message_id": key, "membership_id": owner} for key, owner, _ in ties]
                session.execute(insert_or_ignore(session, MailAuthor), made)
                _touch(session, sorted({thread for _, _, thread in ties}))
            session.execute(
                update(PersonPage)
                .where(PersonPage.list_id == list_id, PersonPage.upto < rows[-1].id)
                .values(upto=rows[-1].id)
            )
    return len(rows) == READ


def _writer(raw: bytes) -> str:
    """Return the key of the one address that From names, "" where there are others or none."""
    spelled = [s for value in head(raw).all("From") for _, s in addresses_of(value)]
    try:
        return parse(spelled[0]).key if len(spelled) == 1 else ""
    except BadInput:
        return ""


def _touch(session: Session, threads: object) -> None:
    session.execute(
        update(Thread)
        .where(Thread.id.in_(threads))  # type: ignore[arg-type]  # ids, or a query for them
        .values(touched=Thread.touched + 1)
        .execution_options(synchronize_session=False)
    )
