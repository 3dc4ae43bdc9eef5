"""Who decides what waits: held posts and requests to join, whichever door asks."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from listserv.actions import lists, members, queue
from listserv.actions.call import OPERATOR, Actor, Call
from listserv.actions.members import AdmitMember
from listserv.actions.permissions import NotPermitted, Proven
from listserv.actions.queue import DecideHold
from listserv.cli.members import members as command
from listserv.wiring.listserv_tables import Hold
from mailer.errors import Refused
from subscriptions.lists.roster import Join, Role
from subscriptions.permission.consent import Source
from tests.place import ANNA, EVE, LIST, MODERATOR, Place, make_place, subject, text


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def asks_by(place: Place, address: str) -> Call:
    return Call(place.app, Actor(Source.MAIL, Proven.TOKEN, address), time.time())


def test_an_editor_decides_what_waits_for_editors_and_nothing_else(place: Place) -> None:
    place.role(ANNA, Role.EDITOR)
    place.post(EVE)
    with pytest.raises(NotPermitted):
        queue.release(asks_by(place, ANNA), DecideHold(place.hold().arrival_id))
    with place.app.store.write() as session:
        session.scalars(select(Hold)).one().rules = '["editors-only"]'
    queue.drop(asks_by(place, ANNA), DecideHold(place.hold().arrival_id))
    with pytest.raises(Refused):
        queue.drop(asks_by(place, ANNA), DecideHold(place.hold().arrival_id))


def test_a_decision_by_mail_stands_in_the_history_as_one_by_command_does(place: Place) -> None:
    place.post(EVE)
    place.reply(place.mails(MODERATOR)[0], "no")
    (line,) = lists.history(Call(place.app, OPERATOR, time.time()), LIST)
    assert (line.action, line.role, line.proven, line.door) == (
        "queue refuse",
        "moderator",
        "token",
        "mail",
    )
    assert line.by == MODERATOR
    assert EVE not in line.detail


def test_nobody_but_who_looks_after_the_list_lets_somebody_in(place: Place) -> None:
    wait_for_owner(place)
    with pytest.raises(NotPermitted):
        members.admit(asks_by(place, ANNA), AdmitMember(LIST, EVE))
    members.admit(asks_by(place, MODERATOR), AdmitMember(LIST, EVE))
    assert subject(place.mails(EVE)[-1]) == "Welcome to Friends"
    with pytest.raises(Refused):
        members.admit(asks_by(place, MODERATOR), AdmitMember(LIST, EVE))


def test_a_request_to_join_is_turned_down_by_command_and_everybody_hears_it(place: Place) -> None:
    wait_for_owner(place)
    words = ["admit", LIST, EVE, "--refuse", "--reason", "For neighbours only."]
    rehearsed = CliRunner().invoke(command, [*words, "--dry-run"], obj=place.app)
    assert rehearsed.output == f"Turn away {EVE} (nothing was done)\n"
    done = CliRunner().invoke(command, [*words, "--yes"], obj=place.app)
    assert done.output == f"{EVE} is turned away.\n"
    assert "For neighbours only." in text(place.mails(EVE)[-1])
    assert EVE in text(place.mails(MODERATOR)[-1])


def wait_for_owner(place: Place) -> None:
    place.change(join=Join.APPROVE)
    place.write(EVE, "friends-join@example.org")
    place.reply(place.mails(EVE)[-1], "yes", sender=EVE)
