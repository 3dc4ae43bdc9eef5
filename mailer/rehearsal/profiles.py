"""Profiles of the rehearsal relay: scripts that answer like the big receivers, or badly.

The words are modelled on what such receivers say, so that bounces and deferrals can be
rehearsed; the rules behind them are ours and simple. The local part of a recipient asks for an
answer (``nobody...``, ``full...``, ``later...``, ``spam...``); any other address is taken.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mailer.rehearsal.sink import Caught, Moment, Script, SinkReply, accept

GREYLIST_WAIT = 300.0  # seconds after which a second try is let in


@dataclass(slots=True)
class Asked:
    """Answer by what the recipient's local part asks for."""

    moment: Moment
    answers: dict[str, SinkReply]

    def __call__(self, moment: Moment, caught: Caught) -> SinkReply | None:
        """Return the answer for the first prefix that fits."""
        if moment is not self.moment:
            return None
        local = caught.recipient.lower()
        fitting = (told for prefix, told in self.answers.items() if local.startswith(prefix))
        return next(fitting, None)


def gmail(clock: Callable[[], float] = time.monotonic) -> Script:
    """Answer in the words of Gmail: most refusals come at RCPT; gmail.com takes 20 a second."""
    return _both(Throttle("gmail.com", 20.0, clock), _gmail())


def _gmail() -> Script:
    return Asked(
        Moment.RCPT,
        {
            "nobody": SinkReply(
                550, "5.1.1 The email account that you tried to reach does not exist. - gsmtp"
            ),
            "full": SinkReply(452, "4.2.2 The recipient's inbox is out of storage space. - gsmtp"),
            "later": SinkReply(
                450, "4.2.1 The user is receiving mail at a rate that is too high. - gsmtp"
            ),
            "spam": SinkReply(
                550,
                "5.7.1 Our system has detected that this message is likely unsolicited. - gsmtp",
            ),
            "busy": SinkReply(
                421, "4.7.28 Our system has detected an unusual rate of mail. - gsmtp"
            ),
        },
    )


def outlook() -> Script:
    """Answer in the words of Outlook.com: some refusals come only after the dot."""
    return _both(
        Asked(
            Moment.RCPT,
            {
                "nobody": SinkReply(
                    550, "5.5.0 Requested action not taken: mailbox unavailable (S2017062302)."
                ),
                "later": SinkReply(451, "4.7.500 Server busy. Please try again later. (S77719)"),
                "busy": SinkReply(421, "4.3.2 The maximum number of connections is exceeded."),
            },
        ),
        Asked(
            Moment.DOT,
            {
                "full": SinkReply(552, "5.2.2 Mailbox full (STOREDRV.QuotaExceededException)"),
                "spam": SinkReply(550, "5.7.1 Unfortunately, messages were not sent (S3140)."),
            },
        ),
    )


@dataclass(slots=True)
class Greylist:
    """Put a stranger off once; sender's domain and recipient are known afterwards."""

    wait: float = GREYLIST_WAIT
    clock: Callable[[], float] = lambda: 0.0
    seen: dict[tuple[str, str], float] = field(default_factory=dict)

    def __call__(self, moment: Moment, caught: Caught) -> SinkReply | None:
        """Return 451 until ``wait`` seconds have passed since the first try."""
        if moment is not Moment.RCPT:
            return None
        now = self.clock()
        pair = (caught.sender.rpartition("@")[2].lower(), caught.recipient.lower())
        first = self.seen.setdefault(pair, now)
        if now - first >= self.wait and first != now:
            return None
        return SinkReply(451, "4.7.1 Greylisted, please try again later")


@dataclass(slots=True)
class Throttle:
    """Take so many a second for one domain, and ask whoever goes faster to go slower."""

    domain: str
    rate: float
    clock: Callable[[], float]
    room: float = 1.0
    at: float = 0.0

    def __call__(self, moment: Moment, caught: Caught) -> SinkReply | None:
        """Return 421 for a recipient that comes too soon."""
        if moment is not Moment.RCPT or not caught.recipient.lower().endswith(f"@{self.domain}"):
            return None
        now = self.clock()
        self.room = min(max(1.0, self.rate), self.room + self.rate * (now - self.at))
        self.at = now
        if self.room < 1:
            return SinkReply(
                421, "4.7.28 An unusual rate of mail comes from you; slow down. - gsmtp"
            )
        self.room -= 1
        return None


@dataclass(slots=True)
class Faulty:
    """Go wrong in every way a connection can, at random but repeatably."""

    chance: random.Random
    share: float = 0.05  # of the moments

    def __call__(self, moment: Moment, _caught: Caught) -> SinkReply | None:
        """Return a refusal, a deferral, a dropped connection, or nothing."""
        if moment in (Moment.GREETING, Moment.EHLO) or self.chance.random() >= self.share:
            return None
        if moment is Moment.CONTENT:
            return SinkReply(drop=True)
        return self.chance.choice(
            (
                SinkReply(451, "4.3.0 Temporary fault"),
                SinkReply(550, "5.0.0 Permanent fault")
                if moment is not Moment.MAIL
                else SinkReply(drop=True),
                SinkReply(421, "4.3.2 Closing"),
                SinkReply(drop=True),
                SinkReply(drop=True, kept=True),
            )
        )


def profile(name: str, *, clock: Callable[[], float], seed: int = 0) -> Script | None:
    """Return the script with this name, or None."""
    makers: dict[str, Callable[[], Script]] = {
        "accept": lambda: accept,
        "gmail": lambda: gmail(clock),
        "outlook": outlook,
        "greylist": lambda: Greylist(clock=clock),
        "faulty": lambda: Faulty(random.Random(seed)),  # noqa: S311 - a rehearsal
    }
    made = makers.get(name)
    return made() if made else None


def _both(first: Script, second: Script) -> Script:
    return lambda moment, caught: first(moment, caught) or second(moment, caught)
