"""The warm-up calendar: so many today, twice as many tomorrow, and nobody lost meanwhile."""

import pytest

from mailer.errors import Misconfigured
from mailer.ledger import pace, warmup
from mailer.storage.store import Store

NOON = warmup.DAY * 20_788.5  # of 2026-12-01
FIRST = 20_788


def test_a_calendar_doubles_until_its_last_number_and_limits_nothing_before_and_after() -> None:
    calendar = warmup.read_calendar(" 2026-12-01 500 2000 ")
    assert calendar == warmup.Calendar(FIRST, 500, 2000)
    assert [calendar.quota(day) for day in range(FIRST - 1, FIRST + 4)] == [
        None, 500, 1000, None, None,
    ]  # fmt: skip
    assert list(calendar.ahead(FIRST, 20)) == [20, 1000]
    assert list(calendar.ahead(FIRST + 9, None)) == []
    assert warmup.shown(FIRST) == "2026-12-01"
    assert warmup.read_calendar("  ") is None
    usual = warmup.read_calendar("2026-12-01 1")
    assert usual is not None
    assert usual.quota(FIRST + 100_000) is None


@pytest.mark.parametrize(
    "text",
    [
        "500",
        "2026-13-01 500",
        "2026-12-01 0",
        "2026-12-01 9 8",
        "1969-12-01 5",
        "2026-12-01 1 9999999",
    ],
)
def test_what_is_no_calendar_is_told_with_an_example(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"mailer\.warm_up.*not a day and a number"):
        warmup.read_calendar(text)


def test_a_day_gives_its_number_to_all_workers_together_and_the_next_twice_that(
    store: Store,
) -> None:
    calendar = warmup.Calendar(FIRST, 3, 100)
    keys = (pace.to("example.org"), warmup.KEY)

    def ask(now: float, times: int) -> list[float | None]:
        with store.write() as session:
            paces = pace.load(session, now, {}, calendar)
            said = [paces.admit(keys) for _ in range(times)]
            pace.keep(session, paces)
        return said

    assert ask(NOON, 2) == [None, None]
    assert ask(NOON + 60, 2) == [None, NOON + 60 + 3600]  # looked at again after an hour
    with store.read() as session:
        assert pace.days(session, NOON + 60, calendar) == (0, 6, 12, 24, 48, 96)
        assert pace.days(session, NOON, None) == ()
        assert pace.known(session, NOON, {}) == {}
    late = warmup.DAY * (FIRST + 1) - 60
    assert ask(late, 1) == [late + 60]  # midnight
    assert ask(late + 61, 7) == [None] * 6 + [late + 61 + 3600]
    with store.write() as session:
        paces = pace.load(session, NOON + 9 * warmup.DAY, {}, calendar)
        assert warmup.KEY not in paces.known
