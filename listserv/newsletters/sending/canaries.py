"""Canaries: who gets an issue first, and when the others may follow.

    look(app, now)    # lets the others of an issue go whose first readers have been answered for

The wait counts from when the last of the first ones was answered for, not from when the issue was
sent: a relay that was away for an hour has shown nothing within it. Until then the ledger gives
out the first ones' rows alone (``Mailing.ahead``). ``follow`` is pure. Whoever's quiet hours have
begun meanwhile is put off, in short pieces, before the others may go. An issue at each reader's
own hour has no such gate: there the wait counts from that hour, which was promised.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from listserv.mailings import due_times
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Issue
from mailer.ledger.mailings import Mailing, MailingState, Recipient, RecipientState
from mailer.storage.bulk_rows import among
from subscriptions.lists import terms
from subscriptions.lists.attributes import ZONE, Attribute
from subscriptions.lists.terms import Terms

BOUND = 86400.0  # seconds after which the others follow, whatever became of the first ones
PIECE = 500  # rows put off in one transaction
PIECES = 20  # of them in one look


@dataclass(frozen=True, slots=True)
class CanaryCount:
    """Count the first ones: how many wait for their turn, are put off, have been answered for."""

    waiting: int  # due, and not answered for
    deferred: int
    settled: int
    last: float  # when the last one was settled; 0 where none was


def follow(first: CanaryCount, *, wait: float, begun: float) -> float:
    """Return when the others may go; the bound where nothing else tells.

    Who was deferred by their own server has had a turn, and does not hold a whole audience.
    """
    bound = begun + max(wait, BOUND)
    if first.waiting or (first.deferred and not first.settled):
        return bound
    return min(bound, first.last + wait) if first.settled else bound


def look(app: App, now: float) -> int:
    """Let the others go of every issue whose time has come; return of how many."""
    with app.store.read() as session:
        due = [one for one in _gated(session) if _when(session, one, now) <= now]
    opened = 0
    for number in due:
        if _put_off(app, number, now):
            with app.store.write() as session:
                through = update(Mailing).where(Mailing.id == number).values(ahead=None)
                session.execute(through)
            opened += 1
    if opened:
        app.ring("deliver")
    return opened


def _gated(session: Session) -> list[int]:
    found = select(Mailing.id).where(
        Mailing.state == MailingState.SENDING, Mailing.ahead.is_not(None)
    )
    return list(session.scalars(found.order_by(Mailing.id)))


def _when(session: Session, number: int, now: float) -> float:
    mailing, held = session.get_one(Mailing, number), _held(session, number)
    wait = 60.0 * terms.read_canary(held.canary).minutes
    return follow(first_of(session, mailing, now), wait=wait, begun=mailing.created)


def first_of(session: Session, mailing: Mailing, now: float) -> CanaryCount:
    """Count what has become of those who go first."""
    ids = json.loads(mailing.ahead or "[]")
    r = Recipient
    open_now = r.state.in_((RecipientState.READY, RecipientState.CLAIMED)) & (r.due <= now)
    settled = r.state.in_((RecipientState.ACCEPTED, RecipientState.REFUSED, RecipientState.UNSURE))
    found = session.execute(
        select(
            func.count().filter(open_now),
            func.count().filter(r.state == RecipientState.DEFERRED),
            func.count().filter(settled),
            func.max(r.due).filter(settled),
        ).where(among(session, r.id, ids))
    ).one()
    return CanaryCount(found[0], found[1], found[2], found[3] or 0.0)


def _held(session: Session, number: int) -> Terms:
    issue = session.get(Issue, number)
    return terms.read(issue.terms if issue else "")


def _put_off(app: App, number: int, now: float) -> bool:
    """Let sleep whose quiet hours it is now; False where more of them are left."""
    with app.store.read() as session:
        held = _held(session, number)
        mailing = session.get_one(Mailing, number)
        asleep = list(_asleep(session, mailing, held, now)) if held.quiet else []
    left = PIECES
    for who, wakes in asleep:
        while left:
            with app.store.write() as session:
                sleepers = (
                    select(Recipient.id)
                    .where(Recipient.mailing_id == number, Recipient.state == RecipientState.READY)
                    .where(Recipient.due <= now, who)
                    .order_by(Recipient.due, Recipient.id)
                    .limit(PIECE)
                )
                rows = list(session.scalars(sleepers))
                put_off = update(Recipient).where(among(session, Recipient.id, rows))
                if rows:
                    session.execute(put_off.values(due=wakes))
            if len(rows) < PIECE:
                break
            left -= 1
        else:
            return False
    return True


def _asleep(
    session: Session, mailing: Mailing, held: Terms, now: float
) -> Iterator[tuple[ColumnElement[bool], float]]:
    """Yield (who, when they wake) of each zone whose quiet hours it is."""
    list_id = session.get_one(Issue, mailing.id).list_id
    zones = due_times.zones(session, list_id)
    named = select(Attribute.membership_id).where(Attribute.key == ZONE)
    for zone in zones:
        wakes = terms.due(held, zone, now)
        if wakes > now:
            yield Recipient.ref.in_(named.where(Attribute.value == zone)), wakes
    wakes = terms.due(held, held.zone, now)
    if wakes > now:
        yield Recipient.ref.not_in(named.where(Attribute.value.in_(zones))), wakes
