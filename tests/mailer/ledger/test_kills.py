"""Whatever moment a sender is stopped at, the sink and the ledger agree afterwards."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from mailer.client.relay import Relay
from mailer.ledger import claim_owners, ledger, mailings
from mailer.ledger.claim_owners import Owner
from mailer.ledger.flight_recorder import FlightRecorder
from mailer.ledger.ledger import Backoff, ClaimedRow
from mailer.ledger.mailings import MailingView, Recipient, Status
from mailer.ledger.splice import Segments
from mailer.ledger.worker_lease import Clock
from mailer.rehearsal.sink import Caught, Sink, rehearsal
from mailer.sending.in_flight import PersonalCopy
from mailer.sending.ledger_errand import SenderSettings
from mailer.sending.sender import Sender, Worked
from mailer.storage.store import Store

ROOT = Path(__file__).resolve().parents[3]
CONNECTIONS = 4
KILLS = 4
AUDIENCE = 1600

PROGRAM = """
import sys
from pathlib import Path
from mailer.ledger import ledger
from mailer.sending.in_flight import PersonalCopy
from mailer.client.relay import Relay
from mailer.sending.ledger_errand import SenderSettings
from mailer.sending.sender import Sender
from mailer.storage.store import Store
url, folder, port = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
sender = Sender(
    Store(url, folder),
    SenderSettings(relays=(Relay("127.0.0.1", port),), connections=4),
    personal=lambda view, row: PersonalCopy("b@x.org", {"ref": b"%d" % row.ref}),
    wanted=ledger.everyone,
    flights=folder / "flight",
)
while sender.run_slice(2.0).more:
    pass
sender.close()
"""


def freeze(store: Store, policy: str, count: int) -> int:
    with store.write() as session:
        made = mailings.create_mailing(
            session,
            kind="issue",
            list_address="a@x.org",
            message_id="m@x.org",
            policy=policy,
            compositions={0: Segments((b"X-Ref: ", b"\r\n\r\nHello\r\n"), ("ref",))},
            created=1.0,
            expires_at=4e9,
        )
        rows = [
            {"mailing_id": made, "ref": n, "address": f"m{n}@x.org", "bucket": "x.org"}
            for n in range(count)
        ]
        session.execute(insert(Recipient), rows)
        mailings.open_mailing(session, made, now=1.0)
    return made


def counts(store: Store, made: int) -> Status:
    with store.read() as session:
        found = mailings.status(session, made)
    parts = (found.open, found.accepted, found.refused, found.unsure, found.skipped)
    assert found.audience == sum(parts)
    return found


@pytest.mark.parametrize("policy", ["never-twice", "never-miss"])
@pytest.mark.no_cover
def test_a_sender_killed_again_and_again_loses_and_doubles_nothing_unsaid(
    store: Store, tmp_path: Path, database_url: str, policy: str
) -> None:
    made = freeze(store, policy, AUDIENCE)
    chance = random.Random(20261122 + len(policy))  # noqa: S311 - seeded on purpose
    taken: Counter[str] = Counter()
    at_kill = 0
    running: list[subprocess.Popen[bytes]] = []

    def keep(caught: Caught) -> None:
        taken[caught.recipient] += 1
        if at_kill and taken.total() == at_kill:
            os.kill(running[-1].pid, signal.SIGKILL)

    unsure = 0
    with rehearsal(Sink(keep=keep)) as sink:
        for turn in range(KILLS + 1):
            last = turn == KILLS
            at_kill = 0 if last else taken.total() + chance.randrange(1, AUDIENCE // KILLS - 20)
            words = [sys.executable, "-c", PROGRAM, database_url, str(tmp_path), str(sink.port)]
            running.append(subprocess.Popen(words, cwd=ROOT))
            code = running[-1].wait(timeout=60)
            assert code == (0 if last else -signal.SIGKILL)
            before = counts(store, made)
            with store.write() as session:
                claim_owners.recover_dead(
                    session, flights=tmp_path / "flight", now=store.now(session)
                )
            after = counts(store, made)
            assert after.claimed == 0
            assert after.unsure - before.unsure <= CONNECTIONS
            unsure += after.unsure - before.unsure
    found = counts(store, made)
    assert found.state == "done"
    doubled = sum(times > 1 for times in taken.values())
    if policy == "never-twice":
        assert (doubled, max(taken.values())) == (0, 1)
        assert found.accepted + found.unsure == AUDIENCE
        assert found.accepted <= len(taken) <= AUDIENCE
    else:
        assert (len(taken), found.accepted, unsure) == (AUDIENCE, AUDIENCE, 0)
        assert max(taken.values()) == 2 if doubled else 1
        assert doubled <= KILLS * CONNECTIONS


class Held(FlightRecorder):
    """Stop between the record of the first dot and the look at the lease."""

    held: threading.Event
    go: threading.Event

    def dot(self, row: int, attempt: int) -> None:
        super().dot(row, attempt)
        if not self.held.is_set():
            self.held.set()
            self.go.wait(20)


@pytest.mark.parametrize("policy", ["never-twice", "never-miss"])
def test_a_sender_paused_past_its_lease_sends_nothing_another_was_given(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    made = freeze(store, policy, 60)
    flights = tmp_path / "flight"
    taken: Counter[str] = Counter()
    skipped_time = [0.0]
    slow = Clock(steady=lambda: Clock().steady() + skipped_time[0])

    def personal(_view: MailingView, row: ClaimedRow) -> PersonalCopy:
        return PersonalCopy("b@x.org", {"ref": b"%d" % row.ref})

    def keep(caught: Caught) -> None:
        taken[caught.recipient] += 1

    with rehearsal(Sink(keep=keep)) as sink:

        def sender(clock: Clock) -> Sender:
            settings = SenderSettings(
                relays=(Relay("127.0.0.1", sink.port),),
                connections=2,
                backoff=Backoff(first=600.0),
            )
            return Sender(
                store,
                settings,
                personal=personal,
                wanted=ledger.everyone,
                flights=flights,
                clock=clock,
            )

        Held.held, Held.go = threading.Event(), threading.Event()
        worked: list[Worked] = []
        paused, other = sender(slow), sender(Clock())
        with monkeypatch.context() as patch:
            patch.setattr("mailer.sending.ledger_errand.FlightRecorder", Held)
            thread = threading.Thread(target=lambda: worked.append(paused.run_slice(20)))
            thread.start()
            assert Held.held.wait(20)
        skipped_time[0] = 100.0
        with store.write() as session:
            session.execute(update(Owner).values(lease_until=1.0))
        with store.write() as session:
            assert claim_owners.sweep(session, flights=flights, now=store.now(session))
        assert other.run_slice(20).accepted >= 59
        Held.go.set()
        thread.join(30)
        assert worked[0].unsure == 0
        paused.close()
        other.close()
    found = counts(store, made)
    assert set(taken.values()) == {1}
    assert (found.accepted, found.unsure) == ((59, 1) if policy == "never-twice" else (60, 0))
