"""Jobs: what a worker does when a bell rings. Each looks at the database and works a short slice.

rq calls these by name with no arguments, so the process's application stands in this module;
``use`` sets it once. A slice ends by itself; when more is due the job rings its own bell again,
so that posts are never stuck behind a long mailing.
"""

import threading
import time
from collections.abc import Callable

import structlog

from archive.site.build import render_dirty, render_late
from listserv.actions import moved_pages
from listserv.doctor import daily
from listserv.mailings.delivery import make_sender
from listserv.membership import erasure_requests, relay_refusals
from listserv.membership.consent_signatures import Prover
from listserv.newsletters.editors import screenshot_mail
from listserv.reception import sorter
from listserv.run.background import BackgroundThread
from listserv.wiring.app import App
from mailer.authentication import dkim_verify
from mailer.errors import KretsError
from mailer.sending.sender import Sender

SLICE = 2.0  # seconds
_log = structlog.get_logger("krets.jobs")


class WorkerContext:
    """Hold what one worker process works with, and whether it was asked to stop."""

    def __init__(self, app: App, sharing: int = 1) -> None:
        self.app = app
        self._sharing = sharing  # how many senders share mailer.connections
        self.stopping = threading.Event()
        self._sender: Sender | None = None
        self.prover = Prover()
        self.forgetter = BackgroundThread(
            "an erasure", lambda app: erasure_requests.carry_out(app, time.time())
        )
        self.examiner = BackgroundThread("the doctor's visit", _visit)
        self.mover = BackgroundThread("pages that move", moved_pages.move_asked)
        self.sitter = BackgroundThread("pictures of proofs", screenshot_mail.carry_out)

    @property
    def sender(self) -> Sender:
        """Return this worker's sender, whose connections stay open between slices."""
        if self._sender is None:
            self._sender = make_sender(self.app, self._sharing)
        return self._sender

    def stop(self) -> None:
        """Let the slice under way end: no new transaction, answers under way awaited."""
        self.stopping.set()
        if self._sender is not None:
            self._sender.stop()

    def close(self) -> None:
        """Close the sender's connections; a question to DNS is awaited."""
        self.prover.end(dkim_verify.PATIENCE * 2)
        self.forgetter.end(dkim_verify.PATIENCE)  # what is cut off here is begun again
        self.examiner.end(0)  # so is this
        self.mover.end(0)  # what is cut off here is begun again
        self.sitter.end(0)  # what is cut off here is begun again
        if self._sender is not None:
            self._sender.close()

    def until(self) -> "Slice":
        """Begin a slice of work."""
        return Slice(time.monotonic() + SLICE, self.stopping)


class Slice:
    """Say, when called, whether the slice is over."""

    def __init__(self, deadline: float, stopping: threading.Event) -> None:
        self._deadline = deadline
        self._stopping = stopping

    def __call__(self) -> bool:
        """Return whether to stop now."""
        return self._stopping.is_set() or time.monotonic() >= self._deadline


_desks: list[WorkerContext] = []


def use(desk: WorkerContext) -> None:
    """Set the desk that this process's jobs work at."""
    _desks[:] = [desk]


def sort() -> None:
    """Decide new arrivals and freeze the audiences of accepted posts."""
    _answer("sort", lambda desk: sorter.sort(desk.app, desk.until()))


def deliver() -> None:
    """Send what is due, for one slice."""
    _answer("deliver", lambda desk: desk.sender.run_slice(SLICE).more)


def archive() -> None:
    """Render the pages that changed."""
    _answer("archive", _render)


def prove() -> None:
    """Look at the signatures of proofs, beside the other work."""
    _answer("prove", _prove)


def weigh() -> None:
    """Weigh what relays have refused."""
    _answer("weigh", lambda desk: relay_refusals.weigh(desk.app, desk.until()))


def erase() -> None:
    """Forget who asked for it, beside the other work."""
    _answer("erase", _erase)


def sit() -> None:
    """Take pictures of proofs, beside the other work."""
    _answer("sit", _sit)


def examine() -> None:
    """Look at the installation once a day, beside the other work."""
    _answer("examine", _examine)


def _examine(desk: WorkerContext) -> bool:
    desk.examiner.begin(desk.app)
    return False  # the clock rings again while it is due


def _visit(app: App) -> None:
    daily.carry_out(app, time.time())


def _sit(desk: WorkerContext) -> bool:
    desk.sitter.begin(desk.app)
    return False  # the clock rings again while one waits


def _erase(desk: WorkerContext) -> bool:
    desk.forgetter.begin(desk.app)
    return False  # the clock rings again while somebody waits


def _prove(desk: WorkerContext) -> bool:
    desk.prover.begin(desk.app, desk.until())
    return False  # the clock rings again while something waits


def _render(desk: WorkerContext) -> bool:
    settings, until = desk.app.settings, desk.until()
    with desk.app.store.read() as session:
        moves = moved_pages.waiting(session) is not None
    if moves:
        desk.mover.begin(desk.app)
        return False  # the clock rings again
    # One renderer at a time: the slower of two could leave its older pages, marked as new.
    with desk.app.store.alone("archive") as ours:
        while ours and not until():
            if not render_dirty(
                desk.app.store,
                settings.archive_path,
                settings.listserv.base_url,
                now=time.time(),
            ):
                arguments = (settings.archive_path, settings.listserv.base_url, time.time())
                render_late(desk.app.store, *arguments)
                return False
        return ours


def _answer(bell: str, work: Callable[[WorkerContext], bool]) -> None:
    desk = _desks[0]
    desk.app.bells.lift(bell)
    try:
        more = work(desk)
    except KretsError as error:  # the database is away: the clock rings again
        _log.warning("a job was put off", bell=bell, what=error.what)
        return
    if more and not desk.stopping.is_set():
        desk.app.ring(bell)
