"""Read when, and from where, somebody said yes (or no) as a former service wrote it down.

Knows headings and the ways of writing a day; refuses to guess: a date that could be two days is
none. What is read here is kept as evidence in the ledger, and never makes a member.

    places = find(header)
    told(places, cells, now)           # Told(yes=..., ip=..., changed=...)
    when("25/12/2021 10:00", now)      # seconds since 1970, or 0.0
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from subscriptions.member_files.former_state import plain_words

_CONFIRMED, _SIGNED, _JOINED, _CHANGED = "confirmed", "signed up", "joined", "changed"
_CONFIRM_IP, _SIGN_IP = "confirmed from", "signed up from"
_KINDS = {
    _CONFIRMED: r"confirm\w* (time|date|at|on|timestamp)|confirmation (date|time)|verified at"
    r"|double opt ?in (date|time|at)|activated|activated at|bestätigt am|confirmado el",
    _SIGNED: r"opt ?in (time|date|at|timestamp)|opted in at|signup (date|time)|sign up (date|time)"
    r"|signed up( at| on)?|consent timestamp|optedin",
    _JOINED: r"subscribed( at| on| date| time)?|subscription date|subscribe date|date subscribed"
    r"|joined( at| on)?|join date|date joined|created( at| on)?|creation date|date created"
    r"|start date"
    r"|added( time| at| on)?|date added|created date|registered|registration date|entered"
    r"|angemeldet am|registrerad|ansluten|data iscrizione|data abonării|дата подписки"
    r"|inschrijfdatum|date inscription|fecha de alta|data de inscrição",
    _CHANGED: r"last changed|updated( at)?|modified( at| time)?|last updated|changed at",
    _CONFIRM_IP: r"confirm\w* ip( address)?",
    _SIGN_IP: r"opt ?in ip( address)?|signup ip( address)?|ip( address)?|registration ip",
}
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _KINDS.items()}
_PARTS = ("year", "month", "day", "hour", "minute", "second")  # Google's "Join year" and so on
_ISO = re.compile(r"\d{4}-?\d\d-?\d\d")
_NUMBERS = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:,? (\d\d?):(\d\d)(?::(\d\d))?)?")
_WORDED = ("%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y", "%Y/%m/%d", "%Y/%m/%d %H:%M:%S")
_MILLIS = 100_000_000_000


@dataclass(frozen=True, slots=True)
class ConsentEvidence:
    """Say when somebody said yes (0: not told), from which address, and when it last changed."""

    yes: float = 0.0
    ip: str = ""
    changed: float = 0.0


def find(header: Sequence[str]) -> Mapping[str, int]:
    """Return where the columns of evidence stand."""
    found: dict[str, int] = {}
    for at, heading in enumerate(header):
        words = plain_words(heading)
        for kind, pattern in _PATTERNS.items():
            if pattern.fullmatch(words):
                found.setdefault(kind, at)
                break
        if words.startswith("join ") and words.removeprefix("join ") in _PARTS:
            found[words] = at
    return found


def told(places: Mapping[str, int], cells: Sequence[str], now: float) -> ConsentEvidence:
    """Return what one row tells."""
    said = {kind: cells[at].strip() for kind, at in places.items() if at < len(cells)}
    yes = next(
        (at for kind in (_CONFIRMED, _SIGNED, _JOINED) if (at := when(said.get(kind, ""), now))),
        0.0,
    )
    ip = said.get(_CONFIRM_IP) or said.get(_SIGN_IP) or ""
    return ConsentEvidence(yes or _in_parts(said), ip[:64], when(said.get(_CHANGED, ""), now))


def _in_parts(said: Mapping[str, str]) -> float:
    parts = [said.get(f"join {part}", "") for part in _PARTS]
    if not all(part.isdecimal() for part in parts[:3]):
        return 0.0
    return _stamp(*(int(part) if part.isdecimal() else 0 for part in parts))


def _stamp(year: int, month: int, day: int, *clock: int) -> float:
    hour, minute, second = (*clock, 0, 0, 0)[:3]
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


@lru_cache(maxsize=4096)
def when(text: str, now: float) -> float:
    """Read a day or a time (UTC where it names no zone) that is past; 0.0 where it is none."""
    cell = text.strip().strip("'\"").removesuffix(" UTC").removesuffix(" GMT")
    if not cell:
        return 0.0
    stamp = _iso(cell) or _epoch(cell) or _numbers(cell) or _worded(cell)
    return stamp if 0 < stamp <= now + 86_400 else 0.0


def _iso(cell: str) -> float:
    if not _ISO.match(cell):
        return 0.0
    try:
        found = datetime.fromisoformat(cell)
    except ValueError:
        return 0.0
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _epoch(cell: str) -> float:
    if not cell.isdecimal() or len(cell) not in {9, 10, 13}:
        return 0.0
    number = float(cell)
    return number / 1000 if number > _MILLIS else number


def _numbers(cell: str) -> float:
    """Read 25/12/2021, or 12/25/2021; 05/06/2021 could be two days, 05.06.2021 is one."""
    found = _NUMBERS.fullmatch(cell)
    if not found:
        return 0.0
    one, mark, two = int(found[1]), found[2], int(found[3])
    if mark != "." and one != two and max(one, two) <= 12:  # noqa: PLR2004 - months
        return 0.0
    day, month = (two, one) if mark != "." and two > 12 else (one, two)  # noqa: PLR2004
    return _stamp(int(found[4]), month, day, *(int(found[at] or 0) for at in (5, 6, 7)))


def _worded(cell: str) -> float:
    for form in _WORDED:
        try:
            return datetime.strptime(cell, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return 0.0
