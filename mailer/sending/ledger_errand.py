"""Do what a sender asks of the ledger: one transaction a tick, in a thread beside the lanes.

An errand writes the answers that came, renews the lease (or takes one), asks the paces and claims
more rows; then it reads the compositions that those need. Knows the ledger's tables; refuses to
know lanes and SMTP.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from mailer.client.relay import Relay
from mailer.client.smtp_transaction import Timeouts
from mailer.errors import Temporary
from mailer.ledger import claim_owners, ledger, mailing_control, mailings, pace, warmup
from mailer.ledger.flight_recorder import FlightRecorder
from mailer.ledger.ledger import Backoff, ClaimedRow, Mark, Wanted
from mailer.ledger.mailings import MailingView
from mailer.ledger.splice import Segments, Stamp, Wire
from mailer.ledger.warmup import Calendar
from mailer.ledger.worker_lease import Clock, WorkerLease
from mailer.sending.in_flight import CopiesInFlight
from mailer.storage.store import Store

# What signs the copies of a composition; asked once, when the composition is read.
Naming = Callable[[Session], Mapping[str, str]]
Stamping = Callable[[Session, MailingView, Segments], Stamp | None]
log = logging.getLogger(__name__)

HEAVY = 64_000_000  # bytes of compositions held at once; one that is larger comes alone


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """Hold a sender's settings; ``connections`` are per relay and for this sender alone."""

    relays: tuple[Relay, ...]
    connections: int = 10
    hello: str = "localhost"
    window: int = 64  # claimed copies per connection: the intent window
    lease: float = 5.0
    grace: float = 10.0
    idle: float = 30.0
    backoff: Backoff = field(default_factory=Backoff)
    timeouts: Timeouts = field(default_factory=Timeouts)
    rates: Mapping[str, float] = field(default_factory=dict)  # recipients a second, by pace's key
    calendar: Calendar | None = None  # of the warm-up


@dataclass(frozen=True, slots=True)
class Errand:
    """Say what one ledger transaction has to do."""

    lease: WorkerLease | None
    marks: Sequence[Mark]
    unsent: Sequence[int]
    quota: int
    complaints: Mapping[str, float]
    wishes: Mapping[str, int]  # tokens that each relay could use


@dataclass(frozen=True, slots=True)
class Brought:
    """Say what an errand brought."""

    lease: WorkerLease | None
    rows: Sequence[ClaimedRow] = ()
    landed: int = 0
    granted: Mapping[str, int | None] = field(default_factory=dict)  # tokens, by relay
    later: Collection[tuple[int, int]] = ()  # (mailing, variant) too heavy beside the others


class LedgerErrands:
    """Run errands for one sender; ``wanted`` says at claim time whom not to mail any more.

    ``naming`` gives, for the address of a list that was renamed, the pace's key that counts.
    """

    def __init__(
        self,
        store: Store,
        settings: SenderSettings,
        out: CopiesInFlight,
        *,
        clock: Clock,
        wanted: Wanted,
        flights: Path,
        stamping: Stamping,
        naming: Naming,
    ) -> None:
        self._store = store
        self._settings = settings
        self._out = out
        self._clock = clock
        self._wanted = wanted
        self._flights = flights
        self._stamping = stamping
        self._naming = naming
        self._place = claim_owners.here()
        self._allowed = {
            **settings.rates,
            **{pace.through(one.name): one.rate for one in settings.relays if one.rate},
        }

    def run(self, errand: Errand) -> Brought:
        """Work in the thread: one write transaction, then the reading it makes necessary."""
        steady, wall = self._clock.steady(), self._clock.wall()
        recorder = None
        if errand.lease is None and errand.quota:
            recorder = FlightRecorder(self._flights, self._place.boot)
        try:
            with self._store.write() as session:
                now = self._store.now(session)
                until = now + self._settings.lease
                lease = errand.lease
                if recorder is not None:
                    epoch = claim_owners.register(
                        session, self._place, flight=recorder.path.name, lease_until=until
                    )
                    lease = WorkerLease(epoch, recorder, self._clock, local=self._store.sqlite)
                elif lease is not None and not claim_owners.renew(
                    session, lease.epoch, lease_until=until
                ):
                    lease = None
                landed = ledger.mark(session, errand.marks)
                rows, granted = self._take(session, lease, errand, now)
                if len(rows) < errand.quota or not errand.quota:
                    mailing_control.finish(session, now=now)
        except BaseException:
            if recorder is not None:
                recorder.close(remove=True)
            raise
        later: Collection[tuple[int, int]] = ()
        if lease is not None:
            lease.extend(steady, wall, self._settings.lease)
            later = self._learn(rows)
        return Brought(lease, rows, landed, granted, later)

    def _take(
        self, session: Session, lease: WorkerLease | None, errand: Errand, now: float
    ) -> tuple[list[ClaimedRow], dict[str, int | None]]:
        """Claim what the paces let go; return the rows, and each relay's tokens."""
        names = self._naming(session)
        paces = pace.load(session, now, self._allowed, self._settings.calendar, names)
        for key, observed in errand.complaints.items():
            paces.slow(key, observed)
        rows: list[ClaimedRow] = []
        if lease is not None:
            ledger.release(session, lease.epoch, errand.unsent)
            if errand.unsent:
                paces.refund(warmup.KEY, ledger.counted(session, errand.unsent))
            if errand.quota:
                rows = ledger.claim(
                    session,
                    epoch=lease.epoch,
                    quota=errand.quota,
                    now=now,
                    wanted=self._wanted,
                    paces=paces,
                )
        granted = {
            name: paces.grant(pace.through(name), wish) for name, wish in errand.wishes.items()
        }
        pace.keep(session, paces)
        return rows, granted

    def _learn(self, rows: Sequence[ClaimedRow]) -> set[tuple[int, int]]:
        """Read the compositions that are not known yet (the loop only reads these maps).

        Return those that must wait, so that many letters with films do not fill the memory. One
        that cannot be read stays unknown, and its recipients are deferred with the reason.
        """
        unknown = self._out.unknown(rows)
        later: set[tuple[int, int]] = set()
        if not unknown:
            return later
        weight = self._out.weight
        views: dict[int, MailingView] = {}
        wires: dict[tuple[int, int], Wire] = {}
        with self._store.read() as session:
            for mailing_id, variant in sorted(unknown):
                if weight >= HEAVY:
                    later.add((mailing_id, variant))
                    continue
                try:
                    view = mailings.view(session, mailing_id)
                    segments = mailings.composition(session, mailing_id, variant)
                    if segments is not None:
                        view = replace(view, shared=not segments.slots)
                        stamp = self._stamping(session, view, segments)
                        wire = wires[mailing_id, variant] = Wire(segments, stamp)
                        weight += wire.weight
                    views[mailing_id] = view
                except (Temporary, SQLAlchemyError):
                    raise  # the database is away: that is no mailing's fault
                except Exception:
                    # One mailing that cannot be read must not keep the others from leaving.
                    log.exception("mailing %d, variant %d: cannot be read", mailing_id, variant)
        self._out.know(views, wires)
        return later
