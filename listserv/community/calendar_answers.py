"""Read what a calendar answers to an invitation (RFC 5546 section 3.2, RFC 6047).

    found = read(raw)              # of a whole mail; None where no calendar part is in it
    found.method, found.uid, found.attendees[0].partstat

Reads only what decides about an answer, from the first calendar part that says a method. Written by
hand: what is needed are eight properties of one component, and a library reads all of them at a
thousandth of the speed. Knows nothing of whom was invited. Pure. SECURITY: hostile bytes. A part
above ``MAX_PART`` is not read; lines, their length and attendees are counted; nothing recurs or
raises, and what cannot be read is not there.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from mailer.errors import BadInput
from mailer.reading import mime
from mailer.reading.addresses import parse
from mailer.reading.mime import MimePart

MAX_RAW = 2_000_000  # octets of a mail
MAX_PART = 64 * 1024  # octets: real answers have 1 to 4 KB
MAX_LINES = 2000
MAX_LINE = 4000  # characters, unfolded
MAX_ATTENDEES = 20
MAX_EVENTS = 5
MAX_COMMENT = 1000  # characters
MAX_GUESTS = 100
DIGITS = 7  # of a number
_COMPONENTS = {"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VALARM", "VTIMEZONE"}
_CALENDAR = {"text/calendar", "application/ics", "application/calendar"}
_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
# One parameter: ;NAME=value or ;NAME="value", several values behind commas.
_PARAMETER = re.compile(r';([A-Za-z0-9-]{1,60})=("[^"]*"|[^";:,]*)((?:,(?:"[^"]*"|[^";:,]*))*)')
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Attendee:
    """Hold one attendee: the key of their address ("" where it is none), and what they say."""

    key: str
    partstat: str  # in capitals; "" where none stands
    guests: int = 0  # X-NUM-GUESTS, as Google Calendar writes it
    delegated: bool = False  # to somebody, or from somebody


@dataclass(frozen=True, slots=True)
class CalendarAnswer:
    """Hold what a calendar part says; of several events the first, and ``events`` how many."""

    method: str  # in capitals
    uid: str
    sequence: int
    attendees: tuple[Attendee, ...]
    comment: str
    recurrence: bool  # it is about one of several times
    events: int


def read(raw: bytes) -> CalendarAnswer | None:
    """Return the calendar answer that a mail brings, None where it brings none."""
    for part in _parts(mime.cut(raw[:MAX_RAW])):
        if part.end - part.body > 2 * MAX_PART:
            continue
        data = part.data()
        if len(data) <= MAX_PART:
            found = of_calendar(data.decode("utf-8", "replace"))
            if found is not None:
                return found
    return None


def _parts(top: MimePart) -> list[MimePart]:
    """Return the calendar parts of a mail, not of mails that it encloses, the plainest first."""
    todo, found = [top], []
    while todo:
        part = todo.pop(0)
        if part.kind in _CALENDAR:
            found.append(part)
        if part.mail is None:
            todo.extend(part.parts)
    return sorted(found, key=lambda one: one.kind != "text/calendar")


def of_calendar(text: str) -> CalendarAnswer | None:
    """Read a calendar file; None where it names no method."""
    method, events, inside = "", 0, ""
    first: dict[str, str] = {}
    attendees: list[Attendee] = []
    for name, parameters, value in _properties(text):
        if name == "BEGIN" and value.upper() in _COMPONENTS:
            inside = value.upper()
            events += inside == "VEVENT"
        elif name == "END" and value.upper() == inside:
            inside = ""
        elif name == "METHOD" and not inside:
            method = method or value.upper()[:20]
        elif inside == "VEVENT" and events == 1:
            first.setdefault(name, value)
            if name == "ATTENDEE" and len(attendees) < MAX_ATTENDEES:
                attendees.append(_attendee(parameters, value))
    if not method or not events:
        return None
    return CalendarAnswer(
        method,
        first.get("UID", "")[:200],
        _number(first.get("SEQUENCE", "")),
        tuple(attendees),
        _text(first.get("COMMENT", "")),
        "RECURRENCE-ID" in first,
        min(events, MAX_EVENTS),
    )


def _number(said: str) -> int:
    bare = said.strip()
    return int(bare) if bare.isascii() and bare.isdecimal() and len(bare) <= DIGITS else 0


def _properties(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Return (name, parameters, value) of each line that can be read."""
    unfolded = re.sub(r"\r?\n[ \t]", "", text.replace("\r\n", "\n"))
    found = []
    for line in unfolded.split("\n", MAX_LINES)[:MAX_LINES]:
        name = _NAME.match(line)
        if name is None or len(line) > MAX_LINE:
            continue
        at, parameters = name.end(), {}
        while parameter := _PARAMETER.match(line, at):
            parameters[parameter[1].upper()] = parameter[2].strip('"')
            at = parameter.end()
        if line[at : at + 1] == ":":
            found.append((name[0].upper(), parameters, line[at + 1 :].strip()))
    return found


def _attendee(parameters: dict[str, str], value: str) -> Attendee:
    said = parameters.get("PARTSTAT", "").strip().upper()
    number = _number(parameters.get("X-NUM-GUESTS", ""))
    return Attendee(
        _key(value) or _key(parameters.get("EMAIL", "")),  # RFC 7986 section 6.2
        said,
        min(number, MAX_GUESTS),
        "DELEGATED-TO" in parameters or "DELEGATED-FROM" in parameters or said == "DELEGATED",
    )


def _key(value: str) -> str:
    bare = value.strip()
    if bare[:7].lower() == "mailto:":
        bare = unquote(bare[7:].partition("?")[0])
    try:
        return parse(bare).key
    except BadInput:
        return ""


def _text(value: str) -> str:
    """Return a TEXT value as it reads (RFC 5545 section 3.3.11)."""
    said = _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)
    return "".join(c if c.isprintable() or c == "\n" else " " for c in said)[:MAX_COMMENT].strip()
