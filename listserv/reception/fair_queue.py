"""Say which arrival is next: each list in turn, and within a list each source in turn.

    queue = FairQueue()
    queue.add([Waiting(...), ...]); queue.take(20)     # those that are next, at most 20

Pure. A flood to one list stands behind its own list alone, and a flood of one source behind that
source alone: of every other list one mail is decided for each of the flooded, of every other source
one for each of the flooding. What one source sends to one list stays in its order. Mail that may
have killed its readers comes when nothing else waits, one at a time.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from listserv.wiring import routes
from mailer.door.callers import source_of


@dataclass(frozen=True, slots=True)
class Waiting:
    """Hold what the order depends on."""

    number: int  # the arrival's id
    list_address: str
    source: str
    suspect: bool = False


def waiting(
    number: int, recipient: str, sender: str, client: str, *, suspect: bool = False
) -> Waiting:
    """Read what the order depends on from an arrival's envelope.

    All addresses of a list are one; where nobody knows the client its sender stands for it.
    """
    return Waiting(number, _folded(recipient), _source_of(client) or sender, suspect)


# Of a hundred thousand that wait most are for the same few, from the same few.
_folded = lru_cache(4096)(routes.folded)
_source_of = lru_cache(4096)(source_of)


class _Turns:
    """Give each source its turn: a queue of queues."""

    def __init__(self) -> None:
        self._by_source: dict[str, deque[Waiting]] = {}
        self._order: deque[str] = deque()

    def add(self, one: Waiting) -> None:
        if one.source not in self._by_source:
            self._by_source[one.source] = deque()
            self._order.append(one.source)
        self._by_source[one.source].append(one)

    def put_back(self, one: Waiting) -> None:
        if one.source in self._by_source:
            self._by_source[one.source].appendleft(one)
        else:
            self.add(one)

    def take(self) -> Waiting:
        source = self._order.popleft()
        waits = self._by_source[source]
        one = waits.popleft()
        if waits:
            self._order.append(source)
        else:
            del self._by_source[source]
        return one

    def __bool__(self) -> bool:
        return bool(self._order)


class FairQueue:
    """Hold what waits, in the order in which it is to be decided."""

    def __init__(self) -> None:
        self._lists: dict[str, _Turns] = {}
        self._order: deque[str] = deque()
        self._suspects: deque[Waiting] = deque()
        self.newest = 0  # the highest id that was ever added

    def __bool__(self) -> bool:
        return bool(self._order or self._suspects)

    def add(self, some: Iterable[Waiting]) -> None:
        """Add arrivals, each behind what its source has sent to its list."""
        for one in some:
            self.newest = max(self.newest, one.number)
            if one.suspect:
                self._suspects.append(one)
            else:
                self._turns_of(one).add(one)

    def put_back(self, some: Sequence[Waiting]) -> None:
        """Add what was taken last and not used, each before the rest of its source."""
        for one in reversed(some):
            if one.suspect:
                self._suspects.appendleft(one)
            else:
                self._turns_of(one).put_back(one)

    def _turns_of(self, one: Waiting) -> _Turns:
        if one.list_address not in self._lists:
            self._lists[one.list_address] = _Turns()
            self._order.append(one.list_address)
        return self._lists[one.list_address]

    def take(self, most: int) -> list[Waiting]:
        """Return the next ``most`` and forget them; a suspect comes alone."""
        taken: list[Waiting] = []
        while self._order and len(taken) < most:
            name = self._order.popleft()
            turns = self._lists[name]
            taken.append(turns.take())
            if turns:
                self._order.append(name)
            else:
                del self._lists[name]
        if not taken and self._suspects:
            taken.append(self._suspects.popleft())
        return taken
