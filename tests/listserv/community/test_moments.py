"""When something is, as people of six languages write it; clocks that are put forward and back."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from listserv.community import moments

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOW = datetime(2026, 11, 30, 9, tzinfo=STOCKHOLM).timestamp()
EIGHTEEN, SPAN = ("2026-12-18 18:00", ""), ("2026-12-18 18:00", "2026-12-18 21:00")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Friday 18 December 2026, 18:00-21:00", SPAN),
        ("fredag den 18 december kl. 18.00\N{EN DASH}21.00", SPAN),
        ("18.12.2026 18.00-21.00", SPAN),
        ("18.12 18.00", EIGHTEEN),
        ("venerdì 18 dicembre dalle 18 alle 21", SPAN),
        ("vineri, 18 decembrie, de la 18:00 la 21:00", SPAN),
        ("18 декабря с 18 до 21", SPAN),
        ("vrijdag 18 december van 18 tot 21 uur", SPAN),
        ("December 18 at 6pm", EIGHTEEN),
        ("Dec 18, 6-9pm", SPAN),
        ("op 18 december 's avonds om 6 uur", EIGHTEEN),
        ("18 декабря в 6 вечера", EIGHTEEN),
        ("2026-12-18 17:00 UTC", ("2026-12-18 17:00", "")),
        ("2026-12-18T18:00+01:00", EIGHTEEN),
        ("tomorrow at 7 in the evening", ("2026-12-01 19:00", "")),
        ("stasera alle 20:30", ("2026-11-30 20:30", "")),
        ("Friday 22:00-02:00", ("2026-12-04 22:00", "2026-12-05 02:00")),
    ],
)
def test_a_day_and_an_hour_are_read(line: str, expected: tuple[str, str]) -> None:
    found = moments.read(line, NOW, STOCKHOLM)
    assert found is not None
    assert found.trouble == ""
    ends = found.ends.strftime("%Y-%m-%d %H:%M") if found.ends else ""
    assert (found.starts.strftime("%Y-%m-%d %H:%M"), ends) == expected


@pytest.mark.parametrize(
    "line", ["Friday", "18:00", "18-20 December", "Friday 17 December 18:00", "Main street 12", ""]
)
def test_what_names_no_hour_or_another_weekday_is_no_moment(line: str) -> None:
    assert moments.read(line, NOW, STOCKHOLM) is None


def test_an_hour_that_a_clock_skips_is_told_and_of_one_that_comes_twice_the_first_is_meant() -> (
    None
):
    skipped = moments.read("28 March 2027 02:30", NOW, STOCKHOLM)
    assert skipped is not None
    assert skipped.trouble == "gap"
    twice = moments.read("2027-10-31 02:30", NOW, STOCKHOLM)
    assert twice is not None
    assert twice.twice
    assert twice.starts.astimezone(UTC).hour == 0


def test_the_zone_that_is_named_counts_and_a_moment_that_is_over_says_so() -> None:
    found = moments.read("18 December 18:00 Europe/London", NOW, STOCKHOLM)
    assert found is not None
    assert found.zone == "Europe/London"
    assert found.starts.astimezone(UTC).hour == 18
    over = moments.read("2020-01-01 10:00", NOW, STOCKHOLM)
    assert over is not None
    assert over.trouble == "past"
