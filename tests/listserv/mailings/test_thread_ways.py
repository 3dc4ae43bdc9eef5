"""A muted thread is silent, a followed one comes at once, whatever the archive does with it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from listserv.mailings import audience_freezing, thread_ways
from listserv.wiring.listserv_tables import Post
from mailer.ledger.mailings import Mailing, Recipient
from mailer.reading.headers.head_facts import permalink_hash
from subscriptions.lists.roster import (
    ArchivePolicy,
    Person,
    Rhythm,
    get_list,
    membership_of,
)
from subscriptions.membership import personal_data, thread_wishes
from subscriptions.membership.thread_wishes import ThreadWish, WishKind
from tests.place import ANNA, LIST, MODERATOR, NOTE, OWNER, Place, make_place

BO, EVA = "bo@example.com", "eva@example.com"
FIRST = "post-1@mail.example"
ANSWER = f"In-Reply-To: <{FIRST}>\r\n"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    made.add(BO)
    made.add(EVA)
    yield made
    made.end()


def want(place: Place, who: str, kind: WishKind | None, *, named: bool = False) -> None:
    """Let somebody want this of the thread of the first post."""
    with place.app.store.write() as session:
        lst = get_list(session, LIST)
        member = membership_of(session, lst.id, who)
        assert member is not None
        thread = thread_ways.of_ids(session, lst.id, [FIRST])
        assert thread is not None
        hashes = thread_ways.hashes_of(session, lst.id, thread)
        thread_wishes.wish(session, member, hashes, kind, time.time(), named=named)


def rhythm(place: Place, who: str, wanted: Rhythm, name: str = "") -> None:
    with place.app.store.write() as session:
        member = membership_of(session, get_list(session, LIST).id, who)
        assert member is not None
        member.rhythm = wanted
        session.get_one(Person, member.person_id).name = name


def readers(place: Place) -> list[set[str]]:
    """Return who gets each post, oldest first."""
    with place.app.store.read() as session:
        posts = session.scalars(
            select(Mailing.id).where(Mailing.kind == "post").order_by(Mailing.id)
        )
        return [
            set(session.scalars(select(Recipient.address).where(Recipient.mailing_id == one)))
            for one in posts
        ]


ALL = {ANNA, BO, EVA, MODERATOR, OWNER}


@pytest.mark.parametrize("kept", [ArchivePolicy.PUBLIC, ArchivePolicy.NONE])
def test_a_muted_thread_is_silent_for_who_muted_it_and_other_threads_are_not(
    place: Place, kept: ArchivePolicy
) -> None:
    place.change(archive=kept)
    place.post(ANNA)
    want(place, BO, WishKind.MUTE)
    place.post(EVA, more=ANSWER)
    place.post(ANNA, more="References: <post-2@mail.example>\r\n")
    place.post(ANNA, "Something else.")
    want(place, BO, None)
    place.post(EVA, more=ANSWER)
    assert readers(place) == [ALL, ALL - {BO}, ALL - {BO}, ALL, ALL]


def test_a_large_audience_is_muted_in_each_of_its_pieces(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience_freezing, "PIECE", 1)
    monkeypatch.setattr(audience_freezing, "POUR", 2)
    place.post(ANNA)
    want(place, EVA, WishKind.MUTE)
    rhythm(place, BO, Rhythm.WEEKLY)
    want(place, BO, WishKind.FOLLOW)
    place.post(ANNA, more=ANSWER)
    assert readers(place)[1] == ALL - {EVA}


@pytest.mark.parametrize("wanted", [Rhythm.DAILY, Rhythm.WEEKLY, Rhythm.FIRST])
def test_a_followed_thread_comes_at_once_and_is_passed_over_in_the_digest(
    place: Place, wanted: Rhythm
) -> None:
    place.post(ANNA)
    rhythm(place, BO, wanted)
    want(place, BO, WishKind.FOLLOW)
    place.post(EVA, more=ANSWER)
    place.post(EVA, more="In-Reply-To: <elsewhere@mail.example>\r\n")
    assert [BO in some for some in readers(place)] == [True, True, False]
    with place.app.store.read() as session:
        lst = get_list(session, LIST)
        member = membership_of(session, lst.id, BO)
        assert member is not None
        posts = list(session.scalars(select(Post.id).order_by(Post.id)))
        assert thread_ways.passed_over(session, lst.id, posts) == {member.id: {posts[1]}}


def test_a_mute_wakes_when_its_member_is_named_if_they_want_that(place: Place) -> None:
    place.post(ANNA)
    rhythm(place, BO, Rhythm.EACH, name="Bo Ek")
    want(place, BO, WishKind.MUTE, named=True)
    want(place, EVA, WishKind.MUTE)
    place.post(ANNA, "Write to bo@example.com, Bo knows.", more=ANSWER)
    place.post(ANNA, "What do you say, @Bo? And @eva?", more=ANSWER)
    place.post(ANNA, "I see.", more=ANSWER)
    assert [BO in some for some in readers(place)] == [True, False, True, True]
    assert [EVA in some for some in readers(place)] == [True, False, False, False]


def test_a_wish_goes_where_its_mail_goes_when_threads_become_one(place: Place) -> None:
    """The second thread's first mail turns out to answer one of the muted thread's."""
    place.post(ANNA)
    want(place, BO, WishKind.MUTE)
    place.post(EVA, more="In-Reply-To: <late@mail.example>\r\n")
    late = (
        f"From: {ANNA}\r\nTo: {LIST}\r\nSubject: News\r\n{ANSWER}"
        "Message-ID: <late@mail.example>\r\n\r\nI come late.\r\n"
    )
    place.take(late.encode(), ANNA, LIST)
    place.post(EVA, more="In-Reply-To: <post-2@mail.example>\r\n")
    assert [BO in some for some in readers(place)] == [True, True, False, False]


def test_wishes_stand_in_the_export_and_go_with_their_member(place: Place) -> None:
    place.post(ANNA)
    want(place, BO, WishKind.MUTE, named=True)
    with place.app.store.read() as session:
        found = personal_data.open_dossier(session, place.app.keyring, BO, time.time())
    (told,) = found.memberships[0].threads
    assert (told["mail"], told["wish"], told["unless_named"], told["until"]) == (
        permalink_hash(FIRST), "mute", True, None,
    )  # fmt: skip
    with place.app.store.write() as session:
        personal_data.forget(session, place.app.keyring, BO, note=NOTE, now=time.time())
        assert session.scalar(select(func.count()).select_from(ThreadWish)) == 0
