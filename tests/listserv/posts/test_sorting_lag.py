"""Mail that waits too long is told: nobody decides it, or more comes than is decided."""

import pytest

from listserv.doctor import examination
from listserv.doctor.diagnosis import Health
from listserv.posts import sorting_lag
from listserv.posts.list_claims import ListClaims
from listserv.posts.sorting_lag import SortingLag
from mailer.storage import arrivals
from mailer.storage.arrivals import Incoming
from mailer.storage.store import Store

A = "a@example.org"


def test_what_waits_is_counted_with_its_age_and_when_somebody_sorted(store: Store) -> None:
    claims = ListClaims(store)
    with store.write() as session:
        now = store.now(session)
        came = [Incoming("", (A,), b"Hi\r\n", "", "", "ESMTP", now - age) for age in (300, 10)]
        arrivals.keep(session, came)
        before = sorting_lag.read(session, now)
        with_claim = claims.take(session, [A])
    with store.write() as session:
        claims.give_back(session, with_claim)
        now = store.now(session)
        after = sorting_lag.read(session, now)
    assert (before.waiting, before.stands) == (2, True)
    assert before.oldest == pytest.approx(300)
    assert after.behind
    assert not after.stands


@pytest.mark.parametrize(
    ("lag", "said"),
    [
        (SortingLag(0, 0.0, float("inf")), []),
        (SortingLag(9, 3600.0, 5.0), [Health.WARN]),
        (SortingLag(9, 3600.0, 900.0), [Health.FAIL]),
    ],
)
def test_the_doctor_tells_a_flood_from_workers_that_do_not_run(
    lag: SortingLag, said: list[Health]
) -> None:
    assert [one.state for one in examination._backlog(lag)] == said
