"""Bounces are scored mildly: only an address that is dead for days is given up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.reading.bounce_reasons import BounceKind
from subscriptions.membership.bouncing import DAY, HALF, LIMIT, SPAN, score

NOW = 1000 * DAY


@given(
    st.lists(st.tuples(st.floats(0, NOW), st.sampled_from([BounceKind.POLICY, BounceKind.CONTENT])))
)
def test_what_was_refused_for_what_we_sent_never_counts(
    told: list[tuple[float, BounceKind]],
) -> None:
    assert score(told, NOW).points == 0


def test_a_day_of_many_bounces_is_one_bounce() -> None:
    assert score([(NOW + n, BounceKind.DEAD) for n in range(100)], NOW).points < LIMIT


@pytest.mark.parametrize(
    ("days", "kind", "dead"),
    [
        ((0,), BounceKind.DEAD, False),
        ((0, 1, 2), BounceKind.DEAD, False),  # a server that was set up wrongly for a weekend
        ((0, 1, 2, 3, 4), BounceKind.DEAD, True),
        ((0, 30, 60), BounceKind.DEAD, True),  # a monthly letter: at the third
        ((0, 30), BounceKind.DEAD, False),
        ((0, 1, 2, 3, 4), BounceKind.FULL, False),
        (tuple(range(0, 60, 2)), BounceKind.FULL, True),
        (tuple(range(14)), BounceKind.TEMPORARY, False),
    ],
)
def test_an_address_is_given_up_when_its_bounces_weigh_enough_for_long_enough(
    days: tuple[int, ...], kind: BounceKind, *, dead: bool
) -> None:
    told = [(NOW + day * DAY, kind) for day in days]
    assert score(told, NOW + days[-1] * DAY).dead is dead


def test_what_is_long_ago_is_forgiven() -> None:
    told = [(day * DAY, BounceKind.DEAD) for day in range(5)]
    assert score(told, 5 * DAY).dead
    assert not score(told, 5 * DAY + 2 * HALF).dead
    assert score([], NOW).span < SPAN
