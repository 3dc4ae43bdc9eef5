"""The terms of an issue: a reader's own hour, quiet hours, and numbers that can be meant."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mailer.errors import BadInput
from subscriptions.lists import terms
from subscriptions.lists.terms import Canary, Cap, Quiet, Terms


def moment(zone: str, *when: int) -> float:
    return datetime(*when, tzinfo=ZoneInfo(zone)).timestamp()  # type: ignore[arg-type, misc]


BASE = moment("UTC", 2026, 11, 27, 6)


def test_settings_are_read_and_nonsense_is_refused_with_its_cure() -> None:
    assert terms.read_cap("2/7") == Cap(2, 7)
    assert terms.read_quiet("22-7:30") == Quiet(1320, 450)
    assert terms.read_canary("200/30/5") == Canary(200, 30, 5)
    assert (terms.read_cap(""), terms.read_quiet(""), terms.read_canary("")) == (
        None,
        None,
        Canary(),
    )
    for bad in ("2", "0/7", "2/99", "x/y"):
        with pytest.raises(BadInput, match="no frequency cap"):
            terms.read_cap(bad)
    for bad in ("22", "24-7", "7-7", "7:61-9", "a-b"):
        with pytest.raises(BadInput, match="no quiet hours"):
            terms.read_quiet(bad)
    for bad in ("200", "0/30/5", "2000/30/5", "5/9999/5", "5/5/0"):
        with pytest.raises(BadInput, match="no canary"):
            terms.read_canary(bad)


@pytest.mark.parametrize(
    ("held", "zone", "due"),
    [
        (Terms(), "Europe/Rome", BASE),
        (Terms("2026-11-27T09:30"), "Europe/Rome", moment("Europe/Rome", 2026, 11, 27, 9, 30)),
        (Terms("2026-11-27T09:30"), "America/Lima", moment("America/Lima", 2026, 11, 27, 9, 30)),
        (Terms("2026-11-27T09:30"), "Pacific/Auckland", BASE),  # it is evening there already
        (Terms(quiet="22-7"), "Europe/Rome", BASE),  # ends at this very minute
        (Terms(quiet="22-7"), "Europe/London", moment("Europe/London", 2026, 11, 27, 7)),
        (Terms(quiet="22-7"), "America/Lima", moment("America/Lima", 2026, 11, 27, 7)),
        (Terms(quiet="0-6:30"), "Europe/London", moment("Europe/London", 2026, 11, 27, 6, 30)),
        (Terms(quiet="19-20"), "Pacific/Auckland", moment("Pacific/Auckland", 2026, 11, 27, 20)),
        (
            Terms("2026-11-27T05:00", quiet="22-7"),
            "America/Lima",
            moment("America/Lima", 2026, 11, 27, 7),
        ),
    ],
)
def test_a_copy_is_due_at_the_readers_own_hour_and_never_in_their_quiet_hours(
    held: Terms, zone: str, due: float
) -> None:
    assert terms.due(held, zone, BASE) == due
    assert terms.read(held.write()) == (held if held.write() else Terms())


def test_quiet_hours_that_end_in_the_hour_that_comes_twice_end_after_they_began() -> None:
    rome = ZoneInfo("Europe/Rome")
    second = datetime(2026, 10, 25, 2, 15, fold=1, tzinfo=rome).timestamp()
    held = Terms(quiet="22-2:30")
    assert terms.due(held, "Europe/Rome", second) == second + 15 * 60
    assert terms.due(held, "Europe/Rome", second - 3600) == second - 45 * 60


def test_a_zone_that_this_machine_does_not_know_is_the_lists() -> None:
    held = Terms(zone="Europe/London", quiet="0-6:30")
    ends = moment("Europe/London", 2026, 11, 27, 6, 30)
    for unknown in ("Mars/Olympus", "../etc/passwd", "Europe"):
        assert terms.due(held, unknown, BASE) == ends
    assert terms.due(Terms(zone="Mars/Olympus", quiet="5-7"), "", BASE) == BASE + 3600


def test_who_waits_for_the_first_ones_is_not_sent_to_in_quiet_hours_instead() -> None:
    evening = moment("Europe/Rome", 2026, 11, 27, 21, 45)
    held = Terms(quiet="22-7")
    assert terms.due(held, "Europe/Rome", evening) == evening
    assert terms.later(held, "Europe/Rome", evening, 600) == evening + 600
    morning = moment("Europe/Rome", 2026, 11, 28, 7)
    assert terms.later(held, "Europe/Rome", evening, 1800) == morning
