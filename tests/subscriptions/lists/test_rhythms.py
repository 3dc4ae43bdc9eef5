"""When a digest is due, by the clock on the wall; and which lists have one."""

from datetime import datetime

import pytest

from mailer.errors import Refused
from subscriptions.lists import rhythms
from subscriptions.lists.policies import ListKind
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
    assert rhythms.latest(rhythm, hour, STOCKHOLM, at(now)) == at(due)


def test_a_newsletter_has_no_digest() -> None:
    assert rhythms.check(Rhythm.WEEKLY, ListKind.DISCUSSION) is Rhythm.WEEKLY
    with pytest.raises(Refused, match="every issue goes out when it is sent"):
        rhythms.check(Rhythm.WEEKLY, ListKind.NEWSLETTER)
