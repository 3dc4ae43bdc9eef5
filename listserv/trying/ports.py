"""Open a port for each door of ``krets try``: the one that is wanted, or the next free one.

What is found is held open from then on, so that nobody else can take it before its door begins.
Knows nothing of what the port is for.
"""

import errno
import socket

from mailer.errors import Misconfigured

LAST = 65_535
_TRIES = 100  # ports that are looked at
_BACKLOG = 512


def listen(host: str, wanted: int) -> socket.socket:
    """Listen on ``wanted``, or on the next port above it that nobody uses.

    Raise Misconfigured where this user may open none, or a hundred in a row are in use.
    """
    for port in range(wanted, min(wanted + _TRIES, LAST + 1)):
        if found := _try(host, port):
            return found
    raise Misconfigured(
        f"No port from {wanted} on is free on {host}.", "Say another one with --port."
    )


def port_of(listener: socket.socket) -> int:
    """Return the port that ``listener`` has."""
    return int(listener.getsockname()[1])


def _try(host: str, port: int) -> socket.socket | None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise Misconfigured(
            f"Port {port} cannot be opened: {error.strerror}.",
            "Say another one with --port, above 1023.",
        ) from None
    listener.setblocking(False)
    return listener
