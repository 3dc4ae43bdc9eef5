"""The sender takes each recipient to its state, over real sockets."""

import gc
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.client.relay import Relay
from mailer.client.smtp_answers import Reply
from mailer.client.smtp_transaction import Stage
from mailer.ledger import claim_owners, mailings
from mailer.ledger.flight_recorder import FlightRecorder, read_record
from mailer.ledger.ledger import Backoff, ClaimedRow
from mailer.ledger.mailings import (
    MailingView,
    Recipient,
    RecipientState,
    UnsurePolicy,
)
from mailer.ledger.splice import Segments, Wire
from mailer.ledger.worker_lease import Clock, WorkerLease, boot_clock
from mailer.rehearsal.profiles import Faulty
from mailer.rehearsal.sink import Caught, Moment, SinkReply, accept
from mailer.sending.in_flight import CopiesInFlight
from tests.mailer.sending.sender_rig import (
    LETTER,
    Rig,
    everyone,
    on,
    personal,
    shared,
)


def test_every_recipient_gets_one_personal_copy(rig: Callable[..., Rig]) -> None:
    there = rig()
    mailing = there.mailing(everyone(300))
    worked = there.sender().run_slice(30)
    assert (worked.accepted, worked.more, worked.wait) == (300, False, None)
    found = there.status(mailing)
    assert (found.accepted, found.state) == (300, "done")
    assert set(there.taken().values()) == {1}
    one = next(caught for caught in there.caught if caught.recipient == "member7@example0.org")
    assert one.sender == "minutes-bounces+t7@x.org"
    assert one.raw == LETTER.join({"token": b"t7", "name": b"Anna"})


def test_a_relay_without_pipelining_gets_one_command_at_a_time(rig: Callable[..., Rig]) -> None:
    there = rig(on(Moment.RCPT, {"member3": SinkReply(550, "5.1.1 no")}), extensions=())
    mailing = there.mailing(everyone(40))
    there.sender().run_slice(30)
    found = there.status(mailing)
    assert (found.accepted, found.refused) == (39, 1)


@pytest.mark.parametrize("moment", [Moment.RCPT, Moment.DATA, Moment.DOT])
def test_a_refusal_is_recorded_with_its_code_and_words(
    rig: Callable[..., Rig], moment: Moment
) -> None:
    no = SinkReply(550, "5.1.1 nobody\x07 of that name " + "x" * 400)
    there = rig(on(moment, {"member5": no}))
    mailing = there.mailing(everyone(20))
    there.sender().run_slice(30)
    assert (there.status(mailing).accepted, there.status(mailing).refused) == (19, 1)
    row = there.row("member5@example5.org")
    assert (row.code, row.attempts) == (550, 1)
    assert row.reason.startswith("5.1.1 nobody of that name xxx")
    assert len(row.reason) == 200


def test_a_deferral_is_due_again_and_expires_in_the_end(rig: Callable[..., Rig]) -> None:
    there = rig(on(Moment.DOT, {"member1": SinkReply(451, "4.7.1 come back")}))
    mailing = there.mailing(everyone(3))
    worked = there.sender().run_slice(30)
    assert worked.deferred == 1
    assert worked.wait is not None
    assert 400 < worked.wait < 800
    assert (there.status(mailing).deferred, there.status(mailing).state) == (1, "sending")
    with there.store.write() as session:
        session.get_one(mailings.Mailing, mailing).expires_at = 1.0
        there.store.now(session)
        session.execute(mailings.update(Recipient).values(due=1.0))
    assert there.sender().run_slice(30).refused == 1
    row = there.row("member1@example1.org")
    assert (row.state, row.code, row.reason) == (
        RecipientState.REFUSED,
        451,
        "expired: 4.7.1 come back",
    )
    assert there.status(mailing).state == "done"


def test_the_unwanted_are_skipped_at_the_last_moment(rig: Callable[..., Rig]) -> None:
    def wanted(_session: Session, rows: Sequence[ClaimedRow]) -> dict[int, str]:
        return {row.id: "left" for row in rows if row.ref % 2}

    there = rig()
    mailing = there.mailing(everyone(10))
    there.sender(wanted=wanted).run_slice(30)
    assert (there.status(mailing).accepted, there.status(mailing).skipped) == (5, 5)
    assert there.row("member1@example1.org").reason == "left"


@pytest.mark.parametrize("policy", ["never-miss", "never-twice"])
def test_a_lost_answer_is_judged_by_policy(rig: Callable[..., Rig], policy: str) -> None:
    there = rig(on(Moment.DOT, {"member2": SinkReply(drop=True, kept=True)}))
    mailing = there.mailing(everyone(9), policy=policy)
    sender = there.sender(connections=1)
    worked = sender.run_slice(30)
    assert worked.unsure == 1
    there.sink.script = accept
    with there.store.write() as session:
        session.execute(mailings.update(Recipient).where(Recipient.state == 0).values(due=1.0))
    there.sender().run_slice(30)
    found = there.status(mailing)
    if policy == "never-twice":
        assert (found.accepted, found.unsure) == (8, 1)
        assert set(there.taken().values()) == {1}
    else:
        assert (found.accepted, found.unsure) == (9, 0)
        assert there.taken()["member2@example2.org"] == 2


def test_a_drop_before_the_dot_harms_nobody(rig: Callable[..., Rig]) -> None:
    there = rig(on(Moment.DATA, {"member2": SinkReply(421, "4.3.2 going down")}))
    mailing = there.mailing(everyone(9), policy="never-twice")
    worked = there.sender(connections=1).run_slice(30)
    assert (worked.unsure, worked.deferred) == (0, 1)
    assert worked.trouble
    found = there.status(mailing)
    assert (found.unsure, found.refused, found.ready + found.accepted) == (0, 0, 8)


@pytest.mark.parametrize("moment", [Moment.GREETING, Moment.EHLO, Moment.MAIL])
def test_trouble_with_the_relay_is_nobodys_failure(rig: Callable[..., Rig], moment: Moment) -> None:
    def script(now: Moment, _caught: Caught) -> SinkReply | None:
        return SinkReply(554, "5.7.1 not you") if now is moment else None

    there = rig(script)
    mailing = there.mailing(everyone(50), policy="never-twice")
    worked = there.sender().run_slice(30)
    found = there.status(mailing)
    assert (found.refused, found.unsure, found.accepted) == (0, 0, 0)
    assert found.deferred <= 4
    assert "not you" in worked.trouble[0]
    assert worked.wait is not None
    assert not worked.more


def test_a_relay_that_is_away_is_tried_later(
    rig: Callable[..., Rig], caplog: pytest.LogCaptureFixture
) -> None:
    there = rig()
    mailing = there.mailing(everyone(5))
    port, there.sink.port = there.sink.port, 1
    worked = there.sender().run_slice(30)
    assert worked.trouble
    there.sink.port = port
    assert (there.status(mailing).ready, there.row("member0@example0.org").attempts) == (5, 0)
    gc.collect()
    assert "never retrieved" not in caplog.text


def test_connections_stay_open_between_slices_and_within_the_limit(
    rig: Callable[..., Rig],
) -> None:
    there = rig()
    sender = there.sender(connections=3)
    there.mailing(everyone(200))
    sender.run_slice(30)
    there.mailing([f"second{n}@x.org" for n in range(200)])
    sender.run_slice(30)
    assert there.sink.accepted == 400
    assert there.sink.counts["connections"] <= 3


def test_stopping_ends_with_a_word_about_what_is_unsure(rig: Callable[..., Rig]) -> None:
    heard = threading.Event()

    def script(moment: Moment, _caught: Caught) -> SinkReply | None:
        if moment is not Moment.DOT:
            return None
        heard.set()
        return SinkReply(silent=True)

    there = rig(script)
    mailing = there.mailing(everyone(30), policy="never-twice")
    sender = there.sender(connections=2, grace=0.2)
    threading.Thread(target=lambda: (heard.wait(), sender.stop())).start()
    worked = sender.run_slice(60)
    assert 1 <= worked.unsure <= 2
    found = there.status(mailing)
    assert (found.unsure, found.claimed) == (worked.unsure, 0)
    with there.store.read() as session:
        assert claim_owners.due_count(session, now=5e9, limit=1) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("policy", ["never-miss", "never-twice"])
def test_a_relay_that_goes_wrong_in_every_way_leaves_a_ledger_that_adds_up(
    rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch, policy: str, seed: int
) -> None:
    monkeypatch.setattr("mailer.sending.relay_sender.FIRST_PAUSE", 0.001)
    monkeypatch.setattr("mailer.sending.relay_sender.MAX_PAUSE", 0.01)
    there = rig(Faulty(random.Random(seed), share=0.03))  # noqa: S311 - seeded
    mailing = there.mailing(everyone(300), policy=policy)
    sender = there.sender(backoff=Backoff(first=0.01, cap=0.01))
    while there.status(mailing).state != "done":
        sender.run_slice(10)
    found = there.status(mailing)
    taken = there.taken()
    assert found.open == 0
    assert found.accepted <= len(taken)
    if policy == "never-twice":
        assert set(taken.values()) == {1}
        assert len(taken) <= found.accepted + found.unsure
    else:
        assert found.unsure == 0


def test_a_copy_that_cannot_be_made_is_deferred_and_the_others_leave(
    rig: Callable[..., Rig],
) -> None:
    there = rig()
    broken = Segments((b"To: ", b"\r\n\r\n"), ("no-such-slot",))
    bad = there.mailing(["anna@x.org"], letter=broken)
    good = there.mailing(everyone(20))
    there.sender().run_slice(30)
    assert (there.status(good).accepted, there.status(bad).deferred) == (20, 1)
    assert "no-such-slot" in there.row("anna@x.org").reason


def test_a_mailing_that_cannot_be_read_is_deferred_and_the_others_leave(
    rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = rig()
    broken = there.mailing(["a@x.org"])
    there.mailing(["b@x.org"])
    read = mailings.composition

    def composition(session: Session, mailing_id: int, variant: int) -> Segments | None:
        if mailing_id == broken:
            raise ValueError("torn")
        return read(session, mailing_id, variant)

    monkeypatch.setattr(mailings, "composition", composition)
    worked = there.sender().run_slice(30)
    assert (worked.accepted, worked.deferred) == (1, 1)
    assert there.row("a@x.org").state == RecipientState.DEFERRED
    assert "could not be read" in there.row("a@x.org").reason


def test_a_closed_sender_leaves_the_books(rig: Callable[..., Rig], tmp_path: Path) -> None:
    there = rig()
    there.mailing(everyone(5))
    sender = there.sender()
    sender.run_slice(30)
    sender.close()
    with there.store.read() as session:
        assert session.scalars(select(claim_owners.Owner)).all() == []
    assert list((tmp_path / "flight").iterdir()) == []


def test_a_watch_that_was_taken_away_leaves_nothing_open(
    rig: Callable[..., Rig], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every quiet spell ends a lease: one descriptor each would be a thousand in a day."""
    there = rig()
    sender = there.sender()
    for number in range(3):
        there.mailing([f"{number}@x.org"])
        while not there.taken()[f"{number}@x.org"]:
            sender.run_slice(30)
        with there.store.write() as session:
            now = there.store.now(session) + 100
            claim_owners.recover_expired(session, flights=tmp_path / "flight", now=now)
    opened = [Path(os.path.realpath(fd)) for fd in Path("/proc/self/fd").iterdir()]
    assert sum(tmp_path / "flight" in path.parents for path in opened) == 1
    assert len(list((tmp_path / "flight").iterdir())) == 1
    assert "taken away" not in caplog.text, "nothing was under way: no news for whoever reads it"


def test_relays_share_by_weight_and_one_that_fails_is_replaced(rig: Callable[..., Rig]) -> None:
    first, second, spare = rig(), rig(), rig()
    relays = (
        Relay("127.0.0.1", first.sink.port, weight=3),
        Relay("127.0.0.1", second.sink.port, weight=1, connections=2),
        Relay("127.0.0.1", spare.sink.port, weight=0),
    )
    first.mailing(everyone(400))
    sender = first.sender(relays=relays, connections=6)
    sender.run_slice(30)
    opened = [one.sink.counts["connections"] for one in (first, second, spare)]
    assert opened == [6, 2, 0]
    assert first.sink.accepted + second.sink.accepted == 400
    sender.close()
    away = tuple(replace(one, port=1) if one.weight else one for one in relays)
    first.mailing([f"again{n}@x.org" for n in range(50)])
    worked = first.sender(relays=away).run_slice(30)
    assert worked.accepted == spare.sink.accepted == 50
    assert len(worked.trouble) == 2


def test_the_same_copy_with_another_return_path_travels_alone(rig: Callable[..., Rig]) -> None:
    there = rig()
    there.mailing(everyone(5), letter=Segments((b"Subject: x\r\n\r\nto all\r\n",)))
    there.sender().run_slice(30)
    assert len({one.sender for one in there.caught}) == 5


def test_copies_without_slots_share_transactions(rig: Callable[..., Rig]) -> None:
    there = rig(on(Moment.RCPT, {"member3": SinkReply(550, "5.1.1 no")}))
    there.mailing(everyone(250), letter=Segments((b"Subject: x\r\n\r\nto all\r\n",)))
    worked = there.sender(connections=1, personal=shared).run_slice(30)
    assert (worked.accepted, worked.refused) == (249, 1)
    assert len(there.caught) <= 8
    assert max(len(one.recipients) for one in there.caught) <= 100
    reached = Counter(one for caught in there.caught for one in caught.recipients)
    assert set(reached.values()) == {1}
    assert len(reached) == 249


def test_what_is_about_us_refuses_nobody_after_a_kill(tmp_path: Path) -> None:
    out = CopiesInFlight(
        personal, clock=Clock(), backoff=Backoff(), wake=lambda: None, gone=lambda *_: None
    )
    out.lease = WorkerLease(1, FlightRecorder(tmp_path, "boot"), Clock(), local=True)
    out.lease.extend(boot_clock(), time.time(), 60.0)
    out.taking = True
    view = MailingView(1, "post", "minutes@x.org", "m1@x.org", UnsurePolicy.NEVER_MISS, 4e9)
    out.know({1: view}, {(1, 0): Wire(LETTER)})
    out.take_in([ClaimedRow(5, 1, 7, "a@x.org", "x.org", 0, 0)])
    assert out.next_letter(1) is not None
    out.answered(5, Stage.MAIL, Reply(530, ("5.7.0 log in first",)))
    out.settled()
    flown = read_record(out.lease.recorder.path, "boot")
    out.lease.recorder.discard()
    settled = claim_owners.verdict(
        5, 1, 0, policy=UnsurePolicy.NEVER_MISS, expires_at=4e9, flown=flown, now=1.0
    )
    assert settled is not None
    assert settled.state is RecipientState.DEFERRED
