"""Bound how much mail one source brings in a minute, and how much one list gets.

    rates.against_source("192.0.2.7", now)             # None, or the reply that says "later"
    rates.against_recipient("friends@...", "192.0.2.7", now)
    rates.note("192.0.2.7", ["friends@..."], size, now)    # once it is kept

Knows sources (callers.py) and what the roof takes for one list; the numbers are the operator's.
SECURITY: a list that gets too much must not be closed to everybody, or any flood would close it:
only sources that have brought more than a few are asked to wait. Every refusal is for now (450), so
that a server that means it well comes again. This machine and fronts that name nobody are not
counted. In the memory of one process: what it forgets when it ends is a minute.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from mailer.door.smtp_replies import SmtpReply

WINDOW = 60.0  # seconds
_FEW = 10  # messages to a list in a minute that are nobody's flood
_MOST = 50_000  # names that are remembered
_HERE = frozenset({"127.0.0.1", "::/64"})  # this machine; ::1 is in that /64

TOO_MANY = SmtpReply(450, "4.7.1", "Too much mail from your address in a minute; try again later")
LIST_BUSY = SmtpReply(450, "4.7.1", "This address gets too much mail now; please try again later")


@dataclass(frozen=True, slots=True)
class MailRates:
    """Hold the most of a minute; 0 is no bound."""

    messages: int = 300  # of one source
    octets: int = 200_000_000  # of one source
    to_list: int = 600  # messages to one list


class _Minute:
    """Count by name over the last minute: this window, and the part of the last that it reaches."""

    def __init__(self) -> None:
        self._begun = 0.0
        self._now: Counter[object] = Counter()
        self._before: Counter[object] = Counter()

    def count(self, name: object, now: float) -> float:
        self._turn(now)
        rest = max(0.0, 1.0 - (now - self._begun) / WINDOW)
        return self._now[name] + self._before[name] * rest

    def add(self, name: object, more: int, now: float) -> None:
        self._turn(now)
        if name in self._now or len(self._now) < _MOST:
            self._now[name] += more

    def _turn(self, now: float) -> None:
        passed = now - self._begun
        if 0 <= passed < WINDOW:
            return
        self._before = self._now if passed < 2 * WINDOW else Counter()
        self._now = Counter()
        self._begun = now


@dataclass(slots=True)
class Rates:
    """Count what comes in."""

    most: MailRates
    _messages: _Minute = field(default_factory=_Minute)
    _octets: _Minute = field(default_factory=_Minute)
    _lists: _Minute = field(default_factory=_Minute)

    def against_source(self, source: str, now: float) -> SmtpReply | None:
        """Return what to say to a source that has brought its share of this minute."""
        if not _is_counted(source):
            return None
        most = self.most
        many = bool(most.messages) and self._messages.count(source, now) >= most.messages
        much = bool(most.octets) and self._octets.count(source, now) >= most.octets
        return TOO_MANY if many or much else None

    def against_recipient(self, name: str, source: str, now: float) -> SmtpReply | None:
        """Return what to say to a source that brings much to a list which gets too much."""
        if not self.most.to_list or not _is_counted(source):
            return None
        full = self._lists.count(name, now) >= self.most.to_list
        return LIST_BUSY if full and self._lists.count((name, source), now) >= _FEW else None

    def note(self, source: str, names: Iterable[str], size: int, now: float) -> None:
        """Count a message that was kept."""
        if not _is_counted(source):
            return
        self._messages.add(source, 1, now)
        self._octets.add(source, size, now)
        for name in set(names):
            self._lists.add(name, 1, now)
            self._lists.add((name, source), 1, now)


def _is_counted(source: str) -> bool:
    return bool(source) and source not in _HERE
