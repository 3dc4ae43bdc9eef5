"""Take a file of people in: line by line, in short transactions, with a fate for each.

    import_(call, ImportMembers(list, reading.lines, reading.survey.newest), each=print)

A few hundred people go in one transaction, so that mail coming in never waits long. What a file
says is read below (subscriptions/member_files); where it lies and what is told of it is the door's.
"""

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from listserv.actions.call import Call
from listserv.actions.permissions import Action
from listserv.membership import adding
from listserv.wiring.app import App
from subscriptions.lists import roster
from subscriptions.lists.roster import ListKind, MailList
from subscriptions.member_files.departures import BARS, Departed, write_down
from subscriptions.member_files.domain_typos import other_spelling
from subscriptions.member_files.member_file import MemberLine
from subscriptions.membership.members import Candidate, CandidateOutcome, Fate, enrol
from subscriptions.membership.role_accounts import is_shared_address
from subscriptions.membership.rollcall import has_domain

WINDOW = 40_000  # lines read before their people are enrolled: about 40 MB
CHUNK = 400  # people in one transaction: 10 to 20 ms on SQLite
CARRIED = 8  # pieces between checkpoints: about 25 MB of SQLite's log
MAILED = 10  # of those who get a mail each: a message is made and kept for every one
_AGAIN = CandidateOutcome(Fate.DUPLICATE, "on an earlier line")
SHARED = "several people probably read it: did they all say yes?"
TAKEN = frozenset((Fate.ADDED, Fate.PAUSED, Fate.ALREADY, Fate.ASKED))
# What a report adds up to: four ends, and which fates each of them holds.
ENDS = {
    "member": (Fate.ADDED, Fate.ASKED, Fate.ALREADY),
    "paused": (Fate.PAUSED,),
    "suppressed": (Fate.SUPPRESSED, Fate.LEFT, Fate.ERASED),
    "refused": (
        Fate.REFUSED,
        Fate.DUPLICATE,
        Fate.OWN_ADDRESS,
        Fate.ROLE_ADDRESS,
        Fate.NO_CONSENT,
        Fate.INVALID,
    ),
}
END_OF = {fate: end for end, fates in ENDS.items() for fate in fates}
OLD = 3 * 365.25 * 86_400  # seconds since the newest day in a file, from which it is old
OLD_CANARY = "100/60/3"  # readers, minutes, per cent: subscriptions.lists.terms
MAX_SHOWN = 1000  # lines named in the summary; the report names all


class Fated(NamedTuple):
    """Hold one line of the report."""

    line: int
    email: str
    name: str
    fate: Fate
    why: str


@dataclass(slots=True)
class Tally:
    """Count what became of the lines, and keep the first that were not taken."""

    lines: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    not_taken: list[Fated] = field(default_factory=list)
    doubts: list[Fated] = field(default_factory=list)  # taken, with a question about the address

    @property
    def ends(self) -> dict[str, int]:
        """Count the four ends that all fates add up to."""
        return {end: sum(self.fates[fate] for fate in fates) for end, fates in ENDS.items()}

    def add(self, fated: Fated) -> None:
        """Count one line."""
        self.lines += 1
        self.fates[fated.fate] += 1
        if fated.fate in TAKEN:
            if fated.why.endswith("?") and len(self.doubts) < MAX_SHOWN:
                self.doubts.append(fated)
        elif len(self.not_taken) < MAX_SHOWN:
            self.not_taken.append(fated)


@dataclass(frozen=True, slots=True)
class ImportMembers:
    """Ask that the people on lines of a file are taken in."""

    list: str
    lines: Iterable[MemberLine]
    newest: float = 0.0  # the newest day in the file, seconds since 1970 UTC; 0 where it has none
    welcome: bool = False
    suppress: bool = True  # write down who had left elsewhere
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class MembersImported:
    """Count the fates; ``canary`` are the terms that an old file's list begins with now."""

    list: str
    tally: Tally
    canary: str = ""


def destination(call: Call, list_address: str) -> str:
    """Return the list's address before its file is read; raise where there is none."""
    return call.permitted(Action.MEMBER_IMPORT, list_address).address


def import_(
    call: Call, wanted: ImportMembers, each: Callable[[Fated], None] = lambda _fated: None
) -> MembersImported:
    """Take people in and tell ``each`` fate as it is known."""
    lst = call.permitted(Action.MEMBER_IMPORT, wanted.list)
    tally = Tally()
    with seldom_swept():
        for fated in _take_in(call, lst, wanted):
            tally.add(fated)
            each(fated)
    if wanted.dry_run:
        return MembersImported(lst.address, tally)
    call.note_after(Action.MEMBER_IMPORT, lst, f"{tally.lines} lines")
    if tally.fates[Fate.ASKED] or wanted.welcome:
        call.ring("deliver")
    return MembersImported(lst.address, tally, _begin_slowly(call, lst, wanted.newest, tally))


def _begin_slowly(call: Call, lst: MailList, newest: float, tally: Tally) -> str:
    """Let a few readers of an old list go first; return the terms that were set, "" for none.

    Many addresses are dead after years without mail, and a server that is asked for all of them at
    once takes the sender for a spammer.
    """
    old = newest and newest < call.now - OLD
    if not old or not tally.ends["member"] or lst.kind is not ListKind.NEWSLETTER or lst.canary:
        return ""
    with call.session(writes=True) as session:
        roster.change_list(roster.get_list(session, lst.address), canary=OLD_CANARY)
    return OLD_CANARY


def _take_in(call: Call, lst: MailList, wanted: ImportMembers) -> Iterator[Fated]:
    """Enrol people and yield the fate of each line, in order."""
    app, now = call.app, call.now
    dry_run, welcome, suppress = wanted.dry_run, wanted.welcome, wanted.suppress
    seen: set[int] = set()  # hashes of keys: a fraction of the addresses' own weight
    source = iter(wanted.lines)
    doubts = _Doubts(app, lst)
    while window := list(islice(source, WINDOW)):
        asked = list(map(doubts.about, window))
        fresh: dict[int, Candidate] = {}  # by their place in the window
        gone: dict[int, Departed] = {}
        again: set[int] = set()
        for place, line in enumerate(window):
            candidate = line.candidate
            if candidate is None or (line.outcome and not suppress):
                continue
            if line.outcome and line.standing not in BARS:
                continue
            mark = hash(candidate.address.key)
            if mark in seen:
                again.add(place)
                continue
            seen.add(mark)
            if line.outcome:
                who, name, why = candidate.address, line.name, line.outcome.why
                gone[place] = Departed(who, name, line.standing, line.since, why)
            else:
                fresh[place] = candidate
        outcomes = _enrol_all(app, lst, fresh, now, dry_run=dry_run, welcome=welcome)
        outcomes |= _write_down(app, lst, gone, now, dry_run=dry_run)
        for place, (line, doubt) in enumerate(zip(window, asked, strict=True)):
            outcome = _AGAIN if place in again else outcomes.get(place) or line.outcome
            if outcome is None:
                raise AssertionError(line)
            yield Fated(line.number, line.email, line.name, outcome.fate, outcome.why or doubt)


def _enrol_all(
    app: App,
    lst: MailList,
    fresh: Mapping[int, Candidate],
    now: float,
    *,
    dry_run: bool,
    welcome: bool,
) -> dict[int, CandidateOutcome]:
    """Enrol people in pieces; return the outcome of each place.

    Many come in the order of their addresses: in no order each touches a page of the addresses'
    index, and every page that is touched is written whole.
    """
    places = list(fresh)
    if len(places) > CHUNK:
        places.sort(key=lambda place: fresh[place].address.key)
    outcomes: dict[int, CandidateOutcome] = {}
    for turn, at in enumerate(range(0, len(places), CHUNK)):
        if turn % CARRIED == 0 and not dry_run:
            app.store.checkpoint()
        some = places[at : at + CHUNK]
        people = [fresh[place] for place in some]
        found = _enrol(app, lst, people, now, dry_run=dry_run, welcome=welcome)
        outcomes.update(zip(some, found, strict=True))
    return outcomes


def _write_down(
    app: App, lst: MailList, gone: Mapping[int, Departed], now: float, *, dry_run: bool
) -> dict[int, CandidateOutcome]:
    """Keep those who had left from being mailed, in pieces; return the outcome of each place."""
    places, outcomes = list(gone), dict[int, CandidateOutcome]()
    for at in range(0, len(places), CHUNK):
        some = places[at : at + CHUNK]
        people = [gone[place] for place in some]
        with app.store.read() if dry_run else app.store.write() as session:
            found = write_down(session, lst, people, keyring=app.keyring, now=now, dry_run=dry_run)
        outcomes.update(zip(some, found, strict=True))
    return outcomes


class _Doubts:
    """Ask about shared addresses, and domains that look mistyped and that no member has yet."""

    def __init__(self, app: App, lst: MailList) -> None:
        self._app, self._list = app, lst
        self._known: dict[str, bool] = {}

    def about(self, line: MemberLine) -> str:
        """Return the question about a line's address, "" where there is none."""
        if line.candidate is None or line.outcome:
            return ""
        who = line.candidate.address
        if is_shared_address(who.key):
            return SHARED
        meant = other_spelling(who)
        if not meant:
            return ""
        if who.domain not in self._known:  # asked once, before anybody of this file is entered
            with self._app.store.read() as session:
                self._known[who.domain] = has_domain(session, self._list, who.domain)
        return "" if self._known[who.domain] else f"did you mean {meant}?"


def _enrol(
    app: App, lst: MailList, people: list[Candidate], now: float, *, dry_run: bool, welcome: bool
) -> list[CandidateOutcome]:
    if dry_run:
        with app.store.read() as session:
            return enrol(session, lst, people, keyring=app.keyring, now=now, dry_run=True)
    mailed = welcome or any(person.consent is None for person in people)
    step = MAILED if mailed else len(people)
    outcomes: list[CandidateOutcome] = []
    for at in range(0, len(people), step):
        with app.store.write() as session:
            some = people[at : at + step]
            outcomes += adding.enter(session, app, lst, some, now=now, welcome=welcome)
    return outcomes


@contextmanager
def seldom_swept() -> Iterator[None]:
    """Let Python look for cycles after 200,000 new objects, not 700: a file's lines make none.

    The looking took a seventh of an import's time.
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
