"""Read how often somebody wants mail: "daily", "a weekly summary please", "stop the digest".

    read("Hi! One mail a day, at 6 in the evening please")    # "daily at=18"
    unspelled("daily at=18")                                  # RhythmWish("daily", hour=18)

Every word of the wish must be known: a rhythm's, an hour, a time zone, or one that stands around a
wish and adds nothing. So a complaint ("I get mail every day"), a question about the word ("What is
a digest?") and a letter that begins with "first" are no wishes, and need no list. Pure.
"""

import re
from dataclasses import dataclass
from functools import cache

from listserv.answers import answer_commands
from subscriptions.lists import attributes
from templates.lexicon import fold, phrases

RHYTHMS = ("daily", "weekly", "first", "followed", "each")
SOME = "digest"  # the rhythm of whoever has one, else daily
FORMS = ("page", "mime", "plain")
_MORE = ("weekdays", "weekends", *FORMS)
_HALVES = {"morning": 0, "evening": 12}  # hours that half of the day begins with
_LONGEST = 6  # words of a phrase
_ASKED = 3  # words from which on a question mark only asks politely
_HOUR = re.compile(r"(\d{1,2})(?:[:.h]([0-5]\d))?(am|pm|h|u)?")
_NOON = 12
_DAY = 24


@dataclass(frozen=True, slots=True)
class RhythmWish:
    """Hold what somebody wishes for; what is None or "" stays."""

    rhythm: str = ""
    hour: int | None = None
    weekends: bool | None = None
    form: str = ""
    zone: str = ""

    def spelled(self) -> str:
        """Return the wish as one line, as it is kept until somebody has said yes to it."""
        parts = [self.rhythm]
        parts += [f"at={self.hour}"] if self.hour is not None else []
        parts += [f"weekends={'on' if self.weekends else 'off'}"] * (self.weekends is not None)
        parts += [f"form={self.form}"] if self.form else []
        parts += [f"zone={self.zone}"] if self.zone else []
        return " ".join(filter(None, parts))


def unspelled(text: str) -> RhythmWish:
    """Return the wish that ``spelled`` has written."""
    first, *_ = [*text.split(), ""]
    told = dict(part.split("=", 1) for part in text.split() if "=" in part)
    return RhythmWish(
        rhythm="" if "=" in first else first,
        hour=int(told["at"]) if "at" in told else None,
        weekends=told["weekends"] == "on" if "weekends" in told else None,
        form=told.get("form", ""),
        zone=told.get("zone", ""),
    )


def read(text: str) -> str:
    """Return what a text wishes for, spelled; "" where it wishes for nothing, or two things."""
    if "?" in text and len(fold(text.replace("?", " ")).split()) < _ASKED:
        return ""
    return answer_commands.find(text.replace("?", "."), _wish) or ""


def _wish(words: list[str]) -> str | None:
    left = fold(" ".join(words)).split()
    named: set[str] = set()
    hours: list[int] = []
    zones: list[str] = []
    while left:
        found, length = _longest(left)
        if found is not None:
            named.add(found)
        elif (hour := _hour(left[0])) is not None:
            hours.append(hour)
        elif (zone := attributes.find_zone(left[0])) is not None and "/" in zone:
            zones.append(zone)
        else:
            return None
        left = left[length:]
    return _one(named, hours, zones)


def _one(named: set[str], hours: list[int], zones: list[str]) -> str | None:
    """Return the one wish, spelled; None where it names nothing, or a thing and another."""
    rhythms = named & set(RHYTHMS)
    more, forms = named & {"weekdays", "weekends"}, named & set(FORMS)
    if "digest" in named and not (rhythms or more or forms or hours):
        rhythms = {"daily"}  # "a summary": neither "a weekly summary" nor "the digest as text"
    elif "digest" in named and hours and not rhythms:
        rhythms = {SOME}  # "a digest at 18": whoever has a weekly one keeps it
    if max(len(one) for one in (rhythms, more, forms, hours, zones)) > 1:
        return None
    if not (rhythms or more or forms or zones or (hours and "clock" in named)):
        return None
    hour = hours[0] if hours else None
    if hour is not None:
        for half in named & set(_HALVES):
            hour = hour % _NOON + _HALVES[half]
    return RhythmWish(
        rhythm="".join(rhythms),
        hour=hour,
        weekends="weekends" in more if more else None,
        form="".join(forms),
        zone="".join(zones),
    ).spelled()


def _longest(left: list[str]) -> tuple[str | None, int]:
    """Return what the longest known phrase at the beginning means, and its words."""
    for length in range(min(len(left), _LONGEST), 0, -1):
        found = _known().get(" ".join(left[:length]))
        if found is not None:
            return found, length
    return None, 1


def _hour(word: str) -> int | None:
    found = _HOUR.fullmatch(word)
    if found is None:
        return None
    hour = int(found[1])
    if found[3] in {"am", "pm"}:
        if not 1 <= hour <= _NOON:
            return None
        hour = hour % _NOON + (_NOON if found[3] == "pm" else 0)
    return hour if hour < _DAY else None


@cache
def _known() -> dict[str, str]:
    """Return each folded phrase with what it means; "" for the words around one."""
    found = dict.fromkeys(phrases("rhythms", "around"), "")
    found |= dict.fromkeys(phrases("rhythms", "clock"), "clock")
    for half in _HALVES:
        found |= dict.fromkeys(phrases("issue", half), half)
    for one in ("am", "a.m"):
        found[one] = "morning"
    for one in ("pm", "p.m"):
        found[one] = "evening"
    for one in ("digest", *_MORE, *RHYTHMS):
        found |= dict.fromkeys(phrases("rhythms", one), one)
    return found
