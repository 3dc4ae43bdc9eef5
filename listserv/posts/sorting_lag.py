"""Say whether mail waits to be decided, for how long, and whether anybody decides.

    lag = sorting_lag.read(session, now)
    lag.stands        # mail waits, and nobody has sorted for a while: something is broken
    lag.behind        # mail waits longer than it should; of a flooded list that may be right

What may have killed its readers waits by design and does not count.
"""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from listserv.wiring.listserv_tables import SortedList
from mailer.storage.arrivals import SUSPECT, Arrival, ArrivalState

BEHIND = 120.0  # seconds that mail may wait
QUIET = 120.0  # seconds in which somebody sorts, where mail waits


@dataclass(frozen=True, slots=True)
class SortingLag:
    """Hold what waits; ages in seconds."""

    waiting: int
    oldest: float
    since_sorted: float  # since the last sorter let go of a list; infinite where none ever did

    @property
    def behind(self) -> bool:
        """Tell whether mail waits longer than it should."""
        return self.oldest > BEHIND

    @property
    def stands(self) -> bool:
        """Tell whether mail waits and nobody decides it."""
        return self.behind and self.since_sorted > QUIET


def read(session: Session, now: float) -> SortingLag:
    """Look at what waits at ``now``, the database's clock."""
    found = select(func.count(), func.min(Arrival.received_at)).where(
        Arrival.state == ArrivalState.NEW, Arrival.attempts < SUSPECT
    )
    waiting, oldest = session.execute(found).one()
    last = session.scalar(select(func.max(SortedList.until)))
    return SortingLag(
        waiting=waiting or 0,
        oldest=max(0.0, now - oldest) if oldest is not None else 0.0,
        since_sorted=max(0.0, now - last) if last is not None else float("inf"),
    )
