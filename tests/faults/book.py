"""The ledger as the fault tests read it: sampled while plugs are pulled, audited at the end."""
# ruff: noqa: S608 - the queries are ours, and only numbers vary in them

import contextlib
import sqlite3
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from listserv.wiring.listserv_tables import Post
from mailer.errors import Temporary
from mailer.ledger.mailings import (
    CLAIMABLE,
    CLAIMED,
    Mailing,
    MailingState,
    Recipient,
    RecipientState,
    UnsurePolicy,
)
from mailer.storage import arrivals
from mailer.storage.store import Store
from tests.faults.posting import Posted

SAMPLE = 0.2  # seconds between looks


@dataclass(frozen=True, slots=True)
class Audit:
    """Say what a scenario came to; every number but the first five should be 0."""

    posts: int
    mailings: int
    copies: int
    unsure: int
    twice: int  # copies of never-miss mailings that came again, as the policy says
    lost_posts: int  # accepted with 250, and no copy for somebody
    lost_copies: int  # of mailings, said to be accepted or still owed
    doubled_never_twice: int
    doubled_unsaid: int  # more copies than the ledger knows attempts
    wrong: int  # whatever else does not agree


class Book:
    """Read the ledger of one installation.

    It opens the database anew each time, and by the bare driver, because it looks often: a
    reader that stays would spare SQLite the recovery that a start after a kill must do.
    """

    def __init__(self, database: str, data: Path) -> None:
        self._database = database
        self._data = data

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what one query, one moment of the database, finds; Temporary while it is away."""
        try:
            with contextlib.closing(self._connect()) as connection:
                return list(connection.execute(query).fetchall())
        except (sqlite3.OperationalError, psycopg.OperationalError) as error:
            raise Temporary(str(error)) from error

    def _connect(self) -> Any:  # noqa: ANN401 - two drivers
        if self._database:
            return psycopg.connect(self._database, autocommit=True)
        return sqlite3.connect(self._data / "krets.db", isolation_level=None)

    @contextmanager
    def _store(self) -> Iterator[Store]:
        store = Store(self._database, self._data)
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give one moment of the database, for a long look."""
        with self._store() as store, store.read() as session:
            yield session

    def owed(self) -> int:
        """Return how many recipients have not been settled."""
        return int(self.rows(f"SELECT count(*) FROM recipient WHERE {CLAIMABLE}")[0][0])

    def issues(self) -> set[int]:
        """Return the issues of newsletters."""
        return {row[0] for row in self.rows("SELECT id FROM mailing WHERE kind = 'issue'")}

    def owners(self, pids: Collection[int] | None = None) -> dict[int, int]:
        """Return the process that owns each epoch, of all or of these."""
        found = self.rows("SELECT epoch, pid FROM owner")
        return {epoch: pid for epoch, pid in found if pids is None or pid in pids}

    def claimed(self, epochs: Collection[int]) -> bool:
        """Tell whether something is claimed by ``epochs``."""
        named = ", ".join(map(str, epochs)) or "-1"
        query = f"SELECT 1 FROM recipient WHERE {CLAIMED} AND epoch IN ({named}) LIMIT 1"
        return bool(self.rows(query))

    def settled(self, epochs: Collection[int]) -> bool:
        """Tell whether nothing is claimed any more by ``epochs``, or by an owner out of time."""
        late = self.rows(f"SELECT epoch FROM owner WHERE lease_until < {time.time()}")
        return not self.claimed({*epochs, *(row[0] for row in late)})

    def unsure(self) -> int:
        """Return how many transactions were ever lost without an answer."""
        query = (
            "SELECT coalesce(sum(attempts - CASE WHEN state IN (2, 3) THEN 1 ELSE 0 END), 0)"
            " FROM recipient WHERE attempts > 0"
        )
        return int(self.rows(query)[0][0])

    def hurry(self) -> bool:
        """Let everything that waits for its next attempt be due; return whether all is done."""
        now = time.time()
        with self._store() as store, store.write() as session:
            session.execute(
                update(Recipient)
                .where(text(CLAIMABLE), Recipient.due > now)
                .values(due=now)
                .execution_options(synchronize_session=False)
            )
        with self.read() as session:
            moving = Mailing.state.not_in((MailingState.DONE, MailingState.STOPPED))
            return not (
                arrivals.next_new(session, 1) or session.scalar(select(Mailing.id).where(moving))
            )


class Sampler(threading.Thread):
    """Look again and again whether the states of each mailing add up to its audience."""

    def __init__(self, book: Book) -> None:
        super().__init__(daemon=True, name="sampler")
        self.samples = 0
        self.wrong: list[str] = []
        self._book = book
        self._ending = threading.Event()
        self._open: set[int] = set()
        self._newest = 0
        self._accepted: defaultdict[int, int] = defaultdict(int)

    def run(self) -> None:
        while not self._ending.wait(SAMPLE):
            with contextlib.suppress(Temporary):  # the database is away: part of the test
                self.look()

    def end(self) -> None:
        """Stop after the look under way."""
        self._ending.set()
        self.join(60)

    def look(self) -> None:
        """Take one sample of every mailing that is new or was open at the last."""
        some = ", ".join(map(str, self._open)) or "-1"
        found = self._book.rows(
            "SELECT m.id, m.state, m.audience, r.state, count(*) FROM mailing m"
            " JOIN recipient r ON r.mailing_id = m.id"
            f" WHERE m.id > {self._newest} OR m.id IN ({some}) GROUP BY m.id, m.state, r.state"
        )
        counts: defaultdict[tuple[int, str, int], Counter[RecipientState]] = defaultdict(Counter)
        for mailing_id, state, audience, where, count in found:
            counts[mailing_id, state, audience][RecipientState(where)] = count
        for (mailing_id, state, audience), states in counts.items():
            self._check(mailing_id, state, audience, states)

    def _check(
        self, mailing_id: int, state: str, audience: int, states: Counter[RecipientState]
    ) -> None:
        told = f"mailing {mailing_id} ({state}) of {audience}: {dict(states)}"
        if state != MailingState.FREEZING and states.total() != audience:
            self.wrong.append(f"{told}: the sum is {states.total()}")
        if states[RecipientState.ACCEPTED] < self._accepted[mailing_id]:
            self.wrong.append(f"{told}: {self._accepted[mailing_id]} were accepted before")
        done = state == MailingState.DONE
        if done and (
            states[RecipientState.READY]
            or states[RecipientState.CLAIMED]
            or states[RecipientState.DEFERRED]
        ):
            self.wrong.append(f"{told}: not done")
        self.samples += 1
        self._accepted[mailing_id] = states[RecipientState.ACCEPTED]
        self._newest = max(self._newest, mailing_id)
        (self._open.discard if done else self._open.add)(mailing_id)


def audit(
    session: Session,
    *,
    posted: list[Posted],
    issued: Mapping[int, str],  # mailing -> list
    members: Mapping[str, list[str]],
    copies: Mapping[tuple[str, str], int],
) -> tuple[Audit, list[str]]:
    """Compare ledger, relay and poster; return the numbers and what is wrong, in words."""
    wrong: list[str] = []
    expected = {post.message_id: post.to for post in posted}
    for mailing_id, to in issued.items():
        expected[session.get_one(Mailing, mailing_id).message_id] = to
    owners_of = Counter(session.scalars(select(Mailing.message_id)))
    for message_id, count in owners_of.items():
        if count != 1 or message_id not in expected:
            wrong.append(f"{message_id} became {count} mailings")
    held = arrivals.held(session, 5)
    wrong += [f"held: {arrival.sender}: {arrival.note[-300:]}" for arrival in held]
    lost_posts = {post.message_id for post in posted if post.message_id not in owners_of}
    lost_copies = doubled = again = unsaid = unsure = total = 0
    for mailing in session.scalars(select(Mailing).order_by(Mailing.id)):
        never_twice = mailing.policy == UnsurePolicy.NEVER_TWICE
        rows = session.execute(
            select(Recipient.address, Recipient.state, Recipient.attempts).where(
                Recipient.mailing_id == mailing.id
            )
        ).all()
        to = members[expected.get(mailing.message_id, "")]
        if {row.address for row in rows} != set(to):
            wrong.append(f"{mailing.message_id}: {len(rows)} in the ledger, {len(to)} members")
        for row in rows:
            count = copies.get((mailing.message_id, row.address), 0)
            total += count
            settled = row.state == RecipientState.ACCEPTED and count > 0
            if row.state == RecipientState.UNSURE and never_twice:
                unsure += 1
            elif not settled:
                lost_copies += 1
                lost_posts |= {mailing.message_id} if mailing.id not in issued else set()
                what = f"{mailing.message_id} to {row.address}: {RecipientState(row.state).name}"
                wrong.append(f"{what} after {row.attempts} attempts, {count} copies")
            doubled += never_twice and count > 1
            again += not never_twice and 1 < count <= row.attempts
            unsaid += count > row.attempts
            unsure += row.attempts - settled if not never_twice else 0
    if (found := sum(copies.values())) != total:
        wrong.append(f"{found - total} copies at the relay belong to nobody in the ledger")
    decided = Counter(session.scalars(select(Post.message_id).where(Post.decision == "accept")))
    wrong += [f"{post} was accepted {n} times" for post, n in decided.items() if n != 1]
    report = Audit(
        posts=len(posted),
        mailings=len(issued),
        copies=total,
        unsure=unsure,
        twice=again,
        lost_posts=len(lost_posts),
        lost_copies=lost_copies,
        doubled_never_twice=doubled,
        doubled_unsaid=unsaid,
        wrong=len(wrong),
    )
    return report, wrong
