"""Hold what one sender has in flight: claimed rows, letters at the lanes, answers to be written.

It stands between the lanes (mailer/client/smtp_out.py), whose ``Desk`` it is, and the ledger's
ticks (mailer/sending/sender.py). It runs in the event loop alone and touches no database.
"""

import logging
import random
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mailer.client.smtp_answers import Reply
from mailer.client.smtp_out import Lane
from mailer.client.smtp_transaction import OutgoingLetter, Stage, concerns_everyone
from mailer.errors import Temporary
from mailer.ledger import pace
from mailer.ledger.ledger import Backoff, ClaimedRow, Mark, defer, lost, plain_reason
from mailer.ledger.mailings import MailingView, RecipientState
from mailer.ledger.splice import Wire
from mailer.ledger.worker_lease import Clock, WorkerLease

SOME = 20  # rows of one copy that are no notice
log = logging.getLogger(__name__)


class PersonalCopy(NamedTuple):
    """Hold what is personal in one recipient's copy."""

    return_path: str
    values: Mapping[str, bytes]


Personal = Callable[[MailingView, ClaimedRow], PersonalCopy]


@dataclass(slots=True)
class SliceTally:
    """Count what a slice came to."""

    accepted: int = 0
    refused: int = 0
    deferred: int = 0
    unsure: int = 0


class CopiesInFlight:
    """Give letters to lanes and gather what the ledger must be told."""

    def __init__(
        self,
        personal: Personal,
        *,
        clock: Clock,
        backoff: Backoff,
        wake: Callable[[], None],
        gone: Callable[[Lane, str, bool], None],
    ) -> None:
        self.taking = False  # whether transactions may begin
        self.lease: WorkerLease | None = None
        self.tally = SliceTally()
        self.marks: list[Mark] = []
        self.low = 0  # wake the ticks when the pool falls to this
        self.batch = 1  # or when so many marks wait
        self.weight = 0  # bytes of the compositions that are known
        self.shared = False  # whether the rows that came last have one copy
        self._personal = personal
        self._clock = clock
        self._backoff = backoff
        self._wake = wake
        self._gone = gone
        self.complaints: dict[str, float] = {}  # pace's key -> recipients a second when it came
        self._since = 0.0  # when this slice began
        self._pulse: Counter[str] = Counter()  # accepted in it, by domain
        self._shed: list[int] = []
        self._pool: deque[ClaimedRow] = deque()
        self._flying: dict[int, tuple[ClaimedRow, WorkerLease]] = {}
        self._views: dict[int, MailingView] = {}
        self._wires: dict[tuple[int, int], Wire] = {}

    # -- for the ticks ---------------------------------------------------------------------

    @property
    def pooled(self) -> int:
        """Return how many claimed rows wait for a lane."""
        return len(self._pool)

    @property
    def flying(self) -> int:
        """Return how many letters are at lanes."""
        return len(self._flying)

    def begin(self) -> None:
        """Count anew."""
        self.tally = SliceTally()
        self._pulse.clear()
        self._since = self._clock.steady()

    def complain(self, recipient: int, key: str) -> None:
        """Note that a receiver wants less: the relay of that key, else the row's domain.

        What waits here for that domain goes back, to be paced like the rest.
        """
        bucket = self._flying[recipient][0].bucket
        passed = max(1.0, self._clock.steady() - self._since)
        count = self.tally.accepted if key else self._pulse[bucket]
        self.complaints.setdefault(key or pace.to(bucket), max(1, count) / passed)
        if not key:
            self._shed += [row.id for row in self._pool if row.bucket == bucket]
            self._pool = deque(row for row in self._pool if row.bucket != bucket)
            self._wake()

    def take_shed(self) -> list[int]:
        """Hand over rows that go back unsent."""
        shed, self._shed = self._shed, []
        return shed

    def take_complaints(self) -> dict[str, float]:
        """Hand over what receivers complained of."""
        complaints, self.complaints = self.complaints, {}
        return complaints

    def take_in(self, rows: Sequence[ClaimedRow], later: Collection[tuple[int, int]] = ()) -> None:
        """Add claimed rows, whose compositions are known; those of ``later`` go back unsent."""
        self._pool.extend(row for row in rows if (row.mailing_id, row.variant) not in later)
        self._shed += [row.id for row in rows if (row.mailing_id, row.variant) in later]
        kinds = {(row.mailing_id, row.variant) for row in rows}
        wire = self._wires.get(kinds.pop()) if len(kinds) == 1 else None
        self.shared = wire is not None and not wire.personal and len(rows) >= SOME

    @property
    def unwritten(self) -> bool:
        """Tell whether the ledger must still hear of something."""
        return bool(self.marks or self._shed)

    def give_back(self) -> None:
        """Empty the pool: its rows go back unsent."""
        self._shed += [row.id for row in self._pool]
        self._pool.clear()

    def take_marks(self) -> list[Mark]:
        """Hand over the marks that wait."""
        marks, self.marks = self.marks, []
        return marks

    def put_back(self, marks: list[Mark], unsent: list[int]) -> None:
        """Keep what could not be written."""
        self.marks[:0] = marks
        self._shed[:0] = unsent

    def holding(self) -> set[int]:
        """Return the rows whose records must stay in the file of the flight recorder."""
        return set(self._flying) | {mark.id for mark in self.marks}

    def lose_lease(self) -> None:
        """Drop everything that has not left; whoever took the lease has settled it."""
        if self.lease is not None:
            self.lease.give_up()
        self._pool.clear()
        self._shed.clear()
        self.lease = None

    def know(self, views: Mapping[int, MailingView], wires: Mapping[tuple[int, int], Wire]) -> None:
        """Learn the mailings of rows that come; forget those that are no longer in use."""
        self._views.update(views)
        self._wires.update(wires)
        self.weight += sum(wire.weight for wire in wires.values())

    def unknown(self, rows: Iterable[ClaimedRow]) -> set[tuple[int, int]]:
        """Return the (mailing, variant) of ``rows`` that are not known yet."""
        return {(row.mailing_id, row.variant) for row in rows} - self._wires.keys()

    def forget(self) -> None:
        """Free the compositions; letters under way have their own bytes."""
        if not self._pool:
            self._wires.clear()
            self.weight = 0
            used = {row.mailing_id for row, _ in self._flying.values()}
            self._views = {key: view for key, view in self._views.items() if key in used}

    # -- for the lanes (smtp_out.LetterSource) -----------------------------------------------------

    def next_letter(self, most: int) -> OutgoingLetter | None:
        """Compose the next copy; one for up to ``most`` recipients where nothing is personal."""
        lease = self.lease
        if not self.taking or lease is None or not lease.holds():
            return None
        while self._pool:
            row = self._take()
            letter = self._compose(row, lease, most)
            if letter is not None:
                return letter
        return None

    def dotting(self, letter: OutgoingLetter) -> bool:
        """Record the dot, then look at the lease, and only then let it leave."""
        *fellows, last = letter.rows
        row, lease = self._flying[last]
        try:
            for fellow in fellows:
                lease.recorder.fellow(fellow, self._flying[fellow][0].attempts)
            lease.recorder.dot(last, row.attempts)
        except Temporary as error:
            log.error("%s", error)  # noqa: TRY400 - the words say it all
            self.taking = False  # nothing can be recorded: no more in this slice
            return False
        return lease.holds()

    def answered(self, row: int, stage: Stage, reply: Reply) -> None:
        """Turn the relay's answer into a mark."""
        claimed, lease = self._flying.pop(row)
        code = reply.code
        if code < 300 and stage is Stage.DOT:  # noqa: PLR2004 - RFC 5321 section 4.2.1
            lease.recorder.answer(row, claimed.attempts, code, "")
            self.tally.accepted += 1
            self._pulse[claimed.bucket] += 1
            self._add(Mark(row, lease.epoch, RecipientState.ACCEPTED, code))
            return
        reason = plain_reason(reply.text)
        about_us = code // 100 == 5 and concerns_everyone(stage, reply)  # noqa: PLR2004
        # Whoever settles this row after a kill knows no stage: it is written as a "not now".
        noted = code - 100 if about_us else code
        lease.recorder.answer(row, claimed.attempts, noted, reason)
        if code // 100 == 5 and not about_us:  # noqa: PLR2004
            self._add(Mark(row, lease.epoch, RecipientState.REFUSED, code, reason))
            self.tally.refused += 1
        else:
            self._defer(claimed, lease, code, reason)

    def lost(self, row: int, why: str) -> None:
        """Judge by the mailing's policy what is never answered."""
        claimed, lease = self._flying.pop(row)
        self.tally.unsure += 1
        due = self._clock.wall() + self._backoff.wait(claimed.attempts, random.random())  # noqa: S311
        view = self._views[claimed.mailing_id]
        mark = lost(
            row,
            lease.epoch,
            policy=view.policy,
            why=why,
            due=due,
            expires_at=view.expires_at,
        )
        self._add(mark)

    def released(self, row: int) -> None:
        """Give the row to another lane; if the lease is gone it is no longer ours."""
        claimed, lease = self._flying.pop(row)
        if lease is self.lease:
            self._pool.appendleft(claimed)
        self._wake()

    def settled(self) -> None:
        """Write the answers down before anything else happens."""
        if self.lease is not None:
            try:
                self.lease.recorder.flush()
            except Temporary as error:
                log.error("%s", error)  # noqa: TRY400

    def gone(self, lane: Lane, why: str, *, trouble: bool) -> None:
        """Pass on that a lane ended."""
        self._gone(lane, why, trouble)

    # -- within ----------------------------------------------------------------------------

    def _take(self) -> ClaimedRow:
        row = self._pool.popleft()
        if len(self._pool) == self.low:
            self._wake()
        return row

    def _compose(self, row: ClaimedRow, lease: WorkerLease, most: int) -> OutgoingLetter | None:
        wire = self._wires.get((row.mailing_id, row.variant))
        if wire is None:
            self._defer(row, lease, 0, "the mailing could not be read; the log says why")
            return None
        try:
            copy = self._personal(self._views[row.mailing_id], row)
            data = wire.join(copy.values)
        except Exception as error:
            # One copy that cannot be made must not keep the others from leaving.
            log.exception("recipient %d of mailing %d: no copy", row.id, row.mailing_id)
            why = f"the copy could not be made: {type(error).__name__}: {error}"
            self._defer(row, lease, 0, why)
            return None
        self._flying[row.id] = (row, lease)
        if wire.personal:
            return OutgoingLetter(
                (row.id,), copy.return_path, (row.address,), data, doubled=wire.doubled
            )
        fellows = [row, *self._fellows(row, copy.return_path, most - 1)]
        self._flying.update((one.id, (one, lease)) for one in fellows)
        return OutgoingLetter(
            tuple(one.id for one in fellows),
            copy.return_path,
            tuple(one.address for one in fellows),
            data,
            doubled=wire.doubled,
        )

    def _fellows(self, row: ClaimedRow, path: str, most: int) -> Iterator[ClaimedRow]:
        """Take those from the head of the pool who get the very same copy, return path included."""
        view = self._views[row.mailing_id]
        for _ in range(most):
            if not self._pool:
                return
            following = self._pool[0]
            if (following.mailing_id, following.variant) != (row.mailing_id, row.variant):
                return
            if self._personal(view, following).return_path != path:
                return
            yield self._take()

    def _defer(self, row: ClaimedRow, lease: WorkerLease, code: int, reason: str) -> None:
        view = self._views.get(row.mailing_id)
        now = self._clock.wall()
        mark = defer(
            row.id,
            lease.epoch,
            code=code,
            reason=reason,
            now=now,
            expires_at=view.expires_at if view else now + self._backoff.cap,
            wait=self._backoff.wait(row.attempts, random.random()),  # noqa: S311
        )
        self.tally.deferred += mark.state is RecipientState.DEFERRED
        self.tally.refused += mark.state is RecipientState.REFUSED
        self._add(mark)

    def _add(self, mark: Mark) -> None:
        self.marks.append(mark)
        if len(self.marks) == self.batch or not self._flying:
            self._wake()
