"""What somebody muted or follows is in no digest of theirs, and in everybody else's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.digests import digest_making
from listserv.mailings import audience_freezing, digest_windows
from listserv.wiring.listserv_tables import Digest, Post
from mailer.ledger.mailings import Mailing, Recipient
from mailer.reading import addresses
from mailer.reading.headers.head_facts import permalink_hash
from subscriptions.lists.roster import Membership, Rhythm, get_list, membership_of
from subscriptions.membership import thread_wishes
from subscriptions.membership.thread_wishes import WishKind
from tests.place import ANNA, LIST, Place, make_place

FOLLOWS, MUTES, PLAIN, FOLLOWED = (f"{one}@example.net" for one in "fmpw")
FIRST = "post-1@mail.example"  # the ids that a Place gives
ANSWER = f"In-Reply-To: <{FIRST}>\r\nReferences: <{FIRST}>\r\n"


@pytest.fixture
def place(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Make three members with a daily digest, and one who gets threads that they wrote in."""
    monkeypatch.setattr(digest_making, "attend", lambda *_: 0)
    made = make_place(tmp_path, database_url)
    for person in (FOLLOWS, MUTES, PLAIN, FOLLOWED):
        made.add(person)
        with made.app.store.write() as session:
            rhythm = Rhythm.FOLLOWED if person == FOLLOWED else Rhythm.DAILY
            member_of(session, person).rhythm = rhythm
    made.post(ANNA, "How deep do you plant potatoes?")
    yield made
    made.end()


def member_of(session: Session, address: str) -> Membership:
    lst = get_list(session, LIST)
    found = membership_of(session, lst.id, addresses.parse(address).key)
    assert found is not None
    return found


def wish(place: Place, address: str, kind: WishKind) -> None:
    with place.app.store.write() as session:
        newest = session.scalars(select(Post.decided_at).order_by(Post.id.desc())).first() or 0.0
        member = member_of(session, address)
        thread_wishes.wish(session, member, [permalink_hash(FIRST)], kind, newest + 1e-6)


def digests(place: Place) -> dict[str, int]:
    """Make what is due; return how many posts each member's digest holds."""
    with place.app.store.read() as session:
        list_id = get_list(session, LIST).id
        now = session.scalars(select(Post.decided_at)).all()[-1] + 2 * 86400
    found: dict[str, int] = {}
    for mailing in digest_making.make(place.app, list_id, now):
        while audience_freezing.freeze_some(place.app.store, mailing):
            pass
        with place.app.store.read() as session:
            rows = select(Recipient.address).where(Recipient.mailing_id == mailing)
            for address in session.scalars(rows):
                assert address not in found
                found[address] = len(digest_windows.posts_of(session, mailing))
    return found


def single(place: Place) -> list[str]:
    """Return to whom the newest post went by itself, of those four."""
    with place.app.store.read() as session:
        posts = select(Mailing.id).where(Mailing.kind == "post").order_by(Mailing.id.desc())
        newest = session.scalars(posts).first()
        rows = select(Recipient.address).where(Recipient.mailing_id == newest)
        return sorted(set(session.scalars(rows)) & {FOLLOWS, MUTES, PLAIN, FOLLOWED})


def test_a_followed_thread_comes_at_once_and_a_muted_one_in_no_digest(place: Place) -> None:
    wish(place, FOLLOWS, WishKind.FOLLOW)
    wish(place, MUTES, WishKind.MUTE)
    place.post(ANNA, "A hand deep.", ANSWER)
    assert single(place) == [FOLLOWS]
    place.post(ANNA, "Something else.")
    assert digests(place) == {FOLLOWS: 2, MUTES: 2, PLAIN: 3}
    assert digests(place) == {}


def test_a_digest_of_muted_threads_alone_is_none_and_its_days_are_over(place: Place) -> None:
    digests(place)
    wish(place, MUTES, WishKind.MUTE)
    place.post(ANNA, "A hand deep.", ANSWER)
    assert digests(place) == {FOLLOWS: 1, PLAIN: 1}
    with place.app.store.write() as session:
        thread_wishes.wish(session, member_of(session, MUTES), [permalink_hash(FIRST)], None, 4e9)
    assert digests(place) == {}


def test_where_nobody_else_has_a_digest_none_is_made_for_nobody(place: Place) -> None:
    with place.app.store.write() as session:
        for address in (FOLLOWS, PLAIN):
            member_of(session, address).rhythm = Rhythm.EACH
    wish(place, MUTES, WishKind.MUTE)
    place.post(ANNA, "A hand deep.", ANSWER)
    assert digests(place) == {MUTES: 1}
    with place.app.store.read() as session:
        assert len(session.scalars(select(Digest)).all()) == 1


def test_who_wants_followed_threads_gets_those_they_wrote_in_and_no_others(place: Place) -> None:
    assert single(place) == []
    place.post(FOLLOWED, "As deep as you like.", ANSWER)
    place.post(ANNA, "Thank you both.", ANSWER)
    assert single(place) == [FOLLOWED]
    place.post(ANNA, "Something else.")
    assert single(place) == []
    wish(place, FOLLOWED, WishKind.MUTE)
    place.post(ANNA, "One more.", ANSWER)
    assert single(place) == []
