"""Say that a part alone is up, where the others look: a key in Redis that fades.

    beat(app, "worker")      # in that part: a thread renews it until the process ends
    states(app)              # in the web door: {"worker": 2, "clock": 0, ...}
    python -m listserv.wiring.heartbeat worker     # in its container: exit code 0 while it beats

For parts on many machines, which have no shared memory (`krets serve` has: run/serve.py). Redis
keeps only what may be lost: without it nobody is known to be up, which /healthz says anyway.
"""

import contextlib
import os
import socket
import sys
import threading

import redis

from listserv.wiring.app import App
from listserv.wiring.bells import connect
from listserv.wiring.config import load
from listserv.wiring.valkey import url

EVERY = 5.0  # seconds
FADES = 20  # seconds: three beats may be late
UP, DOWN = 2, 0  # as run/serve.py has it
_ALL = ("smtp", "worker", "clock", "web")


def beat(app: App, part: str) -> threading.Event:
    """Begin to say that ``part`` is up; setting the event ends it."""
    ended = threading.Event()
    client = connect(app.settings.mailer.redis or url(app.data))
    name = f"krets:part:{part}:{socket.gethostname()}:{os.getpid()}"

    def go_on() -> None:
        while True:
            with contextlib.suppress(redis.RedisError, OSError):
                client.set(f"krets:part:{part}", b"1", ex=FADES)
                client.set(name, b"1", ex=FADES)
            if ended.wait(EVERY):
                break
        with contextlib.suppress(redis.RedisError, OSError):
            client.delete(name)

    threading.Thread(target=go_on, name="heartbeat", daemon=True).start()
    return ended


def states(app: App) -> dict[str, int]:
    """Return how the other parts are: each must have said something lately."""
    mail = app.settings.mailer
    wanted = [*(["smtp"] if mail.smtp or mail.lmtp else []), "worker", "clock"]
    try:
        found = app.bells.client.mget([f"krets:part:{part}" for part in wanted])
    except (redis.RedisError, OSError):
        return {}  # /healthz says that the doorbell does not answer
    return {part: UP if one else DOWN for part, one in zip(wanted, found, strict=True)}


def alive(app: App) -> list[str]:
    """Return the parts that run somewhere; nothing where that cannot be known."""
    try:
        client = app.bells.client
        found = [part for part in _ALL if next(client.scan_iter(f"krets:part:{part}:*"), None)]
    except (redis.RedisError, OSError):
        return []
    return found


def beats_here(app: App, part: str) -> bool:
    """Tell whether ``part`` is up on this machine, or in this container."""
    try:
        name = f"krets:part:{part}:{socket.gethostname()}:*"
        return next(app.bells.client.scan_iter(name), None) is not None
    except (redis.RedisError, OSError):
        return True  # nobody is started again because Redis is away


if __name__ == "__main__":
    raise SystemExit(not beats_here(App(load()), sys.argv[1]))
