"""What a piece of work costs, in a unit that is the same on a slow machine and on a fast one.

Seconds mean nothing on a machine whose speed nobody knows, under a tracer, beside other work. A
fixed piece of Python, run just before and after, is slowed by the same things; so a cost is a
ratio of two CPU times of one run. What the tests look for, work that grows faster than its
input, costs hundreds of units more, not some.
"""

import time
from collections.abc import Callable

AFFORDABLE = 400.0
"""Units that hostile input of a permitted size may cost: about ten seconds on that same desk."""


def _unit() -> None:
    """Do what one unit is: about 25 ms of dictionaries, joins and slices on a desk of 2020."""
    seen: dict[str, int] = {}
    for number in range(60_000):
        word = f"<{number % 977}>"
        seen[word] = seen.get(word, 0) + len(word[1:-1])


def _seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def cost(work: Callable[[], object]) -> float:
    """Run `work` once and give its CPU time in units; the cheaper of two if one is too dear."""
    before = _seconds(_unit)
    took = _seconds(work)
    if took > AFFORDABLE * before:
        took = min(took, _seconds(work))
    return took / max(before, _seconds(_unit))
