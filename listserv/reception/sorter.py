"""Sort: take what has come, list by list and source by source, and let posts go to their readers.

Loops of short transactions that can be cut anywhere: ``sort`` decides what each arrival is
(deciding.py); ``freeze`` fills the ledger of each accepted post and lets it go. Several processes
may sort: each claims the lists whose mail it takes (posts/list_claims.py), and one of them, the
first, also does what is nobody's list: commands and letters, moderators' mail, digests, issues that
are due. What is more than a post needs no second process, and is decided as if there were none.
"""

import contextlib
import time
from collections.abc import Callable, Collection, Sequence
from weakref import WeakKeyDictionary

from sqlalchemy import Row
from sqlalchemy.orm import Session

from listserv.community import event_clock
from listserv.digests import digest_making
from listserv.mailings import audience_freezing
from listserv.moderation import moderator_mail
from listserv.newsletters.editors import scheduled_issues
from listserv.posts.list_claims import ListClaim, ListClaims
from listserv.reception import deciding, fair_queue, whose_mail
from listserv.reception.deciding import MAX_DEATHS, MAX_TRIES, BegunArrival
from listserv.reception.fair_queue import FairQueue, Waiting
from listserv.wiring.app import App
from mailer.errors import KretsError
from mailer.storage import arrivals
from subscriptions.lists.roster import find_list

__all__ = ["BATCH", "MAX_DEATHS", "MAX_TRIES", "freeze", "sort"]

PIECES = 10  # of one audience, before arrivals are looked at again
AFRESH = 10.0  # seconds after which what waits is read anew
BATCH = 32  # arrivals that are begun at a time, and whose domains are asked at once
TURN = 8  # of one list, where others wait; twice as many where none does


class _Sorter:
    """Hold what one process knows to wait, and which lists it has."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.claims = ListClaims(app.store)
        self.queue = FairQueue()
        self.lists: dict[str, str] = {}  # the address of each list by those it had before
        self.made = -AFRESH
        self.held: dict[str, ListClaim] = {}
        self.places: dict[int, Waiting] = {}

    def look(self) -> None:
        """Read anew what waits, every few seconds.

        What somebody else has decided meanwhile is passed over when it is begun; what was released
        or has failed is found by reading anew.
        """
        if time.monotonic() - self.made > AFRESH:
            self.queue, self.lists = FairQueue(), {}
            self.made = time.monotonic()

    def waits(self, *, first: bool) -> bool:
        """Tell whether something waits that nobody else has in hand."""
        busy = self._read()
        with self.app.store.read() as session:
            more = first and bool(audience_freezing.freezing(session))
        return more or self.queue.waits(busy, posts=not first)

    def next(self, *, first: bool) -> dict[str, list[BegunArrival]]:
        """Begin the next attempts; return them by list, with how many there were of each.

        Half of the lists are left to others, so that two share what two have to do. A process that
        is not the ``first`` takes posts alone.
        """
        busy = self._read()
        lists = self.queue.lists(busy)
        half = (lists + 1) // 2
        most = min(BATCH, TURN * (half if lists > 1 else 2))
        while taken := self.queue.take(most, lists=half, busy=busy, posts=not first):
            begun = self._begin(taken)
            if begun:
                return begun
        return {}

    def _read(self) -> frozenset[str]:
        """Add what has come to the queue; return which lists others have."""
        with self.app.store.read() as session:
            found = arrivals.envelopes(session, self.queue.newest)
            if not (found or self.queue):
                found = arrivals.envelopes(session, 0)
            self._add(found, session)
            return self.claims.busy(session)

    def _add(self, found: Sequence[Row[tuple[int, str, str, str, int]]], session: Session) -> None:
        """Add arrivals to the queue, each under the address that its list has now."""
        for one in {fair_queue.about(row.recipient) for row in found} - self.lists.keys():
            lst = find_list(session, one)
            self.lists[one] = one if lst is None else lst.address
        self.queue.add(
            fair_queue.waiting(
                row.id, row.recipient, row.sender, row.client,
                suspect=row.attempts >= arrivals.SUSPECT, lists=self.lists,
            )
            for row in found
        )  # fmt: skip

    def _has_moved(self, session: Session, addresses: Collection[str]) -> bool:
        """Tell whether one of these lists has got another address meanwhile."""
        found = ((one, find_list(session, one)) for one in addresses)
        return any(lst is not None and lst.address != one for one, lst in found)

    def _begin(self, taken: Sequence[Waiting]) -> dict[str, list[BegunArrival]]:
        """Claim the lists of what was taken, and count the attempts at those that are ours."""
        with self.app.store.write() as session:
            self.claims.give_back(session, self.held.values())
            self.held = {}
            if self._has_moved(session, {one.list_address for one in taken}):
                self.made = -AFRESH
                self.look()
                self._add(arrivals.envelopes(session, 0), session)
                return {}
            mine = self.claims.take(session, {one.list_address for one in taken})
            self.held = {claim.list_address: claim for claim in mine}
            ours = [one for one in taken if one.list_address in self.held]
            begun = arrivals.begin_attempts(session, [one.number for one in ours])
        self.queue.put_back([one for one in taken if one.list_address not in self.held])
        self.places = {one.number: one for one in ours}
        lists: dict[str, list[BegunArrival]] = {}
        for arrival, tries in begun:
            about = self.places[arrival.id].list_address
            lists.setdefault(about, []).append(BegunArrival(arrival, tries))
        return lists

    def decide(self, begun: dict[str, list[BegunArrival]], until: Callable[[], bool]) -> bool:
        """Decide each; where ``until`` says stop, give the attempts at the rest back."""
        whose_mail.judge_all(self.app, [one.arrival for some in begun.values() for one in some])
        left = [one for some in begun.values() for one in some]
        for about, some in begun.items():
            left = left[len(some) :]
            try:
                rest = deciding.decide_all(self.app, self.held[about], some, until)
            except KretsError:
                with contextlib.suppress(KretsError):
                    self._give_back([*some, *left])
                self.made = -AFRESH  # whatever it was, all is looked at anew
                raise
            if rest:
                self._give_back([*rest, *left])
                return False
        return True

    def _give_back(self, some: Sequence[BegunArrival]) -> None:
        """Give back the attempts at arrivals; those that are decided count no more."""
        self.queue.put_back([self.places[one.arrival.id] for one in some])
        with self.app.store.write() as session:
            arrivals.forget_attempts(session, [one.arrival.id for one in some])

    def rest(self) -> None:
        """Let go of all lists."""
        held, self.held = self.held, {}
        if held:
            with self.app.store.write() as session:
                self.claims.give_back(session, held.values())


_sorters: WeakKeyDictionary[App, _Sorter] = WeakKeyDictionary()


def sort(app: App, until: Callable[[], bool]) -> bool:
    """Decide arrivals, fairly (fair_queue.py), until ``until`` says stop; tell if more wait.

    What comes for one list leaves in the order it came, and no message is tried twice at once,
    which would count against it.
    """
    sorter = _sorters.get(app)
    if sorter is None or sorter.claims.store is not app.store:
        sorter = _sorters[app] = _Sorter(app)
    sorter.look()
    with app.store.alone("sort") as first:
        try:
            stopped = _work(app, sorter, until, first=first)
        finally:
            with contextlib.suppress(KretsError):
                sorter.rest()
        if stopped or first:  # what came while others were told that we have it
            return stopped or sorter.waits(first=True)
    with app.store.alone("sort") as nobody_else:
        return sorter.waits(first=nobody_else)


def _work(app: App, sorter: _Sorter, until: Callable[[], bool], *, first: bool) -> bool:
    """Sort until nothing is left for us; tell whether ``until`` stopped that in the middle."""
    called = False
    while not until():
        more = False
        if first:
            digest_making.attend(app, time.time(), sorter.claims)
            more = freeze(app)
            moderator_mail.attend(app, until)
            scheduled_issues.attend(app, until)
            event_clock.attend(app, time.time())
        begun = sorter.next(first=first)
        if not begun and not more:
            break
        if not called and sorter.queue.lists():
            called = True
            app.ring("sort")  # others may take other lists
        if not sorter.decide(begun, until):
            return True
    return False


def freeze(app: App) -> bool:
    """Go on with audiences too large for one transaction; return whether some are not complete.

    A few pieces at a time, so that a million readers here do not keep a post there waiting.
    """
    with app.store.read() as session:
        waiting = audience_freezing.freezing(session)
    more, patience = False, app.settings.listserv.cross_post_wait
    for mailing_id in waiting:
        pieces = 0
        while unfinished := audience_freezing.freeze_some(app.store, mailing_id, patience):
            pieces += 1
            if pieces >= PIECES:
                break
        app.ring("deliver")
        more = more or unfinished
    return more
