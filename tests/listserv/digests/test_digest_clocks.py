"""Each member's digest comes at their own hour, where they are, whatever the clocks do."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.digests import digest_making
from listserv.mailings import audience_freezing, digest_windows
from listserv.mailings.slots import variant_of
from listserv.wiring.listserv_tables import Digest, Post
from mailer.ledger.mailings import Recipient, composition
from mailer.reading import addresses
from subscriptions.lists import attributes
from subscriptions.lists.roster import Membership, Rhythm, get_list, membership_of
from tests.place import ANNA, LIST, Place, make_place

EARLY, LATE, FAR, FREE = (f"{one}@example.net" for one in ("early", "late", "far", "free"))


@pytest.fixture
def place(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Make four members with a daily digest: at 7, at 18, at 7 in Auckland, and on weekdays."""
    monkeypatch.setattr(digest_making, "attend", lambda *_: 0)  # by the clock of the machine
    made = make_place(tmp_path, database_url)
    made.change(zone="Europe/Stockholm")
    for person in (EARLY, LATE, FAR, FREE):
        made.add(person)
        with made.app.store.write() as session:
            member = member_of(session, person)
            member.rhythm = Rhythm.DAILY
            member.digest_since = at("2026-11-01T00:00+01:00")
            member.digest_hour = 18 if person == LATE else None
            member.digest_weekdays = person == FREE
            if person == FAR:
                attributes.put(session, member.id, attributes.ZONE, "Pacific/Auckland")
    yield made
    made.end()


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def member_of(session: Session, address: str) -> Membership:
    lst = get_list(session, LIST)
    found = membership_of(session, lst.id, addresses.parse(address).key)
    assert found is not None
    return found


def post(place: Place, when: str) -> None:
    place.post(ANNA, f"Written at {when}?")
    with place.app.store.write() as session:
        newest = session.scalars(select(Post).order_by(Post.id.desc())).first()
        assert newest is not None
        newest.decided_at = at(when)


def make(place: Place, now: str) -> dict[str, list[str]]:
    """Make what is due; return for each member who got a digest the times of its posts."""
    with place.app.store.read() as session:
        list_id = get_list(session, LIST).id
    found: dict[str, list[str]] = {}
    for mailing in digest_making.make(place.app, list_id, at(now)):
        while audience_freezing.freeze_some(place.app.store, mailing):
            pass
        with place.app.store.read() as session:
            posts = digest_windows.posts_of(session, mailing)
            held = session.scalars(
                select(Post.decided_at).where(Post.id.in_(posts)).order_by(Post.decided_at)
            )
            days = [datetime.fromtimestamp(one).astimezone().isoformat() for one in held]
            rows = select(Recipient.address).where(Recipient.mailing_id == mailing)
            for address in session.scalars(rows):
                found.setdefault(address, []).extend(days)
    return found


def many(made: dict[str, list[str]]) -> dict[str, int]:
    return {address: len(posts) for address, posts in made.items()}


def test_each_member_has_an_hour_and_a_zone_of_their_own(place: Place) -> None:
    post(place, "2026-11-27T06:30+01:00")  # a Friday
    assert many(make(place, "2026-11-27T06:59+01:00")) == {}
    assert many(make(place, "2026-11-27T07:00+01:00")) == {EARLY: 1, FREE: 1}
    post(place, "2026-11-27T12:00+01:00")
    assert many(make(place, "2026-11-27T18:00+01:00")) == {LATE: 2}
    assert many(make(place, "2026-11-27T19:00+01:00")) == {FAR: 2}  # Saturday, 7:00, there
    assert many(make(place, "2026-11-28T07:00+01:00")) == {EARLY: 1}
    assert many(make(place, "2026-11-30T07:00+01:00")) == {FREE: 1}


def test_a_digest_of_an_hour_is_written_in_the_readers_zone(place: Place) -> None:
    post(place, "2026-11-27T12:00+01:00")
    make(place, "2026-11-28T20:00+01:00")
    english = variant_of("en", named=False, filled=False)
    with place.app.store.read() as session:
        far = select(Recipient.mailing_id).where(Recipient.address == FAR)
        made = composition(session, session.scalars(far).all()[-1], english)
    assert made is not None
    text = b"".join(made.parts).decode()
    assert "00:00 (Pacific/Auckland)" in text


def test_a_machine_that_was_off_for_two_days_sends_one_digest(place: Place) -> None:
    for day in (24, 25, 26):
        post(place, f"2026-11-{day}T12:00+01:00")
    assert many(make(place, "2026-11-27T12:00+01:00")) == {EARLY: 3, LATE: 3, FAR: 3, FREE: 3}
    with place.app.store.read() as session:
        assert len(session.scalars(select(Digest)).all()) == len({EARLY, LATE, FAR, FREE})


@pytest.mark.parametrize("hour", [2, 3])
@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_the_days_with_23_and_25_hours_have_one_digest_and_lose_nothing(
    place: Place, day: str, hour: int
) -> None:
    with place.app.store.write() as session:
        for member in session.scalars(select(Membership)):
            member.digest_since = at(f"{day}T12:00+00:00") - 2 * 86400
            member.digest_hour = hour
    middle = at(f"{day}T00:00+00:00")
    times = [middle + 3 * 5400 * step for step in range(-4, 6)]
    for when in times:
        post(place, datetime.fromtimestamp(when).astimezone().isoformat())
    got: list[str] = []
    days: list[int] = []
    for step in range(-24, 72):
        now = datetime.fromtimestamp(middle + 1800 + 3600 * step).astimezone().isoformat()
        found = make(place, now).get(EARLY, [])
        got += found
        days += [step] if found else []
    assert sorted(got) == sorted(
        datetime.fromtimestamp(when).astimezone().isoformat() for when in times
    )
    assert {b - a for a, b in pairwise(days)} <= {22, 23, 24, 25, 26}


def test_a_member_who_moves_gets_each_post_once(place: Place) -> None:
    got = 0
    for number, zone in enumerate(("Pacific/Auckland", "America/Los_Angeles", "", "Asia/Tokyo")):
        with place.app.store.write() as session:
            attributes.put(session, member_of(session, EARLY).id, attributes.ZONE, zone)
        for hour in range(0, 24, 6):
            post(place, f"2026-11-{10 + number}T{hour:02}:30+00:00")
            made = make(place, f"2026-11-{10 + number}T{hour + 3:02}:30+00:00")
            got += len(made.get(EARLY, ()))
    got += len(make(place, "2026-11-20T12:00+00:00").get(EARLY, ()))
    assert got == 4 * 4


def test_who_left_is_no_reason_for_a_digest_and_begins_anew(place: Place) -> None:
    with place.app.store.write() as session:
        for member in session.scalars(select(Membership)):
            if member.rhythm is Rhythm.DAILY:
                member.state = "left"
    post(place, "2026-11-27T06:30+01:00")
    assert make(place, "2026-11-28T20:00+01:00") == {}
    with place.app.store.read() as session:
        assert session.scalars(select(Digest)).all() == []
