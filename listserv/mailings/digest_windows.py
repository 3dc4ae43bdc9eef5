"""Which digests are due, for whom, and which posts they hold: a window of time for each group.

A window is stored with its mailing. A member's own moment (rhythms.py) moves in the transaction
that enters them into the ledger, so a kill at any time leaves each member with every post once.
Whoever has a digest at the same hour and would read the same posts is in one group. Refuses to
know what a digest looks like.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from sqlalchemy import Boolean, Float, Integer, String, and_, bindparam, func, select, text, update
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from listserv.mailings import had_elsewhere, thread_ways
from listserv.mailings.had_elsewhere import NOWHERE_ELSE, Apart
from listserv.wiring.listserv_tables import Digest, Post
from mailer.ledger.mailings import Mailing, MailingState
from mailer.storage.bulk_rows import one_of, spell
from subscriptions.lists import rhythms
from subscriptions.lists.rhythms import DIGESTS, THE_LISTS, DigestGroup
from subscriptions.lists.roster import MailList, Membership, MembershipState, Rhythm

KIND = "digest"  # of a mailing
EVER = 1e12  # seconds since 1970: later than any post
MAX_POSTS = 2000  # that one digest can name; those behind them go with the next
LOOKED_AT = 40_000  # posts at a time; whoever has waited longer gets several digests


@dataclass(frozen=True, slots=True)
class Window:
    """Hold one group's window: whose moment lies in [low, high) reads posts up to ``upto``.

    ``rhythm`` is None for those who have gone back to single mails: the rest of their days, in
    posts up to a moment of their own that lies in [end_low, end_high).
    """

    list_id: int
    rhythm: Rhythm | None
    low: float
    high: float
    end_low: float
    end_high: float
    upto: float
    posts: tuple[int, ...] = ()
    hour: int = THE_LISTS
    zone: str = ""  # the readers' own; "" for the list's
    weekdays: bool = False
    members: tuple[int, ...] = ()  # whom it is not for, or whom alone
    theirs: bool = False  # for these members alone
    without: tuple[int, ...] = ()  # posts of muted and followed threads that they do not get
    apart: Apart = NOWHERE_ELSE  # the posts that its readers have had by another list


@dataclass(frozen=True, slots=True)
class _Moment:
    """Hold when one post was decided."""

    id: int
    at: float


def waiting(session: Session, now: float) -> list[int]:
    """Return the lists that have a digest due at ``now``."""
    found = session.scalars(select(Membership.list_id).where(rhythms.has_digest()).distinct())
    return [one for one in found if _has_due(session, session.get_one(MailList, one), now)]


def _has_due(session: Session, lst: MailList, now: float) -> bool:
    """Tell whether a list has a digest due; ``due`` may still find that nobody is to have it."""
    if _is_under_way(session, lst):
        return False
    whole = chain(_open(session, lst, now), _closing(session, lst))
    return next(whole, None) is not None


def _is_under_way(session: Session, lst: MailList) -> bool:
    freezing = select(Mailing.id).join(Digest, Digest.mailing_id == Mailing.id)
    under_way = freezing.where(Digest.list_id == lst.id, Mailing.state == MailingState.FREEZING)
    return session.scalar(under_way.limit(1)) is not None


def due(session: Session, lst: MailList, now: float) -> list[Window]:
    """Return the windows of a list whose hour has come; none while one is still being entered."""
    if lst.deleted_at is not None or _is_under_way(session, lst):
        return []
    whole = [*_open(session, lst, now), *_closing(session, lst)]
    posts = list({post for window in whole for post in window.posts})
    passed = thread_ways.passed_over(session, lst.id, posts)
    wished = [one for window in whole for one in _wished(session, window, passed)]
    crossed = had_elsewhere.crossed(session, posts)
    return [part for window in wished for part in _parted(session, window, crossed)]


def _wished(
    session: Session, window: Window, passed: Mapping[int, frozenset[int]]
) -> Iterator[Window]:
    """Yield a window, and apart from it those of members who do not want each of its posts.

    They have muted a thread, or follow it and got it by itself. What was wanted when a post was
    decided never changes, so this is the same whenever it is asked.
    """
    held = set(window.posts)
    less: dict[frozenset[int], list[int]] = {}
    for member, posts in passed.items():
        if posts & held:
            less.setdefault(posts & held, []).append(member)
    if not less:
        yield window
        return
    members = tuple(sorted(member for some in less.values() for member in some))
    made = [replace(window, members=members)]
    made += [
        replace(
            window, members=tuple(sorted(some)), theirs=True, without=tuple(sorted(posts)),
            posts=tuple(post for post in window.posts if post not in posts),
        )
        for posts, some in less.items()
    ]  # fmt: skip
    yield from (one for one in made if count(session, [one]))


def _parted(session: Session, window: Window, crossed: Apart) -> Iterator[Window]:
    """Give those who have had some posts by another list a window without them."""
    dialect = session.get_bind().dialect.name
    apart = crossed.among(window.posts)
    if had_elsewhere.under_way(session, apart):
        return  # then it is not known yet who has had them
    for part in had_elsewhere.parts(
        session, apart, readers(dialect, window), bounds(dialect, window)
    ):
        posts = tuple(one for one in window.posts if one not in part.without)
        yield replace(window, apart=part, posts=posts)


def _open(session: Session, lst: MailList, now: float) -> Iterator[Window]:
    groups = _groups(session, lst)
    ends = {group: rhythms.latest(group.rhythm, group.clock(lst), now) for group in groups}
    behind = [min(since) for group, since in groups.items() if min(since) < ends[group]]
    posts = _posts(session, lst.id, min(behind), max(ends.values())) if behind else []
    times = [post.at for post in posts]
    for group in sorted(groups, key=lambda one: (one.rhythm, one.hour, one.zone, one.weekdays)):
        last = bisect_right(times, ends[group])
        for place in sorted({bisect_right(times, moment) for moment in groups[group]}):
            if place >= last:
                break
            upto = times[min(last, place + MAX_POSTS) - 1]
            yield Window(
                lst.id, group.rhythm,
                low=times[place - 1] if place else 0.0, high=times[place],
                end_low=0.0, end_high=EVER, upto=upto,
                posts=tuple(post.id for post in posts[place:bisect_right(times, upto)]),
                hour=group.hour, zone=group.zone, weekdays=group.weekdays,
            )  # fmt: skip


def _groups(session: Session, lst: MailList) -> dict[DigestGroup, list[float]]:
    """Return who has a digest at the same hour, with the moments up to which they have had one."""
    found: dict[DigestGroup, list[float]] = {}
    rows = session.execute(
        select(
            Membership.rhythm,
            rhythms.own_hour(),
            rhythms.own_zone(),
            Membership.digest_weekdays,
            rhythms.since(),
        )
        .where(
            Membership.list_id == lst.id,
            rhythms.has_digest(),
            Membership.rhythm.in_(DIGESTS),
            Membership.digest_until.is_(None),
            _here(),
        )
        .distinct()
    )
    for rhythm, hour, zone, weekdays, since in rows:
        found.setdefault(DigestGroup(rhythm, hour, zone, weekdays), []).append(since)
    return found


def _here() -> ColumnElement[bool]:
    """Return the condition that somebody has not left: nothing is made for those alone."""
    return Membership.state.in_((MembershipState.ACTIVE, MembershipState.PAUSED))


def _closing(session: Session, lst: MailList) -> Iterator[Window]:
    found = session.execute(
        select(rhythms.own_zone(), rhythms.since(), Membership.digest_until)
        .where(Membership.list_id == lst.id, Membership.digest_until.is_not(None), _here())
        .distinct()
    )
    rows = [(zone, since, until) for zone, since, until in found if until is not None]
    if not rows:
        return
    posts = _posts(session, lst.id, min(row[1] for row in rows), max(row[2] for row in rows))
    times = [post.at for post in posts]
    edges = [0.0, *times, EVER]
    places = {(zone, bisect_right(times, a), bisect_right(times, b)) for zone, a, b in rows}
    for zone, first, last in sorted(places):
        yield Window(
            lst.id, None,
            low=edges[first], high=edges[first + 1],
            end_low=edges[last], end_high=edges[last + 1],
            upto=times[last - 1] if last else 0.0,
            posts=tuple(post.id for post in posts[first:last]),
            zone=zone,
        )  # fmt: skip


def _posts(session: Session, list_id: int, after: float, upto: float) -> list[_Moment]:
    found = session.execute(
        select(Post.id, Post.decided_at)
        .where(
            Post.list_id == list_id,
            Post.mailing_id.is_not(None),
            Post.decided_at > after,
            Post.decided_at <= upto,
        )
        .order_by(Post.decided_at, Post.id)
        .limit(LOOKED_AT)
    )
    return [_Moment(row.id, row.decided_at) for row in found]


def posts_for(session: Session, lst: MailList, member: Membership, now: float) -> list[int]:
    """Return the posts that wait at ``now`` for one member's digest."""
    since = member.joined_at if member.digest_since is None else member.digest_since
    ends = now if member.digest_until is None else member.digest_until
    if member.rhythm not in DIGESTS and member.digest_until is None:
        return []
    found = [post.id for post in _posts(session, lst.id, since, ends)]
    passed = thread_ways.passed_over(session, lst.id, found).get(member.id, frozenset())
    posts = [post for post in found if post not in passed]
    return had_elsewhere.left(session, member.id, posts)


def posts_of(session: Session, mailing_id: int) -> list[int]:
    """Return the posts that a digest holds, oldest first."""
    row = session.get(Digest, mailing_id)
    if row is None:
        return []
    within = (Post.decided_at >= row.high, Post.decided_at <= row.upto)
    found = select(Post.id).where(
        Post.list_id == row.list_id, Post.mailing_id.is_not(None), *within
    )
    without = had_elsewhere.read(row.apart).without | set(json.loads(row.without or "[]"))
    every = session.scalars(found.order_by(Post.decided_at, Post.id))
    return [post for post in every if post not in without]


def keep(session: Session, mailing_id: int, window: Window) -> None:
    """Store the window of a mailing."""
    session.add(
        Digest(
            mailing_id=mailing_id,
            list_id=window.list_id,
            rhythm=window.rhythm.value if window.rhythm else "",
            low=window.low,
            high=window.high,
            end_low=window.end_low,
            end_high=window.end_high,
            upto=window.upto,
            hour=window.hour,
            zone=window.zone,
            weekdays=window.weekdays,
            members=json.dumps(window.members) if window.members else "",
            theirs=window.theirs,
            without=json.dumps(window.without) if window.without else "",
            apart=window.apart.spelled(),
        )
    )


def of(session: Session, mailing_id: int) -> Window | None:
    """Return the window of a mailing, None where it is no digest."""
    row = session.get(Digest, mailing_id)
    if row is None:
        return None
    rhythm = Rhythm(row.rhythm) if row.rhythm else None
    ends = (row.low, row.high, row.end_low, row.end_high)
    return Window(
        row.list_id, rhythm, *ends, upto=row.upto,
        hour=row.hour, zone=row.zone, weekdays=row.weekdays,
        members=tuple(json.loads(row.members or "[]")), theirs=row.theirs,
        without=tuple(json.loads(row.without or "[]")),
        apart=had_elsewhere.read(row.apart),
    )  # fmt: skip


def waiting_for(dialect: str, *, last: bool) -> ColumnElement[bool]:
    """Return the condition that a member is in the window whose ``bounds`` are bound.

    ``last`` is for those who have gone back to single mails.
    """
    low, high = bindparam("low", type_=Float), bindparam("high", type_=Float)
    within = and_(
        rhythms.since() >= low,
        rhythms.since() < high,
        rhythms.own_zone() == bindparam("zone", type_=String),
        text(f"({one_of(dialect, 'membership.id', 'members').text}) = :theirs").bindparams(
            bindparam("theirs", type_=Boolean)
        ),
    )
    if last:
        end_low, end_high = bindparam("end_low", type_=Float), bindparam("end_high", type_=Float)
        return and_(within, Membership.digest_until >= end_low, Membership.digest_until < end_high)
    return and_(
        Membership.rhythm == bindparam("wanted", type_=String),
        Membership.digest_until.is_(None),
        rhythms.own_hour() == bindparam("hour", type_=Integer),
        Membership.digest_weekdays == bindparam("weekdays", type_=Boolean),
        within,
    )


def bounds(dialect: str, window: Window) -> dict[str, Any]:
    """Return what ``waiting_for`` has bound."""
    ends: dict[str, Any] = {"low": window.low, "high": window.high, "zone": window.zone}
    ends |= {"members": spell(dialect, window.members), "theirs": window.theirs}
    if window.rhythm is None:
        return ends | {"end_low": window.end_low, "end_high": window.end_high}
    group = {"hour": window.hour, "weekdays": window.weekdays}
    return ends | group | {"wanted": window.rhythm.value}


def close(session: Session, window: Window, after: int, last: int) -> None:
    """Move the moments of a window's members behind ``after`` up to ``last``; all of them.

    Who is paused is passed over: their next digest begins behind this one.
    """
    dialect = session.get_bind().dialect.name
    moved: dict[str, Any] = {"digest_since": window.upto}
    if window.rhythm is None:
        moved = {"digest_since": None, "digest_until": None}
    session.connection().execute(
        update(Membership)
        .where(
            Membership.list_id == window.list_id,
            Membership.id > after,
            Membership.id <= last,
            waiting_for(dialect, last=window.rhythm is None),
            *window.apart.conditions(),
        )
        .values(**moved),
        bounds(dialect, window),
    )


def readers(dialect: str, window: Window) -> Sequence[ColumnElement[bool]]:
    """Return the conditions under which a membership is in a window; ``bounds`` are bound."""
    return (
        Membership.list_id == window.list_id,
        waiting_for(dialect, last=window.rhythm is None),
        *window.apart.conditions(),
    )


def count(session: Session, windows: Sequence[Window]) -> int:
    """Return how many members stand in windows; who is paused is among them."""
    dialect = session.get_bind().dialect.name
    counted = select(func.count()).select_from(Membership)
    return sum(
        session.scalar(counted.where(*readers(dialect, one)), bounds(dialect, one)) or 0
        for one in windows
    )
