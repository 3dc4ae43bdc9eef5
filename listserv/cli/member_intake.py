"""Take a file of people in: line by line, in short transactions, with a fate for each.

A door's work: it owns the transactions (a few hundred people each, so that mail coming in never
waits long), counts the fates and writes the report.
"""

import csv
import gc
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, TextIO, cast

from listserv.cli.terminal import agree
from listserv.membership import adding
from listserv.wiring.app import App
from mailer.errors import Refused
from subscriptions.lists.roster import MailList
from subscriptions.member_files.csv_rows import neutral
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
_TAKEN = frozenset((Fate.ADDED, Fate.PAUSED, Fate.ALREADY, Fate.ASKED))
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
        if fated.fate in _TAKEN:
            if fated.why.endswith("?") and len(self.doubts) < MAX_SHOWN:
                self.doubts.append(fated)
        elif len(self.not_taken) < MAX_SHOWN:
            self.not_taken.append(fated)


class Report:
    """Write every line's fate as CSV that no spreadsheet takes for formulas."""

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file)
        self._writer.writerow(("line", "email", "name", "fate", "why", "end"))

    def add(self, fated: Fated) -> None:
        """Write one line."""
        cells = (fated.email, fated.name, fated.fate, fated.why, END_OF[fated.fate])
        self._writer.writerow((fated.line, *(neutral(cell) for cell in cells)))


def take_in(
    app: App,
    lst: MailList,
    lines: Iterable[MemberLine],
    *,
    now: float,
    dry_run: bool,
    welcome: bool = False,
    suppress: bool = True,
) -> Iterator[Fated]:
    """Enrol the people on ``lines`` and yield the fate of each line, in order.

    Who had left elsewhere is written down as such, unless ``suppress`` is False: then they only
    stay out.
    """
    seen: set[int] = set()  # hashes of keys: a fraction of the addresses' own weight
    source = iter(lines)
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


@contextmanager
def seekable(file: str) -> Iterator[BinaryIO]:
    """Open FILE, or keep standard input aside: its encoding is known only after reading it."""
    if file != "-":
        with Path(file).open("rb") as opened:
            if opened.seekable():
                yield opened
                return
            source = cast("BinaryIO", opened)
            with _copied(source) as copy:
                yield copy
        return
    with _copied(sys.stdin.buffer) as copy:
        yield copy


@contextmanager
def _copied(source: BinaryIO) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(source, copy)
        yield cast("BinaryIO", copy)


@contextmanager
def report_file(path: str, source: str, *, yes: bool) -> Iterator[TextIO]:
    """Open the report, readable by its owner alone: it is full of addresses."""
    target = Path(path)
    if target.exists():
        if source != "-" and target.samefile(source):
            raise Refused("The report would overwrite the file it reports on.", "Name another.")
        agree(f"Overwrite {path}?", yes=yes)
    number = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(number, "w", encoding="utf-8", newline="") as opened:
        yield opened
