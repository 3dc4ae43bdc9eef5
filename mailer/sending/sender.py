"""Claim rows from the ledger, send them over lanes, and write the answers back.

``run_slice`` works for some seconds in an event loop of its own; the lanes stay open between
slices. One ledger transaction per tick (ledger_errand.py), in a thread, writes the answers that
came, renews the lease and tops up the claims, while the lanes go on sending. Order of durability: a
claim is committed, the dot is recorded (mailer/ledger/flight_recorder.py), the lease is checked,
the dot leaves, the answer is recorded, the mark is committed.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import uvloop

from mailer.client.relay import Unusable
from mailer.client.smtp_out import Lane
from mailer.errors import Temporary
from mailer.ledger import claim_owners, ledger
from mailer.ledger.ledger import Wanted
from mailer.ledger.worker_lease import Clock, WorkerLease
from mailer.sending import ledger_errand
from mailer.sending.in_flight import CopiesInFlight, Personal
from mailer.sending.ledger_errand import (
    Brought,
    Errand,
    LedgerErrands,
    Naming,
    SenderSettings,
    Stamping,
)
from mailer.sending.relay_sender import RelaySender, share
from mailer.storage.store import Store

T = TypeVar("T")
log = logging.getLogger(__name__)

RENEW = 1.5  # seconds between renewals of the lease
LOOK_AGAIN = 0.25  # seconds before a dry ledger is asked again within a slice
TICK = 0.05  # seconds between looks at what is to be done
COMPANY = 0.2  # seconds that answers may wait for others while more letters are at the lanes
TOGETHER = 5  # times the window, in recipients, where one copy is for many of them
PER_LANE = 4  # due recipients that make another connection worth its handshake


@dataclass(frozen=True, slots=True)
class Worked:
    """Say what a slice came to, and when the next is worth its while."""

    accepted: int
    refused: int
    deferred: int
    unsure: int  # answers lost in this slice, whatever the policy makes of them
    more: bool  # something is due now
    wait: float | None  # seconds until something is (or a relay is tried again); None: unknown
    trouble: tuple[str, ...] = ()  # why relays are not used now


class Sender:
    """Send what is due, slice by slice. One per process; make it after the fork."""

    def __init__(
        self,
        store: Store,
        settings: SenderSettings,
        *,
        personal: Personal,
        wanted: Wanted,
        flights: Path,
        clock: Clock | None = None,
        stamping: Stamping = lambda _session, _mailing, _segments: None,
        naming: Naming = lambda _session: {},
    ) -> None:
        self.late = 0  # marks that came too late and were refused by their epoch
        self._store = store
        self._settings = settings
        self._clock = clock or Clock()
        self._out = CopiesInFlight(
            personal,
            clock=self._clock,
            backoff=settings.backoff,
            wake=self._wake,
            gone=self._lane_gone,
        )
        self._lines = [RelaySender(relay, self._out) for relay in settings.relays]
        self._errands = LedgerErrands(
            store,
            settings,
            self._out,
            clock=self._clock,
            wanted=wanted,
            flights=flights,
            stamping=stamping,
            naming=naming,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._news: asyncio.Event | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._target = 0  # lanes worth having now
        self._dry_until = 0.0
        self._dry = False
        self._renewed = 0.0
        self._over: list[WorkerLease] = []  # taken away; letters under way may still write to them

    # -- for the worker --------------------------------------------------------------------

    def run_slice(self, seconds: float) -> Worked:
        """Work for about ``seconds`` or until nothing is due; raise Temporary without a database.

        Answers under way are waited for, so a slow relay makes a slice longer.
        """
        return self._run(self._slice(seconds))

    def stop(self) -> None:
        """Begin nothing new and end the slice within ``grace``; any thread or signal may ask."""
        self._stopping = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def close_idle(self) -> None:
        """Close connections that have been idle for longer than the setting says."""
        if self._loop is not None:
            self._run(self._close_idle())

    def close(self) -> None:
        """Close every connection, give back every claim, leave the books."""
        if self._loop is None:
            return
        self._run(self._shut())
        if self._threads is not None:
            self._threads.shutdown()
        self._loop.close()
        self._loop = self._threads = None

    def _run(self, work: Coroutine[object, object, T]) -> T:
        if self._loop is None:
            self._loop = uvloop.new_event_loop()
            self._threads = ThreadPoolExecutor(1, "ledger")
        return self._loop.run_until_complete(work)

    # -- a slice ---------------------------------------------------------------------------

    async def _slice(self, seconds: float) -> Worked:
        self._news = asyncio.Event()
        out = self._out
        out.begin()
        out.taking = not self._stopping
        self._dry, self._dry_until = False, 0.0
        end = self._now() + seconds
        await self._close_idle()
        await self._look()
        while True:
            now = self._now()
            if out.taking and (self._stopping or now >= end):
                out.taking = False
                end = now + self._settings.grace  # from here on only stopping uses it
            self._tend_lanes(now)
            await self._tick_if_due(now)
            if self._finished():
                break
            if not out.taking and self._stopping and now >= end:
                self._cut_off()
            await self._rest()
        await self._put_down()
        return await self._report()

    def _finished(self) -> bool:
        out = self._out
        if out.flying or out.marks:
            return False
        if not out.taking:
            return not self._opening()
        if self._dry and not out.pooled:
            return not self._opening()
        return not self._open_lanes() and not self._opening() and self._all_paused()

    async def _look(self) -> None:
        """See how many connections today's work is worth."""
        limit = PER_LANE * self._settings.connections * len(self._lines)
        due = await self._in_thread(lambda: self._due(limit))
        self._target = -(-due // PER_LANE)
        self._dry = due == 0

    def _due(self, limit: int) -> int:
        with self._store.read() as session:
            return ledger.due_count(session, now=self._store.now(session), limit=limit)

    async def _rest(self) -> None:
        """Wait for news, or for answers to have company."""
        news = self._news
        if news is None:
            return
        busy = self._out.marks or self._out.flying
        try:
            async with asyncio.timeout(TICK if busy else 2 * TICK):
                await news.wait()
        except TimeoutError:
            pass
        news.clear()

    def _cut_off(self) -> None:
        for line in self._lines:
            for lane in list(line.lanes):
                if lane.busy:
                    lane.abort("stopped before the answer came")

    # -- ticks -----------------------------------------------------------------------------

    async def _tick_if_due(self, now: float) -> None:
        out = self._out
        quota = self._quota(now)
        since = now - self._renewed
        stale = out.lease is not None and since >= RENEW
        dry = out.pooled and any(line.credit == 0 for line in self._lines)
        marks = len(out.marks) >= out.batch or (out.marks and (not out.flying or since >= COMPANY))
        if not (marks or out.complaints or quota or dry or (stale and (out.flying or out.pooled))):
            return
        await self._tick(quota)
        if out.pooled:
            for line in self._lines:
                for lane in list(line.lanes):
                    lane.wake()

    def _quota(self, now: float) -> int:
        out = self._out
        room = self._settings.window * self._open_lanes() * (TOGETHER if out.shared else 1)
        out.low = room // 2
        out.batch = max(1, room // 2)
        held = out.pooled + out.flying
        if not out.taking or now < self._dry_until or out.pooled > out.low:
            return 0
        if out.weight >= ledger_errand.HEAVY:
            if out.pooled:
                return 0
            out.forget()
        return max(0, room - held)

    async def _tick(self, quota: int) -> None:
        """Do one ledger transaction; what could not be written is kept for the next."""
        out = self._out
        marks = out.take_marks()
        unsent = out.take_shed()
        wishes = {line.relay.name: line.wish(self._settings.window) for line in self._lines}
        errand = Errand(out.lease, marks, unsent, quota, out.take_complaints(), wishes)
        try:
            brought = await self._in_thread(lambda: self._errands.run(errand))
        except Temporary as error:
            out.put_back(marks, unsent)
            out.complaints.update(errand.complaints)
            await self._bear(error)
            return
        self._patience = 0.0
        self.late += len(marks) - brought.landed
        for line in self._lines:
            line.receive(brought.granted.get(line.relay.name))
        self._adopt(errand.lease, brought, held=bool(marks or unsent))
        if quota:
            self._dry = len(brought.rows) < quota and not brought.later
            now = self._now()
            self._dry_until = now + LOOK_AGAIN if self._dry else 0.0
            if not self._dry:
                self._target = max(self._target, 2 * self._open_lanes())

    _patience = 0.0  # since when the database has been away

    async def _bear(self, error: Temporary) -> None:
        now = self._now()
        self._patience = self._patience or now
        if now - self._patience > self._settings.lease or self._stopping:
            self._patience = 0.0
            raise error
        log.warning("%s", error)
        await asyncio.sleep(LOOK_AGAIN)

    def _adopt(self, before: WorkerLease | None, brought: Brought, *, held: bool) -> None:
        out = self._out
        if brought.lease is None and before is not None:
            # Between mailings a lease runs out: only whoever still had something lost it.
            level = logging.WARNING if held or out.pooled or out.flying else logging.DEBUG
            log.log(level, "the lease of epoch %d was taken away", before.epoch)
            out.lose_lease()
            self._over.append(before)
            return
        self._renewed = self._now()
        out.lease = brought.lease
        out.take_in(brought.rows, brought.later)
        if brought.lease is not None:
            brought.lease.recorder.trim(out.holding())

    async def _put_down(self) -> None:
        """End a slice: rows that no lane took go back, and nothing waits to be written."""
        out = self._out
        out.give_back()
        while out.unwritten:
            await self._tick(0)
        out.forget()
        while self._over and not out.flying:
            self._over.pop().recorder.discard()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _report(self) -> Worked:
        now = self._now()
        tally = self._out.tally
        paused = [line for line in self._lines if line.pause_until > now]
        more, wait = await self._in_thread(self._outlook)
        if len(paused) == len(self._lines) and paused:
            wait = max(wait or 0.0, min(line.pause_until for line in paused) - now)
            more = False
        return Worked(
            tally.accepted,
            tally.refused,
            tally.deferred,
            tally.unsure,
            more=more,
            wait=wait,
            trouble=tuple(f"{line.relay.name}: {line.why}" for line in paused),
        )

    def _outlook(self) -> tuple[bool, float | None]:
        with self._store.read() as session:
            due = ledger.next_due(session)
            now = self._store.now(session)
        if due is None:
            return False, None
        return due <= now, max(0.0, due - now)

    # -- lanes -----------------------------------------------------------------------------

    def _tend_lanes(self, now: float) -> None:
        for line in self._lines:
            for lane in list(line.lanes):
                lane.check(now)
        if not self._out.taking:
            return
        while self._open_lanes() + self._opening() < self._target:
            chosen = share(self._lines, self._settings.connections, now)
            if chosen is None:
                break
            chosen.opening += 1
            task = asyncio.create_task(self._open(chosen))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self, line: RelaySender) -> None:
        lane = Lane(
            line.relay,
            line,
            hello=self._settings.hello,
            timeouts=self._settings.timeouts,
        )
        try:
            await lane.open()
        except Unusable as why:
            line.trouble(str(why), self._now())
        else:
            line.failures = 0
            line.lanes.append(lane)
            lane.wake()
        finally:
            line.opening -= 1
            self._wake()

    def _lane_gone(self, lane: Lane, why: str, trouble: bool) -> None:  # noqa: FBT001 - a callback
        for line in self._lines:
            if lane in line.lanes:
                line.lanes.remove(lane)
                if trouble:
                    line.trouble(why, self._now())
        self._wake()

    async def _close_idle(self) -> None:
        await asyncio.sleep(0)  # hear first of those that the relay closed meanwhile
        now = self._now()
        for line in self._lines:
            for lane in list(line.lanes):
                if not lane.busy and now - lane.since > self._settings.idle:
                    lane.quit()
        await asyncio.sleep(0)

    async def _shut(self) -> None:
        self._out.taking = False
        for task in list(self._tasks):
            task.cancel()
        for line in self._lines:
            for lane in list(line.lanes):
                lane.quit()
        await asyncio.sleep(0)
        try:
            await self._put_down()
            lease = self._out.lease
            # With a letter still under way its record must stay: the sweeper settles by it.
            if lease is not None and not self._out.flying:
                await self._in_thread(lambda: self._retire(lease))
        except Temporary as error:
            log.warning("%s", error)  # a start or the sweeper settles what is left

    def _retire(self, lease: WorkerLease) -> None:
        with self._store.write() as session:
            ledger.release_all(session, lease.epoch)
            claim_owners.retire(session, lease.epoch)
        lease.recorder.close(remove=True)

    def _open_lanes(self) -> int:
        return sum(len(line.lanes) for line in self._lines)

    def _opening(self) -> int:
        return sum(line.opening for line in self._lines)

    def _all_paused(self) -> bool:
        now = self._now()
        return all(line.pause_until > now for line in self._lines)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()
