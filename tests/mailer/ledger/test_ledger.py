"""The ledger adds up, and a row belongs to the last one who claimed it."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, insert, select, update

from mailer.errors import BadInput, Refused
from mailer.ledger import claim_owners, ledger, mailing_control, mailings
from mailer.ledger.flight_recorder import FlightRecorder
from mailer.ledger.ledger import Backoff, Mark
from mailer.ledger.mailings import Mailing, MailingState, Recipient, RecipientState, UnsurePolicy
from mailer.ledger.splice import Segments
from mailer.storage.store import Store


def mailing(store: Store, count: int, *, policy: str = "never-twice", kind: str = "post") -> int:
    with store.write() as session:
        made = mailings.create_mailing(
            session,
            kind=kind,
            list_address="a@x.org",
            message_id="m@x.org",
            policy=policy,
            compositions={0: Segments((b"x",))},
            created=1.0,
            expires_at=4e9,
        )
        rows = [
            {"mailing_id": made, "ref": n, "address": f"m{n}@x.org", "bucket": "x.org"}
            for n in range(count)
        ]
        session.execute(insert(Recipient), rows)
        mailings.open_mailing(session, made, now=2.0)
    return made


def claim(
    store: Store,
    count: int,
    *,
    place: claim_owners.ProcessIdentity | None = None,
    flight: str = "none",
) -> tuple[int, list[int]]:
    with store.write() as session:
        epoch = claim_owners.register(
            session, place or claim_owners.here(), flight=flight, lease_until=store.now(session) + 5
        )
        rows = ledger.claim(session, epoch=epoch, quota=count, now=9.0, wanted=ledger.everyone)
    return epoch, [row.id for row in rows]


def states(store: Store) -> list[int]:
    with store.read() as session:
        return list(session.scalars(select(Recipient.state).order_by(Recipient.id)))


def later(store: Store, flights: Path, *, seconds: float = 100.0) -> bool:
    with store.write() as session:
        return claim_owners.sweep(session, flights=flights, now=store.now(session) + seconds)


def test_two_claims_never_share_a_row(store: Store) -> None:
    mailing(store, 10)
    _, first = claim(store, 6)
    _, second = claim(store, 6)
    assert len(first) == 6
    assert len(second) == 4
    assert not set(first) & set(second)


def test_a_paused_mailing_is_not_claimed_and_a_stopped_one_is_skipped(store: Store) -> None:
    made = mailing(store, 4)
    with store.write() as session:
        mailing_control.pause(session, made)
    assert claim(store, 9)[1] == []
    with store.write() as session:
        mailing_control.resume(session, made)
    epoch, rows = claim(store, 1)
    with store.write() as session:
        assert mailing_control.stop(session, made, now=5.0) == 3
        with pytest.raises(Refused, match="is stopped"):
            mailing_control.resume(session, made)
        with pytest.raises(BadInput, match="no mailing 99"):
            mailing_control.pause(session, 99)
    with store.write() as session:
        ledger.release(session, epoch, rows)
        mailing_control.finish(session, now=6.0)
    assert states(store) == [RecipientState.SKIPPED] * 4


def test_small_and_urgent_mailings_go_first(store: Store) -> None:
    big = mailing(store, 50, kind="issue")
    small = mailing(store, 3, kind="issue")
    post = mailing(store, 20)
    with store.write() as session:
        epoch = claim_owners.register(session, claim_owners.here(), flight="f", lease_until=4e9)
        rows = ledger.claim(session, epoch=epoch, quota=30, now=9.0, wanted=ledger.everyone)
    assert [row.mailing_id for row in rows] == [post] * 20 + [small] * 3 + [big] * 7


@pytest.mark.parametrize(
    "audience", [3000, pytest.param(100_000, marks=pytest.mark.journey)], ids=["some", "all"]
)
def test_a_post_to_fifty_is_in_the_next_batch_behind_a_mailing_to_everybody(
    store: Store, audience: int
) -> None:
    """By counts: however many copies wait, and whatever was put off among them."""
    big = mailing(store, audience)
    issue = mailing(store, 500, kind="issue")
    for _ in range(3):
        assert len(claim(store, 200)[1]) == 200
    with store.write() as session:  # as many were put off, and are due again
        session.execute(
            update(Recipient)
            .where(Recipient.mailing_id == big, Recipient.ref < 1000)
            .values(state=RecipientState.DEFERRED, due=3.0)
        )
    small = mailing(store, 50)
    with store.write() as session:
        epoch = claim_owners.register(session, claim_owners.here(), flight="f", lease_until=4e9)
        batch = ledger.claim(session, epoch=epoch, quota=200, now=9.0, wanted=ledger.everyone)
    assert [row.mailing_id for row in batch] == [small] * 50 + [big] * 150
    assert issue not in {row.mailing_id for row in batch}


def test_mailings_of_which_nothing_is_due_cost_a_claim_no_statement(store: Store) -> None:
    for _ in range(20):
        mailing(store, 1, kind="notice")
    with store.write() as session:
        session.execute(update(Recipient).values(state=RecipientState.DEFERRED, due=1e9))
    mailing(store, 5)
    asked: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    _, rows = claim(store, 5)
    assert len(rows) == 5
    assert len(asked) < 12, "a statement each would be more than twenty"


def test_a_late_answer_counts_until_the_row_is_claimed_again(store: Store, tmp_path: Path) -> None:
    mailing(store, 2, policy="never-miss")
    epoch, rows = claim(store, 2)
    later(store, tmp_path)
    assert states(store) == [RecipientState.READY] * 2
    with store.write() as session:
        session.execute(update(Recipient).values(due=1.0))
    _, (taken,) = claim(store, 1)
    with store.write() as session:
        marks = [Mark(row, epoch, RecipientState.ACCEPTED, 250) for row in rows]
        assert ledger.mark(session, marks) == 1
    assert sorted(states(store)) == [RecipientState.CLAIMED, RecipientState.ACCEPTED]
    with store.read() as session:
        assert session.get_one(Recipient, taken).state == RecipientState.CLAIMED


def test_a_late_answer_turns_unsure_into_what_the_relay_said(store: Store, tmp_path: Path) -> None:
    made = mailing(store, 3)
    epoch, (first, second, _third) = claim(store, 3)
    later(store, tmp_path)
    assert states(store) == [RecipientState.UNSURE] * 3
    with store.write() as session:
        marks = [
            Mark(first, epoch, RecipientState.ACCEPTED, 250),
            Mark(second, epoch, RecipientState.REFUSED, 550, "no"),
        ]
        assert ledger.mark(session, marks) == 2
        assert ledger.mark(session, [Mark(first, epoch, RecipientState.REFUSED, 550)]) == 0
    with store.write() as session:
        assert len(mailing_control.resend(session, made, RecipientState.UNSURE, now=3.0)) == 1
    assert states(store) == [RecipientState.ACCEPTED, RecipientState.REFUSED, RecipientState.READY]
    with store.read() as session:
        assert mailings.status(session, made).state == "sending"


def test_the_recorder_of_a_dead_process_settles_row_by_row(store: Store, tmp_path: Path) -> None:
    mailing(store, 5)
    here = claim_owners.here()
    recorder = FlightRecorder(tmp_path, here.boot)
    dead = claim_owners.ProcessIdentity(
        here.host, here.boot, here.space, here.pid, here.started + 1
    )
    _, (accepted, refused, deferred, dotted, _untouched) = claim(
        store, 5, place=dead, flight=recorder.path.name
    )
    for row in (accepted, refused, deferred, dotted):
        recorder.dot(row, 0)
    recorder.answer(accepted, 0, 250, "")
    recorder.answer(refused, 0, 554, "5.7.1 no")
    recorder.answer(deferred, 0, 451, "4.7.1 later")
    recorder.close()
    with store.write() as session:
        assert claim_owners.recover_dead(session, flights=tmp_path, now=store.now(session)) == 5
    found = [
        RecipientState.ACCEPTED,
        RecipientState.REFUSED,
        RecipientState.DEFERRED,
        RecipientState.UNSURE,
        RecipientState.READY,
    ]
    assert states(store) == found


def test_a_live_owner_is_left_alone_until_its_lease_is_over(store: Store, tmp_path: Path) -> None:
    mailing(store, 2)
    epoch, _ = claim(store, 2)
    with store.write() as session:
        now = store.now(session)
        assert claim_owners.recover_dead(session, flights=tmp_path, now=now) == 0
        assert claim_owners.recover_expired(session, flights=tmp_path, now=now) == 0
        assert claim_owners.renew(session, epoch, lease_until=now + 5)
    assert not later(store, tmp_path)
    with store.write() as session:
        assert not claim_owners.renew(session, epoch, lease_until=4e9)


def test_claims_without_any_owner_are_settled_too(store: Store, tmp_path: Path) -> None:
    mailing(store, 2, policy="never-miss")
    epoch, _ = claim(store, 2)
    with store.write() as session:
        claim_owners.retire(session, epoch)
    assert later(store, tmp_path)
    assert states(store) == [RecipientState.READY] * 2


def test_an_epoch_is_never_given_twice(store: Store) -> None:
    first, _ = claim(store, 1)
    with store.write() as session:
        claim_owners.retire(session, first)
    second, _ = claim(store, 1)
    assert second > first


def test_a_late_deferral_lets_a_mailing_go_on_that_was_done(store: Store, tmp_path: Path) -> None:
    made = mailing(store, 1)
    epoch, (row,) = claim(store, 1)
    later(store, tmp_path)
    with store.write() as session:
        assert mailings.status(session, made).state == "done"
        late = ledger.defer(row, epoch, code=451, reason="x", now=3.0, expires_at=4e9, wait=1.0)
        assert ledger.mark(session, [late]) == 1
    assert claim(store, 1)[1] == [row]


def test_a_mailing_that_is_stopped_before_its_audience_is_complete_adds_up(store: Store) -> None:
    made = mailing(store, 4)
    with store.write() as session:
        begun = {"state": mailings.MailingState.FREEZING, "audience": 0}
        session.execute(update(mailings.Mailing).values(begun))
        assert mailing_control.stop(session, made, now=5.0) == 4
    with store.read() as session:
        found = mailings.status(session, made)
    assert (found.audience, found.skipped) == (4, 4)


def test_who_is_to_be_sent_to_again_is_not_left_in_a_mailing_that_ends(store: Store) -> None:
    if store.sqlite:
        pytest.skip("SQLite has one writer at a time.")
    made = mailing(store, 2)
    with store.write() as session:
        session.execute(update(Recipient).values(state=RecipientState.REFUSED))

    def finish() -> list[int]:
        with store.write() as session:
            return mailing_control.finish(session, now=9.0)

    with ThreadPoolExecutor(1) as pool:
        with store.write() as session:
            assert len(mailing_control.resend(session, made, RecipientState.REFUSED, now=3.0)) == 2
            other = pool.submit(finish)
            time.sleep(0.3)  # it looks while nobody else sees what we made ready
        assert other.result() == []
    assert len(claim(store, 9)[1]) == 2


def test_a_late_deferral_is_not_left_in_a_mailing_that_ends(store: Store) -> None:
    if store.sqlite:
        pytest.skip("SQLite has one writer at a time.")
    made = mailing(store, 2)
    epoch, ids = claim(store, 2)
    with store.write() as session:
        unsure = [Mark(row, epoch, RecipientState.UNSURE) for row in ids]
        assert ledger.mark(session, unsure) == len(unsure)

    def finish() -> list[int]:
        with store.write() as session:
            return mailing_control.finish(session, now=9.0)

    with ThreadPoolExecutor(1) as pool, store.write() as session:
        late = Mark(ids[0], epoch, RecipientState.DEFERRED, 451, "4.3.0 later", 3.0)
        assert ledger.mark(session, [late]) == 1
        assert pool.submit(finish).result() == []  # it looks while nobody else sees our mark
    with store.read() as session:
        assert session.get_one(Mailing, made).state == MailingState.SENDING


def test_claims_use_the_index_of_what_is_claimable(store: Store) -> None:
    if not store.sqlite:
        pytest.skip("The planner of PostgreSQL decides by the table's size.")
    words = ledger._DUE.compile(store.engine, compile_kwargs={"render_postcompile": True})
    with store.read() as session:
        plan = (
            session.connection()
            .exec_driver_sql(f"EXPLAIN QUERY PLAN {words}", (1, 5.0, 9, 0))
            .all()
        )
    assert len(plan) == 1
    assert "ix_recipient_claimable" in plan[0][3]


def test_a_message_that_could_smuggle_is_never_composed(store: Store) -> None:
    with store.write() as session, pytest.raises(BadInput, match="CRLF"):
        mailings.create_mailing(
            session,
            kind="post",
            list_address="a@x.org",
            message_id="m@x.org",
            policy="never-miss",
            compositions={0: Segments((b"a\n.\nb",))},
            created=1.0,
            expires_at=2.0,
        )


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_the_wait_grows_to_its_cap_and_no_further(attempts: int, chance: float) -> None:
    wait = Backoff(first=60.0, cap=3600.0, jitter=0.2).wait(attempts, chance)
    assert 48 <= wait <= 4320


def test_a_deferral_never_outlives_its_mailing() -> None:
    last = ledger.defer(1, 1, code=450, reason="x", now=5.0, expires_at=9.0, wait=60.0)
    assert (last.state, last.due) == (RecipientState.DEFERRED, 9.0)
    over = ledger.defer(1, 1, code=450, reason="x", now=9.0, expires_at=9.0, wait=60.0)
    assert (over.state, over.reason) == (RecipientState.REFUSED, "expired: x")


def test_policy_decides_about_a_lost_answer() -> None:
    def lost(policy: UnsurePolicy, expires_at: float) -> ledger.Mark:
        return ledger.lost(1, 1, policy=policy, why="x", due=7.0, expires_at=expires_at)

    twice, miss = lost(UnsurePolicy.NEVER_TWICE, 9.0), lost(UnsurePolicy.NEVER_MISS, 9.0)
    assert (twice.state, miss.state, miss.due) == (RecipientState.UNSURE, RecipientState.READY, 7.0)
    assert lost(UnsurePolicy.NEVER_MISS, 7.0).state is RecipientState.UNSURE, "sent again for ever"
