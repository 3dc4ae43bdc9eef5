"""Claim a list, so that one process at a time decides what comes for it.

    claims = ListClaims(store)
    mine = claims.take(session, ["friends@example.org"])     # those that nobody else has
    ...
    keep(store, session, mine[0], newest)                    # in the transaction that decides

Several processes sort, each some lists: what one list gets stays in its order, its digests are made
between its posts and never beside one, and a list that has much to do leaves the others alone. A
claim is a row with an epoch, which grows with each claim, and a lease by the database's clock. Who
has lost it finds out in the transaction that would have written, and writes nothing. A process that
was killed on this machine holds nothing any more; from another machine its lease runs out.
"""

import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from listserv.wiring.listserv_tables import SortedList
from mailer.errors import Temporary
from mailer.ledger import claim_owners
from mailer.storage.store import Store, insert_or_ignore

LEASE = 30.0  # seconds; renewed with every write


@dataclass(slots=True)
class ListClaim:
    """Hold one list that is ours, and when its last post was decided."""

    list_address: str
    epoch: int
    newest: float


def keep(store: Store, session: Session, claim: ListClaim, newest: float) -> None:
    """Lengthen a lease and write when its last post was decided; raise where it is lost."""
    claim.newest = max(claim.newest, newest)
    kept = (
        update(SortedList)
        .where(SortedList.list_address == claim.list_address, SortedList.epoch == claim.epoch)
        .values(until=store.now(session) + LEASE, newest=claim.newest)
        .returning(SortedList.epoch)
        .execution_options(synchronize_session=False)
    )
    if session.scalar(kept) is None:
        raise Temporary(
            f"Another process decides what comes for {claim.list_address} now.",
            "Nothing was lost; it does the rest.",
        )


class ListClaims:
    """Take lists, keep them and give them back; one of these for each that sorts."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._here = claim_owners.here()
        # Two in one process are two.
        self._name = f"{self._here.text()} {secrets.token_hex(8)}"

    def busy(self, session: Session) -> frozenset[str]:
        """Return the lists that others have now."""
        now = self.store.now(session)
        rows = session.execute(
            select(SortedList.list_address, SortedList.holder).where(SortedList.until > now)
        )
        return frozenset(row.list_address for row in rows if self._has(row.holder))

    def _has(self, holder: str) -> bool:
        """Tell whether another holds what bears this name: its process has not ended."""
        if holder == self._name:
            return False
        return not claim_owners.has_ended(holder.rpartition(" ")[0], self._here)

    def take(self, session: Session, addresses: Collection[str]) -> list[ListClaim]:
        """Take those of the lists that nobody else has."""
        wanted = sorted(set(addresses))  # in one order, or two would wait for each other
        rows = self._rows(session, wanted)
        missing = [one for one in wanted if one not in {row.list_address for row in rows}]
        if missing:
            fresh = {"epoch": 0, "holder": "", "until": 0.0, "newest": 0.0}
            session.execute(
                insert_or_ignore(session, SortedList),
                [{"list_address": one, **fresh} for one in missing],
            )
            rows = self._rows(session, wanted)
        now = self.store.now(session)
        free = [row for row in rows if row.until <= now or not self._has(row.holder)]
        for row in free:
            row.epoch, row.holder, row.until = row.epoch + 1, self._name, now + LEASE
        session.flush()
        return [ListClaim(row.list_address, row.epoch, row.newest) for row in free]

    def _rows(self, session: Session, wanted: Sequence[str]) -> Sequence[SortedList]:
        found = select(SortedList).where(SortedList.list_address.in_(wanted))
        return session.scalars(found.order_by(SortedList.list_address).with_for_update()).all()

    def give_back(self, session: Session, claims: Collection[ListClaim]) -> None:
        """Let go of lists; one that is lost already stays with whoever has it.

        Until when they were held stays: it says when somebody sorted (sorting_lag.py).
        """
        now = self.store.now(session) if claims else 0.0
        for claim in sorted(claims, key=lambda one: one.list_address):
            session.execute(
                update(SortedList)
                .where(
                    SortedList.list_address == claim.list_address,
                    SortedList.epoch == claim.epoch,
                )
                .values(until=now)
                .execution_options(synchronize_session=False)
            )

    @contextmanager
    def holding(self, list_address: str) -> Iterator[ListClaim | None]:
        """Hold one list for a while; give None where somebody else has it."""
        with self.store.write() as session:
            mine = self.take(session, [list_address])
        try:
            yield mine[0] if mine else None
        finally:
            with self.store.write() as session:
                self.give_back(session, mine)
