"""Say which arrival is next: each list in turn, and within a list each source in turn.

    queue = FairQueue()
    queue.add([Waiting(...), ...]); queue.take(20)     # those that are next, at most 20

Pure. A flood to one list stands behind its own list alone, and a flood of one source behind that
source alone: of every other list one mail is decided for each of the flooded, of every other source
one for each of the flooding. What one source sends to one list stays in its order. Mail that may
have killed its readers comes when nothing else waits, one at a time.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from types import MappingProxyType

from listserv.wiring import routes
from mailer.door.callers import source_of

NO_OTHERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Waiting:
    """Hold what the order depends on."""

    number: int  # the arrival's id
    list_address: str
    source: str
    suspect: bool = False
    post: bool = True  # it came to the list's own address


def waiting(
    number: int,
    recipient: str,
    sender: str,
    client: str,
    *,
    suspect: bool = False,
    lists: Mapping[str, str] = NO_OTHERS,
) -> Waiting:
    """Read what the order depends on from an arrival's envelope.

    All addresses of a list are one, ``lists`` says which address stands for ``about``; where
    nobody knows the client its sender stands for it.
    """
    found = about(recipient)
    return Waiting(
        number,
        lists.get(found, found),
        _source_of(client) or sender,
        suspect,
        post=_key_of(recipient) == found,
    )


# Of a hundred thousand that wait most are for the same few, from the same few.
about = lru_cache(4096)(routes.folded)
_key_of = lru_cache(4096)(routes.key_of)
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

    def first(self) -> Waiting:
        return self._by_source[self._order[0]][0]

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

    def take(
        self,
        most: int,
        *,
        lists: int = 0,
        busy: Collection[str] = (),
        posts: bool = False,
    ) -> list[Waiting]:
        """Return the next ``most`` and forget them; a suspect comes alone.

        Of at most so many ``lists`` (0: of all), none of which is ``busy``. With ``posts`` nothing
        but what came to a list's own address, and no suspect.
        """
        taken: list[Waiting] = []
        chosen = self._choose(lists, busy, posts=posts)
        while chosen and len(taken) < most:
            name = chosen.popleft()
            turns = self._lists[name]
            if posts and not turns.first().post:
                continue
            taken.append(turns.take())
            if turns:
                chosen.append(name)
            else:
                del self._lists[name]
        # Whoever has had a turn stands behind all others.
        had = dict.fromkeys(one.list_address for one in taken)
        self._order = deque(name for name in self._order if name in self._lists and name not in had)
        self._order.extend(name for name in chosen if name in had)
        self._order.extend(name for name in had if name in self._lists and name not in chosen)
        if (
            not taken
            and not posts
            and self._suspects
            and self._suspects[0].list_address not in busy
        ):
            taken.append(self._suspects.popleft())
        return taken

    def _choose(self, lists: int, busy: Collection[str], *, posts: bool) -> deque[str]:
        free = (name for name in self._order if name not in busy)
        fit = (name for name in free if not posts or self._lists[name].first().post)
        return deque(islice(fit, lists or None))

    def lists(self, busy: Collection[str] = ()) -> int:
        """Return how many lists have something waiting that are not ``busy``."""
        return sum(1 for name in self._order if name not in busy)

    def waits(self, busy: Collection[str], *, posts: bool) -> bool:
        """Tell whether ``take`` would find something."""
        suspects = not posts and self._suspects and self._suspects[0].list_address not in busy
        return bool(self._choose(1, busy, posts=posts) or suspects)
