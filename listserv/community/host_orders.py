"""Read what a host answers to a mail about an event or a poll, in the words of six languages.

    read("Move Bo up, please", now, zone)         # HostOrder(MOVE_UP, "bo")
    read("Seats: 30", now, zone)                  # HostOrder(FIELDS, ...)

One line must be nothing but an order, with politeness around it; lines with a label alone change
just that; "tell all: ..." takes the rest of the mail along. Knows no event. Pure.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo

from listserv.answers import answer_commands
from listserv.community import gathering_lines
from listserv.newsletters.editors import editor_orders
from listserv.newsletters.editors.editor_orders import Verb
from templates import lexicon
from templates.lexicon import fold, phrases

MAX_NAME = 80  # characters of whom an order names
MAX_TOLD = 4000  # of what is told to all


class HostVerb(StrEnum):
    """Name an order as ``words/hosting.toml`` does."""

    SEND = "send"
    TEXT = "text"
    FIELDS = "fields"
    MOVE_UP = "move-up"
    CLOSE = "close"
    REOPEN = "reopen"
    CALL_OFF = "call-off"
    TELL = "tell"
    LIST = "list"


_PLAIN = (HostVerb.CLOSE, HostVerb.REOPEN, HostVerb.CALL_OFF, HostVerb.LIST)


@dataclass(frozen=True, slots=True)
class HostOrder:
    """Hold what is to be done; ``rest`` is a name, the words for all, or lines with labels."""

    verb: HostVerb
    rest: str = ""


def read(text: str, now: float, zone: ZoneInfo, labels: tuple[str, ...]) -> HostOrder | None:
    """Return the order that an answer is, None where it is none."""
    told = _told(text)
    if told:
        return HostOrder(HostVerb.TELL, told)
    if _is_fields(text, labels):
        return HostOrder(HostVerb.FIELDS, text.strip())
    if editor_orders.new_text(text).strip():
        return HostOrder(HostVerb.TEXT, editor_orders.new_text(text))
    found = answer_commands.find(text, _order)
    if found is not None:
        return found
    order = editor_orders.read(text, now, zone)
    sends = order is not None and order.verb is Verb.SEND and order.at is None
    return HostOrder(HostVerb.SEND) if sends else None


def _told(text: str) -> str:
    """Return the words for all behind "tell all:", "" where that is not said."""
    lines = text.strip().split("\n")
    said, colon, rest = lines[0].partition(":")
    if not colon or fold(said) not in phrases("hosting", HostVerb.TELL):
        return ""
    return "\n".join([rest.strip(), *lines[1:]]).strip()[:MAX_TOLD]


def _is_fields(text: str, labels: tuple[str, ...]) -> bool:
    """Tell whether every line has a label, but for politeness."""
    lines = [line for line in text.splitlines() if fold(line)]
    labelled = [bool(gathering_lines.read(line, labels).label) for line in lines]
    rest = [line for line, has in zip(lines, labelled, strict=True) if not has]
    return any(labelled) and all(
        answer_commands.is_polite(line) or answer_commands.is_name(line) for line in rest
    )


def _order(words: list[str]) -> HostOrder | None:
    line = " ".join(words)
    for verb in _PLAIN:
        if line in phrases("hosting", verb):
            return HostOrder(verb)
    for pattern in _moving():
        found = pattern.fullmatch(line)
        if found is not None:
            return HostOrder(HostVerb.MOVE_UP, found[1].strip())
    return None


@cache
def _moving() -> tuple[re.Pattern[str], ...]:
    """Return the ways to say that somebody gets a seat, the longest first."""
    ways = [
        [fold(piece) for piece in phrase.split("{}")]
        for some in lexicon.tables("hosting")[HostVerb.MOVE_UP].values()
        for phrase in some
    ]
    ways.sort(key=lambda way: -sum(map(len, way)))
    name = rf"(\S.{{0,{MAX_NAME}}}?)"
    return tuple(
        re.compile(" ".join(filter(None, (re.escape(way[0]), name, re.escape(way[1])))))
        for way in ways
    )
