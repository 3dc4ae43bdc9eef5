"""Measure signed copies against bare signatures, on one core, in the same run.

    python tests/bench/bench_dkim.py [--copies 2000] [--rounds 5]

Reference: nothing but RSA-2048 signatures of a digest. Ours: personal 10 KB copies, spliced,
dots doubled, signed and ready for the wire, once with the person's name in the body (hashed for
each copy) and once with a shared body (hashed once). The rounds alternate and the medians are
compared, because only ratios within one run mean anything.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mailer.authentication import dkim_keys  # noqa: E402
from mailer.authentication.dkim import stamp  # noqa: E402
from mailer.authentication.dkim_keys import Algorithm, SigningKey  # noqa: E402
from mailer.ledger.splice import Segments, Wire  # noqa: E402

LINES = b"A line of text as people write it, of about sixty characters\r\n" * 160
HEAD = (
    b"List-Id: Minutes <minutes.lists.example.org>\r\nList-Unsubscribe: <mailto:minutes-leave+",
    b"@lists.example.org>,\r\n <https://lists.example.org/minutes@lists.example.org/leave/",
    (
        b">\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        b"From: Anna <anna@example.org>\r\n"
        b"To: minutes@lists.example.org\r\nSubject: The minutes of March\r\n"
        b"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <m1@example.org>\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    ),
)
SHARED = Segments((*HEAD[:2], HEAD[2] + LINES), ("leave", "leave"))
NAMED = Segments((*HEAD[:2], HEAD[2] + b"Dear ", b",\r\n" + LINES), ("leave", "leave", "name"))


def main() -> None:
    """Alternate the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    keys = {kind: key(kind) for kind in Algorithm}
    rsa, both = [keys[Algorithm.RSA]], list(keys.values())
    work: dict[str, Callable[[int], object]] = {
        "bare RSA-2048 signatures": lambda _: rsa[0].private(bytes(32)),
        "RSA, body shared": copies(SHARED, rsa),
        "RSA, name in the body": copies(NAMED, rsa),
        "RSA and Ed25519, name in the body": copies(NAMED, both),
        "Ed25519, name in the body": copies(NAMED, [keys[Algorithm.ED25519]]),
        "unsigned, name in the body": copies(NAMED, []),
    }
    rates: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(asked.rounds):
        for name, one in work.items():
            rates[name].append(rate(one, range(asked.copies)))
    load = os.getloadavg()[0]
    sys.stdout.write(
        f"{asked.copies} copies of {len(LINES)} bytes, median of {asked.rounds}, load {load:.1f}\n"
    )
    reference = statistics.median(rates["bare RSA-2048 signatures"])
    for name, found in rates.items():
        middle = statistics.median(found)
        sys.stdout.write(f"{name:<36}{middle:>9,.0f}/s of CPU time   {middle / reference:.2f}\n")


def key(algorithm: Algorithm) -> SigningKey:
    """Make a key."""
    private = dkim_keys.private(algorithm, dkim_keys._generate(algorithm))
    return SigningKey("lists.example.org", "krets", algorithm, private)


def copies(segments: Segments, keys: list[SigningKey]) -> Callable[[int], object]:
    """Return what makes one recipient's copy."""
    wire = Wire(segments, stamp(segments, keys, time.time) if keys else None)
    return lambda number: wire.join({"leave": b"token%08d" % number, "name": b"Reader %d" % number})


def rate(one: Callable[[int], object], numbers: Iterable[int]) -> float:
    """Return how many a second of this process's CPU time, so that neighbours count little."""
    begin, done = time.process_time(), 0
    for number in numbers:
        one(number)
        done += 1
    return done / (time.process_time() - begin)


if __name__ == "__main__":
    main()
