"""How much a sender asks of the ledger: what paces, days and relays allow."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from mailer.client.relay import Relay
from mailer.ledger import mailings, pace, warmup
from mailer.ledger.ledger import ClaimedRow
from mailer.ledger.mailings import (
    Mailing,
    Recipient,
)
from mailer.ledger.splice import Segments
from mailer.ledger.warmup import Calendar
from mailer.rehearsal.profiles import Throttle
from mailer.rehearsal.sink import Moment, SinkReply
from mailer.sending.in_flight import Personal
from tests.mailer.sending.sender_rig import (
    LETTER,
    Rig,
    everyone,
    personal,
    shared,
)


def test_heavy_letters_are_held_a_few_at_a_time(
    rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    weighed = []
    there = rig()
    for n in range(6):
        there.mailing([f"{n}-{m}@x.org" for m in range(3)])
    sender = there.sender()
    monkeypatch.setattr("mailer.sending.ledger_errand.HEAVY", 2 * sum(map(len, LETTER.parts)))
    learn = sender._errands._learn

    def weigh(rows: Sequence[ClaimedRow]) -> set[tuple[int, int]]:
        later = learn(rows)
        weighed.append((sender._out.weight, len(later)))
        return later

    monkeypatch.setattr(sender._errands, "_learn", weigh)
    assert sender.run_slice(30).accepted == 18
    assert max(weight for weight, _ in weighed) == 2 * sum(map(len, LETTER.parts))
    assert sum(later for _, later in weighed) > 0
    assert there.taken() == {f"{n}-{m}@x.org": 1 for n in range(6) for m in range(3)}


def test_a_domain_that_asks_for_less_stands_in_nobodys_way(rig: Callable[..., Rig]) -> None:
    """The receiver takes twenty a second; without learning it would refuse hundreds."""
    gate = Throttle("slow.org", rate=20.0, clock=time.monotonic)
    there = rig(gate)
    slow, fast = [f"s{n}@slow.org" for n in range(200)], [f"f{n}@fast.org" for n in range(400)]
    mailing = there.mailing([*slow, *fast])
    there.sender(queues=False).run_slice(3)
    found = there.status(mailing)
    taken = Counter(one.recipient.partition("@")[2] for one in there.caught)
    assert taken["fast.org"] == 400
    assert found.deferred <= 2 * 10  # a complaint or two for each connection
    assert found.ready > 100
    with there.store.read() as session:
        ((key, learnt),) = pace.learnt(session)
    assert key == "to slow.org"
    assert 0 < learnt.rate < 300


def test_what_the_operator_allows_is_kept_to(rig: Callable[..., Rig]) -> None:
    there = rig()
    there.mailing([*(f"{n}@slow.org" for n in range(60)), *everyone(70)])
    rates = pace.read_rates(["slow.org 5", "Minutes@x.org 100"])
    sender = there.sender(rates=rates)
    began = time.monotonic()
    while there.sink.accepted < 80:
        sender.run_slice(1)
    passed = time.monotonic() - began
    to_slow = sum(address.endswith("@slow.org") for address in there.taken())
    assert to_slow <= 5 * passed + 1
    assert there.sink.accepted <= 100 * passed + 200


def test_a_warm_up_lets_so_many_go_today_and_no_notice_wait(rig: Callable[..., Rig]) -> None:
    there = rig()
    there.mailing(everyone(100))
    today = Calendar(warmup.day_of(time.time()), 30, 1000)
    worked = there.sender(calendar=today).run_slice(30)
    assert (worked.accepted, worked.more) == (30, False)
    assert worked.wait is not None
    with there.store.write() as session:
        session.execute(update(Mailing).values(priority=mailings.PRIORITY["notice"]))
        session.execute(update(Recipient).where(text(mailings.CLAIMABLE)).values(due=0.0))
    assert there.sender(calendar=today).run_slice(30).accepted == 70


def test_who_was_claimed_and_not_sent_to_does_not_use_up_the_day(rig: Callable[..., Rig]) -> None:
    there = rig(lambda moment, _: SinkReply(delay=0.1) if moment is Moment.DOT else None)
    there.mailing(everyone(100))
    today = Calendar(warmup.day_of(time.time()), 30, 1000)
    sender = there.sender(calendar=today)
    assert sender.run_slice(0.25).accepted < 30
    while sender.run_slice(2).accepted:
        pass
    assert there.sink.accepted == 30


def test_a_relays_own_rate_is_kept_to(rig: Callable[..., Rig]) -> None:
    there = rig()
    there.mailing(everyone(300))
    relay = Relay("127.0.0.1", there.sink.port, rate=40)
    began = time.monotonic()
    there.sender(relays=(relay,)).run_slice(1.5)
    assert 20 <= there.sink.accepted <= 40 * (time.monotonic() - began) + 81


@pytest.mark.parametrize("copy", [personal, shared])
def test_only_where_one_copy_is_for_many_the_window_is_five_times_as_wide(
    rig: Callable[..., Rig], copy: Personal
) -> None:
    there = rig()
    letter = LETTER if copy is personal else Segments((b"Subject: x\r\n\r\nto all\r\n",))
    there.mailing(everyone(600), letter=letter)
    claims: list[int] = []

    def wanted(_session: Session, rows: Sequence[ClaimedRow]) -> dict[int, str]:
        claims.append(len(rows))
        return {}

    sender = there.sender(connections=1, personal=copy, wanted=wanted)
    assert sender.run_slice(30).accepted == 600
    assert claims[0] <= 64
    assert (max(claims) > 64) is (copy is shared)
    assert max(claims) <= 320
