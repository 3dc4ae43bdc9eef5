"""What is somebody's own: shown by a link or by their own domain, and nobody else's to change."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from listserv.actions import lists
from listserv.actions.call import OPERATOR, Actor, Call
from listserv.actions.links import DeadLink, MailedLink
from listserv.actions.own import own_membership
from listserv.actions.own.own_membership import PauseOwn
from listserv.actions.permissions import NotPermitted, Proven
from listserv.letters.request import AnswerProof
from mailer.reading.addresses import parse
from subscriptions.lists import roster
from subscriptions.permission import asks
from subscriptions.permission.asks import AskPurpose
from subscriptions.permission.consent import Source
from tests.place import ANNA, LIST, OWNER, Place, make_place

OTHER = "garden@example.org"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def asks_by(place: Place, address: str, proven: Proven) -> Call:
    by = Actor(Source.MAIL, proven, address)
    return Call(place.app, by, time.time(), evidence=AnswerProof(Source.MAIL, "command"))


def state(place: Place, address: str) -> str:
    with place.app.store.read() as session:
        lst = roster.get_list(session, LIST)
        member = roster.membership_of(session, lst.id, address)
        assert member is not None
        return member.state.value


def test_a_from_line_changes_nothing_and_a_members_own_domain_is_enough(place: Place) -> None:
    wanted = PauseOwn(MailedLink(LIST), None)
    with pytest.raises(NotPermitted):
        own_membership.pause(asks_by(place, ANNA, Proven.NONE), wanted)
    assert state(place, ANNA) == "active"
    own_membership.pause(asks_by(place, ANNA, Proven.ALIGNED), wanted)
    assert state(place, ANNA) == "paused"


def test_who_looks_after_a_list_and_who_wants_to_be_forgotten_answer_a_mail_of_ours(
    place: Place,
) -> None:
    with pytest.raises(NotPermitted):
        own_membership.pause(
            asks_by(place, OWNER, Proven.ALIGNED), PauseOwn(MailedLink(LIST), None)
        )
    with pytest.raises(NotPermitted):
        own_membership.forget(asks_by(place, ANNA, Proven.ALIGNED), MailedLink(LIST))
    assert (state(place, OWNER), state(place, ANNA)) == ("active", "active")


def test_a_link_opens_the_list_that_it_was_mailed_for_and_no_other(place: Place) -> None:
    with place.app.store.write() as session:
        roster.create_list(session, OTHER, now=1e9)
        lst = roster.get_list(session, LIST)
        member = roster.membership_of(session, lst.id, ANNA)
        assert member is not None
        token = asks.open_ask(
            session, AskPurpose.ME, list_id=lst.id, to=parse(ANNA), now=time.time(), ref=member.id
        )
    visitor = Call(place.app, Actor(Source.WEB, Proven.NONE), time.time())
    assert own_membership.show(visitor, MailedLink(LIST, token)).given == ANNA
    with pytest.raises(DeadLink):
        own_membership.show(visitor, MailedLink(OTHER, token))
    own_membership.pause(visitor, PauseOwn(MailedLink(LIST, token), None))
    assert state(place, ANNA) == "paused"
    assert lists.history(Call(place.app, OPERATOR, time.time()), LIST) == []
