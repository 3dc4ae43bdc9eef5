"""Write calendar files (RFC 5545) as calendars of mail programs take them (RFC 5546, RFC 6047).

    write("REQUEST", [CalendarEvent(uid="event-7@example.org", ...)])

Moments are written in UTC: an event that comes once needs no zone in the file, and no receiver's
table of zones can move it. A value may hold slots (``\\x03name\\x04``) that are filled for each
reader; a line is folded as if they were filled. SECURITY: titles, places and texts are people's
words: what would end a line or a value is escaped, what nobody can see is left out.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

LINE = 75  # octets (RFC 5545 section 3.1), the line's end not counted
MAX_TEXT = 4000  # characters of a description
_WIDTH = 60  # octets that a slot is counted as
_PIECE = re.compile("\x03[a-z]+(?:\\.\\d+)?\x04|.", re.DOTALL)
_ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """Hold one event; ``starts`` and ``ends`` are seconds since 1970 UTC.

    ``attendee`` and ``organizer`` are addresses; without an organizer it is nobody's meeting.
    """

    uid: str
    sequence: int
    title: str
    starts: float
    ends: float
    stamp: float
    place: str = ""
    text: str = ""
    url: str = ""
    organizer: str = ""
    by: str = ""  # the name of the organizer
    sent_by: str = ""  # the address in From, where it is another
    attendee: str = ""
    partstat: str = "NEEDS-ACTION"
    cancelled: bool = False


def write(method: str, events: Iterable[CalendarEvent], *, name: str = "") -> str:
    """Return a calendar file with CRLF line ends; ``name`` is what subscribers see."""
    lines = ["BEGIN:VCALENDAR", "PRODID:-//Krets//Krets//EN", "VERSION:2.0", "CALSCALE:GREGORIAN"]
    lines.append(f"METHOD:{method}")
    if name:
        lines += [f"X-WR-CALNAME:{_text(name)}", "REFRESH-INTERVAL;VALUE=DURATION:PT6H"]
    for one in events:
        lines += _lines(one)
    lines.append("END:VCALENDAR")
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _lines(one: CalendarEvent) -> Sequence[str]:
    lines = [
        "BEGIN:VEVENT",
        f"UID:{one.uid}",
        f"DTSTAMP:{_utc(one.stamp)}",
        f"DTSTART:{_utc(one.starts)}",
        f"DTEND:{_utc(one.ends)}",
        f"SEQUENCE:{one.sequence}",
        f"SUMMARY:{_text(one.title)}",
    ]
    if one.place:
        lines.append(f"LOCATION:{_text(one.place)}")
    if one.text:
        lines.append(f"DESCRIPTION:{_text(one.text[:MAX_TEXT])}")
    if one.url:
        lines.append(f"URL:{one.url}")
    if one.organizer:
        by = f';CN="{_quoted(one.by)}"' if one.by else ""
        sent_by = f';SENT-BY="mailto:{one.sent_by}"' if one.sent_by else ""
        lines.append(f"ORGANIZER{by}{sent_by}:mailto:{one.organizer}")
    if one.attendee:
        how = f"CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT={one.partstat};RSVP=TRUE"
        lines.append(f"ATTENDEE;{how}:mailto:{one.attendee}")
    lines.append(f"STATUS:{'CANCELLED' if one.cancelled else 'CONFIRMED'}")
    lines += ["TRANSP:OPAQUE", "END:VEVENT"]
    return lines


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")


def _seen(text: str) -> str:
    return "".join(
        c if c.isprintable() or c in "\n\x03\x04\u200c\u200d" else " " for c in text.strip()
    )


def _text(text: str) -> str:
    """Return a TEXT value (RFC 5545 section 3.3.11)."""
    return _seen(text.replace("\r\n", "\n")).translate(_ESCAPED)


def _quoted(name: str) -> str:
    """Return what may stand within quotes in a parameter (RFC 5545 section 3.2)."""
    return " ".join(_seen(name).replace('"', "'").split())


def _folded(line: str) -> str:
    """Fold a line between whole characters (RFC 5545 section 3.1)."""
    rows, room = [""], LINE
    for piece in _PIECE.findall(line):
        width = _WIDTH if piece[0] == "\x03" else len(piece.encode("utf-8", "replace"))
        if width > room:
            rows.append("")
            room = LINE - 1
        rows[-1] += piece
        room -= width
    return "\r\n ".join(rows)
