"""Say how a member gets what is posted: one mail each, in a digest, or only what begins a thread.

Knows memberships and moments and refuses to know what a digest looks like. A post is decided at one
moment, and that moment alone says for each member whether it goes by itself or in a digest: so
nobody misses a mail and nobody gets one twice, whenever they change.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, and_, func, not_, or_, select, text
from sqlalchemy.sql import ColumnElement

from mailer.errors import Refused
from subscriptions.lists.attributes import ZONE, Attribute
from subscriptions.lists.policies import ListKind
from subscriptions.lists.roster import DIGEST, MailList, Membership, Rhythm

DIGESTS = frozenset({Rhythm.DAILY, Rhythm.WEEKLY})
MONDAY = 0  # the day of weekly digests
SATURDAY = 5
THE_LISTS = -1  # the hour of whoever has none of their own
Moment = float | BindParameter[float]


class DigestForm(StrEnum):
    """Say how a digest is written."""

    PAGE = "page"  # HTML, and the same as plain text
    MIME = "mime"  # each mail a part of its own (RFC 2046 section 5.1.5)
    PLAIN = "plain"  # RFC 1153


@dataclass(frozen=True, slots=True)
class DigestClock:
    """Say when digests go out: at an hour o'clock in a zone, perhaps on weekdays alone."""

    hour: int
    zone: str  # "" is UTC
    weekdays: bool = False


@dataclass(frozen=True, slots=True)
class DigestChoices:
    """Show what a member chose of digests; an ``hour`` of None is the list's."""

    hour: int | None
    weekends: bool
    form: str


def choices(member: Membership) -> DigestChoices:
    """Return what a member chose of digests."""
    form = member.digest_form or DigestForm.PAGE.value
    return DigestChoices(member.digest_hour, not member.digest_weekdays, form)


@dataclass(frozen=True, slots=True)
class DigestGroup:
    """Say who has a digest at the same hour: the same rhythm, and the same wishes."""

    rhythm: Rhythm
    hour: int = THE_LISTS
    zone: str = ""
    weekdays: bool = False

    def clock(self, lst: MailList) -> DigestClock:
        """Return when their digests go out: what they did not choose is the list's."""
        hour = lst.digest_hour if self.hour == THE_LISTS else self.hour
        return DigestClock(hour, self.zone or lst.zone, self.weekdays)


def check(rhythm: Rhythm, kind: ListKind) -> Rhythm:
    """Return the rhythm; raise Refused where it means nothing on a list of this kind."""
    if kind is ListKind.NEWSLETTER and rhythm not in {Rhythm.EACH, Rhythm.PAUSED}:
        raise Refused(
            f"A newsletter has no rhythm {rhythm.value}: every issue goes out when it is sent.",
            "Use each, or paused.",
        )
    return rhythm


def since() -> ColumnElement[float]:
    """Return from which moment on posts wait for a member's digest."""
    return func.coalesce(Membership.digest_since, Membership.joined_at)


def waits(at: Moment) -> ColumnElement[bool]:
    """Return the condition that what was posted at ``at`` goes to a member in a digest."""
    return and_(
        since() < at,
        or_(
            and_(Membership.rhythm.in_(DIGESTS), Membership.digest_until.is_(None)),
            and_(Membership.digest_until.is_not(None), at <= Membership.digest_until),
        ),
    )


def by_itself(at: Moment, *, first: bool) -> ColumnElement[bool]:
    """Return the condition that what was posted at ``at`` goes to a member by itself.

    ``first`` says that it begins a thread. Who has a digest gets by itself what was posted before
    they chose it: such a post may still be on its way into the ledger.
    """
    chosen_later = and_(
        Membership.rhythm.in_(DIGESTS),
        Membership.digest_since.is_not(None),
        at <= Membership.digest_since,
    )
    rhythms = [Membership.rhythm == Rhythm.EACH, chosen_later]
    if first:
        rhythms.append(Membership.rhythm == Rhythm.FIRST)
    return and_(or_(*rhythms), not_(waits(at)))


def has_digest() -> ColumnElement[bool]:
    """Return the condition that a member waits for a digest, in the words of its index."""
    return text(DIGEST)  # type: ignore[return-value]  # SQLite finds the index by these very words


def own_hour() -> ColumnElement[int]:
    """Return the hour that a member chose, or THE_LISTS."""
    return func.coalesce(Membership.digest_hour, THE_LISTS)


def own_zone() -> ColumnElement[str]:
    """Return the time zone that a member named, "" for the list's."""
    named = (
        select(Attribute.value)
        .where(Attribute.membership_id == Membership.id, Attribute.key == ZONE)
        .limit(1)
        .correlate(Membership)
        .scalar_subquery()
    )
    return func.coalesce(named, "")


def latest(rhythm: Rhythm, clock: DigestClock, now: float) -> float:
    """Return when the latest digest was due by this clock, not after ``now``.

    An hour that a change to summer time leaves out is due at the same moment as the hour after it
    (PEP 495); one that comes twice is due the first time.
    """
    here = ZoneInfo(clock.zone) if clock.zone else UTC
    day = datetime.fromtimestamp(now, here).date()
    for back in range(9):
        one = day - timedelta(days=back)
        if rhythm is Rhythm.WEEKLY and one.weekday() != MONDAY:
            continue
        if clock.weekdays and one.weekday() >= SATURDAY:
            continue
        due = datetime(one.year, one.month, one.day, clock.hour, tzinfo=here).timestamp()
        if due <= now:
            return due
    raise AssertionError("a week has a Monday")
