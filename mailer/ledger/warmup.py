"""The warm-up calendar: how many recipients a day while receivers get to know a new sender.

A new address or domain that begins with ten thousand letters is taken for a thief of one. So the
operator names the first day and its number, and each day doubles it until the last number, after
which nothing limits. A day is one of UTC. What is left of it is a row beside the paces, so that
all workers share it. Notices to one person are never held up by it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from mailer.errors import Misconfigured

KEY = "warm-up"
DAY = 86_400.0  # seconds
_MOST = 1_000_000
_USUAL = 50_000  # recipients a day: from there on a sender is known
_TEXT = re.compile(r"(\d{4}-\d\d-\d\d) +(\d{1,7})(?: +(\d{1,7}))?", re.ASCII)
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Calendar:
    """Hold the first day (since 1970, UTC), its recipients, and the number that ends it."""

    first: int
    many: int
    last: int

    def quota(self, day: int) -> int | None:
        """Return how many recipients ``day`` may have; None where nothing limits it."""
        since = day - self.first
        if since < 0 or since > _MOST.bit_length():
            return None
        allowed = self.many << since
        return allowed if allowed < self.last else None

    def ahead(self, day: int, left: int | None) -> Iterator[int]:
        """Give what each day from ``day`` on may have, while it is limited."""
        quota = self.quota(day)
        if quota is not None and left is not None:
            quota = left
        while quota is not None:
            yield quota
            day += 1
            quota = self.quota(day)


def read_calendar(text: str) -> Calendar | None:
    """Read ``2026-12-01 500`` or ``2026-12-01 500 20000``; "" is None.

    Raise Misconfigured that says what is wrong with it.
    """
    if not text.strip():
        return None
    if match := _TEXT.fullmatch(text.strip()):
        first, many, last = match[1], int(match[2]), int(match[3] or _USUAL)
        try:
            day = date.fromisoformat(first).toordinal() - _EPOCH
        except ValueError:
            day = -1
        if day >= 0 and 0 < many <= last <= _MOST:
            return Calendar(day, many, last)
    raise Misconfigured(
        f"mailer.warm_up: {text[:80]!r} is not a day and a number.",
        "Write FIRST-DAY RECIPIENTS or FIRST-DAY RECIPIENTS LAST, as in 2026-12-01 500 20000.",
    )


def day_of(now: float) -> int:
    """Return the day of a time, since 1970, by UTC."""
    return int(now // DAY)


def shown(day: int) -> str:
    """Return a day for people, as in 2026-12-01."""
    return datetime.fromtimestamp(day * DAY, UTC).date().isoformat()
