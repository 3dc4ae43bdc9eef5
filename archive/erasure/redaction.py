"""Take something out of a list's archive for good: a message, a file, a person, a phrase.

    request = Request(phrases=("the code is 4711",))
    plan = prepare(session, lst, request)     # reads; says what would go
    apply(session, lst, plan, now)            # rows only; build the archive after it

Rows only; removal.py takes the words out of every text, build.py writes the files anew, and
removal_check.py looks into them. What is kept are keyed digests, so nobody finds the name in the
table that removes it. Addresses of pages stay: a removed message leaves a stone where it stood. The
mail of a removed message leaves the store too; backups hold it until they are overwritten.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from archive.erasure import redaction_journal
from archive.erasure.name_spellings import address_phrases, name_phrases, names_beside
from archive.pages.page_frame import SPOT
from archive.pages.views import removal_key
from archive.threads.archive_tables import Body, Message, Removal, Thread
from archive.visibility.removal import digest, phrase, runs, words_of
from archive.visibility.visibility import unpack
from mailer.errors import BadInput, Refused
from mailer.reading.addresses import MailAddress, parse
from mailer.reading.bodies import read
from mailer.reading.headers.head_facts import permalink_hash, read_head
from mailer.reading.message import addresses_of, head
from mailer.reading.subjects import bare_subject
from mailer.storage.journal import JournalLine
from mailer.storage.store import RawMessage, get_raw
from subscriptions.lists.roster import Address as AddressRow
from subscriptions.lists.roster import MailList, Person

SHORTEST = 4  # letters of a phrase that is one word
_HASH = re.compile(r"(?:/m/|#|\A)([a-z2-7]{52})(?:/|\Z)")
_SPOT = re.compile(rf"#([a-z2-7]{{{SPOT}}})\Z")  # a place on a thread's page
_KEY = re.compile(r"(?:/f/|\A)([a-z2-7]{52})(?:\.|\Z)")


@dataclass(frozen=True, slots=True)
class Request:
    """Hold what somebody wants out: ids, permalinks, file names or addresses, and texts."""

    messages: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    inside: str = ""  # the only message that loses the phrases
    unquoted: tuple[str, ...] = ()  # messages that lose what they quote


@dataclass(slots=True)
class RedactionPlan:
    """Hold what will be taken out; ``notes`` are what a person should know before."""

    rows: set[tuple[str, int, bytes]] = field(default_factory=set)  # kind, words, digest
    messages: list[tuple[str, bytes]] = field(default_factory=list)  # hash, raw
    names: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    brought: set[str] = field(default_factory=set)  # keys of the files of those messages
    notes: list[str] = field(default_factory=list)


def prepare(session: Session, lst: MailList, request: Request) -> RedactionPlan:
    """Return what ``request`` takes out; raise Refused for what is not in the archive."""
    plan = RedactionPlan()
    key = removal_key(session, lst)
    for name in request.messages:
        _plan_message(session, lst, key, name, plan)
    for name in request.files:
        _plan_file(session, lst, name, plan)
    inside = message_of(session, lst, request.inside).hash if request.inside else ""
    for name in request.unquoted:
        plan.rows.add(("unquote", 0, message_of(session, lst, name).hash.encode()))
    for text in request.phrases:
        found = phrase(key, text)
        if found is not None and inside:
            plan.rows.add(("inside", found[0], found[1] + inside.encode()))
            continue
        if found is None or (found[0] == 1 and len(words_of(text)[0]) < SHORTEST):
            raise Refused(
                f"{text!r} is too short: it would take words out of everybody's mail.",
                f"Give a longer phrase, or a word of at least {SHORTEST} letters.",
            )
        plan.rows.add(("phrase", *found))
    if request.people:
        _plan_people(session, lst, key, request.people, plan)
    return plan


def apply(session: Session, lst: MailList, plan: RedactionPlan, now: float) -> None:
    """Write down what is taken out; the mail of removed messages leaves the store."""
    known = {
        (row.kind, row.words, row.digest)
        for row in session.scalars(select(Removal).where(Removal.list_id == lst.id))
    }
    rows = sorted(plan.rows - known)
    if rows:
        session.execute(
            insert(Removal),
            [
                {"list_id": lst.id, "kind": kind, "words": words, "digest": digest_, "at": now}
                for kind, words, digest_ in rows
            ],
        )
        redaction_journal.note(session, lst, rows)
    for hash_, sha in plan.messages:
        elsewhere = select(Message.id).where(
            Message.raw_sha == sha, (Message.list_id != lst.id) | (Message.hash != hash_)
        )
        if session.scalar(elsewhere.limit(1)) is None:
            session.execute(delete(RawMessage).where(RawMessage.sha == sha))


def apply_again(session: Session, lines: Iterable[JournalLine]) -> int:
    """Take out once more what the journal says was taken out; return how many rows that wrote.

    A database that was put back holds the words again, and its pages have to be drawn anew.
    """
    before = session.scalar(select(func.count()).select_from(Removal)) or 0
    lists: dict[int, MailList] = {}
    for lst, at, told in redaction_journal.replayable(session, lines):
        rows = [row for row in told if row[0] != redaction_journal.PICTURE]
        hashes = [digest_.decode() for kind, _, digest_ in rows if kind == "message"]
        there = select(Message.hash, Message.raw_sha).where(
            Message.list_id == lst.id, Message.hash.in_(hashes)
        )
        messages = [(row.hash, row.raw_sha) for row in session.execute(there)] if hashes else []
        apply(session, lst, RedactionPlan(rows=set(rows), messages=messages), at)
        lists[lst.id] = lst
    for lst_id in lists:
        session.execute(update(Thread).where(Thread.list_id == lst_id).values(rendered=0))
    return (session.scalar(select(func.count()).select_from(Removal)) or 0) - before


def message_of(session: Session, lst: MailList, name: str) -> Message:
    """Return the message of this Message-ID, or this address of its page; raise Refused."""
    found = _HASH.search(name.strip())
    hash_ = found[1] if found else permalink_hash(name.strip().strip("<>"))
    row = session.scalar(select(Message).where(Message.list_id == lst.id, Message.hash == hash_))
    if row is None and (place := _SPOT.search(name.strip())):
        begins = Message.hash.startswith(place[1])
        row = session.scalar(select(Message).where(Message.list_id == lst.id, begins))
    if row is None:
        raise Refused(
            f"There is no message {name} in the archive of {lst.address}.",
            "Give its Message-ID, or the address of its page.",
        )
    return row


def _plan_message(
    session: Session, lst: MailList, key: bytes, name: str, plan: RedactionPlan
) -> None:
    row = message_of(session, lst, name)
    raw = get_raw(session, row.raw_sha) or b""
    reading = read(raw)
    plan.rows.add(("message", 0, row.hash.encode()))
    plan.rows |= {("quote", *one) for one in runs(key, reading.quoted.text)}
    plan.rows |= {("title", *one) for one in _title(session, key, row)}
    plan.brought |= {one.key for one in reading.attachments}
    plan.messages.append((row.hash, row.raw_sha))


def _title(session: Session, key: bytes, row: Message) -> set[tuple[int, bytes]]:
    """Return what stands for the subject of a message that gave its thread that name."""
    title = bare_subject(row.subject)
    earlier = select(Message.subject).where(
        Message.thread_id == row.thread_id, Message.id != row.id, Message.date < row.date
    )
    words = words_of(title)
    if len(words) < 2 or title in map(bare_subject, session.scalars(earlier)):  # noqa: PLR2004
        return set()  # a lone word is anybody's
    return {(len(words), digest(key, words))}


def _plan_file(session: Session, lst: MailList, name: str, plan: RedactionPlan) -> None:
    """Find the mails that bring a file of this name or address, and the file's own key."""
    found = _KEY.search(name.strip())
    wanted = found[1] if found else name.strip().rpartition("/")[2]
    rows = session.execute(
        select(Message.raw_sha, Body.packed)
        .join(Message, Message.id == Body.message_id)
        .where(Message.list_id == lst.id)
        .execution_options(yield_per=200)
    )
    holders = [
        row.raw_sha
        for row in rows
        if any(wanted in {a.key, a.masked, a.name} for a in unpack(row.packed).attachments)
    ]
    keys = {
        (one.key, one.masked)
        for sha in holders
        for one in read(get_raw(session, sha) or b"").attachments
        if wanted in {one.key, one.masked, one.name}
    }
    if not keys:
        raise Refused(
            f"No mail in the archive of {lst.address} brings a file {name}.",
            "Give its name, or the address of the file.",
        )
    for both in keys:
        plan.rows |= {("file", 0, key.encode()) for key in both}
        plan.files.append(both[0])


def _plan_people(
    session: Session, lst: MailList, key: bytes, people: tuple[str, ...], plan: RedactionPlan
) -> None:
    """Find the names that came with the addresses of ``people``, and their own messages."""
    asked = [address_of(one) for one in people]
    wanted = {one.key for one in asked}
    spelled = {form for one in asked for form in (one.key, one.given)}
    names = _names_of_members(session, wanted)
    others: set[str] = set()
    for hash_, raw in _raws(session, lst):
        author = read_head(raw).author
        if senders_of(raw) & wanted:
            plan.rows.add(("author", 0, hash_.encode()))
            names.add(author)
        else:
            others |= set(words_of(author))
        names |= names_beside(raw, wanted, spelled)
    for address in sorted(spelled):
        plan.rows |= {("phrase", *one) for one in address_phrases(key, address)}
    for name in sorted(names - {""}):
        words = words_of(name)
        if len(words) == 1 and words[0] in others:
            plan.notes.append(f"{name} is also the name of others and stays in their words.")
            continue
        if words:
            plan.rows |= {("phrase", *one) for one in name_phrases(key, name)}
            plan.names.append(name)


def _names_of_members(session: Session, keys: set[str]) -> set[str]:
    rows = select(Person.name).join(AddressRow, AddressRow.person_id == Person.id)
    return set(session.scalars(rows.where(AddressRow.key.in_(keys))))


def senders_of(raw: bytes) -> set[str]:
    """Return the keys of the addresses that From names."""
    found = set()
    for _, spelled in addresses_of(head(raw).first("From") or b""):
        with suppress(BadInput):
            found.add(parse(spelled).key)
    return found


def address_of(text: str) -> MailAddress:
    """Return an address as it is compared and sent to; raise Refused."""
    try:
        return parse(text)
    except BadInput:
        raise Refused(f"{text!r} is no mail address.", "A person is known by an address.") from None


def _raws(session: Session, lst: MailList) -> Iterator[tuple[str, bytes]]:
    rows = session.execute(select(Message.hash, Message.raw_sha).where(Message.list_id == lst.id))
    for hash_, sha in rows.all():
        yield hash_, get_raw(session, sha) or b""
