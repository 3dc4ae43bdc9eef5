"""A mailing: anything sent to many, its frozen audience, its copies-to-be and its counts.

Knows the tables and what a person may do with a mailing (open, pause, resume, stop, resend).
Claims, marks and leases are in mailer/ledger/ledger.py and mailer/ledger/claim_owners.py. Always
and everywhere: ``audience = ready + claimed + accepted + refused + deferred + unsure + skipped``.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import cast

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    bindparam,
    case,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.errors import BadInput, Refused, Temporary
from mailer.ledger.splice import Segments, check_lines, unpack
from mailer.storage.store import Base, compress, decompress

BigKey = BigInteger().with_variant(Integer, "sqlite")  # SQLite's rowid wants exactly INTEGER


class RecipientState(IntEnum):
    """Say where one recipient of a mailing stands; each is in exactly one state."""

    READY = 0
    CLAIMED = 1  # from the claim until the relay's answer is written, the dot included
    ACCEPTED = 2  # by the relay; nothing is said about mailboxes
    REFUSED = 3  # 5xx, or a deferral that expired: the reason says which
    DEFERRED = 4  # 4xx, due again at a time
    UNSURE = 5  # the relay's answer was lost
    SKIPPED = 6  # left, suppressed, erased or stopped after the freeze: the reason says which


class MailingState(StrEnum):
    """Say where a mailing stands; only *sending* is ever claimed from."""

    FREEZING = "freezing"
    SENDING = "sending"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"


class UnsurePolicy(StrEnum):
    """Say what becomes of an unsure recipient."""

    NEVER_MISS = "never-miss"  # sent again, with the same Message-ID
    NEVER_TWICE = "never-twice"  # shown, until a person decides


# Smaller goes first; a kind that is not named here goes with the posts.
PRIORITY = {"notice": 0, "post": 1, "digest": 2, "issue": 3}

# The very words that the partial indexes are made with: SQLite uses such an index only where
# the query repeats its condition literally, so no bound values here.
CLAIMABLE = "state IN (0, 4)"
WHOLE = "totals IS NULL AND finished IS NOT NULL"
CLOSING = "totals IS NOT NULL AND freeze_cursor >= 0"
CLAIMED = "state = 1"
UNSURE = "state = 5"

AGAIN = 86400.0  # seconds that a person's word to send again gives a mailing at least
CHUNK = 500  # rows that one transaction changes when a whole audience must change


class Mailing(Base):
    """Keep one mailing."""

    __tablename__ = "mailing"
    __table_args__ = (
        # The few whose end somebody must still hear of; notices end in silence.
        Index(
            "ix_mailing_untold",
            "id",
            sqlite_where=text("told IS NULL AND kind <> 'notice'"),
            postgresql_where=text("told IS NULL AND kind <> 'notice'"),
        ),
        Index(
            "ix_mailing_whole",
            "finished",
            sqlite_where=text(WHOLE),
            postgresql_where=text(WHOLE),
        ),
        Index(
            "ix_mailing_closing", "id", sqlite_where=text(CLOSING), postgresql_where=text(CLOSING)
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    list_address: Mapped[str]
    message_id: Mapped[str] = mapped_column(index=True)  # a bounce names it
    policy: Mapped[str]
    state: Mapped[str] = mapped_column(default=MailingState.FREEZING, index=True)
    priority: Mapped[int] = mapped_column(SmallInteger)
    audience: Mapped[int] = mapped_column(default=0)
    created: Mapped[float]
    started: Mapped[float | None]
    finished: Mapped[float | None]
    expires_at: Mapped[float]  # deferrals are not tried after this
    freeze_cursor: Mapped[int] = mapped_column(BigInteger, default=0)  # -1: its rows are gone
    told: Mapped[float | None]  # when somebody heard how it ended
    totals: Mapped[str | None]  # JSON: the counts by state, once its rows are gone
    ahead: Mapped[str | None]  # JSON: the rows that alone may go now; None: all


class Recipient(Base):
    """Keep one line of the ledger: one address of one mailing."""

    __tablename__ = "recipient"
    __table_args__ = (
        # In the order in which rows come: an index of addresses, which come in no order, wrote
        # 6.5 GB for a million. Whoever enters them sees to it that no address stands twice.
        Index("ix_recipient_ref", "mailing_id", "ref"),
        Index(
            "ix_recipient_claimable",
            "mailing_id",
            "due",
            "id",
            sqlite_where=text(CLAIMABLE),
            postgresql_where=text(CLAIMABLE),
        ),
        Index(
            "ix_recipient_claimed",
            "epoch",
            sqlite_where=text(CLAIMED),
            postgresql_where=text(CLAIMED),
        ),
        Index(
            "ix_recipient_unsure",
            "mailing_id",
            sqlite_where=text(UNSURE),
            postgresql_where=text(UNSURE),
        ),
    )
    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id", ondelete="CASCADE"))
    ref: Mapped[int] = mapped_column(BigInteger)  # whose copy: opaque here
    address: Mapped[str]  # as it stands in RCPT TO
    bucket: Mapped[str]  # the recipient's domain
    variant: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    due: Mapped[float] = mapped_column(default=0.0, server_default="0")  # or when it was settled
    state: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    epoch: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")  # last claim's
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    code: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    reason: Mapped[str] = mapped_column(default="", server_default="")


class Composition(Base):
    """Keep what a variant's copies are spliced from."""

    __tablename__ = "composition"
    mailing_id: Mapped[int] = mapped_column(
        ForeignKey("mailing.id", ondelete="CASCADE"), primary_key=True
    )
    variant: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    packed: Mapped[bytes] = mapped_column(LargeBinary)  # one zstd frame of Segments.pack()


@dataclass(frozen=True, slots=True)
class MailingView:
    """Show a mailing to those who only read it."""

    id: int
    kind: str
    list_address: str
    message_id: str
    policy: UnsurePolicy
    expires_at: float
    shared: bool = False  # no copy has a slot: one transaction may be for many


@dataclass(frozen=True, slots=True)
class Status:
    """Count a mailing's recipients by state, all at one moment."""

    state: MailingState
    policy: UnsurePolicy
    audience: int
    ready: int
    claimed: int
    accepted: int
    refused: int
    deferred: int
    unsure: int
    skipped: int

    @property
    def open(self) -> int:
        """Return how many may still be sent to."""
        return self.ready + self.claimed + self.deferred


def create_mailing(
    session: Session,
    *,
    kind: str,
    list_address: str,
    message_id: str,
    policy: str,
    compositions: Mapping[int, Segments],
    created: float,
    expires_at: float,
) -> int:
    """Begin a mailing in the state *freezing* and return its id.

    Raise BadInput for a composition that could not travel as it is.
    """
    for segments in compositions.values():
        check_lines(segments)
    mailing = Mailing(
        kind=kind,
        list_address=list_address,
        message_id=message_id,
        policy=UnsurePolicy(policy),
        priority=PRIORITY.get(kind, PRIORITY["post"]),
        created=created,
        expires_at=expires_at,
    )
    session.add(mailing)
    session.flush()
    rows = [
        {"mailing_id": mailing.id, "variant": variant, "packed": compress(segments.pack())}
        for variant, segments in compositions.items()
    ]
    if rows:
        session.execute(insert(Composition), rows)
    return mailing.id


def open_mailing(
    session: Session, mailing_id: int, *, now: float, audience: int | None = None
) -> int:
    """Close the audience and let claims begin; return how many recipients it has.

    Counting a million takes 0.1 s, too long for a write: whoever froze them may say
    ``audience``, counted before (nobody else adds to a mailing that is *freezing*).
    """
    if audience is None:
        audience = session.scalar(
            select(func.count()).select_from(Recipient).where(Recipient.mailing_id == mailing_id)
        )
    _move(
        session,
        mailing_id,
        (MailingState.FREEZING,),
        MailingState.SENDING,
        audience=audience or 0,
        started=now,
    )
    return audience or 0


def status(session: Session, mailing_id: int) -> Status:
    """Return the counts of a mailing; raise BadInput where there is none."""
    mailing = session.get(Mailing, mailing_id)
    if mailing is None:
        raise BadInput(f"There is no mailing {mailing_id}.")
    counts = _counts(session, mailing)
    frozen = mailing.state != MailingState.FREEZING
    return Status(
        state=MailingState(mailing.state),
        policy=UnsurePolicy(mailing.policy),
        audience=mailing.audience if frozen else sum(counts.values()),
        **{state.name.lower(): counts.get(state, 0) for state in RecipientState},
    )


def _counts(session: Session, mailing: Mailing) -> dict[RecipientState, int]:
    if mailing.totals is not None:
        kept = json.loads(mailing.totals)
        return {state: int(kept[state.name.lower()]) for state in RecipientState}
    rows = session.execute(
        select(Recipient.state, func.count())
        .where(Recipient.mailing_id == mailing.id)
        .group_by(Recipient.state)
    )
    return {RecipientState(row[0]): row[1] for row in rows}


def pause(session: Session, mailing_id: int) -> None:
    """Keep a mailing from being claimed; what is claimed now still goes out."""
    _move(session, mailing_id, (MailingState.SENDING,), MailingState.PAUSED)


def pause_all(session: Session) -> int:
    """Pause every mailing that is being sent (a restored database); return how many."""
    moved = session.execute(
        update(Mailing)
        .where(Mailing.state == MailingState.SENDING)
        .values(state=MailingState.PAUSED)
        .returning(Mailing.id)
    )
    return len(moved.all())


def resume(session: Session, mailing_id: int) -> None:
    """Let a paused mailing go on."""
    _move(session, mailing_id, (MailingState.PAUSED,), MailingState.SENDING)


def stop(session: Session, mailing_id: int, *, now: float) -> int:
    """End a mailing: nothing more is claimed; return how many were skipped so far.

    The rest of a large audience is skipped by ``skip_rest``, in transactions of its own, or by
    the sweeper. Whoever was entered before the audience was complete is all of it.
    """
    state = select(Mailing.state).where(Mailing.id == mailing_id).with_for_update()
    freezing = session.scalar(state) == MailingState.FREEZING
    _move(
        session,
        mailing_id,
        (MailingState.FREEZING, MailingState.SENDING, MailingState.PAUSED),
        MailingState.STOPPED,
        finished=now,
    )
    if freezing:
        session.execute(_COUNT_AUDIENCE, {"mailing": mailing_id})
    return skip_rest(session, mailing_id)


def skip_rest(session: Session, mailing_id: int) -> int:
    """Skip one chunk of what is ready or deferred of a stopped mailing; 0 says it is done."""
    ids = session.scalars(
        select(Recipient.id)
        .where(Recipient.mailing_id == mailing_id, text(CLAIMABLE))
        .order_by(Recipient.due, Recipient.id)  # as the index is
        .limit(CHUNK)
        .with_for_update()
    ).all()
    _settle(session, ids, state=RecipientState.SKIPPED, reason="stopped")
    return len(ids)


def resend(
    session: Session, mailing_id: int, state: RecipientState, *, after: int = 0, now: float
) -> list[int]:
    """Make one chunk of those in ``state`` ready again, by a person's decision; return their rows.

    Call with ``after`` the last row until nobody is left. Only who was refused, unsure or deferred
    can be sent to again; what was given up because its time was over gets time anew. A stopped
    mailing goes on with these alone.
    """
    if state not in _AGAIN:
        raise Refused(f"Nobody who is {state.name.lower()} can be sent to again.")
    mailing = select(Mailing.state, Mailing.totals).where(Mailing.id == mailing_id)
    current, totals = session.execute(mailing.with_for_update()).one_or_none() or (None, None)
    if totals is not None:
        raise Refused(
            f"Mailing {mailing_id} ended so long ago that only its totals are kept.",
            "mailer.keep_ledger says how many days its recipients are.",
        )
    if current == _STOPPED and session.scalar(_ANY_WAITING, {"mailing": mailing_id}) is not None:
        raise Temporary(f"Mailing {mailing_id} is still being stopped.", "Try again in a minute.")
    ids = session.scalars(
        select(Recipient.id)
        .where(Recipient.mailing_id == mailing_id, Recipient.id > after, text(_AGAIN[state]))
        .order_by(Recipient.id)
        .limit(CHUNK)
        .with_for_update()
    ).all()
    reason = f"{state.name.lower()}: sent again by command"
    _settle(session, ids, state=RecipientState.READY, due=now, reason=reason)
    if ids:
        session.execute(_GO_ON, {"mailing": mailing_id, "until": now + AGAIN})
    return list(ids)


def finish(session: Session, *, now: float) -> list[int]:
    """Move mailings with nobody left to send to from *sending* to *done*; return their ids.

    Also skips the next chunk of mailings that were stopped.
    """
    moving = (MailingState.SENDING, MailingState.STOPPED)
    done: list[int] = []
    for mailing_id, state in session.execute(
        select(Mailing.id, Mailing.state).where(Mailing.state.in_(moving))
    ).all():
        if state == MailingState.STOPPED:
            if session.scalar(_ANY_WAITING, {"mailing": mailing_id}) is not None:
                skip_rest(session, mailing_id)
            continue
        values = {"mailing": mailing_id, "now": now}
        # Held before its rows are looked at: while somebody makes rows ready again it is theirs.
        if session.connection().scalar(_HELD, values) is None:
            continue
        if session.connection().execute(_FINISH, values).rowcount:
            done.append(mailing_id)
    return done


_STOPPED = MailingState.STOPPED
# The words of the partial indexes, where there is one.
_AGAIN = {
    RecipientState.REFUSED: "state = 3",
    RecipientState.DEFERRED: "state = 4",
    RecipientState.UNSURE: UNSURE,
}
_mailing = Mailing.__table__.c
_GO_ON = (
    update(cast("Table", Mailing.__table__))
    .where(_mailing.id == bindparam("mailing"))
    .values(
        state=case(
            (_mailing.state.in_((MailingState.DONE, _STOPPED)), MailingState.SENDING.value),
            else_=_mailing.state,
        ),
        finished=None,
        told=None,
        expires_at=case(
            (_mailing.expires_at < bindparam("until"), bindparam("until")),
            else_=_mailing.expires_at,
        ),
    )
)
_COUNT_AUDIENCE = (
    update(cast("Table", Mailing.__table__))
    .where(_mailing.id == bindparam("mailing"))
    .values(
        audience=select(func.count())
        .select_from(Recipient)
        .where(Recipient.mailing_id == bindparam("mailing"))
        .scalar_subquery()
    )
)
_ANY_WAITING = (
    select(Recipient.id)
    .where(Recipient.mailing_id == bindparam("mailing"), text(CLAIMABLE))
    .order_by(Recipient.due, Recipient.id)
    .limit(1)
)
_HELD = (
    select(_mailing.id)
    .where(_mailing.id == bindparam("mailing"), _mailing.state == MailingState.SENDING)
    .with_for_update(skip_locked=True)  # SQLite has one writer and leaves it out
)
# One statement, so that on PostgreSQL one snapshot sees each row in one state: between two
# looks another worker could claim the last rows and defer them. The plus keeps SQLite from
# preferring the index of mailings to the small one of claims.
_FINISH = (
    update(cast("Table", Mailing.__table__))
    .where(
        Mailing.__table__.c.id == bindparam("mailing"),
        Mailing.__table__.c.state == MailingState.SENDING,
        ~_ANY_WAITING.exists(),
        ~select(Recipient.id)
        .where(text(f"+recipient.mailing_id = :mailing AND recipient.{CLAIMED} AND epoch > 0"))
        .exists(),
    )
    .values(state=MailingState.DONE, finished=bindparam("now"))
)


def _settle(session: Session, ids: Sequence[int], **values: object) -> None:
    if ids:
        session.execute(
            update(Recipient)
            .where(Recipient.id.in_(ids))
            .values(**values)
            .execution_options(synchronize_session=False)
        )


def view(session: Session, mailing_id: int) -> MailingView:
    """Return what senders need to know of a mailing."""
    mailing = session.get_one(Mailing, mailing_id)
    return MailingView(
        id=mailing.id,
        kind=mailing.kind,
        list_address=mailing.list_address,
        message_id=mailing.message_id,
        policy=UnsurePolicy(mailing.policy),
        expires_at=mailing.expires_at,
    )


def composition(session: Session, mailing_id: int, variant: int) -> Segments | None:
    """Return what a variant is spliced from, or None."""
    packed = session.scalar(
        select(Composition.packed).where(
            Composition.mailing_id == mailing_id, Composition.variant == variant
        )
    )
    return None if packed is None else unpack(decompress(packed))


def _move(
    session: Session,
    mailing_id: int,
    sources: tuple[MailingState, ...],
    target: MailingState,
    **values: object,
) -> None:
    """Change a mailing's state in one statement, or raise what stands in the way."""
    moved = session.execute(
        update(Mailing)
        .where(Mailing.id == mailing_id, Mailing.state.in_(sources))
        .values(state=target, **values)
        .returning(Mailing.id)
    ).all()
    if moved:
        return
    current = session.scalar(select(Mailing.state).where(Mailing.id == mailing_id))
    if current is None:
        raise BadInput(f"There is no mailing {mailing_id}.")
    raise Refused(
        f"Mailing {mailing_id} is {current}; only one that is"
        f" {' or '.join(sources)} can become {target}."
    )
