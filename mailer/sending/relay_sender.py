"""Hold all that one sender has to do with one relay.

Its lanes, its share beside other relays, its pauses while it is in trouble, and the tokens that
its pace has granted. It stands as the ``LetterSource`` between its lanes and what the sender has in
its hands (mailer/sending/in_flight.py), so that what a relay says is put down to that relay.
"""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailer.client.relay import Relay
from mailer.client.smtp_answers import Reply
from mailer.client.smtp_out import Lane
from mailer.client.smtp_transaction import QUIT_CODE, OutgoingLetter, Stage
from mailer.ledger import pace
from mailer.reading.addresses import nameless
from mailer.sending.in_flight import CopiesInFlight

log = logging.getLogger(__name__)

FIRST_PAUSE, MAX_PAUSE = 1.0, 300.0  # seconds without a relay that is in trouble


@dataclass(slots=True)
class RelaySender:
    """Hold the lanes to one relay; ``credit`` None means that nothing limits it."""

    relay: Relay
    out: CopiesInFlight
    lanes: list[Lane] = field(default_factory=list)
    opening: int = 0
    failures: int = 0
    pause_until: float = 0.0
    why: str = ""
    credit: int | None = None
    excused: int = 0  # lanes that end over the pace of one receiver

    @property
    def wide(self) -> int:
        """Return how many lanes there are or will be at once."""
        return len(self.lanes) + self.opening

    def trouble(self, why: str, now: float) -> None:
        """Pause this relay, longer each time in a row."""
        if now < self.pause_until:
            return  # several lanes tell of one trouble
        self.failures += 1
        pause = min(FIRST_PAUSE * 2.0 ** (self.failures - 1), MAX_PAUSE)
        self.pause_until = now + pause * (0.75 + random.random() / 2)  # noqa: S311 - jitter
        self.why = nameless(why)  # it is logged, and shown
        log.warning("relay %s: %s; pausing %.0f s", self.relay.name, self.why, pause)

    def wish(self, most: int) -> int:
        """Return how many tokens more this line could use."""
        return max(0, most - (self.credit or 0))

    def receive(self, granted: int | None) -> None:
        """Take tokens; None says that none are needed."""
        self.credit = None if granted is None else (self.credit or 0) + granted

    # -- for the lanes (smtp_out.LetterSource) -----------------------------------------------------

    def next_letter(self, most: int) -> OutgoingLetter | None:
        """Compose the next letter, if this relay may have one now."""
        if self.credit is None:
            return self.out.next_letter(most)
        letter = self.out.next_letter(min(most, self.credit)) if self.credit > 0 else None
        if letter is not None:
            self.credit -= len(letter.rows)
        return letter

    def dotting(self, letter: OutgoingLetter) -> bool:
        """Record that the final dot is about to leave."""
        return self.out.dotting(letter)

    def answered(self, row: int, stage: Stage, reply: Reply) -> None:
        """Pass the answer on; "slower" is the relay's own word, or its receiver's."""
        if reply.code // 100 == 4 and pace.asks_for_less(reply, queues=self.relay.queues):  # noqa: PLR2004 - RFC 5321 section 4.2.1
            self.out.complain(row, pace.through(self.relay.name) if self.relay.queues else "")
            self.excused += reply.code == QUIT_CODE and not self.relay.queues
        self.out.answered(row, stage, reply)

    def lost(self, row: int, why: str) -> None:
        """Pass on that no answer will come."""
        self.out.lost(row, why)

    def released(self, row: int) -> None:
        """Pass on that nothing was sent."""
        self.out.released(row)

    def settled(self) -> None:
        """Pass on that all answers which came together have been told."""
        self.out.settled()

    def gone(self, lane: Lane, why: str, *, trouble: bool) -> None:
        """Pass on that a lane ended; over one receiver's pace the others need no pause."""
        excused = trouble and self.excused > 0
        self.excused -= excused
        self.out.gone(lane, why, trouble=trouble and not excused)


def share(lines: Sequence[RelaySender], usual: int, now: float) -> RelaySender | None:
    """Choose the line that is to have the next lane, or None where each has enough.

    The one that has least of its weight; a weight of 0 counts only while no other line can be
    used. ``usual`` is how many lanes a relay gets that says nothing of its own.
    """
    usable = [line for line in lines if line.pause_until <= now]
    chosen = [line for line in usable if line.relay.weight] or usable
    room = [line for line in chosen if line.wide < (line.relay.connections or usual)]
    return min(room, key=lambda line: line.wide / max(1, line.relay.weight), default=None)
