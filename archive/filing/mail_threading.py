"""Place mails in the threads of a list's archive: rows only, pages come later (build.py).

Placing is idempotent, and the same mails in any order end in the same threads. The cost of a
mail does not grow with the list, nor with its thread, except when it shows that a guess was
wrong (a late parent, an earlier witness): then its thread is arranged anew.

The same Message-ID with the same content is one mail. With other content both are kept: the
first to come keeps the id (its permalink has been sent out), the other gets ``sha256:HEX`` of
its bytes, so nobody can make a mail disappear by using its id again.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from archive.erasure.erased_mail import is_erased
from archive.filing.thread_rows import (
    MailToThread,
    MessageRow,
    NodeSpot,
    ThreadingBatch,
    write_batch,
)
from archive.threads import moved_mails
from archive.threads.archive_tables import Message, Node, Thread
from archive.threads.thread_tree import components, cut_loops, order
from mailer.reading.headers.head_facts import clamp_date, content_id, permalink_hash, read_head
from mailer.reading.message import head
from mailer.storage.store import get_raw
from subscriptions.lists.roster import ArchivePolicy, MailList

_T = TypeVar("_T")
_IN = 400  # parameters in one IN (...): far below SQLite's and PostgreSQL's limits
BESIDE = 500  # mails of a thread that are looked through for its root


class ThreadingOutcome(StrEnum):
    """Say what became of a mail."""

    NEW = "new"
    DUPLICATE = "duplicate"
    NOT_ARCHIVED = "not archived"  # its author or the list asked for that


@dataclass(frozen=True, slots=True)
class Placed:
    """Say where a mail stands; ids and hashes are empty when it is not archived."""

    outcome: ThreadingOutcome
    message_id: str = ""
    hash: str = ""
    thread: str = ""  # the hash of its thread, now; a late root may change it


def place(
    session: Session,
    lst: MailList,
    raw: bytes,
    sha: bytes,
    received_at: float,
    *,
    answers: str = "",
) -> Placed:
    """Place one mail that came at ``received_at``; ``sha`` is its key in the mail store.

    ``answers`` is the Message-ID that it answers where its own head names none.
    """
    mail = MailToThread(raw, sha, received_at, read_head(raw))
    return place_many(session, lst, [below(mail, answers)])[0]


def below(mail: MailToThread, answers: str) -> MailToThread:
    """Return a mail as one that answers the Message-ID ``answers``, where it names none itself."""
    if not answers or mail.head.references or answers == mail.head.message_id:
        return mail
    return replace(mail, head=replace(mail.head, references=(answers,)))


def answered(session: Session, list_id: int, row: int) -> str | None:
    """Return the Message-ID of an archived mail by its row, or None where it is not this list's."""
    found = session.get(Message, row)
    return found.message_id if found is not None and found.list_id == list_id else None


def beside(session: Session, list_id: int, ids: Sequence[str]) -> list[str]:
    """Return the Message-IDs of the threads in which ``ids`` stand, the oldest mails first."""
    hashes = [permalink_hash(one) for one in ids]
    known = select(Message.thread_id).where(Message.list_id == list_id, Message.hash.in_(hashes))
    found = select(Message.message_id).where(Message.thread_id.in_(known))
    return list(session.scalars(found.order_by(Message.date).limit(BESIDE)))


def place_many(session: Session, lst: MailList, mails: Sequence[MailToThread]) -> list[Placed]:
    """Place ``mails`` in one go and return what became of each, in order."""
    if lst.archive == ArchivePolicy.NONE or not mails:
        return [Placed(ThreadingOutcome.NOT_ARCHIVED)] * len(mails)
    # One placer per list at a time; SQLite has one writer anyway and ignores the clause.
    session.execute(select(MailList.id).where(MailList.id == lst.id).with_for_update())
    answers, new = _sort_out(session, lst.id, mails)
    if new:
        batch = ThreadingBatch(session, lst.id, said=moved_mails.of_list(session, lst.id))
        _fetch(batch, batch.wanted(h for mail, own in new for h in _hashes(mail, own)))
        for mail, own in new:
            _claim(batch, mail, own)
        _settle(batch)
    return _locate(session, lst.id, answers)


def stand(session: Session, lst: MailList, hash_: str, parent: str | None) -> None:
    """Let a mail that is known here stand below ``parent``, None where it begins a thread.

    Its answers go with it. What it is called by a moderator's word is read anew.
    """
    session.execute(select(MailList.id).where(MailList.id == lst.id).with_for_update())
    batch = ThreadingBatch(session, lst.id, said=moved_mails.of_list(session, lst.id))
    _fetch(batch, {hash_} | ({parent} if parent else set()))
    spot = batch.spots[hash_]
    _point(batch, spot, parent)
    batch.moved |= {spot.thread} if spot.thread is not None else set()
    _settle(batch)


def _hashes(mail: MailToThread, own: str) -> list[str]:
    return [*(permalink_hash(i) for i in mail.head.references), permalink_hash(own)]


def _sort_out(
    session: Session, list_id: int, mails: Sequence[MailToThread]
) -> tuple[list[Placed], list[tuple[MailToThread, str]]]:
    """Return (outcome of each mail, new mails with their ids)."""
    known = _known(session, list_id, {mail.head.hash for mail in mails})
    again = [h for h, count in Counter(m.head.hash for m in mails).items() if count > 1]
    clashing = {mail.head.hash for mail in mails} & (known.keys() | set(again))
    others = {_other_hash(mail) for mail in mails if mail.head.hash in clashing}
    known |= _known(session, list_id, others)
    fresh: dict[str, MailToThread] = {}
    answers: list[Placed] = []
    new: list[tuple[MailToThread, str]] = []
    for mail in mails:
        if mail.head.private:
            answers.append(Placed(ThreadingOutcome.NOT_ARCHIVED))
            continue
        own = mail.head.message_id
        if mail.head.hash in known and not _same(session, mail, known, fresh):
            own = content_id(mail.raw)
        hash_ = permalink_hash(own)
        outcome = ThreadingOutcome.DUPLICATE if hash_ in known else ThreadingOutcome.NEW
        answers.append(Placed(outcome, own, hash_))
        if outcome is ThreadingOutcome.NEW:
            known[hash_] = mail.sha
            fresh[hash_] = mail
            new.append((mail, own))
    return answers, new


def _known(session: Session, list_id: int, hashes: Iterable[str]) -> dict[str, bytes]:
    """Return hash -> the mail's key of those that are archived."""
    found: dict[str, bytes] = {}
    for chunk in _chunks(hashes):
        for row in session.execute(
            select(Message.hash, Message.raw_sha).where(
                Message.list_id == list_id, Message.hash.in_(chunk)
            )
        ):
            found[row.hash] = row.raw_sha
    return found


def _other_hash(mail: MailToThread) -> str:
    return permalink_hash(content_id(mail.raw))


def _same(
    session: Session, mail: MailToThread, known: dict[str, bytes], fresh: dict[str, MailToThread]
) -> bool:
    """Tell whether the archived mail with this id has the same content as ``mail``."""
    sha = known[mail.head.hash]
    if sha == mail.sha:
        return True
    other = fresh.get(mail.head.hash)
    raw = other.raw if other else get_raw(session, sha)
    if raw is None or is_erased(raw):
        return True  # erased: it does not come back by an import
    return words_digest(raw) == words_digest(mail.raw)


def words_digest(raw: bytes) -> bytes:
    """Return a digest of what the author wrote: the same by whatever way the mail came.

    Looser than ``mailer.reading.message.content_digest``: copies of one mail in two old archives
    differ in hop and list fields, in line ends and in white space at line ends.
    """
    found = head(raw)
    told = [b" ".join((found.first(name) or b"").split()) for name in ("From", "Date")]
    lines = [line.rstrip() for line in raw[found.body :].split(b"\n")]
    return hashlib.sha256(b"\n".join([*told, *lines]).strip()).digest()


def _fetch(batch: ThreadingBatch, hashes: Iterable[str]) -> None:
    wanted = set(hashes) - batch.spots.keys()
    for chunk in _chunks(wanted):
        _take(batch, Node.list_id == batch.list_id, Node.hash.in_(chunk))


def _take(batch: ThreadingBatch, *where: Any) -> None:  # noqa: ANN401 - SQLAlchemy's expressions
    statement = select(Node.__table__).where(*where)
    for row in batch.session.execute(statement):
        if row.hash not in batch.spots:
            by = None if row.by_hash is None else (row.by_date, row.by_hash)
            batch.spots[row.hash] = NodeSpot(
                row.hash, row.parent, row.present, by, row.thread_id, new=False
            )


def _claim(batch: ThreadingBatch, mail: MailToThread, own: str) -> None:
    """Write down what ``mail`` says: its own parent for certain, those of ghosts as a guess."""
    date = clamp_date(mail.head.date, mail.arrival)
    *references, me = _hashes(mail, own)
    witness = (date, me)
    before: str | None = None
    for hash_ in references:
        if hash_ == me:
            continue
        spot = batch.spots.setdefault(hash_, NodeSpot(hash_))
        if before and not spot.present and (spot.by is None or witness < spot.by):
            spot.by = witness
            _point(batch, spot, batch.stands(hash_, before))
        before = hash_
    spot = batch.spots.setdefault(me, NodeSpot(me))
    _point(batch, spot, batch.stands(me, before))
    if spot.thread is not None:
        batch.moved.add(spot.thread)  # a ghost came: what stood below it has a parent now
    spot.present, spot.by, spot.changed = True, None, True
    head = mail.head
    row = MessageRow(me, date, head.subject, head.author or head.local)
    batch.rows[me] = (row, mail, own)


def _point(batch: ThreadingBatch, spot: NodeSpot, parent: str | None) -> None:
    if spot.parent != parent and spot.thread is not None:
        batch.moved.add(spot.thread)
    spot.parent = parent
    spot.changed = True


def _settle(batch: ThreadingBatch) -> None:
    """Give every new or moved node its thread, then write everything."""
    old = _load_moved(batch)
    rows = {**old, **{h: row for h, (row, _, _) in batch.rows.items()}}
    rows = {h: batch.called(row) for h, row in rows.items()}
    members = {h for h, s in batch.spots.items() if s.thread is None or s.thread in batch.moved}
    claims: dict[str, str | None] = {h: batch.spots[h].parent for h in sorted(members)}
    anchors = {p for p in claims.values() if p is not None and p not in members}
    claims.update(dict.fromkeys(sorted(anchors)))
    keys = {h: rows[h].key for h in claims if h in rows}
    parents = cut_loops(claims, keys)
    threads = _threads(batch, anchors)
    trees = [tree for tree in components(parents) if not anchors.issuperset(tree)]
    labels = _label(batch, trees, anchors, threads)
    for tree, label in zip(trees, labels, strict=True):
        for hash_ in tree:
            spot = batch.spots[hash_]
            if spot.thread != label:
                spot.thread, spot.changed = label, True
        present = [rows[h] for h in tree if h in rows and h not in anchors]
        if tree[0] in anchors:
            _grow(batch, threads[label], present, parents)
        else:
            first = order({h: parents[h] for h in tree}, {r.hash: r.key for r in present})
            _sum_up(threads[label], rows[first[0].hash] if first else None, present)
    for gone in batch.moved - set(labels):
        _sum_up(threads[gone], None, [])
    write_batch(batch, threads)


def _load_moved(batch: ThreadingBatch) -> dict[str, MessageRow]:
    rows: dict[str, MessageRow] = {}
    for chunk in _chunks(batch.moved):
        # Not by the list as well: SQLite would take the list's index and walk all of its nodes.
        _take(batch, Node.thread_id.in_(chunk))
        for row in batch.session.execute(
            select(Message.hash, Message.date, Message.subject, Message.author).where(
                Message.thread_id.in_(chunk)
            )
        ):
            rows[row.hash] = MessageRow(row.hash, row.date, row.subject, row.author)
    return rows


def _threads(batch: ThreadingBatch, anchors: Iterable[str]) -> dict[int, dict[str, Any]]:
    """Return the rows of all threads that may change, as dicts to be written back."""
    wanted = batch.moved | {t for h in anchors if (t := batch.spots[h].thread) is not None}
    table = Thread.__table__
    found = {}
    for chunk in _chunks(wanted):
        for row in batch.session.execute(select(table).where(Thread.id.in_(chunk))).mappings():
            found[row["id"]] = {**row, "was": row["hash"], "touched": row["touched"] + 1}
    return found


def _label(
    batch: ThreadingBatch,
    trees: list[list[str]],
    anchors: set[str],
    threads: dict[int, dict[str, Any]],
) -> list[int]:
    """Return the thread id of each tree: its anchor's, the one whose first mail it has, or new."""
    home = {threads[t]["hash"]: t for t in sorted(batch.moved, reverse=True)}
    labels: list[int | None] = []
    for tree in trees:
        if tree[0] in anchors:
            labels.append(batch.spots[tree[0]].thread)
        else:
            labels.append(min((home[h] for h in tree if h in home), default=None))
    missing = labels.count(None)
    if missing:
        ids = iter(
            batch.session.scalars(
                insert(Thread).returning(Thread.id), [{"list_id": batch.list_id}] * missing
            ).all()
        )
        labels = [next(ids) if label is None else label for label in labels]
    given = [label for label in labels if label is not None]
    for label in given:
        threads.setdefault(label, {"id": label, "was": "", "hash": "", "touched": 1})
    return given


def _grow(
    batch: ThreadingBatch,
    thread: dict[str, Any],
    present: list[MessageRow],
    parents: dict[str, str | None],
) -> None:
    """Add mails to a thread that was not loaded; only one without an ancestor can lead it."""
    thread["size"] += len(present)
    thread["last"] = max([thread["last"], *(row.date for row in present)])
    leader = (thread["first"], thread["hash"])
    for row in present:
        if (row.key < leader or not thread["hash"]) and not _has_ancestor(batch, row, parents):
            leader = row.key
            thread |= {"hash": row.hash, "first": row.date}
            thread |= {"subject": row.subject, "author": row.author}


def _has_ancestor(batch: ThreadingBatch, row: MessageRow, parents: dict[str, str | None]) -> bool:
    seen = {row.hash}
    here = parents[row.hash]
    while here is not None and here not in seen:
        seen.add(here)
        if here not in batch.spots:
            _fetch(batch, [here])
        spot = batch.spots[here]
        if spot.present:
            return True
        here = parents.get(here) or spot.parent
    return False


def _sum_up(thread: dict[str, Any], first: MessageRow | None, present: list[MessageRow]) -> None:
    thread["size"] = len(present)
    if first is None:
        thread["hash"] = ""
    else:
        thread |= {"hash": first.hash, "first": first.date, "last": max(r.date for r in present)}
        thread |= {"subject": first.subject, "author": first.author}


def _locate(session: Session, list_id: int, answers: list[Placed]) -> list[Placed]:
    """Fill in the threads' hashes."""
    found: dict[str, str] = {}
    for chunk in _chunks({answer.hash for answer in answers if answer.hash}):
        for row in session.execute(
            select(Message.hash, Thread.hash.label("thread"))
            .join(Thread, Thread.id == Message.thread_id)
            .where(Message.list_id == list_id, Message.hash.in_(chunk))
        ):
            found[row.hash] = row.thread
    return [Placed(a.outcome, a.message_id, a.hash, found.get(a.hash, "")) for a in answers]


def _chunks(things: Iterable[_T]) -> Iterator[list[_T]]:
    listed = sorted(things)  # type: ignore[type-var]  # hashes and ids: both sort
    for start in range(0, len(listed), _IN):
        yield listed[start : start + _IN]
