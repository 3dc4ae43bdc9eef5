"""A mailing: anything sent to many, its frozen audience, its copies-to-be and its counts.

Knows the tables and what a person may do with a mailing (open, pause, resume, stop, resend).
Claims, marks and leases are in mailer/ledger.py and mailer/owners.py. Always and everywhere:
``audience = ready + claimed + accepted + refused + deferred + unsure + skipped``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.errors import BadInput, Refused
from mailer.splice import Segments, check_lines, unpack
from mailer.store import Base, compress, decompress

BigKey = BigInteger().with_variant(Integer, "sqlite")  # SQLite's rowid wants exactly INTEGER


class State(IntEnum):
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


class Policy(StrEnum):
    """Say what becomes of an unsure recipient."""

    NEVER_MISS = "never-miss"  # sent again, with the same Message-ID
    NEVER_TWICE = "never-twice"  # shown, until a person decides


# Smaller goes first; a kind that is not named here goes with the posts.
PRIORITY = {"notice": 0, "post": 1, "digest": 2, "issue": 3}

# The very words that the partial indexes are made with: SQLite uses such an index only where
# the query repeats its condition literally, so no bound values here.
CLAIMABLE = "state IN (0, 4)"
CLAIMED = "state = 1"


class Mailing(Base):
    """Keep one mailing."""

    __tablename__ = "mailing"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    list_address: Mapped[str]
    message_id: Mapped[str]
    policy: Mapped[str]
    state: Mapped[str] = mapped_column(default=MailingState.FREEZING, index=True)
    priority: Mapped[int] = mapped_column(SmallInteger)
    audience: Mapped[int] = mapped_column(default=0)
    created: Mapped[float]
    started: Mapped[float | None]
    finished: Mapped[float | None]
    expires_at: Mapped[float]  # deferrals are not tried after this
    freeze_cursor: Mapped[int] = mapped_column(BigInteger, default=0)


class Recipient(Base):
    """Keep one line of the ledger: one address of one mailing."""

    __tablename__ = "recipient"
    __table_args__ = (
        UniqueConstraint("mailing_id", "address"),
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
    )
    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id", ondelete="CASCADE"))
    ref: Mapped[int] = mapped_column(BigInteger)  # whose copy: opaque here
    address: Mapped[str]  # as it stands in RCPT TO
    bucket: Mapped[str]  # the recipient's domain
    variant: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    due: Mapped[float] = mapped_column(default=0.0, server_default="0")
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
    policy: Policy
    expires_at: float


@dataclass(frozen=True, slots=True)
class Status:
    """Count a mailing's recipients by state, all at one moment."""

    state: MailingState
    policy: Policy
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
        policy=Policy(policy),
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


def open_mailing(session: Session, mailing_id: int, *, now: float) -> int:
    """Close the audience and let claims begin; return how many recipients it has."""
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
    rows = session.execute(
        select(Recipient.state, func.count())
        .where(Recipient.mailing_id == mailing_id)
        .group_by(Recipient.state)
    )
    counts = {State(row[0]): row[1] for row in rows}
    frozen = mailing.state != MailingState.FREEZING
    return Status(
        state=MailingState(mailing.state),
        policy=Policy(mailing.policy),
        audience=mailing.audience if frozen else sum(counts.values()),
        **{state.name.lower(): counts.get(state, 0) for state in State},
    )


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
    """End a mailing: whoever is ready or deferred is skipped; return how many."""
    _move(
        session,
        mailing_id,
        (MailingState.FREEZING, MailingState.SENDING, MailingState.PAUSED),
        MailingState.STOPPED,
        finished=now,
    )
    return skip_rest(session, mailing_id)


def skip_rest(session: Session, mailing_id: int) -> int:
    """Skip what is ready or deferred of a stopped mailing; return how many."""
    stopped = session.execute(
        update(Recipient)
        .where(Recipient.mailing_id == mailing_id, text(CLAIMABLE))
        .values(state=State.SKIPPED, reason="stopped")
        .execution_options(synchronize_session=False)
    )
    return int(getattr(stopped, "rowcount", 0))


def resend_unsure(session: Session, mailing_id: int, *, now: float) -> int:
    """Make every unsure recipient ready again, by a person's decision; return how many."""
    again = session.execute(
        update(Recipient)
        .where(Recipient.mailing_id == mailing_id, Recipient.state == State.UNSURE)
        .values(state=State.READY, due=now, reason="unsure: sent again by command")
        .execution_options(synchronize_session=False)
    )
    count = int(getattr(again, "rowcount", 0))
    if count:
        session.execute(
            update(Mailing)
            .where(
                Mailing.id == mailing_id,
                Mailing.state.in_((MailingState.DONE, MailingState.STOPPED)),
            )
            .values(state=MailingState.SENDING, finished=None)
        )
    return count


def finish(session: Session, *, now: float) -> list[int]:
    """Move mailings with nobody left to send to from *sending* to *done*; return their ids.

    Also settles what came back to *ready* after its mailing was stopped.
    """
    waiting = (
        select(Recipient.id).where(Recipient.mailing_id == Mailing.id, text(CLAIMABLE)).exists()
    )
    # Few rows are claimed at a time: their index is small, whichever mailing they belong to.
    out = session.scalars(select(Recipient.mailing_id).where(text(CLAIMED)).distinct()).all()
    done = session.scalars(
        select(Mailing.id).where(
            Mailing.state == MailingState.SENDING, ~waiting, Mailing.id.not_in(out)
        )
    ).all()
    if done:
        session.execute(
            update(Mailing)
            .where(Mailing.id.in_(done))
            .values(state=MailingState.DONE, finished=now)
            .execution_options(synchronize_session=False)
        )
    stopped = select(Mailing.id).where(Mailing.state == MailingState.STOPPED, waiting)
    for mailing_id in session.scalars(stopped).all():
        skip_rest(session, mailing_id)
    return list(done)


def view(session: Session, mailing_id: int) -> MailingView:
    """Return what senders need to know of a mailing."""
    mailing = session.get_one(Mailing, mailing_id)
    return MailingView(
        id=mailing.id,
        kind=mailing.kind,
        list_address=mailing.list_address,
        message_id=mailing.message_id,
        policy=Policy(mailing.policy),
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
