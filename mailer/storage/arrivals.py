"""Arrivals: one row per accepted message and recipient, from the 250 until it was dealt with.

Knows states and counts attempts; what a message means is for the roof. A row is *new* until
someone finishes or holds it, and nothing but ``finish`` ends it: work that was cut off by a
crash begins again, its attempts counted before it starts, so that a message which kills its
reader is held in the end and not tried for ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import cast

from sqlalchemy import (
    Index,
    LargeBinary,
    Row,
    SmallInteger,
    Table,
    bindparam,
    case,
    false,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.storage.store import Base, Packed, pack, put_packed

SUSPECT = 3  # attempts
_NOTE = 2000  # characters
_OPEN = text("state <> 1")
UNTENDED = "tended < 3"
_UNTENDED = text(UNTENDED)
_SILENT = text("silent")


class ArrivalState(IntEnum):
    """Name where an arrival stands."""

    NEW = 0
    DONE = 1
    HELD = 2


class Tended(IntFlag):
    """Name what time has taken from an arrival (expiry.py)."""

    ENVELOPE = 1  # who connected
    MAIL = 2  # somebody has judged whether its raw mail may go


class Arrival(Base):
    """Record that we took responsibility for one message to one recipient (RFC 5321 section 6.1).

    ``raw_sha`` is no foreign key: redaction may take the raw mail away and leave the record.
    """

    __tablename__ = "arrival"
    __table_args__ = (
        # Holds only what still waits, however many arrivals lie behind us.
        Index("arrival_open", "state", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        # Holds only what is still whole.
        Index(
            "arrival_untended",
            "tended",
            "received_at",
            sqlite_where=_UNTENDED,
            postgresql_where=_UNTENDED,
        ),
        Index("arrival_raw", "raw_sha"),
        # Holds only what got no answer: who counts it by the month walks over nothing else.
        Index(
            "arrival_silent",
            "received_at",
            sqlite_where=_SILENT,
            postgresql_where=_SILENT,
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    received_at: Mapped[float]
    sender: Mapped[str]  # reverse-path as given, "" for <>
    recipient: Mapped[str]  # as given in RCPT
    raw_sha: Mapped[bytes] = mapped_column(LargeBinary(32))
    size: Mapped[int]  # bytes
    client: Mapped[str]  # IP address of the last client that we do not trust, "" where unknown
    helo: Mapped[str]
    protocol: Mapped[str]  # RFC 3848: ESMTP, ESMTPS, LMTP...
    state: Mapped[int] = mapped_column(SmallInteger, default=0)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    note: Mapped[str] = mapped_column(default="")  # the outcome, or a traceback's last line
    tended: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    # Whose mail it is, as mailer.authentication writes it; "" until somebody has judged that.
    authentication: Mapped[str] = mapped_column(default="", server_default="")
    # A mail server of ours brought it, and its marks (of spam) may be heard.
    fronted: Mapped[bool] = mapped_column(default=False, server_default=false())
    handed_by: Mapped[int | None]  # what at the roof handed it on; None: it came by itself
    silent: Mapped[bool] = mapped_column(default=False, server_default=false())  # nobody answered


@dataclass(frozen=True, slots=True)
class Incoming:
    """Hold one accepted message and its envelope.

    ``held_for`` is empty, or why the door wants a human to look before anyone else does: a
    server in front of us has already answered for this message, so a refusal would only make
    it bounce to a sender who may be forged. ``fronted`` says that a mail server of ours wrote the
    top of its header.
    """

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    client: str
    helo: str
    protocol: str
    received_at: float
    held_for: str = ""
    fronted: bool = False


def keep(session: Session, batch: Sequence[Incoming], packed: Sequence[Packed] = ()) -> int:
    """Keep raw mail and one row per recipient; return how many rows.

    ``packed`` is ``pack(incoming.raw)`` for each of ``batch``, where the caller made them
    before the transaction began.
    """
    kept = packed or [pack(incoming.raw) for incoming in batch]
    put_packed(session, kept)
    rows = [
        {
            "received_at": incoming.received_at,
            "sender": incoming.sender,
            "recipient": recipient,
            "raw_sha": raw.sha,
            "size": raw.size,
            "client": incoming.client,
            "helo": incoming.helo,
            "protocol": incoming.protocol,
            "state": int(ArrivalState.HELD if incoming.held_for else ArrivalState.NEW),
            "attempts": 0,
            "note": _note(incoming.held_for),
            "fronted": incoming.fronted,
        }
        for incoming, raw in zip(batch, kept, strict=True)
        for recipient in incoming.recipients
    ]
    if rows:
        session.connection().execute(insert(_table()), rows)
    return len(rows)


def hand_on(
    session: Session,
    arrival: Arrival,
    recipients: Sequence[str],
    *,
    by: int,
    raw_sha: bytes,
    size: int,
) -> None:
    """Let what came to one recipient come to others as well, as the mail with ``raw_sha``.

    ``by`` says who wants it.
    """
    alike = {
        name: getattr(arrival, name)
        for name in (
            *("received_at", "sender", "client", "helo", "protocol"),
            *("authentication", "fronted"),
        )
    }
    alike |= {"raw_sha": raw_sha, "size": size}
    rows = [
        {**alike, "recipient": one, "handed_by": by, "state": int(ArrivalState.NEW)}
        for one in recipients
    ]
    if rows:
        session.connection().execute(insert(_table()), rows)


def next_new(session: Session, limit: int) -> list[Arrival]:
    """Return the oldest ``limit`` arrivals that nobody has finished or held.

    One that was begun ``SUSPECT`` times without an end goes behind all others: it may be what
    kills its readers.
    """
    waiting = select(Arrival).where(Arrival.state == ArrivalState.NEW)
    suspect = case((Arrival.attempts >= SUSPECT, 1), else_=0)
    return list(session.scalars(waiting.order_by(suspect, Arrival.id).limit(limit)))


def envelopes(session: Session, after: int) -> list[Row[tuple[int, str, str, str, int]]]:
    """Return (id, recipient, sender, client, attempts) of all that is new, above the id ``after``.

    A hundred thousand are read in a quarter of a second.
    """
    columns = (Arrival.id, Arrival.recipient, Arrival.sender, Arrival.client, Arrival.attempts)
    waiting = select(*columns).where(Arrival.state == ArrivalState.NEW, Arrival.id > after)
    return list(session.execute(waiting.order_by(Arrival.id)))


def held(session: Session, limit: int) -> list[Arrival]:
    """Return the oldest ``limit`` arrivals that wait for a human."""
    waiting = select(Arrival).where(Arrival.state == ArrivalState.HELD)
    return list(session.scalars(waiting.order_by(Arrival.id).limit(limit)))


def begin_attempts(session: Session, numbers: Sequence[int]) -> list[tuple[Arrival, int]]:
    """Count an attempt of each; return those that are still new, and how many there were of each.

    In the order of ``numbers``. Commit before the work begins: only then does a reader that dies
    of a message leave a trace.
    """
    counted = (
        update(Arrival)
        .where(Arrival.id.in_(numbers), Arrival.state == ArrivalState.NEW)
        .values(attempts=Arrival.attempts + 1)
        .returning(Arrival.id, Arrival.attempts)
        .execution_options(synchronize_session=False)
    )
    tries = {row.id: row.attempts for row in session.execute(counted)}
    rows = {row.id: row for row in session.scalars(select(Arrival).where(Arrival.id.in_(tries)))}
    return [(rows[number], tries[number]) for number in numbers if number in rows]


def forget_attempts(session: Session, numbers: Sequence[int]) -> None:
    """Take an attempt of each back that failed through no fault of the message."""
    session.execute(
        update(Arrival)
        .where(
            Arrival.id.in_(numbers),
            Arrival.state == ArrivalState.NEW,
            Arrival.attempts > 0,
        )
        .values(attempts=Arrival.attempts - 1)
        .execution_options(synchronize_session=False)
    )


def finish(
    session: Session,
    arrival_id: int,
    note: str,
    authentication: str = "",
    *,
    silent: bool = False,
) -> bool:
    """Write the outcome of a new or held arrival; return False if someone else has ended it.

    ``authentication`` is kept with it where it is not empty; ``silent`` says that its writer
    hears nothing.
    """
    open_ = (ArrivalState.NEW, ArrivalState.HELD)
    return _move(
        session, arrival_id, ArrivalState.DONE, note, *open_, said=authentication, silent=silent
    )


@dataclass(frozen=True, slots=True)
class ArrivalEnd:
    """Hold the outcome of an arrival, as ``finish`` takes it."""

    note: str
    authentication: str
    silent: bool


def finish_all(session: Session, ends: Mapping[int, ArrivalEnd]) -> set[int]:
    """Write the outcomes of arrivals by their ids; return which of them we have ended."""
    ours = (
        select(Arrival.id)
        .where(Arrival.id.in_(ends), Arrival.state.in_((ArrivalState.NEW, ArrivalState.HELD)))
        .order_by(Arrival.id)
        .with_for_update()
    )
    ended = set(session.scalars(ours))
    if ended:
        session.connection().execute(
            _FINISHED,
            [
                {
                    "arrival": one,
                    "said": _note(ends[one].note),
                    "found": ends[one].authentication,
                    "unheard": ends[one].silent,
                }
                for one in sorted(ended)
            ],
        )
    return ended


def hold(session: Session, arrival_id: int, note: str, authentication: str = "") -> bool:
    """Set a new arrival aside for a human, with the reason; return False if it is not new."""
    held = ArrivalState.HELD
    return _move(session, arrival_id, held, note, ArrivalState.NEW, said=authentication)


def release(session: Session, arrival_id: int, note: str) -> bool:
    """Make a held arrival new again, with all its attempts; return False if it is not held."""
    if not _move(session, arrival_id, ArrivalState.NEW, note, ArrivalState.HELD):
        return False
    session.execute(
        update(Arrival)
        .where(Arrival.id == arrival_id)
        .values(attempts=0)
        .execution_options(synchronize_session=False)
    )
    return True


def _move(
    session: Session,
    arrival_id: int,
    state: ArrivalState,
    note: str,
    *where: ArrivalState,
    said: str = "",
    silent: bool = False,
) -> bool:
    more = {"authentication": said} if said else {}
    moved = (
        update(Arrival)
        .where(Arrival.id == arrival_id, Arrival.state.in_(where))
        .values(state=int(state), note=_note(note), silent=silent, **more)
        .returning(Arrival.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(moved) is not None


# Built once, for every post passes here.
_FINISHED = (
    update(cast("Table", Arrival.__table__))
    .where(Arrival.__table__.c.id == bindparam("arrival"))
    .values(
        state=int(ArrivalState.DONE),
        note=bindparam("said"),
        authentication=bindparam("found"),
        silent=bindparam("unheard"),
    )
)


def _note(text_: str) -> str:
    return text_.replace("\0", "")[:_NOTE]  # PostgreSQL has no NUL in text


def _table() -> Table:
    table = Arrival.__table__
    assert isinstance(table, Table)  # noqa: S101 - tells mypy what declarative made
    return table
