"""Know when holidays are: those that people in our countries pause until, and their last free day.

Pure. Easter by the two calendars (Meeus); what follows Easter follows from it.
"""

from collections.abc import Callable
from datetime import date, timedelta

Span = tuple[date, date]  # the day that is meant, and the last day that is kept


def easter(year: int) -> date:
    """Return Easter Sunday of the western churches (Gregorian)."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return date(year, f // 31, f % 31 + 1)


def orthodox_easter(year: int) -> date:
    """Return Easter Sunday of the eastern churches, in our calendar (1900 to 2099)."""
    a, b, c = year % 4, year % 7, year % 19
    d = (19 * c + 15) % 30
    e = (2 * a + 4 * b - d + 34) % 7
    month, day = divmod(d + e + 114, 31)
    return date(year, month, day + 1) + timedelta(days=13)


def midsummer_eve(year: int) -> date:
    """Return the Friday between 19 and 25 June."""
    first = date(year, 6, 19)
    return first + timedelta(days=(4 - first.weekday()) % 7)


def _fixed(month: int, day: int, more: int = 0) -> Callable[[int], Span]:
    def span(year: int) -> Span:
        begins = date(year, month, day)
        return begins, begins + timedelta(days=more)

    return span


def _from(begin: Callable[[int], date], ahead: int = 0, more: int = 0) -> Callable[[int], Span]:
    def span(year: int) -> Span:
        begins = begin(year) + timedelta(days=ahead)
        return begins, begins + timedelta(days=more)

    return span


# Headings of words/dates.toml.
_FEASTS: dict[str, Callable[[int], Span]] = {
    "new-year": _fixed(1, 1),
    "new-years-eve": _fixed(12, 31, 1),
    "christmas": _fixed(12, 25, 1),
    "christmas-eve": _fixed(12, 24, 2),
    "orthodox-christmas": _fixed(1, 7),
    "epiphany": _fixed(1, 6),
    "easter": _from(easter, 0, 1),
    "good-friday": _from(easter, -2, 3),
    "easter-monday": _from(easter, 1),
    "orthodox-easter": _from(orthodox_easter, 0, 1),
    "ascension": _from(easter, 39),
    "pentecost": _from(easter, 49, 1),
    "orthodox-pentecost": _from(orthodox_easter, 49, 1),
    "midsummer": _from(midsummer_eve, 0, 1),
    "valborg": _fixed(4, 30, 1),
    "may-day": _fixed(5, 1),
    "ferragosto": _fixed(8, 15),
    "all-saints": _fixed(11, 1),
    "lucia": _fixed(12, 13),
    "sinterklaas": _fixed(12, 5, 1),
    "kings-day": _fixed(4, 27),
    "national-sv": _fixed(6, 6),
    "womens-day": _fixed(3, 8),
    "victory-day": _fixed(5, 9),
    "old-new-year": _fixed(1, 14),
    "st-knut": _fixed(1, 13),
}
NAMES = tuple(_FEASTS)


def days(name: str, year: int) -> Span:
    """Return the day that is meant by a holiday, and the last day that is kept."""
    return _FEASTS[name](year)
