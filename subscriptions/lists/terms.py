"""On what terms a list's issues reach its readers: when in their day, how often, whom first. Pure.

    read_cap("2/7")            at most 2 issues in 7 days, of any list here
    read_quiet("22-7:30")      nothing begins between 22:00 and 7:30 of the reader's own day
    read_canary("200/30/5")    200 readers first; the others 30 minutes later; stop above 5 %

``Terms`` hold for one issue from the moment it is sent, and travel with it as text, so that every
process that goes on with its audience counts the same. ``due`` says when one reader's copy may go.
"""

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mailer.errors import BadInput

EDITORS, THREAD = "editors", "thread"  # where readers' answers go, unless to another list
MAX_ISSUES, MAX_DAYS = 100, 31
MAX_CANARY, MAX_WAIT = 1000, 1440  # readers, minutes
_DAY = 1440  # minutes
_CAP = re.compile(r"(\d{1,3})/(\d{1,3})")
_QUIET = re.compile(r"(\d{1,2})(?::(\d\d))?-(\d{1,2})(?::(\d\d))?")
_CANARY = re.compile(r"(\d{1,4})/(\d{1,4})/(\d{1,2})")


@dataclass(frozen=True, slots=True)
class Cap:
    """Bound how many issues one person gets."""

    many: int
    days: int


@dataclass(frozen=True, slots=True)
class Quiet:
    """Name the minutes of a day between which nothing begins."""

    begins: int
    ends: int


@dataclass(frozen=True, slots=True)
class Canary:
    """Let some readers go first, and stop where too many of them are refused."""

    many: int = 0
    minutes: int = 0
    percent: int = 50  # of those who were answered for: beyond it something is wrong everywhere


@dataclass(frozen=True, slots=True)
class Terms:
    """Hold the terms of one issue; ``hour`` is each reader's own ("2026-11-27T09:30"), or ""."""

    hour: str = ""
    zone: str = "UTC"  # of readers who have named none
    cap: str = ""
    quiet: str = ""
    canary: str = ""

    def write(self) -> str:
        """Return the terms as text, "" where there are none."""
        bound = self.hour or self.cap or self.quiet or self.canary
        return json.dumps(asdict(self)) if bound else ""

    @property
    def timed(self) -> bool:
        """Tell whether readers' own time zones matter."""
        return bool(self.hour or self.quiet)


def read(text: str) -> Terms:
    """Read what ``Terms.write`` wrote."""
    return Terms(**json.loads(text)) if text else Terms()


def read_cap(text: str) -> Cap | None:
    """Read ISSUES/DAYS; None for ""."""
    if not text:
        return None
    found = _CAP.fullmatch(text)
    cap = Cap(int(found[1]), int(found[2])) if found else Cap(0, 0)
    if not (0 < cap.many <= MAX_ISSUES and 0 < cap.days <= MAX_DAYS):
        raise BadInput(
            f"{text[:20]!r} is no frequency cap.",
            f"Write ISSUES/DAYS, such as 2/7; at most {MAX_DAYS} days; '' for none.",
        )
    return cap


def read_quiet(text: str) -> Quiet | None:
    """Read FROM-TO, hours of a day; None for ""."""
    if not text:
        return None
    found = _QUIET.fullmatch(text)
    quiet = Quiet(0, 0)
    if found:
        quiet = Quiet(
            int(found[1]) * 60 + int(found[2] or 0), int(found[3]) * 60 + int(found[4] or 0)
        )
    valid = max(quiet.begins, quiet.ends) < _DAY and quiet.begins != quiet.ends
    if not valid or (found and max(int(found[2] or 0), int(found[4] or 0)) > 59):  # noqa: PLR2004 - minutes
        raise BadInput(
            f"{text[:20]!r} are no quiet hours.", "Write FROM-TO, such as 22-7 or 21:30-8."
        )
    return quiet


def read_canary(text: str) -> Canary:
    """Read READERS/MINUTES/PERCENT; for "" nobody goes first, and half is too many."""
    if not text:
        return Canary()
    found = _CANARY.fullmatch(text)
    canary = Canary(int(found[1]), int(found[2]), int(found[3])) if found else Canary(0, 0, 0)
    if not (0 < canary.many <= MAX_CANARY and canary.minutes <= MAX_WAIT and canary.percent):
        raise BadInput(
            f"{text[:20]!r} is no canary.",
            "Write READERS/MINUTES/PERCENT, such as 200/30/5: 200 readers first, the others 30"
            " minutes later, and a stop by itself when 5 % are refused.",
        )
    return canary


@lru_cache(maxsize=4096)
def due(terms: Terms, zone: str, base: float) -> float:
    """Return when a copy may go to a reader in ``zone``, not before ``base`` (seconds, UTC)."""
    clock = _clock(zone, terms.zone)
    at = base
    if terms.hour:
        at = max(base, datetime.fromisoformat(terms.hour).replace(tzinfo=clock).timestamp())
    return _waking(terms, clock, at)


def later(terms: Terms, zone: str, base: float, wait: float) -> float:
    """Return when a copy may go that waits for ``wait`` seconds longer than the first ones."""
    return _waking(terms, _clock(zone, terms.zone), due(terms, zone, base) + wait)


def clock(zone: str) -> ZoneInfo | None:
    """Return a zone's clock, "" being UTC's; None where this machine does not know it any more."""
    try:
        return ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):  # no such zone, or no such name
        return None


def _clock(zone: str, usual: str) -> ZoneInfo:
    """Return a zone's clock; the list's, or UTC, where this machine does not know it any more.

    A list's own that is not known is told before an issue leaves (newsletters/launch.py).
    """
    return clock(zone) or clock(usual) or ZoneInfo("UTC")


def _waking(terms: Terms, clock: ZoneInfo, at: float) -> float:
    """Return ``at``, or when the quiet hours end that it is in; never before it."""
    quiet = read_quiet(terms.quiet)
    if quiet is None:
        return at
    moment = datetime.fromtimestamp(at, clock)
    minute = moment.hour * 60 + moment.minute
    if (minute - quiet.begins) % _DAY >= (quiet.ends - quiet.begins) % _DAY:
        return at
    # The clock's words, not moments: in the hour that comes twice the second one counts.
    ends = moment.replace(
        hour=quiet.ends // 60, minute=quiet.ends % 60, second=0, microsecond=0, tzinfo=None, fold=0
    )
    if ends <= moment.replace(tzinfo=None):
        ends += timedelta(days=1)
    return max(at, ends.replace(tzinfo=clock, fold=moment.fold).timestamp())
