"""Issues that leave at an hour: kept, cancelled, late, and changed meanwhile."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from listserv.newsletters.editors import editor_answers, scheduled_issues
from listserv.reception import sorter
from listserv.run import scheduler
from listserv.upkeep import restoring
from listserv.wiring.listserv_tables import DraftUnderReview
from subscriptions.lists import roster
from subscriptions.lists.roster import Role
from tests.listserv.newsletters.newsroom import (
    MIA,
    NEWS,
    OLGA,
    answer,
    draft,
    edition,
    issues_of,
    mails,
)
from tests.place import Place, subject, text


def test_a_restored_database_asks_before_it_sends_what_was_scheduled(place: Place) -> None:
    draft(place)
    answer(place, "send tomorrow 8")
    restoring.settle(place.app.store, time.time(), time.time())
    scheduled_issues.attend(place.app, lambda: False)
    assert not issues_of(place)
    assert subject(mails(place)[1][-1]) == 'The Garden: shall "November" still go out?'


def test_an_hour_is_repeated_with_date_and_zone_kept_cancelled_and_named_again(
    place: Place,
) -> None:
    with place.app.store.write() as session:
        roster.change_list(roster.get_list(session, NEWS), zone="Europe/Rome")
    draft(place)
    said = answer(place, "send tomorrow 8")
    assert subject(said) == 'The Garden: "November" is scheduled'
    assert re.search(r"  \w+day, \w+ \d+, 20\d\d, 08:00 \(Europe/Rome\)", text(said))
    assert (edition(place).state, edition(place).zone) == ("scheduled", "Europe/Rome")
    assert "no longer scheduled" in text(answer(place, "cancel", said))
    assert (edition(place).state, edition(place).due) == ("open", None)
    assert "Nothing was scheduled" in text(answer(place, "cancel"))
    answer(place, "send tomorrow 8")
    scheduled_issues.attend(place.app, lambda: False, now=time.time())
    assert not issues_of(place)
    due = edition(place).due
    assert due is not None
    scheduled_issues.attend(place.app, lambda: False, now=due + 5)
    assert len(issues_of(place)) == 1
    assert subject(mails(place)[1][-1]) == 'The Garden: "November" is going out'
    scheduled_issues.attend(place.app, lambda: False, now=due + 5)
    assert len(issues_of(place)) == 1


def test_an_hour_that_is_more_than_a_day_gone_asks_before_it_sends(place: Place) -> None:
    draft(place)
    answer(place, "send tomorrow 8")
    due = edition(place).due
    assert due is not None
    scheduled_issues.attend(place.app, lambda: False, now=due + 90_000)
    assert not issues_of(place)
    asked = mails(place)[1][-1]
    assert subject(asked) == 'The Garden: shall "November" still go out?'
    answer(place, "send", asked)
    assert len(issues_of(place)) == 1


def test_the_clock_rings_for_an_hour_that_has_come(place: Place) -> None:
    draft(place)
    answer(place, "send tomorrow 8")
    assert "sort" not in scheduler.tick(place.app)
    with place.app.store.write() as session:
        session.get_one(DraftUnderReview, edition(place).id).due = time.time() - 1
    assert "sort" in scheduler.tick(place.app)
    sorter.sort(place.app, lambda: False)
    assert len(issues_of(place)) == 1


def test_an_hour_set_by_an_editor_who_is_none_any_more_sends_nothing_and_asks_the_others(
    place: Place,
) -> None:
    draft(place)
    answer(place, "send tomorrow 8")
    due = edition(place).due
    assert due is not None
    with place.app.store.write() as session:
        member = roster.membership_of(session, roster.get_list(session, NEWS).id, OLGA)
        assert member is not None
        member.role = Role.MEMBER
    scheduled_issues.attend(place.app, lambda: False, now=due + 5)
    assert not issues_of(place)
    assert (edition(place).state, edition(place).due) == ("open", None)
    *_, report = mails(place, MIA)[1]
    assert "is no longer an editor of this list" in " ".join(text(report).split())
    answer(place, "send", report, MIA)
    assert len(issues_of(place)) == 1


def test_an_issue_that_cannot_be_attended_to_stops_no_letter(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft(place)
    answer(place, "send tomorrow 8")
    due = edition(place).due
    assert due is not None
    with monkeypatch.context() as broken:
        broken.setattr(editor_answers.reviews, "look", lambda *_, **__: 1 / 0)
        scheduled_issues.attend(place.app, lambda: False, now=due + 5)
    assert (edition(place).state, edition(place).due) == (
        "scheduled",
        due + 5 + scheduled_issues.AGAIN,
    )
    scheduled_issues.attend(place.app, lambda: False, now=due + 5 + scheduled_issues.AGAIN)
    assert len(issues_of(place)) == 1


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen once, between the reading of an order and what it does."""
    look = editor_answers.reviews.look

    def looked(*given: Any, **named: Any) -> object:  # noqa: ANN401 - what it stands for takes
        found = look(*given, **named)
        monkeypatch.setattr(editor_answers.reviews, "look", look)
        happens()
        return found

    monkeypatch.setattr(editor_answers.reviews, "look", looked)


def test_another_hour_named_while_an_issue_is_made_ready_to_leave_is_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft(place)
    said = answer(place, "send tomorrow 8")
    due = edition(place).due
    assert due is not None
    meanwhile(monkeypatch, lambda: answer(place, "send tomorrow 9", said))
    scheduled_issues.attend(place.app, lambda: False, now=due + 5)
    assert not issues_of(place)
    assert (edition(place).state, edition(place).due) == ("scheduled", due + 3600)


def test_a_new_text_takes_the_hour_back(place: Place) -> None:
    draft(place)
    said = answer(place, "send tomorrow 8")
    new = answer(
        place,
        "New text\n\nHello {{ name }}, this is another text, and long enough to be one.",
        said,
    )
    assert "no longer scheduled" in " ".join(text(new).split())
    assert (edition(place).state, edition(place).revision) == ("open", 2)
