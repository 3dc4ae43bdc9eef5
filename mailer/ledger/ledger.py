"""The delivery ledger's hot path: claims, and the marks that answer them.

A committed claim is the durable intent: the row says *claimed* and carries the epoch of its
owner (mailer/ledger/claim_owners.py). A mark is refused unless the row still carries that epoch, so
whoever lost its lease can no longer change what another has been given. All statements are Core and
batched; callers keep each transaction under some hundreds of rows.
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Table,
    Update,
    bindparam,
    func,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from mailer.ledger import pace, recipient_history, refusals, warmup
from mailer.ledger.mailings import (
    CLAIMABLE,
    CLAIMED,
    PRIORITY,
    Mailing,
    MailingState,
    Recipient,
    RecipientState,
    UnsurePolicy,
)
from mailer.ledger.pace import Paces
from mailer.reading.addresses import nameless
from mailer.storage import standstill
from mailer.storage.bulk_rows import among, one_of, spell
from mailer.storage.store import DIALECTS

MAX_REASON = 200  # characters
LOOK = 1000  # rows looked at in one go where many must be put off
MAX_ROUNDS = 4  # of looking for wanted rows within one transaction
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

# What a late answer may still settle: the epoch says that nobody has claimed the row since.
_UNSETTLED = (
    RecipientState.READY,
    RecipientState.CLAIMED,
    RecipientState.UNSURE,
    RecipientState.SKIPPED,
)


class ClaimedRow(NamedTuple):
    """Show one claimed recipient to those who make its copy."""

    id: int
    mailing_id: int
    ref: int
    address: str
    bucket: str
    variant: int
    attempts: int  # answered or lost ones before this


# Row id -> why it must not be sent to (left, suppressed); asked inside the claim transaction.
Wanted = Callable[[Session, Sequence[ClaimedRow]], Mapping[int, str]]


class Mark(NamedTuple):
    """Say what became of a claimed row; the epoch is that of its claim."""

    id: int
    epoch: int
    state: RecipientState
    code: int = 0
    reason: str = ""
    due: float = 0.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Space the attempts after a 4xx: doubling from ``first`` seconds up to ``cap``."""

    first: float = 60.0
    cap: float = 4 * 3600.0
    jitter: float = 0.2  # share of the wait, either way

    def wait(self, attempts: int, chance: float) -> float:
        """Return the seconds before the next attempt; ``chance`` is random within 0..1."""
        plain = min(self.first * 2.0 ** min(attempts, 30), self.cap)
        return plain * (1 + self.jitter * (2 * chance - 1))


def _update() -> Update:
    return update(cast("Table", Recipient.__table__))


def everyone(_session: Session, _rows: Sequence[ClaimedRow]) -> Mapping[int, str]:
    """Keep no row back."""
    return {}


def plain_reason(words: str) -> str:
    """Return the first line of what a relay said: short, without control characters or addresses.

    The row tells whose it is, and words may end up at other rows, where no erasure finds them.
    """
    first = words.lstrip("\r\n").splitlines()[:1]
    plain = " ".join(_CONTROL.sub(" ", first[0] if first else "").split())
    return nameless(plain)[:MAX_REASON]


def defer(
    row: int,
    epoch: int,
    *,
    code: int,
    reason: str,
    now: float,
    expires_at: float,
    wait: float,
) -> Mark:
    """Return the mark for a 4xx: due again later, or refused once the mailing has expired.

    The last attempt falls on ``expires_at`` itself, so nothing waits beyond it.
    """
    if now >= expires_at:
        why = plain_reason(f"expired: {reason}")
        return Mark(row, epoch, RecipientState.REFUSED, code, why)
    due = min(now + wait, expires_at)
    return Mark(row, epoch, RecipientState.DEFERRED, code, plain_reason(reason), due)


def lost(
    row: int, epoch: int, *, policy: UnsurePolicy, why: str, due: float, expires_at: float
) -> Mark:
    """Return the mark for a dot that was never answered.

    Sending again ends with the mailing: a relay that takes every copy and answers none would
    else be given the same mail for ever.
    """
    if policy is UnsurePolicy.NEVER_TWICE or due >= expires_at:
        return Mark(row, epoch, RecipientState.UNSURE, 0, plain_reason(f"unsure: {why}"))
    return Mark(
        row, epoch, RecipientState.READY, 0, plain_reason(f"unsure, sent again: {why}"), due
    )


def claim(
    session: Session,
    *,
    epoch: int,
    quota: int,
    now: float,
    wanted: Wanted,
    paces: Paces | None = None,
) -> list[ClaimedRow]:
    """Claim up to ``quota`` due recipients for ``epoch``; skip those that are not wanted.

    Kinds go by priority and smaller audiences first, so that ten people do not wait for a
    million; of a mailing that sends some ahead, those alone. Those whose domain or list has no
    token now are put off, each to its own time, and those behind them go; a notice is somebody's
    answer and queues behind nobody's issue. On PostgreSQL rows that another worker is claiming
    are stepped over.
    """
    connection = session.connection()
    many = _for_rows(connection)
    claimed: list[ClaimedRow] = []
    for mailing_id, list_address, priority, ahead in connection.execute(_LIVE, {"now": now}).all():
        look = 0
        alone = {} if ahead is None else {"rows": many.spell(json.loads(ahead))}
        for _ in range(MAX_ROUNDS):
            room = quota - len(claimed)
            if room <= 0:
                return claimed
            values = {"mailing": mailing_id, "now": now, "room": max(room, look), **alone}
            due_now = many.due_ahead if alone else _DUE
            found = list(map(ClaimedRow._make, connection.execute(due_now, values).all()))
            urgent = priority <= PRIORITY["notice"]
            due, later = _admit(found, room, list_address, paces, urgent=urgent)
            unwanted = wanted(session, due) if due else {}
            kept = [row for row in due if row.id not in unwanted]
            if kept:
                rows = many.spell([row.id for row in kept])
                connection.execute(many.take, {"rows": rows, "claim": epoch})
            _skip(connection, unwanted)
            if later:
                connection.execute(_PUT_OFF, later)
                look = LOOK
            claimed += kept
            if not unwanted and not later:
                break
    return claimed


def _admit(
    rows: list[ClaimedRow], room: int, list_address: str, paces: Paces | None, *, urgent: bool
) -> tuple[list[ClaimedRow], list[dict[str, object]]]:
    """Return up to ``room`` rows that have their tokens, and the due times of those without."""
    if paces is None or not paces.known:
        return rows, []
    list_key = pace.of(list_address)
    day = () if urgent else (warmup.KEY,)
    admitted: list[ClaimedRow] = []
    later: list[dict[str, object]] = []
    for row in rows:
        if len(admitted) == room:
            break
        due = paces.admit((pace.to(row.bucket), list_key, *day), urgent=urgent)
        if due is None:
            admitted.append(row)
        else:
            later.append({"row": row.id, "at": due})
    return admitted, later


def due_count(session: Session, *, now: float, limit: int) -> int:
    """Return how many recipients are due, counting no further than ``limit``."""
    found = 0
    for mailing_id, _, _, ahead in session.execute(_LIVE, {"now": now}).all():
        rows = select(Recipient.id).where(
            *_own(session, mailing_id, ahead), text(CLAIMABLE), Recipient.due <= now
        )
        found += len(session.execute(rows.limit(limit - found)).all())
        if found >= limit:
            break
    return found


def next_due(session: Session) -> float | None:
    """Return the earliest time at which a recipient is due, or None."""
    times = [session.scalar(_EARLIEST)]
    for mailing_id, _, _, ahead in session.execute(_LIVE_AHEAD, {"now": _EVER}).all():
        own = _own(session, mailing_id, ahead)
        times.append(session.scalar(select(func.min(Recipient.due)).where(*own, text(CLAIMABLE))))
    return min((time for time in times if time is not None), default=None)


def _own(session: Session, mailing_id: int, ahead: str | None) -> list[ColumnElement[bool]]:
    """Return what the rows of a mailing fulfil that may go now."""
    own = [Recipient.mailing_id == mailing_id]
    return own if ahead is None else [*own, among(session, Recipient.id, json.loads(ahead))]


def mark(session: Session, marks: Iterable[Mark], *, now: float | None = None) -> int:
    """Write what became of claimed rows; return how many still were the claimer's to mark.

    A settled row keeps the time in ``due``; an answer that a later one will overwrite also goes
    to its history, and a relay's refusal to those that are still to be weighed.
    """
    at = time.time() if now is None else now
    connection = session.connection()
    many = _for_rows(connection)
    marks = list(marks)
    put_off = [one.id for one in marks if one.state is RecipientState.DEFERRED]
    if put_off:  # whose mailing could be called done just now, before anybody sees that it goes on
        connection.execute(many.hold, {"rows": many.spell(put_off)}).all()
    accepted: dict[tuple[int, int], list[int]] = {}
    landed = 0
    events: list[recipient_history.Row] = []
    refused: list[refusals.Row] = []
    for one in marks:
        if one.state is RecipientState.ACCEPTED:
            accepted.setdefault((one.epoch, one.code), []).append(one.id)
        else:
            marked = connection.execute(_MARK, _values(one, at)).rowcount
            landed += marked
            if marked and one.state is not RecipientState.REFUSED:
                events.append(recipient_history.event(one.id, at, one.state, one.code, one.reason))
            elif marked and one.code:  # without a code it was no relay that refused
                refused.append(refusals.row(one.id, at, one.code, one.reason))
    for (epoch, code), ids in accepted.items():
        values = {"rows": many.spell(ids), "claim": epoch, "answer": code, "at": at}
        landed += connection.execute(many.accept, values).rowcount
    recipient_history.note(session, events)
    refusals.note(session, refused)
    late = [event["recipient_id"] for event in events if event["state"] == RecipientState.DEFERRED]
    if late:  # a late 4xx: the mailing may have been done with somebody unsure
        connection.execute(many.go_on, {"rows": many.spell(late)})
    return landed


def release(session: Session, epoch: int, ids: Sequence[int]) -> None:
    """Give back claimed rows for which nothing was sent; this is nobody's failure."""
    if ids:
        connection = session.connection()
        many = _for_rows(connection)
        connection.execute(many.release, {"rows": many.spell(ids), "claim": epoch})


def counted(session: Session, ids: Sequence[int]) -> int:
    """Return how many of these rows a warm-up calendar counts: all but notices."""
    connection = session.connection()
    many = _for_rows(connection)
    return connection.scalar(many.counted, {"rows": many.spell(ids)}) or 0


def release_all(session: Session, epoch: int) -> None:
    """Give back whatever ``epoch`` still has: for an owner that goes, with no letter under way.

    There is something only where a commit's answer was lost, so that we do not know of it.
    """
    ids = select(_r.id).where(text(CLAIMED), _ours)
    release(session, epoch, session.connection().scalars(ids, {"claim": epoch}).all())


def _values(one: Mark, now: float) -> dict[str, object]:
    # A late answer may settle a row, but the news that an answer was lost settles only a claim.
    answered = one.state in (RecipientState.REFUSED, RecipientState.DEFERRED)
    return {
        "row": one.id,
        "claim": one.epoch,
        "sources": _UNSETTLED if answered else (RecipientState.CLAIMED,),
        "to": one.state,
        "answer": one.code,
        "why": one.reason,
        "at": now if one.state is RecipientState.REFUSED else one.due,
    }


def _skip(connection: Connection, unwanted: Mapping[int, str]) -> None:
    at = time.time()
    rows = [{"row": row, "why": plain_reason(why), "at": at} for row, why in unwanted.items()]
    if rows:
        connection.execute(_SKIP, rows)


# The statements of the hot path, built once: building one costs more than running it.
_r = Recipient.__table__.c
_ours = _r.epoch == bindparam("claim")

# Of mailings with something due alone: thousands of notices may wait for servers that put them off.
_LIVE = (
    select(Mailing.id, Mailing.list_address, Mailing.priority, Mailing.ahead)
    .where(
        Mailing.state == MailingState.SENDING,
        standstill.NONE,
        select(_r.id)
        .where(_r.mailing_id == Mailing.id, text(CLAIMABLE), _r.due <= bindparam("now"))
        .exists(),
    )
    .order_by(Mailing.priority, Mailing.audience, Mailing.id)
)
_LIVE_AHEAD = _LIVE.where(Mailing.ahead.is_not(None))
_EARLIEST = select(
    func.min(
        select(func.min(_r.due))
        .where(_r.mailing_id == Mailing.id, text(CLAIMABLE))
        .correlate(Mailing.__table__)
        .scalar_subquery()
    )
).where(Mailing.state == MailingState.SENDING, Mailing.ahead.is_(None), standstill.NONE)
_EVER = 1e18  # seconds since 1970 UTC
_DUE = (
    select(_r.id, _r.mailing_id, _r.ref, _r.address, _r.bucket, _r.variant, _r.attempts)
    .where(_r.mailing_id == bindparam("mailing"), text(CLAIMABLE), _r.due <= bindparam("now"))
    .order_by(_r.due, _r.id)
    .limit(bindparam("room", type_=Integer))
    .with_for_update(skip_locked=True)  # SQLite has one writer and leaves it out
)
_SKIP = (
    _update()
    .where(_r.id == bindparam("row"), text(CLAIMABLE))
    .values(state=RecipientState.SKIPPED, reason=bindparam("why"), due=bindparam("at"))
)
_PUT_OFF = _update().where(_r.id == bindparam("row")).values(due=bindparam("at"))
_MARK = (
    _update()
    .where(
        _r.id == bindparam("row"),
        _ours,
        _r.state.in_(bindparam("sources", expanding=True)),
    )
    .values(
        state=bindparam("to"),
        attempts=_r.attempts + 1,
        code=bindparam("answer"),
        reason=bindparam("why"),
        due=bindparam("at"),
    )
)


class _ForRows:
    """Hold the statements that change many rows; ``rows`` is one value, whatever their number."""

    def __init__(self, dialect: str) -> None:
        rows = one_of(dialect, "recipient.id", "rows")
        self.spell = partial(spell, dialect)
        self.due_ahead = _DUE.where(rows)
        self.take = (
            _update().where(rows).values(state=RecipientState.CLAIMED, epoch=bindparam("claim"))
        )
        self.release = (
            _update()
            .where(rows, _ours, _r.state == RecipientState.CLAIMED)
            .values(state=RecipientState.READY)
        )
        waiting = select(_r.mailing_id).where(rows, _r.state == RecipientState.DEFERRED)
        self.go_on = (
            update(cast("Table", Mailing.__table__))
            .where(Mailing.id.in_(waiting), Mailing.state == MailingState.DONE)
            .values(state=MailingState.SENDING.value, finished=None, told=None)
        )
        before = select(_r.mailing_id).where(
            rows, _r.state.in_((RecipientState.UNSURE, RecipientState.SKIPPED))
        )
        self.hold = (
            select(Mailing.id)
            .where(Mailing.id.in_(before))
            .order_by(Mailing.id)
            .with_for_update(key_share=True)  # SQLite has one writer and leaves it out
        )
        self.counted = (
            select(func.count())
            .select_from(Recipient)
            .join(Mailing, Mailing.id == _r.mailing_id)
            .where(rows, Mailing.priority > PRIORITY["notice"])
        )
        self.accept = (
            _update()
            .where(rows, _ours, _r.state.in_(_UNSETTLED))
            .values(
                state=RecipientState.ACCEPTED,
                attempts=_r.attempts + 1,
                code=bindparam("answer"),
                reason="",
                due=bindparam("at"),
            )
        )


_FOR_ROWS = {dialect: _ForRows(dialect) for dialect in DIALECTS}


def _for_rows(connection: Connection) -> _ForRows:
    return _FOR_ROWS[connection.dialect.name]
