"""Open the doors that settings name: listen on an address or a socket path, or say what is wrong.

    bind("127.0.0.1:8025", "mailer.smtp")

Knows no protocol; who listens there is told nothing but the socket.
"""

import errno
import socket
from pathlib import Path

from listserv.wiring.config import split_door
from mailer.errors import Misconfigured

_OPENING = {  # what to do about a door that cannot be opened
    errno.EADDRINUSE: "Stop what uses it, or set {} to another door.",
    errno.EACCES: "Ports below 1024 need a privilege (CAP_NET_BIND_SERVICE); or set {} to another.",
}


def _make_way(path: Path) -> None:
    """Remove a socket that nobody answers any more; whatever else stands there stays."""
    if path.is_socket():
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise OSError(errno.EADDRINUSE, "somebody answers there")
        path.unlink()


def bind(door: str, setting: str) -> socket.socket:
    """Listen on HOST:PORT or a socket path; raise Misconfigured that names the setting."""
    host, port = ("", 0) if door.startswith("/") else split_door(door)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family if host else socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if host:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
        else:
            _make_way(Path(door))
            listener.bind(door)
            Path(door).chmod(0o660)  # the mail server in front shares our group
        listener.listen(512)
    except OSError as error:
        listener.close()
        todo = _OPENING.get(error.errno or 0, "Set {} to an address or path of this machine.")
        raise Misconfigured(
            f"{setting} = {door} cannot be opened: {error.strerror}.", todo.format(setting)
        ) from None
    listener.setblocking(False)
    return listener
