"""How long a mailing takes: by what bounds it, and "last" only where that is true."""

import pytest

from listserv.newsletters.checks.forecast import DAY, Forecast, PaceLimits, forecast
from mailer.ledger import pace
from mailer.storage.store import Store

READERS = (("gmail.com", 6000), ("example.org", 1200))


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (PaceLimits(), None),
        (PaceLimits(last=100), Forecast(72, "last", 100)),
        (PaceLimits(last=100, relays=50), Forecast(144, "relays", 50)),
        (PaceLimits(last=100, relays=50, own=10), Forecast(720, "list", 10)),
        (PaceLimits(domains={"gmail.com": 20}), Forecast(300, "domain", 20, "gmail.com")),
        (PaceLimits(last=100, domains={"gmail.com": 20}), Forecast(300, "domain", 20, "gmail.com")),
        (PaceLimits(last=100, domains={"gmail.com": 90}), Forecast(72, "last", 100)),
        (PaceLimits(last=100, domains={"elsewhere.org": 0.1}), Forecast(72, "last", 100)),
        (
            PaceLimits(domains={"gmail.com": 60, "example.org": 1}),
            Forecast(1200, "domain", 1, "example.org"),
        ),
    ],
)
def test_the_tightest_bound_decides(limits: PaceLimits, said: Forecast | None) -> None:
    assert forecast(READERS, limits) == said


def test_what_was_learnt_and_what_is_allowed_are_known_without_a_lock(store: Store) -> None:
    allowed = {pace.to("gmail.com"): 20.0, pace.to("learnt.org"): 5.0}
    with store.write() as session:
        paces = pace.load(session, 100.0, allowed)
        paces.slow(pace.to("learnt.org"), 4.0)
        pace.keep(session, paces)
    with store.read() as session:
        known = pace.known(session, 100.0, allowed)
    assert known == {"to gmail.com": 20.0, "to learnt.org": 2.0}


@pytest.mark.parametrize(
    ("days", "whole"),
    [((7200,), 0), ((0, 1000, 2000, 4200), 3), ((100, 200), 2), ((7000, 1000), 1)],
)
def test_a_warm_up_tells_after_how_many_midnights_the_last_may_leave(
    days: tuple[int, ...], whole: int
) -> None:
    said = forecast(READERS, PaceLimits(last=100, days=days))
    assert said is not None
    if whole:
        assert (said.bound, said.seconds) == ("days", whole * DAY)
    else:
        assert said.bound == "last"
