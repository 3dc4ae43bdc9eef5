"""A digest that is cut off anywhere is gone on with: each member once, and none without it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from listserv.digests import digest_making
from listserv.mailings import audience_freezing, digest_windows
from mailer.ledger.mailings import Mailing, Recipient
from subscriptions.lists.roster import Membership, Rhythm, get_list
from tests.place import ANNA, LIST, Place, make_place

PEOPLE = [f"p{number}@example.net" for number in range(5)]
DAY = 86400.0


@pytest.fixture
def place(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Make a list with five members who have a daily digest, and one post for them."""
    monkeypatch.setattr(audience_freezing, "POUR", 2)
    made = make_place(tmp_path, database_url)
    for person in PEOPLE:
        made.add(person)
    with made.app.store.write() as session:
        for member in session.scalars(select(Membership).order_by(Membership.id)).all()[-5:]:
            member.rhythm = Rhythm.DAILY
    made.post(ANNA, "How deep do you plant potatoes?")
    yield made
    made.end()


def make(place: Place) -> list[int]:
    with place.app.store.read() as session:
        list_id = get_list(session, LIST).id
    return digest_making.make(place.app, list_id, time.time() + 2 * DAY)


def entered(place: Place) -> list[str]:
    with place.app.store.read() as session:
        rows = select(Recipient.address).join(Mailing, Mailing.id == Recipient.mailing_id)
        return sorted(session.scalars(rows.where(Mailing.kind == digest_windows.KIND)))


def freeze(place: Place, mailing: int) -> None:
    while audience_freezing.freeze_some(place.app.store, mailing):
        pass


def test_a_digest_that_is_still_being_entered_is_not_made_again(place: Place) -> None:
    (mailing,) = make(place)
    assert audience_freezing.freeze_some(place.app.store, mailing)
    assert make(place) == []
    freeze(place, mailing)
    assert entered(place) == PEOPLE
    assert make(place) == []


def test_a_piece_that_is_cut_off_moves_nobody_and_enters_nobody(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mailing,) = make(place)

    def cut(*_: object) -> None:
        raise RuntimeError("the plug")

    with monkeypatch.context() as patched:
        patched.setattr(digest_windows, "close", cut)
        with pytest.raises(RuntimeError, match="the plug"):
            freeze(place, mailing)
    freeze(place, mailing)
    assert entered(place) == PEOPLE
    assert make(place) == []


def test_who_is_paused_is_passed_over_and_begins_anew(place: Place) -> None:
    with place.app.store.write() as session:
        member = session.scalars(select(Membership).order_by(Membership.id.desc())).first()
        assert member is not None
        member.paused_until = time.time() + 30 * DAY
    (mailing,) = make(place)
    freeze(place, mailing)
    assert entered(place) == PEOPLE[:-1]
    with place.app.store.write() as session:
        session.get_one(Membership, member.id).paused_until = None
    assert make(place) == []


def test_a_short_list_is_entered_and_opened_in_one_go_and_a_cut_leaves_it_whole(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience_freezing, "POUR", 4000)
    (mailing,) = make(place)

    def cut(*_: object, **__: object) -> None:
        raise RuntimeError("the plug")

    with monkeypatch.context() as patched:
        patched.setattr(audience_freezing, "open_mailing", cut)
        with pytest.raises(RuntimeError, match="the plug"):
            freeze(place, mailing)
    assert entered(place) == []
    assert not audience_freezing.freeze_some(place.app.store, mailing)
    assert entered(place) == PEOPLE
    with place.app.store.read() as session:
        assert session.get_one(Mailing, mailing).audience == len(PEOPLE)
    assert make(place) == []
