"""The line of a change: with it in one transaction, and of nobody once they are forgotten."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from listserv.actions import lists, members, people
from listserv.actions.call import OPERATOR, Call
from listserv.actions.lists import SetList
from listserv.actions.members import AddMember
from listserv.actions.people import ForgetPerson
from mailer.errors import BadInput
from mailer.reading.addresses import parse
from subscriptions.membership.members import Candidate
from subscriptions.permission.consent import ConsentNote, Source
from tests.place import ANNA, LIST, OWNER, Place, make_place

REQUEST = "friends-request@example.org"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def test_what_is_changed_by_a_command_and_by_mail_stands_in_the_lists_history(
    place: Place,
) -> None:
    place.write(OWNER, REQUEST, "title: Friends of the garden")
    place.reply(place.mails(OWNER)[-1], "yes", OWNER)
    place.write(OWNER, REQUEST, f"remove {ANNA}")
    place.reply(place.mails(OWNER)[-1], "yes", OWNER)
    call = Call(place.app, OPERATOR, time.time())
    lists.set_(call, SetList(LIST, {"emergency": True}))
    newest, removed, titled = lists.history(call, LIST)[:3]
    assert (newest.action, newest.role, newest.by) == ("list set", "operator", "")
    assert newest.detail == "emergency: False -> True"
    assert (removed.action, removed.by, removed.proven) == ("member remove", OWNER, "token")
    assert titled.detail == "title: Friends -> Friends of the garden"
    assert titled.door == "mail"


def test_what_is_refused_rehearsed_or_so_already_leaves_no_line(place: Place) -> None:
    call = Call(place.app, OPERATOR, time.time())
    with pytest.raises(BadInput):
        lists.set_(call, SetList(LIST, {"theme": "nosuch"}))
    lists.set_(call, SetList(LIST, {"title": "Other"}, dry_run=True))
    lists.set_(call, SetList(LIST, {"emergency": False}))
    note = ConsentNote("said so", Source.CLI)
    members.add(call, AddMember(LIST, Candidate(parse(ANNA), consent=note)))
    assert lists.history(call, LIST) == []


def test_a_change_stays_in_the_history_when_who_asked_is_forgotten(place: Place) -> None:
    place.write(OWNER, REQUEST, "title: Friends of the garden")
    place.reply(place.mails(OWNER)[-1], "yes", OWNER)
    call = Call(place.app, OPERATOR, time.time())
    people.forget(call, ForgetPerson(OWNER))
    titled = lists.history(call, LIST)[-1]
    assert (titled.action, titled.role, titled.by) == ("list set", "owner", "")
