"""Decide when each recipient's copy is due, or why the recipient is left out.

Makes of an issue's terms (subscriptions/lists/terms.py) the expressions of SQL that the freeze
enters rows with, so that a million readers in forty time zones cost one statement a piece. Whoever
has had enough issues stands in the ledger too, as *skipped* with the reason: the audience stays who
was chosen, and the states add up to it.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Float,
    ScalarSelect,
    and_,
    bindparam,
    case,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from listserv.mailings.slots import KIND
from listserv.wiring.listserv_tables import Issue
from mailer.ledger.mailings import Mailing, Recipient, RecipientState
from subscriptions.audience.audience import audience_select
from subscriptions.audience.segment_query import Chosen
from subscriptions.lists import terms
from subscriptions.lists.attributes import ZONE, Attribute
from subscriptions.lists.roster import MailList, Membership, table_of
from subscriptions.lists.terms import Terms

_DAY = 86400.0


class DuePlan(NamedTuple):
    """Hold what the rows of one mailing begin with; the same for every piece of its audience."""

    dues: tuple[tuple[str, float], ...] = ()  # by the readers' own zones
    usual: float | None = None  # for the others; None: at once
    wait: float = 0.0  # seconds that all but the first wait longer, where nobody's hour matters
    enough: int = 0  # issues from which on a person is left out; 0 for no such bound
    recent: tuple[int, ...] = ()  # mailings that count
    reason: str = ""

    def due(self, now: ColumnElement[float]) -> ColumnElement[float]:
        """Return when a row is due, as an expression beside Membership."""
        usual = now if self.usual is None else literal(self.usual, Float)
        at = case(dict(self.dues), value=_zone(), else_=usual) if self.dues else usual
        return at + self.wait if self.wait else at

    def state(self) -> ColumnElement[int]:
        """Return the state that a row begins with."""
        if not self.recent:
            return literal(int(RecipientState.READY))
        return case(
            (self.had_enough(), int(RecipientState.SKIPPED)), else_=int(RecipientState.READY)
        )

    def why(self) -> ColumnElement[str]:
        """Return the reason of a row that is left out."""
        if not self.recent:
            return literal("")
        return case((self.had_enough(), self.reason), else_="")

    def had_enough(self) -> ColumnElement[bool]:
        """Return whether a person has had as many issues as they should."""
        other = aliased(Membership)
        # Not a join: SQLite would walk whole mailings for each person, and not the index by both.
        theirs = select(other.id).where(other.person_id == Membership.person_id)
        had = (
            select(func.count(Recipient.id))
            .where(
                Recipient.mailing_id.in_(self.recent),
                Recipient.ref.in_(theirs.correlate(Membership)),
                Recipient.state.not_in((RecipientState.REFUSED, RecipientState.SKIPPED)),
            )
            .correlate(Membership)
            .scalar_subquery()
        )
        return had >= self.enough


def _zone() -> ScalarSelect[str]:
    return (
        select(Attribute.value)
        .where(Attribute.membership_id == Membership.id, Attribute.key == ZONE)
        .limit(1)
        .correlate(Membership)
        .scalar_subquery()
    )


AT_ONCE = DuePlan()


class FirstReader(NamedTuple):
    """Name a row that goes before the others, and when."""

    row: int
    due: float


def plan(session: Session, list_id: int, held: Terms, *, begun: float, mailing: int = 0) -> DuePlan:
    """Return what the rows of an issue begin with that was sent at ``begun``."""
    cap, wait = terms.read_cap(held.cap), _wait(held)
    made = DuePlan(wait=wait)
    if held.timed:
        known = zones(session, list_id)
        dues = tuple((one, terms.later(held, one, begun, wait)) for one in known)
        made = DuePlan(dues, terms.later(held, held.zone, begun, wait))
    if cap is None:
        return made
    recent = session.scalars(
        select(Mailing.id)
        .where(Mailing.kind == KIND, Mailing.created > begun - cap.days * _DAY)
        .where(Mailing.id != mailing)
        .order_by(Mailing.id)
    )
    reason = f"had {cap.many} issues in {cap.days} days"
    return made._replace(enough=cap.many, recent=tuple(recent), reason=reason)


def zones(session: Session, list_id: int) -> list[str]:
    """Return the time zones that members of a list have named."""
    found = (
        select(Attribute.value)
        .join(Membership, Membership.id == Attribute.membership_id)
        .where(Membership.list_id == list_id, Attribute.key == ZONE)
        .distinct()
        .order_by(Attribute.value)
    )
    return list(session.scalars(found))


def earliest(session: Session, lst: MailList, held: Terms, now: float) -> float:
    """Return when the first reader's copy is due."""
    known = [held.zone, *zones(session, lst.id)]
    return min(terms.due(held, one, now) for one in known)


def left_out(session: Session, lst: MailList, chosen: Chosen, held: Terms, now: float) -> int:
    """Return how many would be left out now because they have had enough issues."""
    made = plan(session, lst.id, held, begun=now)
    if not made.recent:
        return 0
    found = audience_select(lst.id, now=now, chosen=chosen).order_by(None)
    found = found.where(made.had_enough())
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0


def series_of(session: Session, list_id: int, name: str, before: int = 0) -> tuple[int, ...]:
    """Return the mailings of a series that have rows; those ``before`` one, where it is given.

    Who stood in the others is kept (subscriptions/lists/series.py).
    """
    if not name:
        return ()
    found = (
        select(Issue.mailing_id)
        .join(Mailing, Mailing.id == Issue.mailing_id)
        .where(Issue.list_id == list_id, Issue.series == name, Mailing.freeze_cursor >= 0)
    )
    if before:
        found = found.where(Issue.mailing_id < before)
    return tuple(session.scalars(found.order_by(Issue.mailing_id)))


def terms_of(lst: MailList, hour: str = "") -> Terms:
    """Return the terms on which a list's issue is sent now."""
    return Terms(hour, lst.zone or "UTC", lst.cap, lst.quiet_hours, lst.canary)


def _wait(held: Terms) -> float:
    """Return how many seconds after the first ones all others may go."""
    canary = terms.read_canary(held.canary)
    return 60.0 * canary.minutes if canary.many else 0.0


def first_of(session: Session, mailing: Mailing, held: Terms, audience: int) -> list[FirstReader]:
    """Return rows that go before the others: spread over the audience, old members and new."""
    many = terms.read_canary(held.canary).many
    if not many:
        return []
    step = max(1, audience // many)
    rows = (
        select(Recipient.id, Recipient.due, Attribute.value)
        .outerjoin(
            Attribute,
            and_(Attribute.membership_id == Recipient.ref, Attribute.key == ZONE),
        )
        .where(
            Recipient.mailing_id == mailing.id,
            Recipient.state == RecipientState.READY,
            Recipient.id % step == 0,
        )
        .order_by(Recipient.id)
        .limit(many)
    )
    begun = mailing.created
    return [
        FirstReader(
            row, terms.due(held, zone or held.zone, begun) if held.timed else due - _wait(held)
        )
        for row, due, zone in session.execute(rows)
    ]


def go_first(session: Session, mailing_id: int, rows: Sequence[FirstReader], held: Terms) -> None:
    """Let these rows go without the wait that all others have, and alone until they may follow.

    An issue at each reader's own hour keeps to it: newsletters/canaries.py.
    """
    if rows and not held.hour:
        ahead = json.dumps([one.row for one in rows])
        session.execute(update(Mailing).where(Mailing.id == mailing_id).values(ahead=ahead))
    moved = update(table_of(Recipient)).where(table_of(Recipient).c.id == bindparam("row"))
    if rows:
        values = [{"row": one.row, "at": one.due} for one in rows]
        session.connection().execute(moved.values(due=bindparam("at")), values)
