"""Pulled plugs: kill -9 at random moments around the 250 and the dot, with a client that retries.

What must hold: every accepted post reaches every member; only what was in flight in a killed
transaction may come twice; nothing of the tree is left behind; a new start works at once.
"""

import os
import random
import smtplib
import threading
import time
from collections import Counter

import pytest

from mailer.sink import Caught
from tests.tree import Krets, wait_for

LIST = "friends@example.org"
MEMBERS = 40
CONNECTIONS = 4
WORKERS = 2
PACE = 0.1  # seconds between posts: the workers should be in the middle of one when killed
ROUNDS = {"sqlite": 15, "postgresql": 5}  # in each half; two halves share the cores


class Poster(threading.Thread):
    """Post one message after another; send each again until its 250 is seen (RFC 5321 4.5.4)."""

    def __init__(self, krets: Krets) -> None:
        super().__init__(daemon=True)
        self.krets = krets
        self.accepted: list[str] = []
        self.ending = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.ending.is_set():
            number += 1
            self.post(f"{number:05}@example.net")
            time.sleep(PACE)

    def post(self, message_id: str) -> None:
        raw = (
            f"From: anna@example.net\r\nTo: {LIST}\r\nSubject: {message_id}\r\n"
            f"Date: Sun, 22 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{message_id}>\r\n\r\n"
            + "text\r\n"
            * 50
        )
        while True:
            try:
                with smtplib.SMTP("127.0.0.1", self.krets.smtp_port, timeout=10) as client:
                    client.sendmail("anna@example.net", [LIST], raw)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.02)  # the pace of a client that tries again
                continue
            self.accepted.append(message_id)
            return


@pytest.mark.timeout(400)
@pytest.mark.parametrize("half", ["first", "second"])
def test_nothing_accepted_is_lost_and_only_what_was_in_flight_comes_twice(
    krets: Krets, outbox: list[Caught], request: pytest.FixtureRequest, half: str
) -> None:
    rounds = int(
        os.environ.get("KRETS_CHAOS_ROUNDS", ROUNDS[request.config.getoption("--database")])
    )
    seed = int(os.environ.get("KRETS_CHAOS_SEED", random.SystemRandom().randrange(10**6)))
    print(f"{half} half: seed {seed}, {rounds} kills")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)  # noqa: S311 - a test that can be repeated
    krets.settings |= {
        "KRETS_MAILER__CONNECTIONS": str(CONNECTIONS),
        "KRETS_MAILER__WORKERS": str(WORKERS),
    }
    krets.krets("list", "create", LIST)
    people = ["anna@example.net", *(f"m{number}@example.com" for number in range(MEMBERS - 1))]
    krets.krets(
        "member", "import", LIST, "-", "--consent", "for the test", "--yes", stdin="\n".join(people)
    )
    krets.start()
    poster = Poster(krets)
    poster.start()
    for _ in range(rounds):
        time.sleep(chance.uniform(0.05, 0.8))
        chance.choice((krets.kill_tree, krets.kill_parent))()
        krets.start()
    before = len(poster.accepted)
    wait_for("one more post after the last kill", lambda: len(poster.accepted) > before)
    poster.ending.set()
    poster.join(30)
    settle(krets)
    check(poster.accepted, people, outbox, most_twice=rounds * CONNECTIONS * WORKERS)


def settle(krets: Krets) -> None:
    """Wait until nothing is left to do; say what is left where that takes too long."""
    try:
        wait_for("the queue to empty", lambda: not any(krets.json("queue", "ls").values()), 180)
    except AssertionError:
        left = krets.krets("queue", "ls")
        pytest.fail(f"{left}\n{krets.log[-5000:]}", pytrace=False)


def check(posts: list[str], people: list[str], outbox: list[Caught], *, most_twice: int) -> None:
    copies: Counter[tuple[str, str]] = Counter()
    for caught in outbox:
        subject = caught.raw.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
        copies[subject, caught.recipient] += 1
    missing = [(post, person) for post in posts for person in people if not copies[post, person]]
    assert not missing, f"{len(missing)} copies were lost, such as {missing[:3]}"
    twice = sum(count - 1 for count in copies.values())
    print(f"{len(posts)} posts, {sum(copies.values())} copies, {twice} twice")  # noqa: T201
    assert twice <= most_twice
