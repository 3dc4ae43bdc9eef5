"""Name what became of one arrival, for the log, `explain` and the sorter."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArrivalOutcome:
    """Name the decision (accept, hold, refuse, discard, done) and what led to it."""

    decision: str
    rules: tuple[str, ...] = ()
