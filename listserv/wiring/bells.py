"""The doorbell: rings that say *look at the database*, carried by rq over Redis or Valkey.

The only file that imports rq. A bell carries a name and nothing else; lost, doubled or late
bells change nothing, because jobs read what to do from the database and the clock rings again.
SECURITY: jobs travel as JSON, and only functions named in ``BELLS`` run, whatever stands in
Redis. rq's own time limit is off (it raises at a random bytecode); each job ends by itself
after a short slice.
"""

import contextlib
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.exceptions import InvalidJobOperation, NoSuchJobError, StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty
from rq.worker import SimpleWorker

# In the order that a worker answers them.
BELLS = ("sort", "deliver", "archive", "prove", "weigh", "erase", "sit", "examine")
AWAY_SECONDS = 0.5  # pause before a worker looks for a lost doorbell again
QUIET_SECONDS = 5  # a rung bell stays down this long at most if no job lifts it
PATIENCE = 2.0  # seconds for one answer: mail coming in must not wait for a server that hangs
DEAF_SECONDS = 5.0  # then it is left alone for this long; the clock rings again
_log = logging.getLogger("krets.bells")


def connect(url: str) -> redis.Redis:
    """Return a client for the doorbell's server at ``url``; nothing connects before it is used."""
    client: redis.Redis = redis.Redis.from_url(
        url,
        socket_timeout=PATIENCE,  # rq's worker gives itself more, for it waits for bells
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 0),
    )
    return client


class Bells:
    """Ring and lift bells; ringing never fails, it only says whether somebody could hear."""

    def __init__(self, client: redis.Redis, *, own: bool = False) -> None:
        """Ring at ``client``; ``own`` is the server that only ``krets serve`` runs."""
        self.client = client
        self._own = own
        self._deaf_until = 0.0
        self._queues = {
            name: Queue(name, connection=client, serializer=JSONSerializer, job_class=KnownJob)
            for name in BELLS
        }

    def ring(self, name: str) -> bool:
        """Ask for a look at the work called ``name``; many rings before the look are one."""
        if time.monotonic() < self._deaf_until:
            return False
        try:
            if not self.client.set(f"krets:bell:{name}", b"1", nx=True, ex=QUIET_SECONDS):
                return True
            self._queues[name].enqueue_call(
                f"listserv.run.jobs.{name}", timeout=-1, result_ttl=0, failure_ttl=60, ttl=60
            )
        except (redis.RedisError, OSError) as error:
            # Without `krets serve` nobody is there to hear, and nothing is wrong with that.
            away = self._own and isinstance(error, redis.ConnectionError)
            level = logging.DEBUG if away else logging.WARNING
            _log.log(level, "the bell %s was not heard: %s", name, type(error).__name__)
            if isinstance(error, (redis.TimeoutError, TimeoutError)):
                self._deaf_until = time.monotonic() + DEAF_SECONDS
            return False
        return True

    def lift(self, name: str) -> None:
        """Let the bell ring again; a job does this before it looks at the database."""
        try:
            self.client.delete(f"krets:bell:{name}")
        except (redis.RedisError, OSError):
            _log.warning("the bell %s could not be lifted", name)

    def waiting(self, names: Iterable[str]) -> bool:
        """Tell whether one of ``names`` has been rung and nobody has looked yet."""
        try:
            return bool(self.client.exists(*(f"krets:bell:{name}" for name in names)))
        except (redis.RedisError, OSError):
            return False


class KnownJob(Job):
    """Run only our own jobs: a name that is not a bell's is refused before anything is imported."""

    @property
    def func(self) -> Any:  # noqa: ANN401 - rq's own signature
        """Return the function to run, if it is one of ours."""
        if self.func_name not in {f"listserv.run.jobs.{name}" for name in BELLS}:
            raise PermissionError("a job that is not ours was found in Redis and was not run")
        return super().func


class _NoPenalty(BaseDeathPenalty):
    def setup_death_penalty(self) -> None:
        """Set no alarm."""

    def cancel_death_penalty(self) -> None:
        """Cancel nothing."""


class BellWorker(SimpleWorker):
    """Answer bells one at a time in this process, until a signal asks to stop."""

    death_penalty_class = _NoPenalty
    max_connection_wait_time = 1.0  # rq's own 60 s would outlast a Redis restart
    on_stop: Callable[[], None] | None = None

    @property
    def dequeue_timeout(self) -> int:
        """Return how many seconds one wait for a bell lasts."""
        return 5

    def subscribe(self) -> None:
        """Listen for no commands: nobody but the parent tells a worker what to do."""

    def unsubscribe(self) -> None:
        """Leave what was never joined."""

    def _install_signal_handlers(self) -> None:
        signal.signal(signal.SIGINT, self.request_stop)
        signal.signal(signal.SIGTERM, self.request_stop)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Tell the job under way to come to an end, then stop as rq does."""
        if self.on_stop is not None:
            self.on_stop()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """Ignore a second signal: the job ends within its grace, and the parent waits for it."""


def work(client: redis.Redis, names: Sequence[str], on_stop: Callable[[], None]) -> None:
    """Answer the bells ``names`` until SIGTERM or SIGINT, however often the server goes away.

    rq's own worker ends with the connection that it waits on, so a new one begins.
    """
    log = logging.getLogger("rq.worker")
    log.setLevel(logging.WARNING)
    log.addFilter(_in_one_line)
    asked = threading.Event()

    def stop() -> None:
        asked.set()
        on_stop()

    while not asked.is_set():
        with contextlib.suppress(redis.RedisError, OSError, StopRequested):
            _new_worker(client, names, stop).work(logging_level="WARNING")
        if not asked.is_set():
            _log.warning("the doorbell is away; krets serve keeps one, or mailer.redis names one")
            with contextlib.suppress(redis.RedisError, OSError, StopRequested):
                asked.wait(AWAY_SECONDS)  # a signal that comes now goes to the last worker


def _new_worker(
    client: redis.Redis, names: Sequence[str], on_stop: Callable[[], None]
) -> BellWorker:
    worker = BellWorker(
        [Queue(name, connection=client, serializer=JSONSerializer) for name in names],
        connection=client,
        serializer=JSONSerializer,
        job_class=KnownJob,
        maintenance_interval=600,
        log_job_description=False,
    )
    worker.on_stop = on_stop
    return worker


def _in_one_line(record: logging.LogRecord) -> bool:
    """Let a lost doorbell be told without a traceback; whatever else fails keeps it.

    A server that was started again has forgotten the job that rq wants to close.
    """
    known = (redis.RedisError, InvalidJobOperation, NoSuchJobError)
    if isinstance(sys.exc_info()[1], known):
        record.msg = str(record.getMessage()).partition("\n")[0]
        record.args, record.exc_info = (), None
    return True
