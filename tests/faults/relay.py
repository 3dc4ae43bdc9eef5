"""The relay of the fault tests: counts every copy it took, and fails when it is told to."""

import random
import threading
import time
from collections import Counter

from mailer.rehearsal.sink import Caught, Moment, SinkReply

DROP = SinkReply(drop=True)
KEPT = SinkReply(drop=True, kept=True)  # taken, and the connection is gone before the 250
LOST = SinkReply(drop=True, kept=False)
_ID = b"Message-ID: <"


class Relay:
    """Take copies after a moment's thought; drop the next connections where a test says so."""

    def __init__(self, chance: random.Random, thought: float) -> None:
        self.copies: Counter[tuple[str, str]] = Counter()  # (Message-ID, recipient)
        self.last = 0.0  # monotonic time of the last copy
        self.thought = thought  # seconds before the 250, at most
        self._chance = chance
        self._plan: list[tuple[Moment, SinkReply]] = []
        self._first: dict[str, float] = {}
        self._lock = threading.Lock()

    def fail(self, plan: list[tuple[Moment, SinkReply]]) -> None:
        """Drop connections at these moments, one after another."""
        with self._lock:
            self._plan = plan[::-1]

    def recover(self) -> int:
        """Fail no more; return how many drops were still to come."""
        with self._lock:
            left, self._plan = len(self._plan), []
        return left

    @property
    def failing(self) -> int:
        """Return how many drops are still to come."""
        return len(self._plan)

    def first_copy(self, message_id: str) -> float | None:
        """Return the monotonic time of a message's first copy."""
        return self._first.get(message_id)

    def keep(self, caught: Caught) -> None:
        """Count one copy that was taken."""
        at = caught.raw.index(_ID) + len(_ID)
        message_id = caught.raw[at : caught.raw.index(b">", at)].decode()
        now = time.monotonic()
        for recipient in caught.recipients:
            self.copies[message_id, recipient] += 1
        self.last = now
        self._first.setdefault(message_id, now)

    def __call__(self, moment: Moment, _caught: Caught) -> SinkReply | None:
        """Answer as planned."""
        with self._lock:
            if self._plan and self._plan[-1][0] is moment:
                return self._plan.pop()[1]
        if moment is Moment.DOT and self.thought:
            return SinkReply(delay=self._chance.random() * self.thought)
        return None
