"""Read what an editor answered to a proof, in the words of six languages. Pure.

    read("send friday 9:30", now, ZoneInfo("Europe/Rome"))   -> Order(SEND, at=1796110200.0)

One line must be nothing but a command, with politeness around it ("looks good, please send it"):
"send, but without the last line" is no order, "send it?" and "send" above a remark are none, and an
hour that cannot be read makes none. "New text" on the first line makes the rest the issue's text;
"subject: ..." and its like, alone, change just that. A weekday or a date without a year is the next
one; an hour alone needs a word or minutes ("at 8", "8:30"). Hours are the list's zone's, unless the
line ends in another ("Europe/Rome", "UTC").
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from listserv.answers import answer_commands
from listserv.letters.commands import first_line
from templates import lexicon
from templates.lexicon import fold, phrases

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DATE = re.compile(r"(\d{1,2})[./](\d{1,2})(?:[./](20\d\d))?")
_DAY = re.compile(r"(\d{1,2})(?:st|nd|rd|th|:e)?")
_YEAR = re.compile(r"20\d\d")
_HOUR = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?(am|pm|h)?")
_LONGEST = 12  # words of an order
_FIELD = re.compile(r"\s*([^:\uff1a]{3,40})[:\uff1a][ \t]*(\S.{0,400})\Z")
_FIELDS = ("subject", "preheader", "theme", "segment")
_CLAUSES = 6  # of an answer that calls something off
_ONLY = 3  # words of "only segment"


class Verb(StrEnum):
    """Name an order as ``words/issue.toml`` does."""

    SEND = "send"
    APPROVE = "approve"
    CANCEL = "cancel"
    STOP = "stop"
    ONLY = "only"
    TEXT = "text"
    FIELDS = "fields"


@dataclass(frozen=True, slots=True)
class EditorOrder:
    """Hold what is to be done; ``at`` is seconds since 1970 UTC, None for now."""

    verb: Verb
    anyway: bool = False
    at: float | None = None
    zone: str = ""  # of the hour that was named
    segment: str = ""  # who gets it, behind "only"
    own: bool = False  # the hour is each reader's own
    named: bool = False  # the line named the zone itself
    fields: tuple[tuple[str, str], ...] = ()  # of the draft's head, each with its new value

    @property
    def means(self) -> str:
        """Return what would be done, in one word."""
        if self.verb is Verb.SEND and self.at is not None:
            return "schedule"
        if self.verb is Verb.FIELDS:
            return self.fields[0][0]
        return "segment" if self.verb is Verb.ONLY else self.verb.value

    @property
    def hour(self) -> str:
        """Return the hour of each reader's own day, "" where it is the same moment for all."""
        if self.at is None or not self.own:
            return ""
        return datetime.fromtimestamp(self.at, ZoneInfo(self.zone)).strftime("%Y-%m-%dT%H:%M")


def read(text: str, now: float, zone: ZoneInfo) -> EditorOrder | None:
    """Return the order that an answer is, None where it is none."""
    only = _only(first_line(text))
    if only:
        return EditorOrder(Verb.ONLY, segment=only)
    if new_text(text).strip():
        return EditorOrder(Verb.TEXT)
    fields = _fields(text)
    if fields:
        return EditorOrder(Verb.FIELDS, fields=fields)
    found = answer_commands.find(text, lambda words: _command(words, now, zone))
    return found or _called_off(text)


def _called_off(text: str) -> EditorOrder | None:
    """Return the order where a clause says not to send and none says to: a no needs no more."""
    parts = [one for one in re.split(r"[,.;!\n\u2013\u2014]+", text) if fold(one)]
    if "?" in text or not 0 < len(parts) <= _CLAUSES:
        return None
    said = [answer_commands.of_line(one, _off) for one in parts]
    on = phrases("issue", Verb.SEND)
    rest = [one for one, verb in zip(parts, said, strict=True) if verb is None]
    if any(f" {word} " in f" {fold(one)} " for one in rest for word in on):
        return None
    found = [verb for verb in (Verb.CANCEL, Verb.STOP) if verb in said]
    return EditorOrder(found[0]) if found else None


def _off(words: list[str]) -> Verb | None:
    said = " ".join(words)
    return next((one for one in (Verb.CANCEL, Verb.STOP) if said in phrases("issue", one)), None)


def new_text(text: str) -> str:
    """Return what stands below "new text" (or behind its colon), "" where that is not said."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if not fold(line):
            continue
        said, colon, rest = line.partition(":")
        if answer_commands.of_line(said, _is_text):
            return "\n".join(([rest.strip()] if rest.strip() else []) + lines[at + 1 :])
        if colon or not answer_commands.is_polite(line):
            return ""
    return ""


def _is_text(words: list[str]) -> bool | None:
    return " ".join(words) in phrases("issue", Verb.TEXT) or None


def _fields(text: str) -> tuple[tuple[str, str], ...]:
    """Return the fields that an answer's lines set, none where one line is anything else."""
    found: dict[str, str] = {}
    for line in filter(fold, text.splitlines()):
        field = _FIELD.match(line)
        names = [name for name in _FIELDS if field and fold(field[1]) in phrases("issue", name)]
        if field is None or not names:
            if answer_commands.is_polite(line) or (found and answer_commands.is_name(line)):
                continue
            return ()
        if names[0] in found:
            return ()
        value = field[2].strip()
        everybody = names[0] == "segment" and fold(value) in phrases("issue", "everybody")
        found[names[0]] = "all" if everybody else value
    return tuple(found.items())


def _command(words: list[str], now: float, zone: ZoneInfo) -> EditorOrder | None:
    """Return the order that ``words`` are, every one of them."""
    if len(words) > _LONGEST:
        return None
    for verb in (Verb.APPROVE, Verb.CANCEL, Verb.STOP):
        if " ".join(words) in phrases("issue", verb):
            return EditorOrder(verb)
    words, anyway = _anyway(words)
    rest = _behind(words, phrases("issue", Verb.SEND))
    if rest is None:
        return None
    return _sent(rest, now, zone, anyway=anyway)


def _anyway(words: list[str]) -> tuple[list[str], bool]:
    """Return a line without "anyway", before or behind what it says, and whether it stood there."""
    kept = _without(words, phrases("issue", "anyway"))
    return kept, kept != words


def _sent(rest: list[str], now: float, zone: ZoneInfo, *, anyway: bool) -> EditorOrder | None:
    """Read what stands behind "send": how, and when."""
    kept, said = _anyway(_objectless(rest))
    kept = _objectless(kept)
    anyway = anyway or said
    if not kept:
        return EditorOrder(Verb.SEND, anyway)
    theirs = _without(kept, phrases("issue", "own-time"), ends=True)
    own = theirs != kept
    named = "" if own else _zones().get(kept[-1], "")
    clock = ZoneInfo(named) if named else zone
    at = _moment(theirs[:-1] if named else theirs, datetime.fromtimestamp(now, clock))
    return (
        None
        if at is None
        else EditorOrder(Verb.SEND, anyway, at.timestamp(), clock.key, own=own, named=bool(named))
    )


def _objectless(rest: list[str]) -> list[str]:
    """Return ``rest`` without what is sent and to whom: "it", "to everyone", "now", "please"."""
    known = phrases("issue", "object") | phrases("issue", "please") | phrases("issue", "joining")
    while rest:
        length = next(
            (n for n in range(min(len(rest), 4), 0, -1) if " ".join(rest[:n]) in known), 0
        )
        if not length:
            break
        rest = rest[length:]
    return rest


def _only(line: str) -> str:
    """Return what stands behind "only segment", as it is written: a segment is no phrase."""
    words = line.split()
    for length in range(min(len(words) - 1, _ONLY), 0, -1):
        if fold(" ".join(words[:length])) in phrases("issue", Verb.ONLY):
            rest = " ".join(words[length:]).rstrip(".")
            return "all" if fold(rest) in phrases("issue", "everybody") else rest
    return ""


def _behind(words: Sequence[str], known: frozenset[str]) -> list[str] | None:
    """Return what stands behind the longest phrase that ``words`` begin with."""
    for length in range(min(len(words), 6), 0, -1):
        if " ".join(words[:length]) in known:
            return list(words[length:])
    return None


def _without(words: Sequence[str], known: frozenset[str], *, ends: bool = False) -> list[str]:
    """Return ``words`` without a phrase of ``known`` at their end, or (not ``ends``) at either."""
    for length in range(min(len(words) - (1 if ends else 0), 3), 0, -1):
        if " ".join(words[-length:]) in known:
            return list(words[:-length])
        if not ends and " ".join(words[:length]) in known:
            return list(words[length:])
    return list(words)


def _moment(words: Sequence[str], now: datetime) -> datetime | None:
    """Read a day and an hour, every word of which must say something."""
    said, half = _half(_joined(words))
    bare = [word for word in said if word not in phrases("issue", "around")]
    if not bare:
        return None
    hour = _of_half(_hour(bare[-1]), half)
    if hour is None:
        return None
    day, left = _day(bare[:-1], now)
    if left:
        return None
    if day is None:
        if len(bare) == len(words) and bare[-1].isdecimal() and not half:
            return None  # "send 8" may mean anything
        found = _at(now.date(), hour, now)
        return found if found > now else _at(now.date() + timedelta(days=1), hour, now)
    found = _at(day, hour, now)
    weekday = len(bare) > 1 and bare[0] in lexicon.weekdays()
    return found + timedelta(days=7) if weekday and found <= now else found


def _at(day: date, hour: tuple[int, int], now: datetime) -> datetime:
    return datetime(day.year, day.month, day.day, *hour, tzinfo=now.tzinfo)


def _joined(words: Sequence[str]) -> list[str]:
    """Return the words with "8 am" as one."""
    return re.sub(r"(?<=\d) ([ap])\.?m\b", r"\1m", " ".join(words)).split()


def _half(words: Sequence[str]) -> tuple[list[str], str]:
    """Return the words without that for a half of the day, and which half: "" for none."""
    line = f" {' '.join(words)} "
    for half, day in (("tonight", "today"), ("morning", ""), ("evening", "")):
        for phrase in sorted(phrases("issue", half), key=len, reverse=True):
            if f" {phrase} " in line:
                left = line.replace(f" {phrase} ", f" {day} ", 1).split()
                return left, "evening" if day else half
    return list(words), ""


def _of_half(hour: tuple[int, int] | None, half: str) -> tuple[int, int] | None:
    """Return the hour of a half of the day: eight in the evening is twenty."""
    if hour is None or not half or (half == "evening" and hour[0] >= 12):  # noqa: PLR2004 - noon
        return hour
    if half == "morning":
        return hour if hour[0] < 12 else None  # noqa: PLR2004 - noon
    return (hour[0] + 12) % 24, hour[1]


def _hour(word: str) -> tuple[int, int] | None:
    found = _HOUR.fullmatch(word)
    if found is None:
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3] in {"am", "pm"}:
        if not 1 <= hour <= 12:  # noqa: PLR2004 - a clock's face
            return None
        hour = hour % 12 + (12 if found[3] == "pm" else 0)
    return (hour, minute) if hour < 24 and minute < 60 else None  # noqa: PLR2004 - a day


def _day(words: Sequence[str], now: datetime) -> tuple[date | None, Sequence[str]]:
    """Return the day that ``words`` name (None for none), and the words that say nothing."""
    said = " ".join(words)
    today = now.date()
    iso, dated = _ISO.fullmatch(said), _DATE.fullmatch(said)
    if not words or said in phrases("issue", "today"):
        return (today if words else None), ()
    if said in phrases("issue", "tomorrow"):
        return today + timedelta(days=1), ()
    if said in lexicon.weekdays():
        return today + timedelta(days=(lexicon.weekdays()[said] - today.weekday()) % 7), ()
    if iso:
        return _real(int(iso[1]), int(iso[2]), int(iso[3])), ()
    if dated:
        return _coming(int(dated[3] or 0), int(dated[2]), int(dated[1]), today), ()
    return _worded(words, today)


def _worded(words: Sequence[str], today: date) -> tuple[date | None, Sequence[str]]:
    """Read "24 december", "december 24", "24 december 2027"."""
    left = [word for word in words if word not in lexicon.months()]
    months = [lexicon.months()[word] for word in words if word in lexicon.months()]
    year = int(left.pop()) if len(left) > 1 and _YEAR.fullmatch(left[-1]) else 0
    found = _DAY.fullmatch(left[0]) if len(left) == 1 and len(months) == 1 else None
    if found is None:
        return None, words
    day = _coming(year, months[0], int(found[1]), today)
    return day, () if day is not None else words


def _coming(year: int, month: int, day: int, today: date) -> date | None:
    if year:
        return _real(year, month, day)
    found = _real(today.year, month, day)
    return _real(today.year + 1, month, day) if found is not None and found < today else found


def _real(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


@cache
def _zones() -> dict[str, str]:
    """Return the zones that can be named, folded as a line is."""
    return {fold(name): name for name in available_timezones() if "/" in name or name == "UTC"}
