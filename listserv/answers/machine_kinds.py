"""Name what a machine's mail is, and hold what a judgement says of it.

These are the words in which automatic.py decides; they know no mail.
"""

from dataclasses import dataclass
from enum import StrEnum


class MailRole(StrEnum):
    """Say what a mail would be if a person had written it."""

    ANSWER = "answer"
    COMMAND = "command"
    POST = "post"


class MachineKind(StrEnum):
    """Name what a machine's mail is."""

    NULL_SENDER = "null-sender"
    AUTO_SUBMITTED = "auto-submitted"
    PRECEDENCE = "precedence"
    MARKED = "marked"
    REPORT = "report"
    MACHINE = "machine"
    CALENDAR = "calendar"
    REACTION = "reaction"
    RECEIPT = "receipt"
    RECALL = "recall"
    ABSENCE = "absence"
    RECEIVED = "received"  # a desk says that it has got something
    CHALLENGE = "challenge"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Say what a mail is and what shows it; ``sure`` where a program says so itself."""

    kind: MachineKind | None = None
    why: str = ""
    sure: bool = False

    def __bool__(self) -> bool:
        """Tell whether a machine wrote it."""
        return self.kind is not None


HUMAN = Judgement()
