"""Say who gets a post because of what they want of its thread: nothing (muted), or all (followed).

    thread = of_post(session, lst, reading, parent)      # before it is placed in the archive
    how = gets(rhythms.by_itself(at, first=first), list_id, at, thread.key, thread.row)

A thread is where a mail of it stands in the archive, and where there is none the chain of posts
that name each other. What a post comes by is decided for its one moment (``decided_at``): who
muted its thread before gets nothing, who followed it gets it at once and in no digest. SECURITY: a
stranger's References say where a post stands, and so whom it does not reach: as for every reader.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import BindParameter, Select, and_, not_, or_, select, text, update
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql import ColumnElement

from archive.filing import answered_mail
from archive.filing.thread_rows import MailToThread
from archive.threads.archive_tables import Node
from listserv.answers import own_words
from listserv.posts import called_names
from listserv.posts.facts import PostReading
from listserv.wiring.listserv_tables import Post
from mailer.reading.bodies import read as read_body
from mailer.reading.headers.head_facts import permalink_hash, read_head
from subscriptions.lists.roster import FOLLOWED, Address, Membership, Person, Rhythm
from subscriptions.membership.thread_wishes import ThreadWish, WishKind

NAMED = 50  # mails that one names and that are looked for, the nearest first
_Number = int | BindParameter[int]
_Text = str | BindParameter[str]
_Moment = float | BindParameter[float]


@dataclass(frozen=True, slots=True)
class PostThread:
    """Hold where a post stands: a mail of its thread, and the thread's row, 0 without an archive.

    ``woken`` are the wishes that it ends: who muted the thread is named in it.
    """

    key: str = ""
    row: int = 0
    woken: tuple[int, ...] = ()


NOWHERE = PostThread()


def has_wishes(session: Session, list_id: int) -> bool:
    """Tell whether a thread matters to whom a post goes: somebody wants one."""
    said = select(ThreadWish.id).where(ThreadWish.list_id == list_id)
    # SQLite finds the index by these very words.
    wrote = select(Membership.id).where(Membership.list_id == list_id, text(FOLLOWED))
    return any(session.scalar(one.limit(1)) is not None for one in (said, wrote))


def of_post(
    session: Session,
    list_id: int,
    reading: PostReading,
    parent: str,
    arrival: float,
    *,
    wishes: bool = True,
) -> PostThread:
    """Return where a post that came at ``arrival`` will stand, below ``parent`` by its token.

    Without ``wishes`` (``has_wishes``) it ends none.
    """
    found = of_mail(session, list_id, reading.raw, arrival, parent)
    if found is None:
        head = read_head(reading.raw)
        named = (*head.references, parent) if parent else head.references
        first = named[0] if named else reading.message_id or head.message_id
        found = PostThread(permalink_hash(first))
    return replace(found, woken=_woken(session, list_id, found, reading)) if wishes else found


def of_mail(
    session: Session, list_id: int, raw: bytes, arrival: float, parent: str = ""
) -> PostThread | None:
    """Return the thread of what a mail answers, None where that is not known here."""
    head = read_head(raw)
    named = (*head.references, parent) if parent else head.references
    found = of_ids(session, list_id, named)
    if found is None and not named:
        mail = answered_mail.with_parent(session, list_id, MailToThread(raw, b"", arrival, head))
        found = of_ids(session, list_id, mail.head.references)
    return found


def of_ids(session: Session, list_id: int, ids: Sequence[str]) -> PostThread | None:
    """Return where the nearest known of these mails stands; the last of them is the nearest."""
    hashes = {permalink_hash(one): one for one in list(dict.fromkeys(ids))[-NAMED:]}
    if not hashes:
        return None
    nodes = {
        row.hash: row.thread_id
        for row in session.execute(
            select(Node.hash, Node.thread_id).where(Node.list_id == list_id, Node.hash.in_(hashes))
        )
    }
    posts = {
        row.message_id: row.thread
        for row in session.execute(
            select(Post.message_id, Post.thread).where(
                Post.list_id == list_id,
                Post.message_id.in_(hashes.values()),
                Post.mailing_id.is_not(None),
            )
        )
    }
    for hash_, one in reversed(hashes.items()):
        if hash_ in nodes:
            return PostThread(hash_, nodes[hash_])
        if one in posts:
            key = posts[one] or hash_
            return PostThread(key, row_of(session, list_id, key))
    return None


def row_of(session: Session, list_id: int, key: str) -> int:
    """Return the row of the thread in which a mail stands, 0 where it is not archived."""
    return (
        session.scalar(select(Node.thread_id).where(Node.list_id == list_id, Node.hash == key)) or 0
    )


def hashes_of(session: Session, list_id: int, thread: PostThread) -> list[str]:
    """Return the mails by which a thread can be named, first the one at hand."""
    others = select(Node.hash).where(Node.list_id == list_id, Node.thread_id == thread.row)
    return list(dict.fromkeys([thread.key, *session.scalars(others)]))


def gets(
    rhythm: ColumnElement[bool],
    list_id: _Number,
    at: _Moment,
    key: _Text,
    row: _Number,
    *,
    woken: frozenset[int] = frozenset(),
) -> ColumnElement[bool]:
    """Return the condition that a post of ``at`` goes to a member by itself, all wishes heard.

    The mutes of ``woken`` are about to end.
    """
    followed = or_(
        Membership.id.in_(_wanting(WishKind.FOLLOW, list_id, at, key, row)),
        and_(Membership.rhythm == Rhythm.FOLLOWED, _wrote(list_id, at, key, row)),
    )
    muted: ColumnElement[bool] = Membership.id.in_(_wanting(WishKind.MUTE, list_id, at, key, row))
    if woken:
        muted = and_(muted, Membership.id.not_in(woken))
    return and_(or_(rhythm, followed), not_(muted))


def _wanting(
    kind: WishKind, list_id: _Number, at: _Moment, key: _Text, row: _Number
) -> Select[int]:
    here = select(Node.hash).where(Node.list_id == list_id, Node.thread_id == row)
    return select(ThreadWish.membership_id).where(
        ThreadWish.list_id == list_id,
        ThreadWish.kind == kind,
        ThreadWish.since < at,
        or_(ThreadWish.until.is_(None), ThreadWish.until > at),
        or_(ThreadWish.hash == key, ThreadWish.hash.in_(here)),
    )


def _wrote(list_id: _Number, at: _Moment, key: _Text, row: _Number) -> ColumnElement[bool]:
    """Return the condition that a member wrote in a thread before ``at``, from any address."""
    here = select(Node.hash).where(Node.list_id == list_id, Node.thread_id == row)
    own = aliased(Address)
    return (
        select(Post.id)
        .join(own, own.key == Post.author)
        .where(
            own.person_id == Membership.person_id,
            Post.list_id == list_id,
            Post.mailing_id.is_not(None),
            Post.decided_at < at,
            or_(Post.thread == key, Post.thread.in_(here)),
        )
        .correlate(Membership)
        .exists()
    )


def _woken(
    session: Session, list_id: int, thread: PostThread, reading: PostReading
) -> tuple[int, ...]:
    """Return the mutes that end because their member is called by name in the post."""
    rows = session.execute(
        select(ThreadWish.id, Person.name, Address.key)
        .join(Membership, Membership.id == ThreadWish.membership_id)
        .join(Person, Person.id == Membership.person_id)
        .join(Address, Address.id == Membership.address_id)
        .where(
            ThreadWish.list_id == list_id,
            ThreadWish.hash.in_(hashes_of(session, list_id, thread)),
            ThreadWish.kind == WishKind.MUTE,
            ThreadWish.named,
            ThreadWish.until.is_(None),
        )
    ).all()
    if not rows or reading.trouble:
        return ()
    calls = called_names.called(own_words.read(read_body(reading.raw).quoted).whole)
    return tuple(row.id for row in rows if called_names.is_called(row.name, row.key, calls))


def sleepers(session: Session, woken: Sequence[int]) -> frozenset[int]:
    """Return the memberships whose mutes these are."""
    if not woken:
        return frozenset()
    found = select(ThreadWish.membership_id).where(ThreadWish.id.in_(woken))
    return frozenset(session.scalars(found))


def wake(session: Session, woken: Sequence[int], at: float) -> None:
    """End the mutes that a post of ``at`` ends; that post is the first to come again."""
    if woken:
        session.execute(
            update(ThreadWish)
            .where(ThreadWish.id.in_(woken), ThreadWish.until.is_(None))
            .values(until=at)
        )


def passed_over(session: Session, list_id: int, posts: Sequence[int]) -> dict[int, frozenset[int]]:
    """Return which of these posts a member's digest does not hold, by membership.

    They muted its thread, or followed it and got it by itself.
    """
    rows = session.execute(
        select(Post.id, Post.message_id, Post.thread, Post.decided_at).where(Post.id.in_(posts))
    ).all()
    keys = {row.id: row.thread or permalink_hash(row.message_id) for row in rows}
    placed = {
        row.hash: row.thread_id
        for row in session.execute(
            select(Node.hash, Node.thread_id).where(
                Node.list_id == list_id, Node.hash.in_(set(keys.values()))
            )
        )
    }
    threads: dict[int, str] = {row: key for key, row in placed.items()}
    by_hash: dict[str, str] = {key: threads.get(placed.get(key, 0), key) for key in keys.values()}
    for node in session.execute(
        select(Node.hash, Node.thread_id).where(Node.thread_id.in_(list(threads)))
    ):
        by_hash[node.hash] = threads[node.thread_id]
    wishes = session.scalars(
        select(ThreadWish).where(ThreadWish.list_id == list_id, ThreadWish.hash.in_(by_hash))
    ).all()
    found: dict[int, set[int]] = defaultdict(set)
    for wish in wishes:
        for row in rows:
            same = by_hash[keys[row.id]] == by_hash[wish.hash]
            ended = wish.until is not None and wish.until <= row.decided_at
            if same and wish.since < row.decided_at and not ended:
                found[wish.membership_id].add(row.id)
    return {member: frozenset(some) for member, some in found.items()}
