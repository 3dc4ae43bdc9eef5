"""Who is next: a flood to one list, or of one source, stands behind itself alone."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from listserv.reception import sorter, whose_mail
from listserv.reception.fair_queue import FairQueue, Waiting, waiting
from mailer.authentication.resolver import NOTHING, DnsAnswer
from mailer.storage import arrivals
from mailer.storage.arrivals import Arrival, ArrivalState, Incoming
from tests.place import Place, make_place

FLOOD = 5000


def numbers(queue: FairQueue, most: int) -> list[int]:
    return [one.number for one in queue.take(most)]


def test_a_flood_to_one_list_lets_a_post_to_another_pass() -> None:
    queue = FairQueue()
    queue.add(waiting(n, "a@x.example", "e@x.example", f"192.0.2.{n % 250}") for n in range(FLOOD))
    queue.take(32)
    queue.add([waiting(FLOOD, "b@x.example", "anna@x.example", "198.51.100.1")])
    assert FLOOD in numbers(queue, 2)


def test_a_flood_of_one_source_to_all_addresses_of_a_list_lets_another_source_pass() -> None:
    to = ("a@x.example", "a-join@x.example", "a-confirm+abc@x.example", "a-owner@x.example")
    queue = FairQueue()
    queue.add(waiting(n, to[n % 4], f"e{n}@x.example", f"2001:db8::{n:x}") for n in range(FLOOD))
    queue.take(32)
    queue.add([waiting(FLOOD, "a@x.example", "anna@x.example", "198.51.100.1")])
    assert FLOOD in numbers(queue, 2)


def test_where_nobody_knows_the_client_the_sender_stands_for_it() -> None:
    queue = FairQueue()
    queue.add(waiting(n, "a@x.example", "eve@x.example", "") for n in range(FLOOD))
    queue.add([waiting(FLOOD, "a@x.example", "anna@x.example", "")])
    assert FLOOD in numbers(queue, 2)


def test_a_suspect_comes_last_and_alone() -> None:
    queue = FairQueue()
    queue.add(Waiting(n, "a", "s", suspect=n in {1, 2}) for n in range(5))
    assert [numbers(queue, 9) for _ in range(4)] == [[0, 3, 4], [1], [2], []]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=60), st.integers(1, 9))
def test_each_comes_once_and_what_one_source_sent_to_one_list_in_order(
    came: list[tuple[int, int]], most: int
) -> None:
    queue = FairQueue()
    queue.add(Waiting(n, str(to), str(by)) for n, (to, by) in enumerate(came))
    taken: list[int] = []
    while some := queue.take(most):
        assert len(some) <= most
        used = len(some) // 2 + 1
        queue.put_back(some[used:])
        taken += [one.number for one in some[:used]]
    assert sorted(taken) == list(range(len(came)))
    assert not queue
    in_order = defaultdict(list)
    for number in taken:
        in_order[came[number]].append(number)
    assert all(numbers == sorted(numbers) for numbers in in_order.values())


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list."""
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def letters(count: int, to: str, client: str) -> list[Incoming]:
    raw = b"From: eve@example.com\r\nAuto-Submitted: auto-replied\r\n\r\n%d\r\n"
    return [
        Incoming("e@d.example", (to,), raw % number, client, "h", "ESMTP", 1e9)
        for number in range(count)
    ]


def test_the_sorter_decides_a_post_beside_a_flood_within_its_next_handful(place: Place) -> None:
    flood = letters(FLOOD, "friends-join@example.org", "198.51.100.7")
    other = letters(1, "postmaster@example.org", "203.0.113.1")
    with place.app.store.write() as session:
        arrivals.keep(session, [*flood, *other])
    decided = 0

    def enough() -> bool:
        nonlocal decided
        with place.app.store.read() as session:
            done = select(Arrival.recipient).where(Arrival.state != ArrivalState.NEW)
            names = session.scalars(done).all()
        decided = len(names)
        return "postmaster@example.org" in names or decided > 99

    assert sorter.sort(place.app, enough)
    assert decided <= sorter.BATCH + 1
    with place.app.store.read() as session:
        attempts = session.scalars(select(Arrival.attempts).where(Arrival.state == 0)).all()
    assert set(attempts) == {0}  # what was begun and not decided does not count


def test_domains_that_dns_is_slow_about_are_asked_for_several_mails_at_once(place: Place) -> None:
    together = threading.Barrier(8, timeout=30)
    met: set[str] = set()

    class Slow:
        """DnsAnswer nothing before eight mails are asked about."""

        def ask(self, name: str, _kind: str, _seconds: float) -> DnsAnswer:
            if name.startswith("_dmarc.d") and name not in met:
                met.add(name)
                together.wait()
            return NOTHING

    raw = "From: a@d{}.slow.example\r\nAuto-Submitted: auto-replied\r\n\r\nx\r\n"
    came = [
        Incoming("", ("friends-join@example.org",), raw.format(n).encode(), "", "", "ESMTP", 1e9)
        for n in range(8)
    ]
    with place.app.store.write() as session:
        arrivals.keep(session, came)
    place.app.__dict__["resolver"] = Slow()
    sorter.sort(place.app, lambda: False)
    assert not together.broken
    with place.app.store.read() as session:
        assert set(session.scalars(select(Arrival.state))) == {ArrivalState.DONE}


@pytest.mark.parametrize(
    ("sizes", "handfuls"),
    [([], [[]]), ([1, 2, 3], [[1, 2, 3]]), ([9_000_000] * 3, [[9_000_000]] * 3),
     ([25_000_000, 1, 2], [[25_000_000], [1, 2]])],
)  # fmt: skip
def test_no_more_mail_is_judged_at_once_than_memory_holds(
    sizes: list[int], handfuls: list[list[int]]
) -> None:
    made = whose_mail._by_size([Arrival(size=size) for size in sizes])
    assert [[one.size for one in some] for some in made] == handfuls
