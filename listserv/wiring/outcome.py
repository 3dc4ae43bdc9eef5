"""What one arrival came to: the word for the log, the explanation and the sorting loop."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArrivalOutcome:
    """Name the decision (accept, hold, refuse, discard, done) and what led to it."""

    decision: str
    rules: tuple[str, ...] = ()
