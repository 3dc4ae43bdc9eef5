"""Name a part of a list's readers, and see who that is.

    segments.show(call, ShowSegment("news@example.org", "tag = board"))
    segments.save(call, SaveSegment("news@example.org", "board", "tag = board"))

Refuses to know how a condition is read (subscriptions.audience). SECURITY: who a segment shows is
named, so it is for those who may see the members.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from listserv.actions import audit
from listserv.actions.call import Call
from listserv.actions.permissions import Action
from mailer.errors import Refused
from subscriptions.audience import segment_query
from subscriptions.audience import segments as conditions
from subscriptions.audience.audience import count_by_domain, some_of
from subscriptions.audience.segment_query import Chosen
from subscriptions.lists import attributes
from subscriptions.lists.roster import MailList

SAMPLE = 5  # readers named


@dataclass(frozen=True, slots=True)
class SavedSegment:
    """Show a saved segment; ``readers`` is None where what it names is gone."""

    name: str
    segment: str
    readers: int | None


@dataclass(frozen=True, slots=True)
class ShowSegment:
    """Ask who is in a segment: a saved name, or an expression."""

    list: str
    segment: str = "all"


@dataclass(frozen=True, slots=True)
class SegmentShown:
    """Show who is in a segment, some of them by name, and the words that a segment can use."""

    segment: str  # "" is everybody
    readers: int
    sample: Sequence[tuple[str, str]]  # name, email
    words: Sequence[str]


@dataclass(frozen=True, slots=True)
class SaveSegment:
    """Ask that an expression is saved under a name; an empty one takes the name away."""

    list: str
    name: str
    segment: str


@dataclass(frozen=True, slots=True)
class SegmentSaved:
    """Say under which name it is saved, and how many are in it; None where the name is gone."""

    list: str
    name: str
    readers: int | None


def ls(call: Call, list_address: str) -> Sequence[SavedSegment]:
    """Return the saved segments of a list, each with how many would get a mail now."""
    with call.reading(Action.NEWSLETTER_SEGMENT_LS, list_address) as visit:
        saved: Mapping[str, str] = segment_query.saved(visit.session, visit.lst.id)
        return [
            SavedSegment(name, text, _readers(visit.session, visit.lst, name, call.now))
            for name, text in saved.items()
        ]


def show(call: Call, wanted: ShowSegment) -> SegmentShown:
    """Return who is in a segment, and what can be named in one."""
    with call.reading(Action.NEWSLETTER_SEGMENT_SHOW, wanted.list) as visit:
        session, lst = visit.session, visit.lst
        chosen = segment_query.resolve(session, lst, wanted.segment, call.now)
        readers = sum(count_by_domain(session, lst.id, call.now, chosen).values())
        sample = some_of(session, lst.id, call.now, SAMPLE, chosen)
        known = attributes.keys_on(session, lst.id)
    words = [*conditions.FIXED, *attributes.USUAL]
    words += [key for key in known if key not in attributes.USUAL]
    return SegmentShown(chosen.text, readers, sample, words)


def named(call: Call, list_address: str, chosen: Chosen) -> Sequence[tuple[str, str]]:
    """Return some of those whom a planned issue is for: name and email."""
    with call.reading(Action.NEWSLETTER_SEGMENT_SHOW, list_address) as visit:
        return some_of(visit.session, visit.lst.id, chosen.now, SAMPLE, chosen)


def save(call: Call, wanted: SaveSegment) -> SegmentSaved:
    """Save an expression under a name, or take the name away."""
    with call.changing(Action.NEWSLETTER_SEGMENT_SET, wanted.list) as visit:
        session, lst = visit.session, visit.lst
        if not wanted.segment.strip():
            segment_query.drop(session, lst, wanted.name)
            audit.detail(session, f"{wanted.name}: gone")
            return SegmentSaved(lst.address, wanted.name, None)
        name = segment_query.save(session, lst, wanted.name, wanted.segment, call.now)
        audit.detail(session, f"{name}: saved")  # not the expression, which may name somebody
        return SegmentSaved(lst.address, name, _readers(session, lst, name, call.now))


def _readers(session: Session, lst: MailList, name: str, now: float) -> int | None:
    try:
        chosen = segment_query.resolve(session, lst, name, now)
    except (conditions.BadSegment, Refused):
        return None
    return sum(count_by_domain(session, lst.id, now, chosen).values())
