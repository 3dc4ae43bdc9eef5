"""Look at the signatures of the mails that prove a consent, after the answer has gone out.

A slice of work for a bell: reads outside any transaction, writes each result in a short one. The
question to DNS runs in a thread of its own (``begin``), so that a silent resolver delays no mail.
"""

import threading
import time
from collections.abc import Callable

import structlog

from listserv.wiring.app import App
from mailer.authentication import dkim_verify
from mailer.authentication.dkim_verify import LookUp
from mailer.errors import KretsError
from mailer.storage.store import get_raw
from subscriptions.permission import proofs

BATCH = 20
_log = structlog.get_logger("krets.proving")


def prove(app: App, until: Callable[[], bool], look_up: LookUp | None = None) -> bool:
    """Check what waits until ``until`` says stop; return whether more waits."""
    look = look_up or (lambda name: dkim_verify.look_up(app.resolver, name))
    while not until():
        with app.store.read() as session:
            waiting = {sha: get_raw(session, sha) for sha in proofs.waiting(session, BATCH)}
        if not waiting:
            return False
        for sha, raw in waiting.items():
            result = _read(raw, look)
            with app.store.write() as session:
                proofs.settle(session, sha, result, time.time())
    return True


def _read(raw: bytes | None, look_up: LookUp) -> str:
    if raw is None:
        return f"{dkim_verify.NOT_CHECKED}: the mail is erased"
    try:
        return dkim_verify.read(raw, look_up)
    except Exception:  # noqa: BLE001 - a door: hostile bytes in somebody else's reader
        _log.exception("a signature could not be read")
        return f"{dkim_verify.NOT_CHECKED}: it could not be read"


class Prover:
    """Prove beside other work, in one thread at a time."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def begin(self, app: App, until: Callable[[], bool]) -> None:
        """Begin, unless that is under way."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=_try, args=(app, until), daemon=True)
            self._thread.start()

    def end(self, patience: float) -> None:
        """Wait for what is under way, but no longer than ``patience`` seconds."""
        if self._thread is not None:
            self._thread.join(patience)


def _try(app: App, until: Callable[[], bool]) -> None:
    try:
        prove(app, until)
    except KretsError as error:
        _log.warning("proofs were put off", what=error.what)
