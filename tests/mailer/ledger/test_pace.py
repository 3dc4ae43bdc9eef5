"""Paces decide how fast, and who waits; nobody is lost and nobody stands in another's way."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.client.smtp_answers import Reply
from mailer.errors import Misconfigured
from mailer.ledger import pace
from mailer.ledger.pace import HORIZON, PAUSE, RECOVERY, Pace, Paces, refilled, slowed
from mailer.storage.store import Store


@given(st.floats(0.5, 500), st.lists(st.floats(0.01, 3), min_size=1, max_size=40))
def test_no_more_leave_than_the_rate_allows(rate: float, waits: list[float]) -> None:
    now, left = 100.0, 0
    bucket = Pace(most=rate, at=now)
    for wait in waits:
        now += wait
        bucket, granted = pace.taken(refilled(bucket, now), 10**6)
        left += granted
    assert left <= rate * (now - 100.0) + 1e-6
    assert left >= min(1, int(rate * min(now - 100.0, 2.0)))


@given(st.floats(0.5, 500), st.integers(1, 50))
def test_each_that_is_put_off_gets_a_time_of_its_own(rate: float, count: int) -> None:
    bucket, times = Pace(most=rate, at=50.0), []
    for _ in range(count):
        bucket, due = pace.booking(bucket, 50.0)
        times.append(due)
    assert times == sorted(times)
    assert times[0] == pytest.approx(50 + 1 / rate)
    assert times[-1] <= 50 + HORIZON


def test_slower_halves_rests_and_recovers_in_a_straight_line() -> None:
    one = slowed(Pace(), 1000.0, observed=80.0)
    assert (one.rate, one.until) == (40.0, 1000 + PAUSE)
    assert slowed(one, 1001.0, observed=80.0) == one  # the same complaint again
    assert pace.taken(refilled(one, 1001.0), 5)[1] == 0
    later = refilled(one, 1000 + RECOVERY)
    assert later.rate == pytest.approx(80.0)
    assert slowed(later, 1000 + RECOVERY, observed=500.0).rate == pytest.approx(40.0)
    assert refilled(one, 1000 + 3 * RECOVERY + 1).limit == 0.0  # forgotten


def test_the_operators_word_stays_when_the_receivers_is_forgotten() -> None:
    one = slowed(Pace(most=10.0, at=0.0), 5.0, observed=80.0)
    assert one.limit == 5.0
    assert refilled(one, 10_000.0).limit == 10.0


@pytest.mark.parametrize(
    ("code", "words", "slower"),
    [
        (421, "4.7.28 unusual rate of mail", True),
        (421, "closing", True),
        (451, "4.7.500 Server busy. Please try again later.", True),
        (450, "Requested mail action not taken: too many connections", True),
        (451, "4.7.1 Greylisted, please try again later", False),
        (452, "4.2.2 The recipient's inbox is out of storage space.", False),
        (450, "4.2.1 The user is receiving mail at a rate that is too high.", False),
        (550, "5.7.1 too many complaints", False),
    ],
)
def test_only_what_is_about_our_pace_slows_us(code: int, words: str, *, slower: bool) -> None:
    assert pace.asks_for_less(Reply(code, (words,)), queues=False) is slower
    patient = slower and words != "closing"
    assert pace.asks_for_less(Reply(code, (words,)), queues=True) is patient


def test_all_workers_share_what_one_has_learnt(store: Store) -> None:
    with store.write() as session:
        paces = pace.load(session, 100.0, {})
        paces.slow(pace.to("Gmail.com"), 40.0)
        pace.keep(session, paces)
    with store.write() as session:
        paces = pace.load(session, 100.0 + PAUSE + 1, {})
        assert paces.admit((pace.to("example.org"), pace.of("a@x.org"))) is None
        granted = sum(paces.admit((pace.to("gmail.com"),)) is None for _ in range(500))
        assert 40 <= granted <= 45  # two seconds of the twenty that were learnt
        pace.keep(session, paces)
    with store.write() as session:
        paces = pace.load(session, 100.0 + PAUSE + 1, {})
        assert paces.admit((pace.to("gmail.com"),)) is not None
    with store.write() as session:  # long after, nothing is left of it
        paces = pace.load(session, 10_000.0, {})
        assert paces.grant(pace.to("gmail.com"), 10**6) == 10**6
        pace.keep(session, paces)
    with store.read() as session:
        assert list(pace.learnt(session)) == []


def test_a_worker_that_waited_for_another_knows_what_that_one_took(store: Store) -> None:
    if store.sqlite:
        pytest.skip("SQLite has one writer at a time.")
    with store.write() as session:
        paces = pace.load(session, 100.0, {})
        paces.slow(pace.to("gmail.com"), 40.0)
        pace.keep(session, paces)

    def take() -> bool:
        with store.write() as session:
            waited = pace.load(session, 106.0, {})
            return waited.admit((pace.to("gmail.com"),)) is None

    with ThreadPoolExecutor(1) as pool:
        with store.write() as session:
            paces = pace.load(session, 106.0, {})
            while paces.admit((pace.to("gmail.com"),)) is None:
                pass
            pace.keep(session, paces)
            other = pool.submit(take)
            time.sleep(0.3)  # it waits for our lock
        assert other.result() is False


def test_who_is_urgent_does_not_queue_behind_those_who_have_booked() -> None:
    paces = Paces(1000.0, {"to gmail.com": Pace(most=2.0, at=1000.0)})
    for _ in range(2000):
        assert paces.admit(("to gmail.com",)) is not None
    assert paces.admit(("to gmail.com",), urgent=True) == 1000.5
    paces.slow("to gmail.com", 2.0)
    assert paces.admit(("to gmail.com",), urgent=True) == 1000.0 + PAUSE + 1.0


def test_what_nothing_limits_costs_nothing() -> None:
    paces = Paces(1.0, {})
    assert paces.admit(("to x",)) is None
    assert paces.grant("relay x:25", 7) is None
    assert not paces.changed


@pytest.mark.parametrize("text", ["gmail.com", "gmail.com 0", "gmail.com -3", " 3", "a.org x"])
def test_a_rate_that_is_none_is_told(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"mailer\.rates"):
        pace.read_rates([text])


def test_rates_are_of_domains_and_of_lists() -> None:
    read = pace.read_rates(["Gmail.com 20", "news@x.org 0.5"])
    assert read == {"to gmail.com": 20.0, "list news@x.org": 0.5}


def test_two_workers_that_meet_a_pace_first_spend_one_bucket(store: Store) -> None:
    if store.sqlite:
        pytest.skip("SQLite has one writer at a time.")

    def grant() -> int | None:
        with store.write() as session:
            paces = pace.load(session, 10.0, {"relay": 1.0})
            granted = paces.grant("relay", 5)
            pace.keep(session, paces)
            return granted

    with ThreadPoolExecutor(1) as pool:
        with store.write() as session:
            paces = pace.load(session, 10.0, {"relay": 1.0})
            assert paces.grant("relay", 5) == 1
            other = pool.submit(grant)
            with pytest.raises(TimeoutError):
                other.result(0.3)
            pace.keep(session, paces)
        assert other.result(20) == 0
