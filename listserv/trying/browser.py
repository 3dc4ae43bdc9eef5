"""Open a page in the visitor's browser, where there is a desktop to open it on.

The browser is started by a process of its own, in a session of its own: the signals that end
``krets try`` do not reach it, and it does not inherit those that we have blocked.
"""

import subprocess
import sys
import webbrowser

# Those that would take over the terminal on which krets try speaks.
_IN_TEXT = {"www-browser", "links", "links2", "elinks", "lynx", "w3m", "browsh"}
_OPEN = """
import signal, sys, webbrowser
signal.pthread_sigmask(signal.SIG_SETMASK, [])
webbrowser.open(sys.argv[1])
"""


def has_desktop() -> bool:
    """Tell whether a browser with a window can be opened here."""
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return False
    return getattr(found, "basename", "") not in _IN_TEXT


def open_page(url: str) -> None:
    """Open ``url`` and do not wait for it."""
    subprocess.Popen(  # noqa: S603 - our own arguments only
        [sys.executable, "-c", _OPEN, url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
