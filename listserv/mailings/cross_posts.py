"""Give a person one copy of a mail, however many lists it was written to.

    named = named_lists(session, head)           # the lists that To and Cc name, in that order
    settle(session, mailing, after, last, now)   # in the transaction that enters this piece
    elsewhere(session, list_id, message_ids)     # which of them other lists have mailed too

Each list decides its own post, files it and has a mailing of its own; the same mail at another list
is known by its Message-ID and content. Where somebody stands in two of these mailings, the copy of
the list that was named first goes and the other row is skipped, unless it has gone already. Whoever
is on a list that was named before this one, and whose post has not come yet, waits ``PATIENCE`` for
it. Everything is written with the rows themselves: a kill at any moment leaves each person with one
row that may be sent. Refuses to know what a copy looks like. SECURITY: only a mail that is the same
to the last byte of its content takes a copy away, so nobody can suppress another's post by its
Message-ID; naming a list that the mail was never sent to delays its members by ``PATIENCE``.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, select, text, update
from sqlalchemy.orm import Session, aliased

from listserv.wiring.listserv_tables import Digest, Hold, HoldState, Post
from mailer.errors import BadInput
from mailer.ledger.mailings import Mailing, Recipient, RecipientState
from mailer.reading import message
from mailer.reading.addresses import parse
from mailer.reading.message import MessageHeader
from mailer.storage.arrivals import Arrival
from mailer.storage.bulk_rows import among
from subscriptions.audience.audience import awake
from subscriptions.lists import relatives, rhythms
from subscriptions.lists.roster import ListKind, MailList, Membership, find_list

PATIENCE = 60.0  # seconds that a copy waits for the post of a list named before, by default
LONGEST = 600.0  # seconds that it may be set to
WITHIN = 60 * 86400.0  # seconds between the first decision and the last: a hold may take long
MOST = 20  # lists that one mail may name
ELSEWHERE = "by another list"  # the reason of a row that is skipped


@dataclass(frozen=True, slots=True)
class Twin:
    """Hold the same mail as another list decided it."""

    list_id: int
    mailing_id: int
    decided_at: float


def named_lists(session: Session, head: MessageHeader) -> list[int]:
    """Return the discussion lists that To and Cc name, in their order; at most ``MOST``.

    Behind an umbrella come its parts, which get the mail as well.
    """
    keys: dict[str, None] = {}
    for field in ("to", "cc"):
        for value in head.all(field):
            for _, address in message.addresses_of(value):
                try:
                    keys[parse(address).key] = None
                except BadInput:
                    continue
    domains = set(session.scalars(select(MailList.domain).distinct()))
    ours = (key for key in keys if key.rpartition("@")[2] in domains)
    order: dict[int, None] = {}
    for lst in (find_list(session, key) for key in list(ours)[:MOST]):
        if lst is not None and lst.kind is ListKind.DISCUSSION:
            parts = relatives.parts_of(session, lst)
            order |= dict.fromkeys([lst.id, *(part.id for part in parts)])
    return list(order)[:MOST]


def spelled(named: Sequence[int], list_id: int) -> str:
    """Return how a post keeps the lists that it names; "" where it is its own list's alone."""
    return "" if set(named) <= {list_id} else json.dumps(list(named))


def alone(session: Session, message_ids: Collection[str]) -> None:
    """Let nobody else settle the copies of these mails before we have committed.

    Two lists may decide one mail at the same moment, and neither would see the other's rows.
    SQLite has one writer.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    keys = {hashlib.sha256(f"twin {one}".encode()).digest()[:7] for one in message_ids}
    for key in sorted(int.from_bytes(one, "big") for one in keys):  # in one order for all
        session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": key})


def elsewhere(session: Session, list_id: int, message_ids: Collection[str]) -> set[str]:
    """Return which of these ids other lists have mailed too."""
    found = select(Post.message_id).where(
        Post.message_id.in_(message_ids), Post.list_id != list_id, Post.mailing_id.is_not(None)
    )
    return set(session.scalars(found))


def settle(
    session: Session,
    mailing_id: int,
    after: int,
    last: int,
    now: float,
    patience: float = PATIENCE,
) -> None:
    """Leave each person one row that may be sent; ours are those of members (after, last].

    Call it in the transaction that enters these rows.
    """
    post = _post_of(session, mailing_id)
    if post is None:
        return
    alone(session, [post.message_id])
    order = json.loads(post.named) if post.named else []
    for twin in _twins(session, post, now):
        _settle_with(session, post, twin, order, after, last, now)
    earlier = order[: order.index(post.list_id)] if post.list_id in order else order
    decided = _decided(session, post) if earlier else set()
    waited = [one for one in earlier if one not in decided]
    if waited:
        _wait(session, post, waited, (after, last), now, patience)


def stop_waiting(session: Session, message_id: str, digest: bytes, now: float) -> None:
    """Let the copies go that wait for a post which is held, refused or discarded instead."""
    mailings = select(Post.mailing_id).where(
        Post.message_id == message_id,
        Post.digest == digest,
        Post.named != "",
        Post.mailing_id.is_not(None),
        Post.decided_at > now - LONGEST,
    )
    session.execute(
        update(Recipient)
        .where(
            Recipient.mailing_id.in_(mailings),
            Recipient.state == RecipientState.READY,
            Recipient.attempts == 0,
            Recipient.due > now,
        )
        .values(due=now)
        .execution_options(synchronize_session=False)
    )


def _post_of(session: Session, mailing_id: int) -> Post | None:
    """Return the post of a mailing, None for an issue or a digest."""
    session.flush()
    mailing = session.get(Mailing, mailing_id)
    if mailing is None or mailing.kind != "post":
        return None
    return session.scalar(
        select(Post).where(
            Post.message_id == mailing.message_id[:998], Post.mailing_id == mailing_id
        )
    )


def _twins(session: Session, post: Post, now: float) -> list[Twin]:
    found = session.execute(
        select(Post.list_id, Post.mailing_id, Post.decided_at).where(
            Post.message_id == post.message_id,
            Post.digest == post.digest,
            Post.list_id != post.list_id,
            Post.mailing_id.is_not(None),
            Post.decided_at > now - WITHIN,
        )
    )
    return [Twin(row[0], row[1], row[2]) for row in found if row[1] is not None]


def _settle_with(
    session: Session,
    post: Post,
    twin: Twin,
    order: Sequence[int],
    after: int,
    last: int,
    now: float,
) -> None:
    """Skip our row or the twin's of each person who has both."""
    pairs = _pairs(session, post, twin, after, last)
    if not pairs:
        return
    first = _first(post.list_id, twin.list_id, order)
    given = _give_up(session, [theirs for _, theirs in pairs], now) if first else set()
    ours = [mine for mine, theirs in pairs if theirs not in given]
    _give_up(session, ours, now)


def _first(ours: int, theirs: int, order: Sequence[int]) -> bool:
    """Tell whether our list was named before theirs; who names neither keeps what came first."""
    places = {one: place for place, one in enumerate(order)}
    return places.get(ours, len(order)) < places.get(theirs, len(order))


def _pairs(
    session: Session, post: Post, twin: Twin, after: int, last: int
) -> list[tuple[int, int]]:
    """Return our row and the twin's, of each person who has both: by itself or in a digest."""
    mine, theirs = aliased(Membership), aliased(Membership)
    row, other = aliased(Recipient), aliased(Recipient)
    digests = select(Digest.mailing_id).where(
        Digest.list_id == twin.list_id,
        Digest.high <= twin.decided_at,
        Digest.upto >= twin.decided_at,
    )
    mailings = [twin.mailing_id, *session.scalars(digests)]
    found = session.execute(
        select(row.id, other.id)
        .join(mine, mine.id == row.ref)
        .join(theirs, and_(theirs.person_id == mine.person_id, theirs.list_id == twin.list_id))
        .join(other, and_(other.mailing_id.in_(mailings), other.ref == theirs.id))
        .where(
            row.mailing_id == post.mailing_id,
            row.ref > after,
            row.ref <= last,
            row.state == RecipientState.READY,
            other.state != RecipientState.SKIPPED,
        )
    )
    return [(one[0], one[1]) for one in found]


def _give_up(session: Session, rows: Sequence[int], now: float) -> set[int]:
    """Skip those of these rows that nobody has tried to send; return them.

    A claim that is made meanwhile has the row locked: it is theirs, and not skipped.
    """
    if not rows:
        return set()
    skipped = (
        update(Recipient)
        .where(
            among(session, Recipient.id, rows),
            Recipient.state == RecipientState.READY,
            Recipient.attempts == 0,
        )
        .values(state=RecipientState.SKIPPED, reason=ELSEWHERE, due=now)
        .returning(Recipient.id)
        .execution_options(synchronize_session=False)
    )
    return set(session.scalars(skipped))


def _decided(session: Session, post: Post) -> set[int]:
    """Return the lists that have decided this mail, whatever they said, or hold it."""
    lists = set(
        session.scalars(
            select(Post.list_id).where(
                Post.message_id == post.message_id, Post.digest == post.digest
            )
        )
    )
    held = session.scalars(
        select(Hold.list_address)
        .join(Arrival, Arrival.id == Hold.arrival_id)
        .where(Hold.state == HoldState.WAITING, Arrival.raw_sha == _raw_of(session, post))
    )
    return lists | {lst.id for one in held if (lst := find_list(session, one)) is not None}


def _raw_of(session: Session, post: Post) -> bytes:
    return session.scalar(select(Arrival.raw_sha).where(Arrival.id == post.arrival_id)) or b""


def _wait(
    session: Session,
    post: Post,
    lists: Sequence[int],
    piece: tuple[int, int],
    now: float,
    patience: float,
) -> None:
    """Put off the copies of those who would get this mail by itself from one of ``lists``."""
    after, last = piece
    mine, theirs = aliased(Membership), Membership
    both = (
        select(mine.id)
        .join(theirs, theirs.person_id == mine.person_id)
        .where(
            mine.list_id == post.list_id,
            mine.id > after,
            mine.id <= last,
            theirs.list_id.in_(lists),
            awake(now),
            rhythms.by_itself(now, first=post.begins),
        )
    )
    session.execute(
        update(Recipient)
        .where(
            Recipient.mailing_id == post.mailing_id,
            Recipient.ref.in_(both),
            Recipient.state == RecipientState.READY,
        )
        .values(due=now + patience)
        .execution_options(synchronize_session=False)
    )
