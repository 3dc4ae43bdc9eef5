"""Read the dates that mails bear, however their programs spell them: the one reader of them.

Of Date fields, of Received lines and of the From lines of mbox files. Knows zones by name and
hours by twelve; refuses to know what people write in words (listserv/answers/dates.py).
"""

import re
from email.utils import mktime_tz, parsedate_tz

NOON = "12:00:00 +0000"  # of a date without a time: that day, wherever it is read
# Names that RFC 5322 does not have; the standard library knows its North American ones.
ZONES = {
    "JST": "+0900", "KST": "+0900", "CET": "+0100", "MET": "+0100", "CEST": "+0200",
    "MEST": "+0200", "EET": "+0200", "EEST": "+0300", "MSK": "+0300", "MSD": "+0400",
    "BST": "+0100", "WET": "+0000", "WEST": "+0100", "IST": "+0530", "HKT": "+0800",
    "SGT": "+0800", "AWST": "+0800", "ACST": "+0930", "AEST": "+1000", "AEDT": "+1100",
    "NZST": "+1200", "NZDT": "+1300", "SAST": "+0200", "BRT": "-0300", "ART": "-0300",
    "HST": "-1000", "AKST": "-0900", "AKDT": "-0800", "NST": "-0330", "NDT": "-0230",
}  # fmt: skip
_COMMENT = re.compile(r"\([^()]{0,80}\)\s*\Z")
_YEAR_FIRST = re.compile(r"(\d{4})[ -]([A-Za-z]{3})[a-z]{0,6}[ -](\d{1,2})(?!\d)")
_TIME = re.compile(r"(?<!\d)(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s?([AaPp])\.?[Mm]\b\.?)?")
_DAY = re.compile(r"(?:[A-Za-z]{2,9}\.?,? )?\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{4}")
_ZONE = re.compile(r"\d ([A-Za-z]{3,5})\Z")


def read_date(value: bytes) -> float | None:
    """Return ``value`` as seconds since 1970 UTC, or None where it is no date."""
    parsed = parsedate_tz(_usual(value[:200].decode("ascii", "replace")))
    if parsed is None:
        return None
    try:
        return float(mktime_tz(parsed))
    except (ValueError, OverflowError):
        return None


def _usual(text: str) -> str:
    """Return a date as RFC 5322 spells it: hours to 24, the day first, zones as numbers."""
    text = " ".join(_COMMENT.sub(" ", text).split())
    if found := _YEAR_FIRST.match(text):
        text = f"{found[3]} {found[2]} {found[1]}{text[found.end() :]}"
    if found := _TIME.search(text):
        hour, minute, second = (int(one or 0) for one in found.group(1, 2, 3))
        if found[4]:
            hour = hour % 12 + 12 * (found[4].lower() == "p")
        valid = hour <= 23 and minute <= 59 and second <= 60  # noqa: PLR2004 - a clock
        clock = f"{hour:02}:{minute:02}:{second:02}" if valid else ""
        text = f"{text[: found.start()]}{clock}{text[found.end() :]}".rstrip()
    if not _TIME.search(text) and (found := _DAY.match(text)):
        return f"{found[0]} {NOON}"
    if found := _ZONE.search(text):
        text = text[: found.start(1)] + ZONES.get(found[1].upper(), found[1])
    return text
