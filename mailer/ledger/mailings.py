"""A mailing: anything sent to many, its frozen audience, its copies-to-be and its counts.

Knows the tables and what a person may do with a mailing (open, pause, resume, stop, resend).
Claims, marks and leases are in mailer/ledger/ledger.py and mailer/ledger/claim_owners.py. Always
and everywhere: ``audience = ready + claimed + accepted + refused + deferred + unsure + skipped``.
"""

import json
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
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.errors import BadInput, Refused
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
    change_state(
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


def change_state(
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
