"""A real community replayed with its dates: each member has each post they should, once."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import select

from listserv.digests import digest_making
from listserv.mailings import digest_windows
from listserv.posts.list_claims import ListClaims
from listserv.reception import sorter
from listserv.wiring.listserv_tables import Post
from mailer.ledger.mailings import Mailing, Recipient
from mailer.reading import addresses, message
from mailer.reading.mbox import open_mail_file, read_mbox
from mailer.storage import arrivals
from mailer.storage.arrivals import Incoming
from subscriptions.lists import attributes
from subscriptions.lists.policies import PostPolicy
from subscriptions.lists.roster import Rhythm, get_list, membership_of
from subscriptions.membership import changes
from subscriptions.membership.changes import ChangeContext, DigestChange
from tests.place import LIST, NOTE, Place, make_place

HOUR = 3600.0
ZONES = ("", "Europe/Rome", "Pacific/Auckland", "America/Los_Angeles")
KINDS = (Rhythm.EACH, Rhythm.DAILY, Rhythm.WEEKLY, Rhythm.FIRST, Rhythm.FOLLOWED)


class Year:
    """A list whose clock is the community's: who had which rhythm since when."""

    def __init__(self, place: Place, people: int, chance: random.Random) -> None:
        self.place, self.chance = place, chance
        self.people = [f"member{number}@example.net" for number in range(people)]
        self.said: dict[str, list[tuple[float, Rhythm]]] = {}
        for person in self.people:
            place.add(person)
            self.choose(person)

    def choose(self, person: str) -> None:
        """Let a member choose another rhythm, hour, zone and weekends, at this moment."""
        rhythm, now = self.chance.choice(KINDS), time.time()
        with self.place.app.store.write() as session:
            lst = get_list(session, LIST)
            member = membership_of(session, lst.id, addresses.parse(person).key)
            assert member is not None
            desk = ChangeContext(session, lst, self.place.app.keyring, NOTE, now)
            changes.change_rhythm(desk, member, rhythm)
            hour, weekdays = self.chance.choice((-1, 0, 7, 18)), self.chance.random() < 0.3
            changes.change_digest(desk, member, DigestChange(hour=hour, weekdays=weekdays))
            attributes.put(session, member.id, attributes.ZONE, self.chance.choice(ZONES))
        self.said.setdefault(person, []).append((now, rhythm))

    def digests(self) -> None:
        digest_making.attend(self.place.app, time.time(), ListClaims(self.place.app.store))
        while sorter.freeze(self.place.app):
            pass

    def take(self, raw: bytes) -> None:
        with self.place.app.store.write() as session:
            mail = Incoming(
                "writer@mail.example", (LIST,), raw, "192.0.2.9", "h", "ESMTP", time.time()
            )
            arrivals.keep(session, [mail])
        sorter.sort(self.place.app, lambda: False)

    def should(self) -> dict[str, Counter[int]]:
        """Return which posts each member should have, by what they had said before each."""
        wanted = select(Post.id, Post.decided_at, Post.begins).where(Post.mailing_id.is_not(None))
        with self.place.app.store.read() as session:
            posts = session.execute(wanted).all()
        found: dict[str, Counter[int]] = {person: Counter() for person in self.people}
        for person, said in self.said.items():
            for post, decided_at, begins in posts:
                rhythm = [one for at, one in said if at < decided_at][-1]
                wants = rhythm is Rhythm.FIRST and begins
                if wants or rhythm in {Rhythm.EACH, Rhythm.DAILY, Rhythm.WEEKLY}:
                    found[person][post] += 1
        return found

    def have(self) -> dict[str, Counter[int]]:
        """Return which posts each member has, in mails and in digests."""
        found: dict[str, Counter[int]] = {person: Counter() for person in self.people}
        with self.place.app.store.read() as session:
            rows = session.execute(select(Post.mailing_id, Post.id))
            posts = {row.mailing_id: row.id for row in rows}
            for mailing in session.scalars(select(Mailing)).all():
                held = [posts[mailing.id]] if mailing.id in posts else []
                if mailing.kind == digest_windows.KIND:
                    held = digest_windows.posts_of(session, mailing.id)
                theirs = select(Recipient.address).where(Recipient.mailing_id == mailing.id)
                for address in session.scalars(theirs):
                    if address in found:
                        found[address].update(held)
        return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the machine's clock say what the test says."""
    now = [1e9]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


@pytest.fixture
def place(tmp_path: Path, database_url: str, clock: list[float]) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    made.change(zone="Europe/Stockholm", post=PostPolicy.ANYONE)
    yield made
    made.end()


def dated(corpora: Path) -> Iterator[tuple[float, bytes]]:
    """Yield the community's mails, each with when it was written."""
    with open_mail_file(corpora / "community" / "speakup.mbox.xz") as file:
        for one in read_mbox(file):
            try:
                when = parsedate_to_datetime(message.head(one.raw).text("date")).timestamp()
            except (TypeError, ValueError):
                continue
            yield when, one.raw


@pytest.mark.parametrize(
    ("mails", "people"),
    [(40, 25), pytest.param(1_967, 200, marks=[pytest.mark.journey, pytest.mark.timeout(7200)])],
)
def test_every_member_of_a_real_community_has_each_post_once(
    place: Place, clock: list[float], corpora: Path, mails: int, people: int
) -> None:
    chance = random.Random(15)  # noqa: S311 - the same choices each time
    some = sorted(islice(dated(corpora), mails), key=lambda one: one[0])
    clock[0] = some[0][0] - HOUR
    year = Year(place, people, chance)
    for number, (when, raw) in enumerate(some):
        while clock[0] + 6 * HOUR < when:
            clock[0] += chance.choice((1, 6, 6, 6, 50)) * HOUR  # sometimes the machine is off
            clock[0] = min(clock[0], when)
            year.digests()
        clock[0] = max(clock[0] + 1, when)
        year.take(raw)
        if number % 7 == 0:
            clock[0] += 1
            year.choose(chance.choice(year.people))
    for _ in range(10):
        clock[0] += 24 * HOUR
        year.digests()
    have = year.have()
    assert sum(map(len, have.values())) > mails
    should = year.should()
    wrong = {
        person: (have[person] - should[person], should[person] - have[person])
        for person in year.people
        if have[person] != should[person]
    }
    assert not wrong
