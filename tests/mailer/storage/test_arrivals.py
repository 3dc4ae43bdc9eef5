"""An arrival waits until it was finished, and counts how often that was tried."""

from sqlalchemy.orm import Session

from mailer.storage.arrivals import (
    SUSPECT,
    ArrivalState,
    Incoming,
    begin_attempts,
    envelopes,
    finish,
    forget_attempts,
    held,
    hold,
    keep,
    next_new,
    release,
)
from mailer.storage.store import Store, get_raw


def incoming(*recipients: str, raw: bytes = b"Subject: x\r\n\r\n", held_for: str = "") -> Incoming:
    return Incoming(
        sender="a@example.org",
        recipients=recipients,
        raw=raw,
        client="192.0.2.1",
        helo="client.test",
        protocol="ESMTP",
        received_at=1.5,
        held_for=held_for,
    )


def begin(session: Session, number: int) -> int | None:
    """Count one attempt at one arrival."""
    found = begin_attempts(session, [number])
    return found[0][1] if found else None


def test_one_row_per_recipient_and_the_raw_mail_once(store: Store) -> None:
    with store.write() as session:
        assert keep(session, [incoming("a@x.org", "b@x.org"), incoming("c@x.org")]) == 3
    with store.read() as session:
        rows = next_new(session, 10)
        assert [row.recipient for row in rows] == ["a@x.org", "b@x.org", "c@x.org"]
        assert {get_raw(session, row.raw_sha) for row in rows} == {b"Subject: x\r\n\r\n"}
        first = rows[0]
        assert (first.sender, first.client, first.helo) == (
            "a@example.org",
            "192.0.2.1",
            "client.test",
        )
        assert (first.size, first.received_at, first.attempts, first.note) == (14, 1.5, 0, "")
        assert len(next_new(session, 2)) == 2


def test_attempts_are_counted_until_someone_ends_the_arrival(store: Store) -> None:
    with store.write() as session:
        keep(session, [incoming("a@x.org")])
        (row,) = next_new(session, 1)
    for count in (1, 2):
        with store.write() as session:
            assert begin(session, row.id) == count
    with store.write() as session:
        assert finish(session, row.id, "accepted")
        assert not finish(session, row.id, "accepted again")
        assert begin(session, row.id) is None
        assert next_new(session, 1) == []
        assert not hold(session, row.id, "too late")


def test_a_held_arrival_waits_for_a_human_and_can_be_released(store: Store) -> None:
    with store.write() as session:
        keep(session, [incoming("a@x.org"), incoming("b@x.org", held_for="a bare CR")])
        (first,) = next_new(session, 9)
        assert [row.note for row in held(session, 9)] == ["a bare CR"]
        begin(session, first.id)
        assert hold(session, first.id, "ValueError: \0 boom")
        assert begin(session, first.id) is None
    with store.write() as session:
        both = held(session, 9)
        assert [row.note for row in both] == ["ValueError:  boom", "a bare CR"]
        assert {row.state for row in both} == {ArrivalState.HELD}
        assert release(session, first.id, "released")
        assert not release(session, first.id, "released twice")
    with store.write() as session:
        assert begin(session, first.id) == 1


def test_attempts_at_several_are_counted_and_taken_back_together(store: Store) -> None:
    with store.write() as session:
        keep(session, [incoming("a@x.org", "b@x.org", "c@x.org")])
        one, two, three = (row.id for row in next_new(session, 3))
        finish(session, two, "accepted")
    with store.write() as session:
        begun = begin_attempts(session, [three, two, one])
        assert [(row.id, tries) for row, tries in begun] == [(three, 1), (one, 1)]
        forget_attempts(session, [three, one])
        assert [begin(session, number) for number in (one, two, three)] == [1, None, 1]
    with store.read() as session:
        assert [(row.id, row.attempts) for row in envelopes(session, 0)] == [(one, 1), (three, 1)]
        assert [row.recipient for row in envelopes(session, one)] == ["c@x.org"]


def test_what_may_kill_its_readers_goes_behind_the_others(store: Store) -> None:
    with store.write() as session:
        keep(session, [incoming("a@x.org", "b@x.org", "c@x.org")])
        first, second, third = next_new(session, 3)
    for _ in range(SUSPECT):
        with store.write() as session:
            begin(session, first.id)
    with store.read() as session:
        assert [row.id for row in next_new(session, 3)] == [second.id, third.id, first.id]
