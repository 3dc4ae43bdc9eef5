"""Say how a member gets what is posted: one mail each, in a digest, or only what begins a thread.

Knows memberships and moments and refuses to know what a digest looks like. A post is decided at one
moment, and that moment alone says for each member whether it goes by itself or in a digest: so
nobody misses a mail and nobody gets one twice, whenever they change.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, and_, func, not_, or_, text
from sqlalchemy.sql import ColumnElement

from mailer.errors import Refused
from subscriptions.lists.policies import ListKind
from subscriptions.lists.roster import DIGEST, Membership, Rhythm

DIGESTS = frozenset({Rhythm.DAILY, Rhythm.WEEKLY})
MONDAY = 0  # the day of weekly digests
Moment = float | BindParameter[float]


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


def latest(rhythm: Rhythm, hour: int, zone: str, now: float) -> float:
    """Return when the latest digest was due, at ``hour`` o'clock in ``zone``, not after ``now``.

    An hour that a change to summer time leaves out is due at the same moment as the hour after it
    (PEP 495); one that comes twice is due the first time.
    """
    here = ZoneInfo(zone) if zone else UTC
    day = datetime.fromtimestamp(now, here).date()
    for back in range(9):
        one = day - timedelta(days=back)
        due = datetime(one.year, one.month, one.day, hour, tzinfo=here).timestamp()
        if due <= now and (rhythm is not Rhythm.WEEKLY or one.weekday() == MONDAY):
            return due
    raise AssertionError("a week has a Monday")
