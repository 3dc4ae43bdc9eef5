"""A list's time zone that the machine does not know: asked about, never taken for UTC."""

import time
from email.message import Message

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from listserv.cli.newsletter import newsletter
from listserv.newsletters.editors import scheduled_issues
from listserv.wiring.listserv_tables import DraftUnderReview
from mailer.errors import BadInput
from subscriptions.lists import roster
from tests.listserv.newsletters.conftest import place
from tests.listserv.newsletters.newsroom import NEWS, answer, draft, edition, issues_of, mails
from tests.place import Place, text

__all__ = ["place"]  # a fixture


def test_a_zone_that_this_machine_does_not_know_is_asked_about_and_never_taken_for_utc(
    place: Place,
) -> None:
    draft(place)
    with place.app.store.write() as session:
        lst = roster.get_list(session, NEWS)
        with pytest.raises(BadInput, match="no time zone that this machine knows") as refused:
            roster.change_list(lst, zone="Europe/Stokholm")
        assert refused.value.fix == "Did you mean Europe/Stockholm?"
        lst.zone = "Europe/Atlantis"  # as it was known to the machine that it came from
    asked = answer(place, "send friday 9:30")
    assert "Nothing has changed: hours count in the time zone of the list" in one_line(asked)
    assert "does not know the time zone of the list (Europe/Atlantis)" in one_line(asked)
    assert edition(place).state == "open"
    assert "Europe/Rome" in one_line(answer(place, "send friday 9:30 Europe/Rome"))
    kept = edition(place)
    assert (kept.state, kept.zone) == ("scheduled", "Europe/Rome")
    with place.app.store.write() as session:
        due = time.time()
        session.execute(update(DraftUnderReview).values(zone="Europe/Atlantis", due=due))
        roster.change_list(roster.get_list(session, NEWS), quiet_hours="22-7")
    scheduled_issues.attend(place.app, lambda: False, now=due + 5)
    assert edition(place).state == "open"
    assert not issues_of(place)
    waits = mails(place)[1][-1]
    assert "An issue that was scheduled waits for your word." in one_line(waits)
    assert "RED: This service does not know" in one_line(waits)
    runner = CliRunner().invoke(
        newsletter,
        ["schedule", NEWS, "-", "friday", "9:30"],
        input="---\nsubject: x\n---\nHi.\n",
        obj=place.app,
    )
    assert "does not know the time zone of news@example.org, Europe/Atlantis" in str(
        runner.exception
    )


def one_line(message: Message) -> str:
    return " ".join(text(message).split())
