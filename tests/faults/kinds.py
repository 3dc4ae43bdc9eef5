"""The faults: each does its harm, mends it, and says when that was and what it may have cost."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis

from mailer.rehearsal.sink import Moment, SinkReply
from tests.faults.disk import Disk
from tests.faults.prepared import NEWS
from tests.faults.relay import DROP, KEPT, LOST
from tests.faults.stage import CONNECTIONS, PER_SENDER, Stage

PAST_THE_LEASE = 5.5  # seconds; the lease is 5


@dataclass(frozen=True, slots=True)
class Struck:
    """Say what a fault did."""

    ended: float  # monotonic time of the fault's end
    most_unsure: int  # transactions whose answer may be lost: one for each connection hit
    epochs: frozenset[int] = frozenset()  # of dead workers: their claims must be settled
    detail: str = ""


Strike = Callable[[Stage, random.Random], Struck]


def _kill(stage: Stage, pids: list[int], most_unsure: int, detail: str = "") -> Struck:
    epochs = frozenset(stage.owned(pids))
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return Struck(time.monotonic(), most_unsure, epochs, detail)


def kill_worker(stage: Stage, chance: random.Random) -> Struck:
    """Kill -9 one worker."""
    return _kill(stage, [stage.a_part("worker", chance)], PER_SENDER)


def kill_workers(stage: Stage, _chance: random.Random) -> Struck:
    """Kill -9 all workers at once."""
    return _kill(stage, stage.parts("worker"), CONNECTIONS)


def kill_smtp(stage: Stage, chance: random.Random) -> Struck:
    """Kill -9 the listener."""
    return _kill(stage, [stage.a_part("smtp", chance)], 0)


def kill_web(stage: Stage, chance: random.Random) -> Struck:
    """Kill -9 the web door."""
    return _kill(stage, [stage.a_part("web", chance)], 0)


def kill_parent(stage: Stage, _chance: random.Random) -> Struck:
    """Kill -9 the parent; its parts must follow, and a supervisor starts it again."""
    return _kill(stage, stage.krets.pids()[:1], CONNECTIONS)


def kill_tree(stage: Stage, _chance: random.Random) -> Struck:
    """Kill -9 every process at once."""
    return _kill(stage, stage.krets.pids(), CONNECTIONS)


def end_tree(stage: Stage, _chance: random.Random) -> Struck:
    """SIGTERM to the parent, as a restart sends it: answers in time leave nobody unsure."""
    parent = stage.krets.pids()[:1]
    epochs = frozenset(stage.owned(stage.krets.pids()))
    began = time.monotonic()
    _signal(parent, signal.SIGTERM)
    stage.until("the tree to end", lambda: not Path(f"/proc/{parent[0]}").exists())
    ended = time.monotonic()
    return Struck(ended, 0, epochs, f"ended in {ended - began:.1f} s")


def end_worker(stage: Stage, chance: random.Random) -> Struck:
    """SIGTERM to one worker: its answers under way are waited for."""
    pid = stage.a_part("worker", chance)
    epochs = frozenset(stage.owned([pid]))
    _signal([pid], signal.SIGTERM)
    stage.until("the worker to end", lambda: not Path(f"/proc/{pid}").exists())
    return Struck(time.monotonic(), 0, epochs)


def kill_command(stage: Stage, chance: random.Random) -> Struck:
    """Kill -9 ``krets newsletter send`` in the middle; what it began goes out whole, or not."""
    command = stage.begin_issue()
    known = set(stage.issued)
    stage.until("an issue begun", lambda: command.poll() is not None or stage.book.issues() - known)
    time.sleep(chance.uniform(0, 0.1))
    finished = command.poll() is not None
    with contextlib.suppress(ProcessLookupError):
        os.kill(command.pid, signal.SIGKILL)
    ended = time.monotonic()
    command.wait(10)
    begun = stage.until("the issues", lambda: (stage.book.issues(),))[0] - stage.issued.keys()
    stage.issued.update(dict.fromkeys(begun, NEWS))
    return Struck(ended, 0, detail="finished" if finished else "begun" if begun else "nothing yet")


def kill_valkey(stage: Stage, _chance: random.Random) -> Struck:
    """Kill -9 the doorbell's server; it keeps nothing."""
    return _kill(stage, [stage.until("the doorbell's server", stage.valkey)], 0)


def wipe_valkey(stage: Stage, chance: random.Random) -> Struck:
    """Wipe everything the doorbell's server holds, some times in a row."""
    times = chance.randint(1, 20)
    with contextlib.closing(stage.doorbell()) as client:
        for _ in range(times):
            with contextlib.suppress(redis.RedisError):
                client.flushall()
            time.sleep(0.02)
    return Struck(time.monotonic(), 0, detail=f"{times} times")


def stop_worker(stage: Stage, chance: random.Random) -> Struck:
    """SIGSTOP one sending worker, or all, until its lease is another's; then SIGCONT."""
    owners = sorted(set(stage.until("an owner of claims", stage.book.owners).values()))
    pids = owners if chance.random() < 0.3 else [chance.choice(owners)]
    epochs = stage.owned(pids)
    began = time.monotonic()
    _signal(pids, signal.SIGSTOP)
    try:
        while time.monotonic() - began < PAST_THE_LEASE:
            time.sleep(0.05)
        # A worker that holds SQLite's gate keeps everybody from writing until it goes on.
        with contextlib.suppress(Exception):
            stage.until("the lease to be taken", lambda: not stage.book.claimed(epochs), 2.0)
        time.sleep(chance.uniform(0, 0.5))
    finally:
        _signal(pids, signal.SIGCONT)
    lasted = time.monotonic() - began
    return Struck(
        time.monotonic(), PER_SENDER * len(pids), detail=f"{len(pids)} for {lasted:.1f} s"
    )


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def fill_disk(stage: Stage, chance: random.Random) -> Struck:
    """Fill the data folder's disk to the last byte for some seconds."""
    detail = _fill(stage.disk, chance)
    # A record that could not be written proves nothing: the letter may be one of the unsure.
    return Struck(time.monotonic(), CONNECTIONS, detail=detail)


def fill_postgres(stage: Stage, chance: random.Random) -> Struck:
    """Fill the disk of PostgreSQL, which may end by it; then start it again."""
    detail = _fill(stage.cluster_disk, chance)
    if stage.cluster is not None and not stage.cluster.answers():
        stage.cluster.stop(signal.SIGQUIT)
        stage.cluster.start()
        detail += ", it had ended"
    return Struck(time.monotonic(), CONNECTIONS, detail=detail)


def _fill(disk: Disk | None, chance: random.Random) -> str:
    if disk is None:
        raise RuntimeError("no disk of our own")
    lasting = chance.uniform(0.5, 4.0)
    until = time.monotonic() + lasting
    try:
        while time.monotonic() < until:
            disk.fill()
            time.sleep(0.005)
    finally:
        disk.free()
    return f"{lasting:.1f} s"


def relay_before(stage: Stage, chance: random.Random) -> Struck:
    """Let the relay drop connections before it has the dot."""
    moments = [Moment.MAIL, Moment.RCPT, Moment.DATA, Moment.CONTENT]
    return _drops(stage, [(chance.choice(moments), DROP) for _ in range(chance.randint(1, 12))])


def relay_after(stage: Stage, chance: random.Random) -> Struck:
    """Let the relay drop connections after the dot; of some it keeps the message."""
    times = chance.randint(1, 12)
    return _drops(stage, [(Moment.DOT, chance.choice((KEPT, LOST))) for _ in range(times)])


def _drops(stage: Stage, plan: list[tuple[Moment, SinkReply]]) -> Struck:
    stage.relay.fail(plan)
    until = time.monotonic() + 4
    while stage.relay.failing and time.monotonic() < until:
        time.sleep(0.01)
    made = len(plan) - stage.relay.recover()
    return Struck(time.monotonic(), made, detail=f"{made} connections")


def relay_slow(stage: Stage, chance: random.Random) -> Struck:
    """Let the relay think long about some dots; the other connections must go on."""
    times, thought = chance.randint(1, 3), chance.uniform(4, 9)
    began = time.monotonic()
    silence = 0.0
    stage.relay.fail([(Moment.DOT, SinkReply(delay=thought))] * times)
    while time.monotonic() - began < thought:
        silence = max(silence, time.monotonic() - max(began, stage.relay.last))
        time.sleep(0.01)
    stage.relay.recover()
    detail = f"{times} dots for {thought:.1f} s, longest silence {silence:.1f} s"
    return Struck(time.monotonic(), 0, detail=detail)


def stop_valkey(stage: Stage, chance: random.Random) -> Struck:
    """SIGSTOP the doorbell's server for some seconds: it answers nobody and refuses nobody."""
    pids = [stage.until("the doorbell's server", stage.valkey)]
    lasting = chance.uniform(1, 7)
    _signal(pids, signal.SIGSTOP)
    try:
        time.sleep(lasting)
    finally:
        _signal(pids, signal.SIGCONT)
    return Struck(time.monotonic(), 0, detail=f"{lasting:.1f} s")


def lose_replies(stage: Stage, chance: random.Random) -> Struck:
    """Let the posting client not hear its 250, so that it sends the message again."""
    times = chance.randint(1, 4)
    stage.poster.lose = times
    stage.until("the client to lose its replies", lambda: not stage.poster.lose)
    return Struck(time.monotonic(), 0, detail=f"{times} replies")


def stop_postgres_fast(stage: Stage, chance: random.Random) -> Struck:
    """Stop PostgreSQL in its fast way and start it again."""
    return _without_postgres(stage, chance, signal.SIGINT)


def stop_postgres_now(stage: Stage, chance: random.Random) -> Struck:
    """Stop PostgreSQL in its immediate way, which it takes for a crash, and start it again."""
    return _without_postgres(stage, chance, signal.SIGQUIT)


def _without_postgres(stage: Stage, chance: random.Random, how: signal.Signals) -> Struck:
    if stage.cluster is None:
        raise RuntimeError("no PostgreSQL of our own")
    away = chance.choice((0.0, chance.uniform(0, 2), chance.uniform(5, 8)))
    stage.cluster.stop(how)
    time.sleep(away)
    stage.cluster.start()
    # Workers whose lease ran out meanwhile have a letter under way on each connection.
    return Struck(time.monotonic(), CONNECTIONS, detail=f"{away:.1f} s")


_EVERYWHERE: dict[str, tuple[Strike, int]] = {  # with its weight
    "kill -9 of a worker": (kill_worker, 5),
    "kill -9 of all workers": (kill_workers, 2),
    "kill -9 of the listener": (kill_smtp, 3),
    "kill -9 of the web door": (kill_web, 1),
    "kill -9 of the parent": (kill_parent, 3),
    "kill -9 of the tree": (kill_tree, 4),
    "kill -9 of newsletter send": (kill_command, 2),
    "kill -9 of Valkey": (kill_valkey, 2),
    "Valkey wiped": (wipe_valkey, 2),
    "Valkey stopped and continued": (stop_valkey, 1),
    "SIGTERM to the parent": (end_tree, 2),
    "SIGTERM to a worker": (end_worker, 2),
    "SIGSTOP past the lease": (stop_worker, 3),
    "relay drops before the dot": (relay_before, 2),
    "relay drops after the dot": (relay_after, 3),
    "relay answers late": (relay_slow, 1),
    "client loses its 250": (lose_replies, 2),
}
_WITH_DISK: dict[str, tuple[Strike, int]] = {"disk full": (fill_disk, 2)}
_ON_POSTGRESQL: dict[str, tuple[Strike, int]] = {
    "PostgreSQL stopped fast": (stop_postgres_fast, 3),
    "PostgreSQL stopped at once": (stop_postgres_now, 3),
}


_POSTGRESQL_DISK: dict[str, tuple[Strike, int]] = {"PostgreSQL's disk full": (fill_postgres, 2)}


def kinds(*, disk: bool, postgresql: bool) -> dict[str, tuple[Strike, int]]:
    """Return the faults that can be had here, each with its weight."""
    found = dict(_EVERYWHERE)
    if disk:
        found |= _WITH_DISK
    if postgresql:
        found |= _ON_POSTGRESQL
    if disk and postgresql:
        found |= _POSTGRESQL_DISK
    return found
