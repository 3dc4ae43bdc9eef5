"""Several sort: each list is one sorter's at a time, and what it gets stays in order."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from listserv.digests import digest_making
from listserv.posts.list_claims import ListClaim, ListClaims
from listserv.reception import deciding, post_groups, posting, sorter
from listserv.reception.post_judging import ArrivedPost, JudgedPost
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Hold, Post, SortedList
from mailer.errors import Temporary
from mailer.ledger.mailings import Mailing, MailingState, Recipient
from mailer.storage import arrivals
from mailer.storage.arrivals import Arrival, ArrivalState, Incoming
from subscriptions.lists import roster
from subscriptions.lists.roster import MailList, Membership, Rhythm
from tests.place import ANNA, LIST, Place, Silent, make_place
from tests.tree import wait_for

OTHERS = ("birds@example.org", "bees@example.org", "trees@example.org")
CLIENT = "192.0.2.9"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make four lists with one member each."""
    made = make_place(tmp_path, database_url)
    for other in OTHERS:
        with made.app.store.write() as session:
            roster.create_list(session, other, now=1.0)
        made.add(ANNA, lst=other)
    yield made
    made.end()


def raw(number: int, to: str, text: str = "Hello.") -> bytes:
    return (
        f"From: {ANNA}\r\nTo: {to}\r\nSubject: Post {number}\r\n"
        f"Message-ID: <{number}@mail.example>\r\n\r\n{text} {number}\r\n"
    ).encode()


def come(place: Place, *to: str, first: int = 0) -> None:
    came = [
        Incoming(ANNA, (one,), raw(number, one), CLIENT, "h", "ESMTP", 1e9)
        for number, one in enumerate(to, first)
    ]
    with place.app.store.write() as session:
        arrivals.keep(session, came)


def decided(place: Place) -> list[str]:
    """Return who was written to, in the order of the decisions."""
    with place.app.store.read() as session:
        found = select(Arrival.recipient).join(Post, Post.arrival_id == Arrival.id)
        return list(session.scalars(found.order_by(Post.id)))


def waiting(place: Place) -> list[tuple[str, int]]:
    with place.app.store.read() as session:
        return [(row.recipient, row.attempts) for row in arrivals.next_new(session, 99)]


def sort(place: Place) -> bool:
    return sorter.sort(place.app, lambda: False)


def test_what_another_has_in_hand_is_left_to_it_and_counts_no_attempt(place: Place) -> None:
    come(place, LIST, OTHERS[0], LIST)
    with ListClaims(place.app.store).holding(LIST):
        assert not sort(place)  # nobody is called for what somebody has
        assert decided(place) == [OTHERS[0]]
        assert waiting(place) == [(LIST, 0), (LIST, 0)]
    sort(place)
    assert decided(place) == [OTHERS[0], LIST, LIST]


def test_a_second_sorter_takes_posts_and_leaves_all_else_to_the_first(place: Place) -> None:
    join = "birds-join@example.org"
    come(place, LIST, join)
    with place.app.store.alone("sort") as first:
        assert first
        sort(place)
        assert decided(place) == [LIST]
        assert waiting(place) == [(join, 0)]
    sort(place)
    assert waiting(place) == []


def test_half_of_the_lists_are_left_to_a_second_sorter(place: Place) -> None:
    come(place, *(2 * [LIST, *OTHERS]))
    rung: list[str] = []
    held: list[frozenset[str]] = []

    class Listening(Silent):
        def ring(self, name: str) -> bool:
            rung.append(name)
            with place.app.store.read() as session:
                held.append(ListClaims(place.app.store).busy(session))
            return True

    place.app.__dict__["bells"] = Listening()
    sort(place)
    assert rung[0] == "sort"
    assert len(held[0]) == 2


def test_two_sorters_keep_each_lists_order_and_decide_each_post_once(place: Place) -> None:
    come(place, *(15 * [LIST, *OTHERS]))
    apps = [place.app]
    for _ in range(2):
        apps.append(App(place.app.settings))
        apps[-1].__dict__["bells"] = Silent()
    done = threading.Event()

    def work(app: App) -> None:
        while not done.is_set():
            sorter.sort(app, done.is_set)

    threads = [threading.Thread(target=work, args=(app,)) for app in apps]
    for thread in threads:
        thread.start()
    try:
        wait_for("all to be decided", lambda: not waiting(place))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    for app in apps[1:]:
        app.__dict__.pop("bells")
        app.close()
    with place.app.store.read() as session:
        rows = session.execute(select(Post.list_id, Post.arrival_id).order_by(Post.decided_at))
        orders = defaultdict(list)
        for row in rows:
            orders[row.list_id].append(row.arrival_id)
        states = session.scalars(select(Mailing.state)).all()
        tries = session.scalars(select(Arrival.attempts)).all()
    assert [len(order) for order in orders.values()] == [15] * 4
    assert all(order == sorted(order) for order in orders.values())
    assert Counter(states) == {MailingState.SENDING: 60}
    assert set(tries) == {1}


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the posts of each transaction."""
    found: list[int] = []
    write = posting.write

    def counted(app: App, claim: ListClaim, some: list[JudgedPost]) -> None:
        write(app, claim, some)
        found.append(len(some))

    monkeypatch.setattr(posting, "write", counted)
    return found


def test_posts_of_one_list_are_decided_several_in_a_transaction(
    place: Place, groups: list[int]
) -> None:
    come(place, *(10 * [LIST]))
    sort(place)
    assert groups == [post_groups.TOGETHER, 10 - post_groups.TOGETHER]
    with place.app.store.read() as session:
        assert set(session.scalars(select(Mailing.audience))) == {3}
        assert session.scalar(select(func.count()).select_from(Recipient)) == 30
        moments = session.scalars(select(Post.decided_at).order_by(Post.id)).all()
    assert sorted(set(moments)) == moments  # no two at once: a digest goes up to a moment


def test_the_same_post_twice_in_one_handful_goes_out_once(place: Place) -> None:
    came = [Incoming(ANNA, (LIST,), raw(1, LIST), CLIENT, "h", "ESMTP", 1e9)] * 2
    with place.app.store.write() as session:
        arrivals.keep(session, came)
    come(place, LIST, first=2)
    sort(place)
    with place.app.store.read() as session:
        rules = session.scalars(select(Post.rules).order_by(Post.id)).all()
        assert rules == ["[]", '["duplicate"]', "[]"]
        assert session.scalar(select(func.count()).select_from(Mailing)) == 2


def test_of_posts_that_are_written_together_the_broken_one_alone_waits_for_a_human(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = posting._compose

    def broken(
        app: App,
        session: Session,
        lst: MailList,
        judged: JudgedPost,
        hash_: str,
        own: frozenset[str],
    ) -> object:
        if judged.reading.message_id == "3@mail.example":
            raise ZeroDivisionError("a bug of ours")
        return compose(app, session, lst, judged, hash_, own)

    monkeypatch.setattr(posting, "_compose", broken)
    come(place, *(6 * [LIST]))
    for _ in range(sorter.MAX_TRIES):
        sorter._sorters.clear()  # a message that failed comes again when all is read anew
        sort(place)
    assert len(decided(place)) == 5
    with place.app.store.read() as session:
        hold = session.scalars(select(Hold)).one()
        assert "a bug of ours" in hold.detail
        tries = session.scalars(select(Arrival.attempts).where(Arrival.state == ArrivalState.DONE))
        assert set(tries) == {1}


def test_a_list_that_was_lost_meanwhile_is_decided_by_who_has_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(place, LIST, LIST)
    other = ListClaims(place.app.store)
    judge_all = deciding.post_judging.judge_all

    def slow(app: App, claim: ListClaim, posts: list[ArrivedPost]) -> list[JudgedPost]:
        judged = judge_all(app, claim, posts)
        with app.store.write() as session:
            session.execute(update(SortedList).values(until=1.0))
            assert other.take(session, [LIST])
        return judged

    with monkeypatch.context() as patched:
        patched.setattr(deciding.post_judging, "judge_all", slow)
        with pytest.raises(Temporary):
            sort(place)
    assert decided(place) == []
    assert waiting(place) == [(LIST, 0), (LIST, 0)]
    with place.app.store.write() as session:
        session.execute(update(SortedList).values(until=1.0))
    sort(place)
    assert decided(place) == [LIST, LIST]


def test_a_digest_is_made_by_who_has_its_list_and_misses_no_post(place: Place) -> None:
    with place.app.store.write() as session:
        session.execute(update(Membership).values(rhythm=Rhythm.DAILY))
    come(place, LIST)
    sort(place)
    later = time.time() + 2 * 86400
    claims = ListClaims(place.app.store)
    with ListClaims(place.app.store).holding(LIST):
        assert digest_making.attend(place.app, later, claims) == 0
    assert digest_making.attend(place.app, later, claims) == 1


def test_a_post_is_later_than_those_before_it_whatever_its_sorters_clock_says(
    place: Place,
) -> None:
    come(place, LIST)
    sort(place)
    ahead = time.time() + 3600
    with place.app.store.write() as session:
        session.execute(update(SortedList).values(newest=ahead))  # decided on another machine
    come(place, LIST, LIST, first=5)
    sort(place)
    with place.app.store.read() as session:
        moments = session.scalars(select(Post.decided_at).order_by(Post.id)).all()
    assert moments[0] < ahead < moments[1] < moments[2]


def test_a_lists_former_address_is_the_same_list(place: Place, groups: list[int]) -> None:
    with place.app.store.write() as session:
        roster.get_list(session, LIST).formerly = f"\nmates@example.org\n{LIST}\n"
    come(place, LIST, "mates@example.org", LIST)
    sort(place)
    assert groups == [3]
    assert decided(place) == [LIST, "mates@example.org", LIST]


def test_a_list_that_is_renamed_meanwhile_is_decided_under_its_new_name(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(place, LIST, LIST)
    judge_all = deciding.post_judging.judge_all

    def slow(app: App, claim: ListClaim, posts: list[ArrivedPost]) -> list[JudgedPost]:
        judged = judge_all(app, claim, posts)
        with app.store.write() as session:
            lst = roster.get_list(session, LIST)
            lst.name, lst.formerly = "mates", f"\n{LIST}\nmates@example.org\n"
        return judged

    with monkeypatch.context() as patched:
        patched.setattr(deciding.post_judging, "judge_all", slow)
        with pytest.raises(Temporary):
            sort(place)
    assert waiting(place) == [(LIST, 0), (LIST, 0)]
    sort(place)
    assert decided(place) == [LIST, LIST]
