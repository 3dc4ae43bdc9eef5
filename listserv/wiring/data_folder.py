"""The data folder: made for our eyes only, and locked by the process tree that serves it.

Knows the folder and who holds it; knows nothing of what lies in it. The lock is a file lock on
``run/serve.lock``: the kernel lets go of it when the last process of a tree is gone.
"""

import fcntl
import os
import time
from pathlib import Path

from mailer.errors import Misconfigured, Temporary

LOCK_WAIT = 10.0  # seconds that a new tree waits for the remains of one that was killed


def make_data_folder(data: Path) -> None:
    """Create the data folder for our eyes only; raise Misconfigured where that cannot be."""
    fix = "Set mailer.data to a folder that this user may write to."
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("run", "themes"):
            (data / name).mkdir(mode=0o700, exist_ok=True)
    except FileExistsError:
        raise Misconfigured(f"{data} is not a folder.", fix) from None
    except OSError as error:
        if error.errno in {28, 122}:  # ENOSPC, EDQUOT
            raise Temporary(f"The disk of {data} is full.", "Make room and try again.") from None
        raise Misconfigured(f"{data} cannot be made: {error.strerror}.", fix) from None
    if not os.access(data, os.W_OK | os.X_OK):
        raise Misconfigured(f"{data} cannot be written to.", fix)


def lock_data_folder(data: Path) -> int:
    """Take the lock of this data folder for the whole tree; return its file descriptor.

    Raise Temporary while another ``krets serve`` holds it.
    """
    make_data_folder(data)
    fd = os.open(data / "run" / "serve.lock", os.O_CREAT | os.O_RDWR, 0o600)
    deadline = time.monotonic() + LOCK_WAIT
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
            if (holder.isdigit() and _alive(int(holder))) or time.monotonic() > deadline:
                os.close(fd)
                raise Temporary(
                    f"Another krets serve (process {holder}) runs on {data}.",
                    "Stop it first, or set mailer.data to another folder.",
                ) from None
            time.sleep(0.05)
            continue
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        return fd


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False
