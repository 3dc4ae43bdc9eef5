"""The parts: LMTP, each part alone on one database and one Redis, loops, and refusals."""

import contextlib
import json
import os
import signal
import smtplib
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from listserv.wiring.valkey import Valkey, url
from mailer.ledger.claim_owners import Owner
from mailer.ledger.mailings import Recipient, RecipientState
from mailer.rehearsal.sink import Caught, Moment, Sink, SinkReply, accept, rehearsal
from mailer.storage.store import Store
from tests import warm
from tests.raw_client import RawClient
from tests.tree import Krets, free_port, wait_for

LIST = "friends@example.org"
PEOPLE = ["anna@example.net", "boris@example.com", "chiara@example.it"]


def a_post(number: int, to: str = LIST) -> bytes:
    return (
        f"From: Anna <{PEOPLE[0]}>\r\nTo: {to}\r\nSubject: Post {number}\r\n"
        f"Date: Sun, 22 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{number}@example.net>\r\n\r\n"
        f"Number {number}.\r\n"
    ).encode()


def make_list(krets: Krets, address: str = LIST, people: list[str] = PEOPLE) -> None:
    krets.krets("list", "create", address)
    consent = ("--consent", "Asked at the meeting", "--yes")
    krets.krets("member", "import", address, "-", *consent, stdin="\n".join(people))


def send(krets: Krets, raw: bytes, to: str = LIST) -> None:
    with smtplib.SMTP("127.0.0.1", krets.smtp_port, timeout=60) as client:
        client.sendmail(PEOPLE[0], [to], raw)


def slowly(moment: Moment, _caught: Caught) -> SinkReply | None:
    return SinkReply(delay=0.15) if moment is Moment.DOT else None


def the_end(krets: Krets) -> None:
    wait_for("the queue to empty", lambda: not any(krets.json("queue", "ls").values()))


def copies(outbox: list[Caught]) -> Counter[tuple[str, str]]:
    """Count what the relay took by (subject, recipient)."""
    return Counter(
        (caught.raw.partition(b"\r\nSubject: ")[2].partition(b"\r\n")[0].decode(), caught.recipient)
        for caught in outbox
    )


def once_each(*numbers: int) -> Counter[tuple[str, str]]:
    return Counter((f"Post {number}", person) for number in numbers for person in PEOPLE)


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_lmtp_answers_for_each_recipient_and_its_mail_is_a_post_like_any_other(
    krets: Krets, outbox: list[Caught], tmp_path: Path, *, unix: bool
) -> None:
    port = free_port()
    door = str(tmp_path / "lmtp") if unix else f"127.0.0.1:{port}"
    krets.settings["KRETS_MAILER__LMTP"] = door
    make_list(krets)
    krets.start()
    with RawClient(door if unix else ("127.0.0.1", port)) as client:
        assert client.ask(b"LHLO mta.example").startswith(b"250")
        assert client.ask(b"MAIL FROM:<anna@example.net>").startswith(b"250")
        assert client.ask(b"RCPT TO:<friends@example.org>").startswith(b"250 ")
        assert client.ask(b"RCPT TO:<strangers@example.org>").startswith(b"550 5.1.1 ")
        assert client.ask(b"RCPT TO:<friends-owner@example.org>").startswith(b"250 ")
        assert client.ask(b"DATA").startswith(b"354")
        assert client.ask(a_post(1) + b".").startswith(b"250 ")
        assert client.reply().startswith(b"250 ")
    wait_for("three copies", lambda: len(outbox) >= len(PEOPLE))
    assert copies(outbox) == once_each(1)


@pytest.fixture
def valkey(krets: Krets) -> Iterator[Valkey]:
    """Run the one Redis that parts on many machines would share, outside of their data folders."""
    with tempfile.TemporaryDirectory(prefix="krets-") as folder:
        data = Path(folder)
        (data / "run").mkdir()
        running = Valkey(data)
        running.start()
        krets.settings["KRETS_MAILER__REDIS"] = url(data)
        yield running
        running.stop()


@contextlib.contextmanager
def alone(krets: Krets, *parts: str) -> Iterator[list[warm.Child]]:
    """Run parts as processes of their own; each must be up, and stop cleanly if it still runs."""
    log = krets.folder / "parts.log"
    with log.open("ab") as errors, Path(os.devnull).open("rb") as nothing:
        streams = [nothing.fileno(), errors.fileno(), errors.fileno()]
        running = [warm.stove().spawn([part], krets.env, krets.folder, streams) for part in parts]
    try:
        for part, count in Counter(parts).items():
            wait_for(
                f"krets {part} to be up:\n{log.read_text()[-3000:]}",
                lambda words=f"krets {part} is up", count=count: (
                    log.read_text().count(words) == count
                ),
            )
        yield running
        alive = [process for process in running if process.poll() is None]
        for process in alive:
            process.terminate()
        assert [process.wait(30) for process in alive] == [0] * len(alive), log.read_text()
    finally:
        for process in running:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                process.wait(10)
    assert "Traceback" not in log.read_text()


def one_who_sends(krets: Krets) -> int:
    """Return the process id of a worker that has claimed recipients, 0 where none has."""
    store = Store(krets.database, krets.folder / "data")
    with contextlib.closing(store), store.read() as session:
        claims = select(Owner.pid).join(Recipient, Recipient.epoch == Owner.epoch)
        return session.scalar(claims.where(Recipient.state == RecipientState.CLAIMED).limit(1)) or 0


def test_the_parts_alone_make_one_service_and_a_killed_worker_costs_nothing_but_time(
    krets: Krets, outbox: list[Caught], sink: Sink, valkey: Valkey
) -> None:
    make_list(krets)
    crowd = [PEOPLE[0], *(f"reader{number}@example.net" for number in range(199))]
    make_list(krets, "crowd@example.org", crowd)
    with alone(krets, "smtp", "web", "worker", "worker", "worker", "clock") as running:
        for number in range(20):
            send(krets, a_post(number))
        wait_for("60 copies", lambda: len(outbox) >= 20 * len(PEOPLE))
        the_end(krets)
        wait_for("the page", lambda: b"Post 19" in krets.get(f"/{LIST}/")[1])
        assert krets.get("/healthz") == (200, b'{"ok":true}')
        assert copies(outbox) == once_each(*range(20))

        outbox.clear()
        sink.script = slowly
        send(krets, a_post(20, "crowd@example.org"), "crowd@example.org")
        wait_for("a part of the crowd", lambda: len(outbox) >= 20)
        sender = wait_for("somebody who sends", lambda: one_who_sends(krets))
        (victim,) = (process for process in running if process.pid == sender)
        os.kill(victim.pid, signal.SIGKILL)
        assert victim.wait(10) == -signal.SIGKILL
        assert len(outbox) < len(crowd)
        sink.script = accept
        the_end(krets)
        counts = krets.json("queue", "status", "21")
    assert (counts["accepted"], counts["audience"]) == (len(crowd), len(crowd))
    received = Counter(caught.recipient for caught in outbox)
    assert received.keys() == set(crowd)
    # never-miss: what was between the dot and its answer went again, by the same id
    assert received.total() - len(crowd) <= counts["connections"]


def test_health_names_the_parts_that_are_not_up_and_the_door_itself_lives(
    krets: Krets, valkey: Valkey
) -> None:
    with alone(krets, "web"):
        assert krets.get("/livez")[0] == 200
        status, said = krets.get("/healthz")
        assert status == 503
        assert json.loads(said) == dict.fromkeys(("smtp", "worker", "clock"), "not up")
        with alone(krets, "smtp", "worker", "clock"):
            wait_for("all to be up", lambda: krets.get("/healthz")[0] == 200)


def test_nothing_is_restored_beneath_parts_that_run(krets: Krets, valkey: Valkey) -> None:
    make_list(krets)
    kept = krets.folder / "kept.backup"
    krets.krets("backup", str(kept))
    with alone(krets, "smtp", "worker", "clock"):
        done = krets.run("restore", "--yes", str(kept))
        assert done.returncode == 75
        assert "runs on this database" in done.stderr


def test_without_the_doorbell_mail_is_taken_and_goes_out_when_it_is_back(
    krets: Krets, outbox: list[Caught], valkey: Valkey
) -> None:
    make_list(krets)
    with alone(krets, "smtp", "worker", "clock"):
        send(krets, a_post(1))
        wait_for("the first three copies", lambda: len(outbox) >= len(PEOPLE))
        valkey.stop()
        send(krets, a_post(2))
        valkey.start()
        wait_for("three more", lambda: len(outbox) >= 2 * len(PEOPLE))
        the_end(krets)
    assert copies(outbox) == once_each(1, 2)


HANDED_ON = {
    "to-two@mailbox.example": "two@example.org",
    "to-one@mailbox.example": "one@example.org",
}


class BackIn:
    """A relay whose world has two mailboxes that hand everything on to a list of ours."""

    def __init__(self) -> None:
        self.krets: Krets | None = None
        self.kept: list[Caught] = []
        self.brought: list[Caught] = []

    def __call__(self, caught: Caught) -> None:
        if caught.recipient not in HANDED_ON:
            self.kept.append(caught)
            return
        self.brought.append(caught)
        assert self.krets is not None
        with smtplib.SMTP("127.0.0.1", self.krets.smtp_port, timeout=60) as client:
            client.sendmail(caught.sender, [HANDED_ON[caught.recipient]], caught.raw)


def test_two_lists_that_hand_on_to_each_other_send_a_post_round_once(
    tmp_path: Path, database_url: str
) -> None:
    back_in = BackIn()
    with rehearsal(Sink(keep=back_in)) as relay:
        krets = Krets(tmp_path, f"smtp://127.0.0.1:{relay.port}", database_url)
        krets.settings["KRETS_LISTSERV__CROSS_POST_WAIT"] = "3"
        back_in.krets = krets
        make_list(krets, "one@example.org", [*PEOPLE, "to-two@mailbox.example"])
        make_list(
            krets, "two@example.org", [PEOPLE[0], "dora@example.se", "to-one@mailbox.example"]
        )
        krets.start()
        try:
            send(krets, a_post(1, "one@example.org"), "one@example.org")
            wait_for("the post to come back", lambda: len(back_in.brought) >= 2)
            the_end(krets)
        finally:
            krets.stop()
    # Once to two@, from there once to one@, which knows its own mark and ends it.
    assert [caught.recipient for caught in back_in.brought] == list(HANDED_ON)
    received = Counter(caught.recipient for caught in back_in.kept)
    assert received == {PEOPLE[0]: 2, PEOPLE[1]: 1, PEOPLE[2]: 1, "dora@example.se": 1}


def unwilling(moment: Moment, caught: Caught) -> SinkReply | None:
    """Refuse Boris when he is named, and Chiara's copy at the final dot."""
    if moment is Moment.RCPT and caught.recipient == PEOPLE[1]:
        return SinkReply(550, "5.1.1 Nobody of that name\x1b[31m here")
    if moment is Moment.DOT and caught.recipient == PEOPLE[2]:
        return SinkReply(554, "5.7.1 We do not want this")
    return None


def test_a_5xx_at_rcpt_and_one_at_the_dot_are_refused_with_code_and_reason(
    tmp_path: Path, database_url: str
) -> None:
    outbox: list[Caught] = []
    with rehearsal(Sink(script=unwilling, keep=outbox.append)) as relay:
        krets = Krets(tmp_path, f"smtp://127.0.0.1:{relay.port}", database_url)
        make_list(krets)
        krets.start()
        try:
            send(krets, a_post(1))
            the_end(krets)
        finally:
            krets.stop()
    assert [caught.recipient for caught in outbox] == [PEOPLE[0]]
    told = {one["address"]: one for one in krets.json("queue", "mailing", "1")}
    found = {who: (one["state"], one["code"], one["reason"]) for who, one in told.items()}
    assert found == {
        PEOPLE[0]: ("accepted", 250, ""),
        PEOPLE[1]: ("refused", 550, "5.1.1 Nobody of that name [31m here"),
        PEOPLE[2]: ("refused", 554, "5.7.1 We do not want this"),
    }
