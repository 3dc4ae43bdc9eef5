"""Read an event as a host writes it: a mail to LIST-event@, or a file with front matter.

    read("Summer party", "When: Friday 18 December 18-21\\nWhere: Town hall\\n\\nBring cake.", ...)

The subject is the title; the first lines say when, where, how many seats, and until when to answer,
with their labels or without. What cannot be read is told with the line that it stands in, and
nothing is guessed but the end: two hours, where nobody says it. Knows no list and no member. Pure.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from listserv.community import gathering_lines, moments
from listserv.community.gathering_lines import MAX_TITLE, GatheringLine
from listserv.community.moments import NamedMoment
from mailer.errors import BadInput
from subscriptions.lists.questions import Question
from templates.lexicon import fold, phrases

LABELS = ("title", "when", "ends", "where", "seats", "until")
HOURS = 2 * 3600.0  # seconds that an event takes where nobody says it
MAX_SEATS = 100_000
MAX_PLACE = 300
_FEW = 6  # words of a line that says how many seats there are
_NUMBER = re.compile(r"\d{1,6}")


class BadEvent(BadInput):
    """Say why an event cannot be read: a key for templates, and words for the command line."""

    def __init__(self, key: str, what: str, fix: str = "", line: str = "") -> None:
        super().__init__(what, fix)
        self.event_key = key
        self.line = line


@dataclass(frozen=True, slots=True)
class EventDraft:
    """Hold an event as it was written; moments are seconds since 1970 UTC."""

    title: str
    starts: float
    ends: float
    zone: str
    place: str = ""
    seats: int = 0
    until: float | None = None
    text: str = ""
    guessed_end: bool = False
    twice: bool = False  # its hour comes twice that night: the first one is meant


def read(title: str, text: str, now: float, zone: str) -> EventDraft:
    """Read a mail; raise BadEvent for what is missing or unclear."""
    clock = clock_of(zone)
    head, rest = gathering_lines.cut(text, LABELS)
    fields: dict[str, str] = {}
    others: list[str] = []
    for line in head:
        label, value = _labelled(line, now, clock, fields)
        if label:
            fields.setdefault(label, value)
        else:
            others.append(value)
    if others and "where" not in fields:
        fields["where"] = others.pop(0)
    fields["text"] = "\n".join([*others, rest]).strip()
    fields.setdefault("title", title)
    return _made(fields, now, clock, zone)


def read_file(source: str, now: float, zone: str) -> EventDraft:
    """Read a file with front matter: title, starts, ends, zone, place, seats, until."""
    found = gathering_lines.front_matter(source)
    if found is None:
        raise BadEvent("no-front", "The file does not begin with front matter.", _LIKE)
    given, text = found
    unknown = sorted(given.keys() - _KEYS)
    if unknown:
        raise BadEvent(
            "unknown-key", f"An event has no {unknown[0]!r}.", f"It has {', '.join(sorted(_KEYS))}."
        )
    names = {"starts": "when", "place": "where"}
    fields = {names.get(key, key): value for key, value in given.items() if value}
    named = fields.pop("zone", zone)
    return _made({**fields, "text": text}, now, clock_of(named, strict=True), named)


def changed(event: Question, lines: str, now: float) -> EventDraft:
    """Return an event with what labelled lines change; the rest stays as it is."""
    head, rest = gathering_lines.cut(lines, LABELS)
    given = {one.label: one.value for one in head if one.label}
    zone = event.zone or "UTC"
    clock = clock_of(zone)
    starts, ends = event.starts or 0.0, event.ends or 0.0
    fields = {
        "title": event.title,
        "when": f"{datetime.fromtimestamp(starts, clock):%Y-%m-%d %H:%M}",
        "where": event.place,
        "seats": str(event.seats) if event.seats else "",
        "text": rest or event.text,
    }
    draft = _made({**fields, **given}, now, clock, zone)
    if draft.guessed_end:
        draft = replace(draft, ends=draft.starts + ends - starts, guessed_end=False)
    if "until" not in given and event.until is not None:
        draft = replace(draft, until=min(event.until, draft.starts))
    return draft


_KEYS = {"title", "starts", "ends", "zone", "place", "seats", "until"}
_LIKE = "Begin it with ---, title: ..., starts: 2026-12-18 18:00, place: ..., ---."


def _labelled(
    line: GatheringLine, now: float, clock: tzinfo, known: dict[str, str]
) -> tuple[str, str]:
    """Return what a line says, by its label or by itself."""
    if line.label:
        return line.label, line.value
    said = line.value
    words = fold(said).split()
    known_seats = phrases("gatherings", "seats")
    if (
        _NUMBER.search(said)
        and len(words) <= _FEW
        and any(f" {phrase} " in f" {' '.join(words)} " for phrase in known_seats)
    ):
        return "seats", said
    until = gathering_lines.behind(said, "until")
    if until and "when" in known and gathering_lines.deadline(until, now, clock) is not None:
        return "until", until
    if "when" not in known and moments.read(said, now, clock) is not None:
        return "when", said
    return "", said


def _made(fields: dict[str, str], now: float, clock: tzinfo, zone: str) -> EventDraft:
    title = " ".join(fields.get("title", "").split())[:MAX_TITLE]
    if not title:
        raise BadEvent("no-title", "The event has no title.", "Say it in the subject.")
    moment = _moment(fields, now, clock)
    draft = EventDraft(
        title=title,
        starts=moment.starts.timestamp(),
        ends=moment.ends.timestamp() if moment.ends else moment.starts.timestamp() + HOURS,
        zone=moment.zone or zone or "UTC",
        place=" ".join(fields.get("where", "").split())[:MAX_PLACE],
        seats=_seats(fields.get("seats", "")),
        text=fields.get("text", ""),
        guessed_end=moment.ends is None,
        twice=moment.twice,
    )
    if draft.ends <= draft.starts:
        raise BadEvent("order", "The event ends before it begins.", line=fields.get("ends", ""))
    if "until" not in fields:
        return draft
    until = gathering_lines.deadline(fields["until"], now, moment.starts.tzinfo or clock)
    if until is None or not now < until:
        raise BadEvent(
            "until", "Until when to answer cannot be read.",
            "Name a day that is to come, and not after the event.", fields["until"],
        )  # fmt: skip
    return replace(draft, until=min(until, draft.starts))


def _moment(fields: dict[str, str], now: float, clock: tzinfo) -> NamedMoment:
    said = fields.get("when", "")
    if not said:
        raise BadEvent("no-when", "Nothing says when the event is.", _WHEN)
    moment = moments.read(said, now, clock)
    if moment is None:
        raise BadEvent("when", f"This day and hour cannot be read: {said[:100]}", _WHEN, said)
    if moment.trouble == "gap":
        raise BadEvent(
            "gap", f"No clock shows that hour that night: {said[:100]}",
            "Clocks are put forward then. Name another hour.", said,
        )  # fmt: skip
    if moment.trouble:
        raise BadEvent("past", f"That is over already: {said[:100]}", _WHEN, said)
    if "ends" not in fields:
        return moment
    ends = moments.read(fields["ends"], now, clock)
    if ends is None:
        day = moment.starts.strftime("%Y-%m-%d")
        ends = moments.read(f"{day} {fields['ends']}", now, clock)
    if ends is None or ends.trouble == "gap":
        raise BadEvent("when", "When the event ends cannot be read.", _WHEN, fields["ends"])
    return replace(moment, ends=ends.starts)


_WHEN = "Write a day and an hour, such as: When: Friday 18 December 2026, 18:00-21:00."


def _seats(said: str) -> int:
    if not said:
        return 0
    number = _NUMBER.search(said)
    if number is None or not 0 < int(number[0]) <= MAX_SEATS:
        raise BadEvent("seats", "How many seats there are cannot be read.", "Say: Seats: 20", said)
    return int(number[0])


def clock_of(zone: str, *, strict: bool = False) -> ZoneInfo:
    """Return a zone by its name; of one that nobody knows UTC, or (strict) raise BadEvent."""
    try:
        return ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if strict:
            raise BadEvent(
                "zone", f"There is no time zone {zone[:60]!r}.", "Write it as Europe/Stockholm."
            ) from None
        return ZoneInfo("UTC")


def told(draft: EventDraft) -> str:
    """Return when an event is, for a terminal."""
    clock = clock_of(draft.zone)
    begins = datetime.fromtimestamp(draft.starts, clock)
    ends = datetime.fromtimestamp(draft.ends, clock)
    same = begins.date() == ends.date()
    return f"{begins:%a %Y-%m-%d %H:%M}-{ends:{'%H:%M' if same else '%Y-%m-%d %H:%M'}} {draft.zone}"
