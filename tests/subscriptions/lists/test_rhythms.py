"""When a digest is due, by the clock on the wall; and which lists have one."""

from datetime import datetime
from itertools import pairwise

import pytest

from mailer.errors import Refused
from subscriptions.lists import rhythms
from subscriptions.lists.policies import ListKind
from subscriptions.lists.rhythms import DigestClock
from subscriptions.lists.roster import Rhythm

STOCKHOLM = "Europe/Stockholm"


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("rhythm", "hour", "now", "due"),
    [
        (Rhythm.DAILY, 7, "2026-11-28T12:00+01:00", "2026-11-28T07:00+01:00"),
        (Rhythm.DAILY, 7, "2026-11-28T06:59+01:00", "2026-11-27T07:00+01:00"),
        (Rhythm.WEEKLY, 7, "2026-11-28T12:00+01:00", "2026-11-23T07:00+01:00"),
        (Rhythm.WEEKLY, 7, "2026-11-23T06:00+01:00", "2026-11-16T07:00+01:00"),
        # The day of 23 hours, its missing hour and the day after; the day of 25.
        (Rhythm.DAILY, 7, "2026-03-29T09:00+02:00", "2026-03-29T07:00+02:00"),
        (Rhythm.DAILY, 2, "2026-03-29T09:00+02:00", "2026-03-29T03:00+02:00"),
        (Rhythm.DAILY, 2, "2026-10-25T09:00+01:00", "2026-10-25T02:00+02:00"),
    ],
)
def test_a_digest_is_due_at_its_hour_where_the_list_is(
    rhythm: Rhythm, hour: int, now: str, due: str
) -> None:
    assert rhythms.latest(rhythm, DigestClock(hour, STOCKHOLM), at(now)) == at(due)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-27T08:00+01:00", "2026-11-27T07:00+01:00"),  # a Friday
        ("2026-11-28T08:00+01:00", "2026-11-27T07:00+01:00"),
        ("2026-11-30T06:59+01:00", "2026-11-27T07:00+01:00"),
        ("2026-11-30T07:00+01:00", "2026-11-30T07:00+01:00"),
    ],
)
def test_who_wants_none_at_weekends_gets_the_next_on_monday(now: str, due: str) -> None:
    clock = DigestClock(7, STOCKHOLM, weekdays=True)
    assert rhythms.latest(Rhythm.DAILY, clock, at(now)) == at(due)


def test_a_weekend_is_one_where_the_member_is() -> None:
    clock = DigestClock(7, "Pacific/Auckland", weekdays=True)
    monday_there = "2026-11-29T18:00+00:00"
    assert rhythms.latest(Rhythm.DAILY, clock, at(monday_there)) == at(monday_there)


@pytest.mark.parametrize(("zone", "days"), [(STOCKHOLM, 364), ("America/Los_Angeles", 364)])
def test_each_day_of_a_year_has_one_digest_whatever_the_clocks_do(zone: str, days: int) -> None:
    begins = at("2026-01-01T12:00+00:00")
    hours = [begins + 3600 * hour for hour in range(24 * days)]
    for hour in (0, 2, 3, 23):
        clock = DigestClock(hour, zone)
        found = sorted({rhythms.latest(Rhythm.DAILY, clock, now) for now in hours})
        assert len(found) in {days, days + 1}
        assert {round((b - a) / 3600) for a, b in pairwise(found)} <= {22, 23, 24, 25, 26}


def test_a_newsletter_has_no_digest() -> None:
    assert rhythms.check(Rhythm.WEEKLY, ListKind.DISCUSSION) is Rhythm.WEEKLY
    with pytest.raises(Refused, match="every issue goes out when it is sent"):
        rhythms.check(Rhythm.WEEKLY, ListKind.NEWSLETTER)
