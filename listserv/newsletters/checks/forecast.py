"""Say how long a mailing will take: by the limits that are set or learnt, and the last pace.

Pure: numbers in, a forecast out. Whole seconds matter to nobody; who waits longest does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DAY = 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class PaceLimits:
    """Hold what bounds a mailing, in recipients a second; 0 where nothing does."""

    relays: float = 0.0  # of all relays together
    own: float = 0.0  # of this list
    last: float = 0.0  # how fast the last large mailing left
    domains: Mapping[str, float] | None = None  # of receiving domains that have a pace
    days: Sequence[int] = ()  # of today and the days after, while a warm-up counts


@dataclass(frozen=True, slots=True)
class Forecast:
    """Say how long it takes, what bounds it, and which domain is through last (or "")."""

    seconds: float
    bound: str  # relays, list, last, domain or days
    rate: float  # recipients a second, of the bound
    last: str = ""


def forecast(readers: Sequence[tuple[str, int]], limits: PaceLimits) -> Forecast | None:
    """Return how long ``readers`` (domain, how many) take; None where nothing tells."""
    many = sum(count for _, count in readers)
    if (full := _days(many, limits.days)) > 0:
        return Forecast(full * DAY, "days", many / (full * DAY))
    rates = [
        (rate, bound)
        for bound, rate in (("relays", limits.relays), ("list", limits.own), ("last", limits.last))
        if rate > 0
    ]
    paces = limits.domains or {}
    slow = [
        (count / paces[domain], domain) for domain, count in readers if paces.get(domain, 0) > 0
    ]
    longest, domain = max(slow, default=(0.0, ""))
    if rates:
        rate, bound = min(rates)
        if longest <= many / rate:
            return Forecast(many / rate, bound, rate)
    elif not slow:
        return None
    return Forecast(longest, "domain", paces[domain], domain)


def _days(many: int, days: Sequence[int]) -> int:
    """Return after how many midnights the last of ``many`` may leave."""
    for passed, allowed in enumerate(days):
        many -= allowed
        if many <= 0:
            return passed
    return len(days)
