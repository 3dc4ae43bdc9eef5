"""Owners of claims: who they are, how long their lease runs, and what becomes of their rows.

A worker registers once and gets an epoch, a number that is never given again. Its lease is
judged by the database's clock. Recovery settles the rows of an owner that is dead (its process
is gone, seen from the same kernel and process space) or whose lease ran out: with its flight
recorder (mailer/ledger/flight_recorder.py) row by row, without it every claimed row counts as
dotted.
"""

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sqlalchemy import Table, bindparam, delete, insert, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.ledger.flight_recorder import SUFFIX, Flown, read_record
from mailer.ledger.ledger import Backoff, Mark, defer, due_count, lost, mark, plain_reason, release
from mailer.ledger.mailing_control import finish
from mailer.ledger.mailings import (
    CLAIMED,
    BigKey,
    Mailing,
    Recipient,
    RecipientState,
    UnsurePolicy,
)
from mailer.storage.store import Base

TIDY_AFTER = 3600.0  # seconds; a recorder file that no owner names is swept then
_SETTLE = Backoff()


class Owner(Base):
    """Keep who may hold claims; the primary key is the fencing epoch, never given twice."""

    __tablename__ = "owner"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy's own name
    epoch: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    host: Mapped[str]  # for people
    boot: Mapped[str]  # the kernel's boot id; "" where there is none
    space: Mapped[str]  # the process-id namespace, so that containers do not misjudge
    pid: Mapped[int]
    started: Mapped[int]  # the process's start, in ticks after boot: a pid may come again
    flight: Mapped[str]  # file name of its recorder
    lease_until: Mapped[float]  # by the database's clock


# Built once, for it runs with every tick.
_RENEW = (
    update(cast("Table", Owner.__table__))
    .where(Owner.__table__.c.epoch == bindparam("claim"))
    .values(lease_until=bindparam("until"))
)


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """Say where a process runs, so that another can tell whether it still does."""

    host: str
    boot: str
    space: str
    pid: int
    started: int

    def text(self) -> str:
        """Return it in one line."""
        return " ".join((self.boot or "-", self.space or "-", str(self.pid), str(self.started)))


def has_ended(text: str, place: ProcessIdentity) -> bool:
    """Tell whether the process that wrote ``ProcessIdentity.text`` is known to be gone.

    From another machine, or another space of process ids, nothing is known.
    """
    boot, space, pid, started = text.split(" ", 3)
    alike = boot != "-" and (boot, space) == (place.boot, place.space or "-")
    return alike and str(process_start(int(pid))) != started


def here() -> ProcessIdentity:
    """Describe this process."""
    boot = ""
    space = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    with suppress(OSError):
        space = str(Path("/proc/self/ns/pid").readlink())
    pid = os.getpid()
    return ProcessIdentity(socket.gethostname(), boot, space, pid, process_start(pid) or 0)


def process_start(pid: int) -> int | None:
    """Return when process ``pid`` began (field 22 of /proc/PID/stat), or None if it is gone.

    A zombie counts as gone: it holds no socket and writes nothing any more.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def register(session: Session, place: ProcessIdentity, *, flight: str, lease_until: float) -> int:
    """Enter a new owner and return its epoch."""
    return session.scalars(
        insert(Owner).returning(Owner.epoch),
        [
            {
                "host": place.host,
                "boot": place.boot,
                "space": place.space,
                "pid": place.pid,
                "started": place.started,
                "flight": flight,
                "lease_until": lease_until,
            }
        ],
    ).one()


def renew(session: Session, epoch: int, *, lease_until: float) -> bool:
    """Lengthen the lease; False says that it was taken away and the epoch is over.

    Claims come after this in the same transaction: an epoch without its owner claims nothing.
    """
    kept = session.connection().execute(_RENEW, {"claim": epoch, "until": lease_until})
    return kept.rowcount == 1


def retire(session: Session, epoch: int) -> None:
    """Take an owner off the books; it holds no claims any more."""
    session.execute(delete(Owner).where(Owner.epoch == epoch))


def recover_dead(session: Session, *, flights: Path, now: float) -> int:
    """Settle the claims of processes that are gone from this machine; return how many rows.

    For a start: no lease need run out first. ``now`` is the database's clock.
    """
    place = here()
    return _recover(session, flights, now, lambda owner: _is_gone(owner, place))


def recover_expired(session: Session, *, flights: Path, now: float) -> int:
    """Settle the claims of owners whose lease ran out or who are gone; return how many rows."""
    place = here()
    settled = _recover(
        session, flights, now, lambda owner: owner.lease_until < now or _is_gone(owner, place)
    )
    return settled + _settle_orphans(session, now)


def sweep(session: Session, *, flights: Path, now: float) -> bool:
    """Settle lost owners and finished mailings; return whether something is due to be sent."""
    recover_expired(session, flights=flights, now=now)
    finish(session, now=now)
    return due_count(session, now=now, limit=1) > 0


def tidy(session: Session, *, flights: Path, now: float) -> None:
    """Remove recorder files that no owner names; call it apart from a recovery's transaction."""
    named = set(session.scalars(select(Owner.flight)))
    for path in flights.glob(f"*{SUFFIX}"):
        with suppress(OSError):
            if path.name not in named and path.stat().st_mtime < now - TIDY_AFTER:
                path.unlink()


def verdict(
    row: int,
    epoch: int,
    attempts: int,
    *,
    policy: UnsurePolicy,
    expires_at: float,
    flown: Mapping[int, Flown] | None,
    now: float,
) -> Mark | None:
    """Decide what a claimed row of a lost owner becomes; None gives it back untouched.

    ``flown`` None means that nothing is known: then the dot may have been written.
    """
    if flown is None:
        why = "the worker and its records are gone"
        return lost(row, epoch, policy=policy, why=why, due=now, expires_at=expires_at)
    record = flown.get(row)
    if record is None or record.attempt != attempts:
        return None
    if not record.code:
        why = "the worker stopped after the dot"
        return lost(row, epoch, policy=policy, why=why, due=now, expires_at=expires_at)
    kind = record.code // 100
    if kind == 2:  # noqa: PLR2004 - 2yz, RFC 5321 section 4.2.1
        return Mark(row, epoch, RecipientState.ACCEPTED, record.code)
    if kind == 5:  # noqa: PLR2004
        return Mark(row, epoch, RecipientState.REFUSED, record.code, plain_reason(record.words))
    return defer(
        row,
        epoch,
        code=record.code,
        reason=record.words,
        now=now,
        expires_at=expires_at,
        wait=_SETTLE.wait(attempts, 0.5),
    )


def _is_gone(owner: Owner, place: ProcessIdentity) -> bool:
    seen_alike = bool(place.boot) and (owner.boot, owner.space) == (place.boot, place.space)
    return seen_alike and process_start(owner.pid) != owner.started


def _recover(session: Session, flights: Path, now: float, over: Callable[[Owner], bool]) -> int:
    settled = 0
    # Locked, so that two sweepers do not settle the same owner; a locked one is in good hands.
    owners = session.scalars(select(Owner).with_for_update(skip_locked=True)).all()
    boot = here().boot
    for owner in owners:
        if over(owner):
            flown = read_record(flights / owner.flight, boot) if owner.boot == boot else None
            settled += _settle(session, owner.epoch, flown, now)
            retire(session, owner.epoch)
    return settled


def _settle_orphans(session: Session, now: float) -> int:
    """Settle claims whose owner is not in the books at all (a restored database)."""
    epochs = set(
        session.scalars(
            select(Recipient.epoch).where(text(CLAIMED), Recipient.epoch > 0).distinct()
        )
    )
    # Read after the claims: whoever registered and claimed meanwhile is in it.
    known = set(session.scalars(select(Owner.epoch)))
    return sum(_settle(session, epoch, None, now) for epoch in sorted(epochs - known))


def _settle(session: Session, epoch: int, flown: Mapping[int, Flown] | None, now: float) -> int:
    rows = session.execute(
        select(Recipient.id, Recipient.mailing_id, Recipient.attempts).where(
            Recipient.epoch == epoch, text(CLAIMED)
        )
    ).all()
    mailings = {
        row.id: row
        for row in session.execute(
            select(Mailing.id, Mailing.policy, Mailing.expires_at).where(
                Mailing.id.in_({row.mailing_id for row in rows})
            )
        )
    }
    marks = []
    unsent = []
    for row in rows:
        mailing = mailings[row.mailing_id]
        decided = verdict(
            row.id,
            epoch,
            row.attempts,
            policy=UnsurePolicy(mailing.policy),
            expires_at=mailing.expires_at,
            flown=flown,
            now=now,
        )
        if decided is None:
            unsent.append(row.id)
        else:
            marks.append(decided)
    release(session, epoch, unsent)
    mark(session, marks)
    return len(rows)
