"""Work that goes on beside other work: one thread at a time, which may be cut off anywhere.

What it does must be safe to repeat; what is left is found again by the next bell.
"""

import threading
from collections.abc import Callable

import structlog

from listserv.wiring.app import App
from mailer.errors import KretsError

_log = structlog.get_logger("krets.aside")


class BackgroundThread:
    """Do ``work`` beside other work; ``name`` says in the log what was put off."""

    def __init__(self, name: str, work: Callable[[App], None]) -> None:
        self._name = name
        self._work = work
        self._thread: threading.Thread | None = None

    def begin(self, app: App) -> None:
        """Begin, unless that is under way."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._try, args=(app,), daemon=True)
            self._thread.start()

    def end(self, patience: float) -> None:
        """Wait for what is under way, but no longer than ``patience`` seconds."""
        if self._thread is not None:
            self._thread.join(patience)

    def _try(self, app: App) -> None:
        try:
            self._work(app)
        except KretsError as error:
            _log.warning("work was put off", work=self._name, what=error.what)
