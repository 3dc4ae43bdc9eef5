"""Placing: the same mails in any order stand in the same threads."""

import hashlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, select

from archive.filing.mail_threading import Placed, ThreadingOutcome, place, place_many
from archive.filing.thread_rows import MailToThread
from archive.threads.archive_tables import Body, FormerThread, Message, Node, Thread
from archive.threads.thread_tree import order
from mailer.reading.headers.head_facts import permalink_hash, read_head
from mailer.storage.store import Store, put_raw
from subscriptions.lists.roster import MailList

ARRIVAL = 1_700_000_000.0
Write = Callable[..., bytes]


def keep(store: Store, lst: MailList, *raws: bytes) -> list[Placed]:
    with store.write() as session:
        shas = put_raw(session, raws)
        return [place(session, lst, r, s, ARRIVAL) for r, s in zip(raws, shas, strict=True)]


def keep_many(store: Store, lst: MailList, raws: Sequence[bytes]) -> list[Placed]:
    with store.write() as session:
        shas = put_raw(session, raws)
        mails = [MailToThread(r, s, ARRIVAL, read_head(r)) for r, s in zip(raws, shas, strict=True)]
        return place_many(session, lst, mails)


def picture(store: Store, lst: MailList) -> dict[str, list[tuple[str, str | None]]]:
    """Return thread hash -> (id, parent id) in tree order, as thread.json would say it."""
    from archive.threads.thread_tree import cut_loops  # noqa: PLC0415

    found = {}
    with store.read() as session:
        for thread in session.scalars(select(Thread).where(Thread.size > 0)):
            messages = session.scalars(select(Message).where(Message.thread_id == thread.id)).all()
            nodes = session.scalars(select(Node).where(Node.thread_id == thread.id)).all()
            ids = {m.hash: m.message_id for m in messages}
            keys = {m.hash: (m.date, m.hash) for m in messages}
            parents = cut_loops({n.hash: n.parent for n in nodes}, keys)
            placed = order(parents, keys)
            assert placed[0].hash == thread.hash
            assert thread.size == len(messages) == len(placed)
            assert thread.first == keys[thread.hash][0]
            assert thread.last == max(key[0] for key in keys.values())
            found[thread.hash] = [
                (ids[p.hash], None if p.parent is None else ids[p.parent]) for p in placed
            ]
    return found


def test_replies_stand_below_what_they_answer(store: Store, circle: MailList, mail: Write) -> None:
    """Three mails of one talk are one thread in tree order."""
    keep(store, circle, mail("a"), mail("b", "a", at=1), mail("c", "a", "b", at=2))
    assert picture(store, circle) == {
        permalink_hash("a@x"): [("a@x", None), ("b@x", "a@x"), ("c@x", "b@x")]
    }


def test_a_missing_parent_is_bridged(store: Store, circle: MailList, mail: Write) -> None:
    """Two answers to a mail that never came are one thread, below its nearest ancestor."""
    keep(store, circle, mail("a"), mail("c", "a", "gone", at=2), mail("d", "gone", at=3))
    assert list(picture(store, circle).values()) == [
        [("a@x", None), ("c@x", "a@x"), ("d@x", "a@x")]
    ]


def test_a_late_root_joins_threads(store: Store, circle: MailList, mail: Write) -> None:
    """A root that comes last leads its thread; the old address is remembered."""
    keep(store, circle, mail("b", "a", at=1), mail("c", "a", at=2), mail("a"))
    assert list(picture(store, circle)) == [permalink_hash("a@x")]
    with store.read() as session:
        assert session.scalars(select(FormerThread.hash)).all() == [permalink_hash("b@x")]


def test_a_loop_of_references_keeps_both_mails(store: Store, circle: MailList, mail: Write) -> None:
    """Two mails that claim to answer each other are one thread, the earlier one on top."""
    keep(store, circle, mail("b", "a", at=1), mail("a", "b", at=0))
    assert list(picture(store, circle).values()) == [[("a@x", None), ("b@x", "a@x")]]


def test_the_same_mail_twice_is_one(store: Store, circle: MailList, mail: Write) -> None:
    """A second copy with other hop fields is a duplicate."""
    first, again = keep(store, circle, mail("a"), b"Received: elsewhere\n" + mail("a"))
    assert (first.outcome, again.outcome) == (ThreadingOutcome.NEW, ThreadingOutcome.DUPLICATE)
    assert first.hash == again.hash == permalink_hash("a@x")


def test_an_id_used_twice_hides_nothing(store: Store, circle: MailList, mail: Write) -> None:
    """Another mail under a known id is kept under the hash of its bytes, once."""
    other = mail("a", body="Something else.\n")
    _, second, third = keep(store, circle, mail("a"), other, other)
    assert second.message_id == f"sha256:{hashlib.sha256(other).hexdigest()}"
    assert (second.outcome, third.outcome) == (ThreadingOutcome.NEW, ThreadingOutcome.DUPLICATE)


def test_a_mail_without_an_id_gets_one(store: Store, circle: MailList) -> None:
    """No Message-ID: the id is made of the bytes."""
    raw = b"Subject: x\n\ny\n"
    (placed,) = keep(store, circle, raw)
    assert placed.message_id == f"sha256:{hashlib.sha256(raw).hexdigest()}"


@pytest.mark.parametrize("field", [b"X-No-Archive: Yes\n", b"Archive: no\n", b"x-no-archive:1\n"])
def test_who_asked_not_to_be_archived_is_not(
    store: Store, circle: MailList, mail: Write, field: bytes
) -> None:
    """X-No-Archive leaves no row."""
    (placed,) = keep(store, circle, field + mail("a"))
    assert placed.outcome is ThreadingOutcome.NOT_ARCHIVED
    assert picture(store, circle) == {}


@pytest.mark.parametrize(
    "date",
    [
        "Thu, 01 Jan 1970 00:00:10 +0000",
        "Mon, 1 Jan 102 00:00:00 GMT",
        "Fri, 1 Jan 2044 00:00:00 +0000",
        "yesterday",
        "",
    ],
)
def test_a_date_that_cannot_be_is_the_arrival(store: Store, circle: MailList, date: str) -> None:
    """Clocks that were never set, or run ahead, do not move a mail."""
    keep(store, circle, f"Date: {date}\nMessage-ID: <a@x>\n\nHello\n".encode())
    with store.read() as session:
        assert session.scalar(select(Message.date)) == ARRIVAL


@pytest.mark.no_cover
def test_a_long_thread_costs_the_same_per_mail(store: Store, circle: MailList, mail: Write) -> None:
    """The 300th reply reads no more rows than the third."""
    rows: list[int] = []
    with store.write() as session:
        for number in range(300):
            raw = mail(f"n{number}", *[f"n{i}" for i in range(max(0, number - 5), number)])
            (sha,) = put_raw(session, [raw])
            statements = 0

            def count(*_args: object) -> None:
                nonlocal statements
                statements += 1

            event.listen(store.engine, "before_cursor_execute", count)
            place(session, circle, raw, sha, ARRIVAL + number)
            event.remove(store.engine, "before_cursor_execute", count)
            rows.append(statements)
    assert max(rows) <= 12


NAMES = "abcdefgh"
MAILS = st.lists(
    st.tuples(st.lists(st.sampled_from(NAMES), max_size=4), st.integers(0, 5)),
    min_size=1,
    max_size=len(NAMES),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(mails=MAILS, shuffle=st.randoms(use_true_random=False), batch=st.integers(1, 8))
@pytest.mark.no_cover
def test_the_order_of_arrival_does_not_matter(
    store: Store,
    circle: MailList,
    mail: Write,
    mails: list[tuple[list[str], int]],
    shuffle: "object",
    batch: int,
) -> None:
    """Any set of mails, with loops and ghosts, ends in the same threads in any order."""
    raws = [mail(NAMES[i], *refs, at=at) for i, (refs, at) in enumerate(mails)]
    clear(store)
    keep_many(store, circle, raws)
    expected = picture(store, circle)
    assert sum(map(len, expected.values())) == len(raws)
    clear(store)
    shuffle.shuffle(raws)  # type: ignore[attr-defined]
    for start in range(0, len(raws), batch):
        keep_many(store, circle, raws[start : start + batch])
    assert picture(store, circle) == expected
    keep_many(store, circle, raws)
    assert picture(store, circle) == expected


def clear(store: Store) -> None:
    with store.write() as session:
        for table in (Body, Message, Node, Thread, FormerThread):
            session.execute(delete(table))
