"""Read when something is: a day, an hour or two, a zone, in the habits of six languages.

    read("fredag 18 december kl 18-21", now, ZoneInfo("Europe/Stockholm"))

Hours are the zone's that is named at the end, else of the one that is given. An hour that a clock
skips in spring is no hour (``trouble`` says "gap"); of an hour that comes twice in autumn the first
one is meant (``twice``). Without a second hour the end is not known. Knows words and clocks, not
what begins then. Pure; now is an argument.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from listserv.answers import dates
from templates import lexicon
from templates.lexicon import fold, phrases

MAX_LINE = 300  # characters
_NOON, _DAY_HOURS, _HOUR_MINUTES = 12, 24, 60
_ISO = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]+(?=\d{1,2}[:.]\d\d)|\b)")
_CLOCK = r"(\d{1,2})(?:[:.h](\d{2}))?\s?([ap]\.?m\b\.?)?"
_RANGE = re.compile(rf"(?<![\d.:/-]){_CLOCK}\s?-\s?{_CLOCK}(?![\d/-]|\.\d)", re.IGNORECASE)
_DATED = re.compile(
    r"(?<![\d.:])\d{1,2}(?:[./]\d{1,2}[./](?:\d{4}|\d{2})\b|/\d{1,2}\b|\.\d{1,2}\.)"
)
_TIME = re.compile(
    r"(?<![\d.:/-])(\d{1,2})(?:(?:[:.h](\d{2}))\s?([ap]\.?m\b\.?)?|\s?([ap]\.?m\b\.?)|h\b)(?![\d/])",
    re.IGNORECASE,
)
_SHORT_DATE = re.compile(r"(?<![\d.:])(\d{1,2})\.(\d{1,2})(?![\d.:])")
_NUMBER = re.compile(r"(?<![\d.:/-])(\d{1,2})(?![\d.:/-]|(?:st|nd|rd|th)\b)")
_WORD = re.compile(r"[^\W\d_]+")
_ABBREVIATED = {"msk": "Europe/Moscow", "cest": "Europe/Paris", "eest": "Europe/Bucharest"}
_OFFSET = re.compile(r"(?<=\d)\s?(Z|[+-]\d{2}:?\d{2})(?![\d:])")


@dataclass(frozen=True, slots=True)
class NamedMoment:
    """Hold when something begins and ends; ``ends`` is None where nobody said it."""

    starts: datetime
    ends: datetime | None
    zone: str
    trouble: str = ""  # gap: this clock skips that hour; past; order: it ends before it begins
    twice: bool = False  # the hour comes twice that night


@dataclass(frozen=True, slots=True)
class _Clock:
    hour: int
    minute: int
    half: str = ""  # a or p


def read(line: str, now: float, zone: tzinfo) -> NamedMoment | None:
    """Return the moment that a line names, None where it cannot be read."""
    text = " ".join(line[:MAX_LINE].replace("\u2013", "-").replace("\u2014", "-").split())
    text, named = _zone_of(text)
    clock: tzinfo = ZoneInfo(named) if named else zone
    text, offset = _offset(text)
    clock = offset or clock
    today = datetime.fromtimestamp(now, clock).date()
    day, text = _iso_day(text)
    hours, rest = _hours(text, dated=day is not None)
    day = day or _day(rest, today)
    times = _times(hours, text)
    if day is None or not times:
        return None
    starts = datetime.combine(day, times[0], clock)
    ends = datetime.combine(day, times[1], clock) if len(times) > 1 else None
    if ends is not None and ends <= starts:  # past midnight
        ends = datetime.combine(day + timedelta(days=1), times[1], clock)
    trouble = "gap" if any(_is_skipped(one) for one in (starts, ends) if one) else ""
    if not trouble and starts.timestamp() <= now:
        trouble = "past"
    return NamedMoment(starts, ends, zone_name(clock), trouble, twice=_comes_twice(starts))


def zone_name(clock: tzinfo) -> str:
    """Return the name of a zone; "" for an offset, which has none."""
    return clock.key if isinstance(clock, ZoneInfo) else ""


def _zone_of(text: str) -> tuple[str, str]:
    """Return a line without the zone that is named in it, and that zone; "" for none."""
    words = text.split(" ")
    for at in range(len(words) - 1, -1, -1):
        known = _zones().get(fold(words[at].strip("()[],;.")), "")
        if known:
            return " ".join(words[:at] + words[at + 1 :]), known
    return text, ""


def _offset(text: str) -> tuple[str, tzinfo | None]:
    """Return a line without "+02:00" or "Z" behind an hour, and what that is."""
    found = _OFFSET.search(text)
    if found is None or not _ISO.search(text):
        return text, None
    rest = text[: found.start()] + text[found.end() :]
    if found[1] == "Z":
        return rest, ZoneInfo("UTC")
    digits = found[1].replace(":", "")
    minutes = int(digits[1:3]) * 60 + int(digits[3:5])
    return rest, timezone(timedelta(minutes=-minutes if digits[0] == "-" else minutes))


def _iso_day(text: str) -> tuple[date | None, str]:
    found = _ISO.search(text)
    if found is None:
        return None, text
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None, text
    return day, f"{text[: found.start()]} {text[found.end() :]}"


def _hours(text: str, *, dated: bool) -> tuple[list[_Clock], str]:
    """Return the hours of a line, one or two, and the line without them."""
    bare = _DATED.sub(lambda one: "#" * len(one[0]), text)  # dates are no hours
    if not dated and bare == text and not _names_day(text):
        short = _SHORT_DATE.search(text)  # "18.12 18.00"
        if short is not None and int(short[2]) <= 12:  # noqa: PLR2004 - months
            bare = bare[: short.start()] + "#" * len(short[0]) + bare[short.end() :]
    span = _RANGE.search(bare)
    if span is not None and not _is_of_month(bare, span):
        first = _Clock(int(span[1]), int(span[2] or 0), _half(span[3] or span[6]))
        second = _Clock(int(span[4]), int(span[5] or 0), _half(span[6]))
        return [first, second], _cut(text, span.start(), span.end())
    places = [(one.start(), one.end(), _clock(one)) for one in _TIME.finditer(bare)]
    taken = [range(start, end) for start, end, _ in places]
    for one in _NUMBER.finditer(bare):
        inside = any(one.start() in some for some in taken)
        if not inside and _is_hour(bare, one, after_hour=bool(places)):
            places.append((one.start(), one.end(), _Clock(int(one[1]), 0)))
    places.sort(key=lambda place: place[0])
    rest = text
    for start, end, _ in reversed(places[:2]):
        rest = _cut(rest, start, end)
    return [clock for _, _, clock in places[:2]], rest


def _cut(text: str, start: int, end: int) -> str:
    """Return a line without an hour and the word before it."""
    before = text[:start].rstrip()
    words = before.split(" ")
    for length in (2, 1):
        if len(words) >= length and fold(" ".join(words[-length:])) in _before_hours():
            before = " ".join(words[:-length])
            break
    return f"{before} {text[end:]}"


def _clock(found: re.Match[str]) -> _Clock:
    return _Clock(int(found[1]), int(found[2] or 0), _half(found[3] or found[4]))


def _half(said: str | None) -> str:
    return said[0].lower() if said else ""


def _is_of_month(text: str, span: re.Match[str]) -> bool:
    """Tell whether "18-20" are days: a month stands behind them."""
    if span[2] or span[5] or span[3] or span[6]:
        return False
    behind = _WORD.search(text, span.end())
    return behind is not None and fold(behind[0]) in lexicon.months()


def _is_hour(text: str, found: re.Match[str], *, after_hour: bool) -> bool:
    """Tell whether a bare number is an hour, by the words around it."""
    before, behind = fold(text[: found.start()]).split(), fold(text[found.end() :]).split()
    if behind and (behind[0] in lexicon.months() or behind[0] in {"of", "de"}):
        return False
    if behind and behind[0] in phrases("moments", "hours"):
        return True
    marks = phrases("moments", "at") | (phrases("moments", "to") if after_hour else frozenset())
    said = any(" ".join(before[-length:]) in marks for length in (1, 2) if len(before) >= length)
    dash = text[: found.start()].rstrip().endswith("-")
    return said or (after_hour and dash) or _evening_behind(behind)


def _evening_behind(words: list[str]) -> bool:
    return any(" ".join(words[:length]) in phrases("moments", "evening") for length in (1, 2, 3))


def _names_day(text: str) -> bool:
    words = fold(text).split()
    known = lexicon.months().keys() | lexicon.weekdays().keys()
    return any(word in known for word in words) or dates.names_a_time(text)


def _day(text: str, today: date) -> date | None:
    """Return the day that the rest of a line names."""
    line = f" {fold(text)} "
    if any(f" {phrase} " in line for phrase in phrases("moments", "today")):
        return today
    for phrase in phrases("moments", "evening"):
        line = line.replace(f" {phrase} ", " ")
    bare = " ".join(word for word in text.split() if fold(word) not in _before_hours())
    found = dates.read(bare, today) or dates.read(line, today)
    return found.day if found is not None else None


def _times(hours: list[_Clock], text: str) -> list[time]:
    """Return the hours as a clock of twenty-four has them, none where one is no hour."""
    line = f" {fold(text)} "
    evening = any(f" {phrase} " in line for phrase in phrases("moments", "evening"))
    found = []
    for one in hours:
        hour = one.hour
        if one.half:
            if not 1 <= hour <= _NOON:
                return []
            hour = hour % _NOON + (_NOON if one.half == "p" else 0)
        elif evening and hour < _NOON:
            hour += _NOON
        if hour == _DAY_HOURS and one.minute == 0:
            hour = 0
        if hour >= _DAY_HOURS or one.minute >= _HOUR_MINUTES:
            return []
        found.append(time(hour, one.minute))
    return found


def _is_skipped(moment: datetime) -> bool:
    """Tell whether no clock of this zone ever shows that hour (a spring night)."""
    back = moment.astimezone(UTC).astimezone(moment.tzinfo)
    return back.replace(tzinfo=None) != moment.replace(tzinfo=None)


def _comes_twice(moment: datetime) -> bool:
    return moment.utcoffset() != moment.replace(fold=1).utcoffset() and not _is_skipped(moment)


@cache
def _before_hours() -> frozenset[str]:
    return phrases("moments", "at") | phrases("moments", "to")


@cache
def _zones() -> dict[str, str]:
    """Return the zones that can be named, folded as a word is."""
    plain = {"UTC", "GMT", "CET", "EET", "WET"}
    found = {fold(one): one for one in available_timezones() if "/" in one or one in plain}
    return found | _ABBREVIATED
