"""A scenario: one running installation, many faults one after another, and the audit at its end."""

import contextlib
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from mailer.ledger.mailings import RecipientState
from tests.faults.book import Audit, audit
from tests.faults.kinds import Strike, Struck
from tests.faults.prepared import Measure, Prepared
from tests.faults.stage import Stage, StuckError, staged

RESUMED = 10.0  # seconds in which work must go on after a fault's end
BUSY = 2.5  # runnable processes a core: above it others have the machine, and lateness is theirs
PATIENCE = 240.0  # seconds after which we stop waiting for it
LAST = 600.0  # seconds for everything that is owed to leave, at the end
OK = 200


@dataclass(frozen=True, slots=True)
class Felt:
    """Say what one fault came to."""

    fault: str
    detail: str
    lasted: float  # seconds from the blow to its end
    resumed: float  # seconds from the end until everything worked again
    unsure: int  # transactions whose answer was lost
    most_unsure: int
    load: float  # of the machine, in the last minute

    @property
    def late(self) -> bool:
        """Tell whether work went on too late, though the machine was ours."""
        return self.resumed > RESUMED and self.load <= BUSY * (os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Say what a scenario came to; ``wrong`` is empty where all promises were kept."""

    felt: Sequence[Felt]
    samples: int
    audit: Audit | None
    wrong: Sequence[str]
    tracebacks: int
    seconds: float


def play(
    folder: Path,
    prepared: Prepared,
    measure: Measure,
    plan: Sequence[tuple[str, Strike]],
    seed: int,
) -> Outcome:
    """Run the faults of ``plan`` on an installation of its own in ``folder``."""
    chance = random.Random(seed)  # noqa: S311 - a scenario can be repeated
    began = time.monotonic()
    felt: list[Felt] = []
    wrong: list[str] = []
    report = None
    with staged(folder, prepared, measure, chance) as stage:
        try:
            _strike_all(stage, plan, chance, felt)
            report, found = _settle(stage, prepared)
            wrong += found
        except StuckError as error:
            wrong.append("\n".join(error.args))
        stage.sampler.end()
        wrong += stage.sampler.wrong
        wrong += _too_many_unsure(felt)
        wrong += [
            f"{one.fault} ({one.detail}): resumed after {one.resumed:.1f} s"
            for one in felt
            if one.late
        ]
        samples, tracebacks = stage.sampler.samples, stage.tracebacks()
    with contextlib.suppress(Exception):
        prepared.discard(stage.krets.database)
    return Outcome(felt, samples, report, wrong, tracebacks, time.monotonic() - began)


def _strike_all(
    stage: Stage, plan: Sequence[tuple[str, Strike]], chance: random.Random, felt: list[Felt]
) -> None:
    """Strike, wait until work goes on, count what became unsure; again."""
    before = stage.until("the count", lambda: (stage.book.unsure(),))[0]
    for name, strike in plan:
        stage.keep_busy()
        time.sleep(chance.uniform(0, 0.4))
        began = time.monotonic()
        told = strike(stage, chance)
        resumed = _resumed(stage, told)
        _look_as_people_do(stage)
        now = stage.until("the count", lambda: (stage.book.unsure(),))[0]
        felt.append(
            Felt(
                fault=name,
                detail=told.detail,
                lasted=told.ended - began,
                resumed=resumed,
                unsure=now - before,
                most_unsure=told.most_unsure,
                load=os.getloadavg()[0],
            )
        )
        before = now


def _too_many_unsure(felt: Sequence[Felt]) -> Iterator[str]:
    """Tell where more became unsure than the connections hit.

    The ledger may hear of the last answer that a fault cost after the next one has begun, so what
    the fault before did not use up counts as well.
    """
    for before, one in zip((None, *felt), felt, strict=False):
        late = max(0, before.most_unsure - before.unsure) if before else 0
        if one.unsure > one.most_unsure + late:
            yield f"{one.fault} ({one.detail}): {one.unsure} unsure, at most {one.most_unsure}"


def _resumed(stage: Stage, told: Struck) -> float:
    """Return the seconds from a fault's end until every part worked again.

    That is: a post handed in afterwards has its 250 and its first copy, mailings flow, the web
    answers for all parts, and what dead workers had claimed is settled.
    """

    def a_post_came_through() -> bool:
        late = takewhile(lambda post: post.began > told.ended, reversed(stage.poster.posted))
        return any(stage.relay.first_copy(post.message_id) for post in late)

    epochs = set(told.epochs)
    stage.until("a post to come through", a_post_came_through, PATIENCE)
    stage.until("copies to leave", lambda: stage.relay.last > told.ended, PATIENCE)
    stage.until("all parts to be up", lambda: stage.krets.get("/healthz")[0] == OK, PATIENCE)
    stage.until("claims of the dead to be settled", lambda: stage.book.settled(epochs), PATIENCE)
    return time.monotonic() - told.ended


def _look_as_people_do(stage: Stage) -> None:
    """Sample what ``krets newsletter status --json`` says of the newest issue."""
    told = stage.status()
    counts = [told[state.name.lower()] for state in RecipientState]
    if sum(counts) != told["audience"]:
        stage.sampler.wrong.append(f"krets newsletter status: {told}")


def _settle(stage: Stage, prepared: Prepared) -> tuple[Audit, list[str]]:
    """Let everything leave, then compare what was accepted, owed and taken."""
    stage.poster.end()
    stage.relay.thought = 0
    stage.until("everything to leave", stage.book.hurry, LAST)
    with stage.book.read() as session:
        return audit(
            session,
            posted=stage.poster.posted,
            issued=stage.issued,
            members=prepared.members,
            copies=stage.relay.copies,
        )
