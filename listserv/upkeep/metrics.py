"""Count in the database what a monitoring system asks for (GET /metrics).

Ages, states and rates; names of receiving domains and relays, never an address of a person.
Counts go along the small indexes of what is open, so that a million accepted rows cost nothing.
SECURITY: for this machine alone (listserv/web/visitor.py), or with the token of
``listserv.metrics_token``.
"""

import hmac
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session
from starlette.datastructures import Headers

from listserv.wiring.listserv_tables import Hold, HoldState, SortedList
from mailer.ledger import ledger
from mailer.ledger.claim_owners import Owner
from mailer.ledger.mailings import (
    CLAIMABLE,
    CLAIMED,
    UNSURE,
    Mailing,
    MailingState,
    Recipient,
    RecipientState,
)
from mailer.ledger.pace import PaceRow
from mailer.storage.arrivals import Arrival, ArrivalState
from mailer.storage.store import Store
from subscriptions.membership.bouncing import Bounced
from subscriptions.permission import budget

_LIVE = (MailingState.FREEZING, MailingState.SENDING, MailingState.PAUSED)
_OPEN = ((CLAIMABLE, "waiting"), (CLAIMED, "claimed"), (UNSURE, "unsure"))


def opens(headers: Headers, token: str) -> bool:
    """Tell whether a request shows the token of ``listserv.metrics_token``."""
    given = headers.get("authorization", "").removeprefix("Bearer ").encode()
    return bool(token) and hmac.compare_digest(given, token.encode())


def page(store: Store, parts: Mapping[str, int], ways: Mapping[str, int]) -> bytes:
    """Return the numbers in the text format of Prometheus; raise Temporary without a database."""
    registry = CollectorRegistry()
    registry.register(_Numbers(store, parts, ways))
    return generate_latest(registry)


class _Numbers(Collector):
    def __init__(self, store: Store, parts: Mapping[str, int], ways: Mapping[str, int]) -> None:
        self._store = store
        self._parts = parts
        self._ways = ways

    def describe(self) -> list[Metric]:
        """Name nothing beforehand: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Count, all at one moment."""
        yield _one("krets_part_up", "A part of this process tree is up", "part",
                   {name: float(state == 2) for name, state in self._parts.items()})  # noqa: PLR2004  # fmt: skip
        ways = {name: float(number) for name, number in self._ways.items()}
        yield _one("krets_web_requests", "Requests for pages, by how they came here", "way", ways)
        with self._store.read() as session:
            now = self._store.now(session)
            yield from _incoming(session, now)
            yield from _outgoing(session, now)
            yield from _back(session)
            yield from _held_back(session)


def _incoming(session: Session, now: float) -> Iterator[Metric]:
    arrivals = select(func.count(), func.min(Arrival.received_at)).select_from(Arrival)
    count, oldest = session.execute(arrivals.where(Arrival.state == ArrivalState.NEW)).one()
    held = session.scalar(
        select(func.count()).select_from(Hold).where(Hold.state == HoldState.WAITING)
    )
    states = {"new": float(count), "held": float(held or 0)}
    yield _one("krets_arrivals", "Messages that wait", "state", states)
    yield _age("krets_oldest_arrival_seconds", "Age of the oldest undecided message", oldest, now)
    sorting = select(func.count(func.distinct(SortedList.holder))).where(SortedList.until > now)
    yield GaugeMetricFamily(
        "krets_sorters", "Processes that decide what came", value=session.scalar(sorting) or 0
    )


def _outgoing(session: Session, now: float) -> Iterator[Metric]:
    found = session.execute(
        select(Mailing.state, func.count()).where(Mailing.state.in_(_LIVE)).group_by(Mailing.state)
    )
    mailings = dict.fromkeys(map(str, _LIVE), 0.0) | {row[0]: float(row[1]) for row in found}
    yield _one("krets_mailings", "Mailings under way", "state", mailings)
    yield _one("krets_recipients", "Recipients who are not settled", "state", _people(session))
    due = ledger.next_due(session)
    oldest = due if due is not None and due <= now else None
    yield _age("krets_oldest_due_seconds", "How long the first recipient is overdue", oldest, now)
    senders = select(func.count()).select_from(Owner).where(Owner.lease_until > now)
    yield GaugeMetricFamily(
        "krets_senders", "Senders that hold a lease", value=session.scalar(senders) or 0
    )
    rows = session.execute(select(PaceRow.key, PaceRow.rate, PaceRow.until)).all()
    paces = {row.key: row.rate for row in rows}
    yield _one("krets_pace_per_second", "What receivers taught us; 0: nothing", "to", paces)
    pauses = {row.key: max(0.0, row.until - now) for row in rows}
    yield _one("krets_pause_seconds", "How long nothing leaves yet", "to", pauses)


def _people(session: Session) -> dict[str, float]:
    counts: dict[str, float] = {}
    live = session.scalars(select(Mailing.id).where(Mailing.state.in_(_LIVE))).all()
    for condition, word in _OPEN:
        counted = select(Recipient.state, func.count()).where(
            Recipient.mailing_id.in_(live), text(condition)
        )
        counts |= {word: 0.0} if word != "waiting" else {"ready": 0.0, "deferred": 0.0}
        for state, number in session.execute(counted.group_by(Recipient.state)):
            counts[RecipientState(state).name.lower()] = float(number)
    return counts


def _back(session: Session) -> Iterator[Metric]:
    found = session.execute(select(Bounced.kind, func.count()).group_by(Bounced.kind))
    yield _one(
        "krets_bounces",
        "What came back so far, by mail or at the relay",
        "kind",
        {k: float(n) for k, n in found},
    )


def _held_back(session: Session) -> Iterator[Metric]:
    times = {bound: float(row.times) for bound, row in budget.barred(session).items()}
    yield _one(
        "krets_automatic_held_back",
        "Automatic mails that a bound has kept from strangers",
        "bound",
        {**dict.fromkeys(budget.SHARED, 0.0), **times},
    )


def _one(name: str, help_: str, label: str, values: Mapping[str, float]) -> Metric:
    made = GaugeMetricFamily(name, help_, labels=[label])
    for value, number in sorted(values.items()):
        made.add_metric([value], number)
    return made


def _age(name: str, help_: str, since: float | None, now: float) -> Metric:
    return GaugeMetricFamily(name, help_, value=0.0 if since is None else max(0.0, now - since))
