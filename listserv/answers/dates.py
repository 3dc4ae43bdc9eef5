"""Read the day that people name: dates, weekdays, holidays, spans, in the habits of six languages.

    read("till och med 6 januari", date(2026, 11, 29))
    # When(day=date(2027, 1, 6), resumes=date(2027, 1, 7))

``day`` is the day they name, ``resumes`` the first day on which mail comes again: the same, or the
next where the language includes the day ("through", "t/m", "tom"). A day that is past, does not
exist, does not fall on the weekday beside it, would come only after ten months, or is told roughly
is no day: it is asked about. Knows words (templates/words/dates.toml), not what the day is for.
Pure; today is an argument.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from listserv.answers import holidays
from templates import lexicon
from templates.lexicon import fold

MAX_TEXT = 300  # characters that are looked at
_ROLL = 304  # days, ten months: a day without a year that is further away is asked about
_FAR = 36_600  # days, a century: what is further away is a typing error
_ISO = re.compile(r"(?<!\d)(\d{4})[-./](\d{1,2})[-./](\d{1,2})(?!\d)")
_NUMBERS = re.compile(
    r"(?<![\d.])(\d{1,2})\s?[./-]\s?(\d{1,2})(?:\s?[./-]\s?(\d{4}|\d{2}))?\.?(?![\d:])"
)
_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+")
_ENDINGS = {
    *("st", "nd", "rd", "th", "e", "a", "er", "go", "i", "de", "da", "ste"),
    *("ого", "го", "е", "й", "и", "я", "ое"),
}
_BETWEEN = {"of", "de", "del", "di", "den", "the", "al", "la", "lunii", "luna", "van", "maand"}
_SHORT = 3  # letters of what may be a word of another kind: "mai", "an", "di"
_NO_YEARS = {"\u00e4r"}  # Swedish "is", folded like "year"
_LONGEST = 5  # words of a phrase
_UNITS = ("day", "week", "month", "year")


@dataclass(frozen=True, slots=True)
class When:
    """Hold the day that was named, and the first day on which mail comes again."""

    day: date
    resumes: date


@dataclass(frozen=True, slots=True)
class _Text:
    """Hold a text as words, and the days that stand in it in numbers."""

    words: tuple[str, ...]
    numbered: tuple[date | None, ...]
    today: date

    def has(self, meaning: str) -> bool:
        """Tell whether a phrase of ``meaning`` stands in the text."""
        return bool(self.find(meaning))

    def find(self, meaning: str) -> list[int]:
        """Return where phrases of ``meaning`` end: the place of their last word."""
        return _find(self.words, _phrases(meaning))


def read(text: str, today: date) -> When | None:
    """Return the day that ``text`` names, None where it names none or one that is asked about."""
    said = _text(text[:MAX_TEXT], today)
    if _is_vague(said) or _begins_then(said):
        return None
    behind = _behind_until(said)
    for reader in _READERS:
        found, named = reader(behind) if behind is not None else reader(said)
        if named:
            return None if _is_counted_from(said, found) else _when(said, found)
    return None


def _behind_until(said: _Text) -> _Text | None:
    """Return what stands behind the last "until", where a day is named there in words.

    "We are away over Christmas, no mail until 7 January" names the seventh.
    """
    last = max(said.find("until"), default=-1)
    if last <= 0 or said.numbered:
        return None
    behind = _Text(said.words[last:], (), said.today)
    return behind if any(reader(behind)[1] for reader in _READERS) else None


def _is_vague(said: _Text) -> bool:
    """Tell whether a day is told roughly, is past, or is turned round."""
    if said.has("vague") or said.has("ago"):
        return True
    last = max(said.find("until"), default=-1)
    return any(at > last for at in said.find("negation"))  # "not here until 7 January" names it


def _begins_then(said: _Text) -> bool:
    """Tell whether a day begins a pause and none ends it: "from Monday"."""
    if said.has("until"):
        return False
    return any(
        _is_timed(said.words[at + 1]) for at in said.find("from") if at + 1 < len(said.words)
    )


def _is_timed(word: str) -> bool:
    return bool(_value(word)) or word in _months() or _is_weekday(word)


def _is_weekday(word: str) -> bool:
    """Tell whether a word names a weekday, and is no small word of another language ("di")."""
    return word in _weekdays() and len(word) >= _SHORT


def _is_counted_from(said: _Text, found: date | None) -> bool:
    """Tell whether a span goes on from the day that is named: "two weeks from 5 January"."""
    for unit in ("day", "week", "month"):
        for at in said.find(unit):
            number = _count_before(said, at)
            if number and found != _later(said.today, unit, number):
                return True
    return False


def names_one(text: str) -> bool:
    """Tell whether ``text`` speaks of a day or a span at all, however roughly."""
    said = _text(text[:MAX_TEXT], date(2000, 1, 1))
    return bool(said.numbered) or any(word.isdecimal() or word in _timely() for word in said.words)


def ends_something(text: str, today: date) -> bool:
    """Tell whether ``text`` says until when: "no mail until 7 January", also a day to ask about."""
    said = _text(text[:MAX_TEXT], today)
    return said.has("till") and any(reader(said)[1] for reader in _READERS)


def names_a_time(text: str) -> bool:
    """Tell whether a day, a month, a span or a feast is named in words: no number, no "maybe"."""
    said = _text(text[:MAX_TEXT], date(2000, 1, 1))
    names = _timely() - _phrases("vague")
    return any(len(word) > _SHORT and word in names for word in said.words)


def _when(said: _Text, found: date | None) -> When | None:
    if found is None or not said.today < found <= said.today + timedelta(days=_FAR):
        return None
    through = said.has("through") or _is_po(said)
    return When(found, found + timedelta(days=1) if through else found)


def _is_po(said: _Text) -> bool:
    """Tell whether a Russian "po" includes the day: "s 30.12 po 08.01"."""
    return "по" in said.words


def _text(text: str, today: date) -> _Text:
    line = " ".join(text.casefold().replace("\u2019", "'").split())
    numbered = [_number(match, today) for match in _ISO.finditer(line)]
    rest = _ISO.sub(" ", line)
    numbered += [_number(match, today) for match in _NUMBERS.finditer(rest)]
    rest = _NUMBERS.sub(" ", rest)
    found = _TOKEN.findall(rest.replace("/", " "))
    tokens = [fold(one) for one in found if one not in _NO_YEARS]
    words = [word.removeprefix("all'").removeprefix("dell'") for word in tokens if word]
    return _Text(tuple(words), tuple(numbered), today)


def _number(match: re.Match[str], today: date) -> date | None:
    if len(match[1]) == 4:
        return _real(int(match[1]), int(match[2]), int(match[3]))
    day, month = int(match[1]), int(match[2])
    if month > 12 >= day:
        day, month = month, day
    year = int(match[3]) if match[3] else 0
    return _coming(year + 2000 if 0 < year < 100 else year, month, day, today)


def _real(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _coming(year: int, month: int, day: int, today: date) -> date | None:
    """Return the next such day; None for one that is past, or further away than ten months."""
    if year:
        return _real(year, month, day)
    found = _real(today.year, month, day) or _real(today.year + 1, month, day)
    if found is not None and found <= today:
        found = _real(today.year + 1, month, day)
    return found if found is not None and (found - today).days <= _ROLL else None


def _numbered(said: _Text) -> tuple[date | None, bool]:
    """Read "5.1.2027"; of two, a span's end is the last."""
    if not said.numbered:
        return None, False
    return _on_weekday(said, said.numbered[-1]), True


def _worded(said: _Text) -> tuple[date | None, bool]:
    """Read "5 January", "January 5", "end of January", "January"."""
    found: date | None = None
    named = False
    for at, word in enumerate(said.words):
        month = _months().get(word, 0)
        day = _day_beside(said, at)
        if not month or (not day and not _is_surely_month(said, at)):
            continue
        year = next((int(w) for w in said.words[at + 1 : at + 4] if _is_year(w)), 0)
        named = True
        if day:
            found = _on_weekday(said, _coming(year, month, day, said.today))
        else:
            found = _part_of_month(said, year, month) if _is_alone(said, at) else None
    return found, named


def _day_beside(said: _Text, at: int) -> int:
    """Return the day of the month that stands beside the month at ``at``, 0 for none."""
    before = at - 1
    while before >= 0 and said.words[before] in _ENDINGS | _BETWEEN:
        before -= 1
    for place in (before, at + 1):
        if 0 <= place < len(said.words):
            number = _count_at(said, place) if place == before else _value(said.words[place])
            if 0 < number <= 31 and (place == before or said.words[place].isdecimal()):
                return number
            if number > 31 and place == before:
                return number if number < 100 else 0
    return 0


def _is_surely_month(said: _Text, at: int) -> bool:
    """Tell whether a month without a day is one: "mai" and "mar" are other words too."""
    word = said.words[at]
    into = at > 0 and said.words[at - 1] in {"in", "i", "до", "fino", "pana", "tot", "la"}
    return into or len(word) > 3 or word in {"мая", "май", "maj", "mei", "may"}


def _is_alone(said: _Text, at: int) -> bool:
    """Tell whether no word that we do not know stands before a month: it may name a day of it."""
    known = ("until", "next", "start", "middle", "end", "through", "after", "month")
    before = said.words[at - 1] if at else ""
    ends = any(at - 1 in said.find(name) for name in known)
    return not at or ends or before in _BETWEEN | {"in", "i", "la", "в", "начале"}


def _part_of_month(said: _Text, year: int, month: int) -> date | None:
    if said.has("end"):
        first = _coming(year, month % 12 + 1, 1, said.today)
        return first - timedelta(days=1) if first is not None else None
    return _coming(year, month, 15 if said.has("middle") else 1, said.today)


def _is_year(word: str) -> bool:
    return len(word) == 4 and word.startswith("20") and word.isdecimal()


def _on_weekday(said: _Text, day: date | None) -> date | None:
    """Return ``day`` where it falls on the weekday that is named beside it, if one is."""
    named = {_weekdays()[word] for word in said.words if word in _weekdays() and len(word) > 3}
    if day is None or (named and day.weekday() not in named):
        return None
    return day + timedelta(days=1) if said.has("after") else day


def _feast(said: _Text) -> tuple[date | None, bool]:
    """Read a holiday: the next one; behind "after", the day after its last free day."""
    names = [name for name in holidays.NAMES if said.has(name)]
    names.sort(key=lambda name: -max(len(p.split()) for p in _phrases(name) if _stands(said, p)))
    if not names:
        return None, False
    for year in (said.today.year, said.today.year + 1):
        begins, ends = holidays.days(names[0], year)
        found = ends + timedelta(days=1) if said.has("after") else begins
        if found > said.today:
            near = (found - said.today).days <= _ROLL
            return (found if near else None), True
    return None, True


def _stands(said: _Text, phrase: str) -> bool:
    return bool(_find(said.words, frozenset((phrase,))))


def _near(said: _Text) -> tuple[date | None, bool]:
    """Read tomorrow, the weekend, next week, the end of the month, a week's number."""
    today = said.today
    if said.has("after-tomorrow"):
        return today + timedelta(days=2), True
    if said.has("tomorrow") and not said.has("next"):
        return today + timedelta(days=1), True
    if said.has("today"):
        return None, True
    if said.has("weekend"):
        saturday = today + timedelta(days=(5 - today.weekday()) % 7 or 7)
        return saturday + timedelta(days=2 if said.has("after") else 0), True
    return _unit(said)


def _unit(said: _Text) -> tuple[date | None, bool]:
    """Read "next month", "the end of the week", "week 3"."""
    today = said.today
    monday = today + timedelta(days=7 - today.weekday())
    first = date(today.year + today.month // 12, today.month % 12 + 1, 1)
    ahead = {"week": monday, "month": first, "year": date(today.year + 1, 1, 1)}
    for unit, begin in ahead.items():
        if not said.has(unit):
            continue
        number = _week_number(said) if unit == "week" else 0
        if number:
            return _week(number, today), True
        counted = any(_value(word) for word in said.words)
        if said.has("next") and not counted:
            return begin + timedelta(days=_weekday_of(said) if unit == "week" else 0), True
        if said.has("end") and not counted:
            last = begin - timedelta(days=1)
            return (last if last > today else _end_of(unit, begin)), True
    return None, False


def _weekday_of(said: _Text) -> int:
    """Return which day of its week is named, 0 for none: "Tuesday next week"."""
    return next((_weekdays()[word] for word in said.words if word in _weekdays()), 0)


def _end_of(unit: str, begin: date) -> date:
    return begin + timedelta(days=6) if unit == "week" else begin


def _week_number(said: _Text) -> int:
    for at, word in enumerate(said.words[:-1]):
        if word in _phrases("week") and said.words[at + 1].isdecimal():
            return int(said.words[at + 1])
    return 0


def _week(number: int, today: date) -> date | None:
    for year in (today.year, today.year + 1):
        try:
            found = date.fromisocalendar(year, number, 1)
        except ValueError:
            return None
        if found > today:
            return found if (found - today).days <= _ROLL else None
    return None


def _span(said: _Text) -> tuple[date | None, bool]:
    """Read "for two weeks", "a month", "half a year", from today on."""
    if said.has("half-year"):
        return _months_on(said.today, 6), True
    if said.has("fortnight"):
        return said.today + timedelta(days=14), True
    if said.has("week") and _weekday_at(said) >= 0:
        return _week_on(said), True
    for unit in _UNITS:
        for at in said.find(unit):
            number = _count_before(said, at)
            if not number and unit == "month" and said.words[at] in _weekdays():
                continue  # Romanian: "luni" is Monday, "două luni" two months
            return _later(said.today, unit, number or 1), True
    return None, False


def _week_on(said: _Text) -> date | None:
    """Read "Saturday week": the Saturday after the next; None for "a week from Saturday"."""
    at = _weekday_at(said)
    if at + 1 not in said.find("week"):
        return None
    first = _weekday(said)[0]
    return first + timedelta(days=7) if first is not None else None


def _weekday_at(said: _Text) -> int:
    """Return where a weekday stands, -1 for nowhere."""
    return next((at for at, word in enumerate(said.words) if _is_weekday(word)), -1)


def _count_before(said: _Text, at: int) -> int:
    for place in (at - 1, at - 2):
        if place >= 0 and _value(said.words[place]):
            return _count_at(said, place)
    return 0


def _count_at(said: _Text, at: int) -> int:
    """Return the number that ends at ``at``: "twenty-one", "douăzeci și unu"."""
    one = _value(said.words[at])
    before = at - 2 if at and said.words[at - 1] in {"si", "and", "och", "e", "en"} else at - 1
    tens = _value(said.words[before]) if before >= 0 else 0
    return tens + one if tens in {20, 30} and 0 < one < 10 else one


def _later(today: date, unit: str, number: int) -> date | None:
    if number > 1000:
        return None
    if unit in {"day", "week"}:
        return today + timedelta(days=number * (7 if unit == "week" else 1))
    return _months_on(today, number * (12 if unit == "year" else 1))


def _months_on(today: date, number: int) -> date | None:
    year, month = divmod(today.month - 1 + number, 12)
    for day in range(today.day, today.day - 4, -1):
        found = _real(today.year + year, month + 1, day)
        if found is not None:
            return found
    return None


def _weekday(said: _Text) -> tuple[date | None, bool]:
    """Read the next such weekday; today's name is that of next week."""
    ends = set(said.find("until"))
    for at in reversed(range(len(said.words))):
        word = said.words[at]
        if _is_weekday(word) or (word in _weekdays() and at - 1 in ends):
            ahead = (_weekdays()[word] - said.today.weekday()) % 7 or 7
            return said.today + timedelta(days=ahead + (1 if said.has("after") else 0)), True
    return None, False


def _day_alone(said: _Text) -> tuple[date | None, bool]:
    """Read "the 15th"; a year alone is its first day."""
    for word in said.words:
        if _is_year(word):
            return date(int(word), 1, 1), True
    numbers = [int(word) for word in said.words if word.isdecimal()]
    if len(numbers) != 1 or not 1 <= numbers[0] <= 31:
        return None, bool(numbers)
    today = said.today
    for ahead in range(3):
        year, month = divmod(today.month - 1 + ahead, 12)
        found = _real(today.year + year, month + 1, numbers[0])
        if found is not None and found > today:
            return found, True
    return None, True


def _value(word: str) -> int:
    return int(word) if word.isdecimal() and len(word) <= 4 else _numbers().get(word, 0)


def _find(words: tuple[str, ...], phrases: frozenset[str]) -> list[int]:
    return [
        at + size - 1
        for at in range(len(words))
        for size in range(1, _LONGEST)
        if at + size <= len(words) and " ".join(words[at : at + size]) in phrases
    ]


@cache
def _phrases(meaning: str) -> frozenset[str]:
    return lexicon.phrases("dates", meaning)


@cache
def _numbers() -> dict[str, int]:
    table = lexicon.tables("dates")["number"]
    return {fold(word): int(value) for value, words in table.items() for word in words}


@cache
def _weekdays() -> dict[str, int]:
    found = dict(lexicon.weekdays())
    for number in range(7):
        found.update(dict.fromkeys(_phrases(f"weekday-{number}"), number))
    return found


@cache
def _months() -> dict[str, int]:
    found = dict(lexicon.months())
    for number in (1, 9):
        found.update(dict.fromkeys(_phrases(f"month-{number}"), number))
    return found


@cache
def _timely() -> frozenset[str]:
    names = ("day", "week", "month", "year", "tomorrow", "today", "next", "weekend", "fortnight")
    feast = (name for name in holidays.NAMES)
    found = frozenset().union(*(_phrases(name) for name in (*names, *feast, "vague")))
    return found | _months().keys() | _weekdays().keys()


_READERS: tuple[Callable[[_Text], tuple[date | None, bool]], ...] = (
    _numbered, _feast, _worded, _near, _span, _weekday, _day_alone,
)  # fmt: skip
