"""A small disk for the data folder that can be filled to the last byte.

It is a tmpfs, which root may mount; ``fits`` says whether that works here. A killed process
loses nothing on it, and a pulled plug of the machine is not what it is for.
"""

import contextlib
import os
import subprocess
from pathlib import Path

# A mount and a process-id namespace: what runs in them ends with the first process in them.
ALONE = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
SIZE = 1024 * 1024 * 1024  # bytes


def fits() -> bool:
    """Tell whether we may mount: as root, in namespaces of our own."""
    return os.geteuid() == 0 and _quietly(["unshare", *ALONE, "true"])


class Disk:
    """Mount at ``folder``; ``fill`` it and ``free`` it again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._balloon = folder / "balloon"
        folder.mkdir(parents=True, exist_ok=True)
        owner = folder.stat()
        asked = f"size={SIZE},mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
        words = ["mount", "-t", "tmpfs", "-o", asked, "krets-chaos"]
        subprocess.run([*words, str(folder)], check=True)

    def fill(self) -> int:
        """Take all that is free and return how many bytes were; call again for what came free."""
        stat = os.statvfs(self.folder)
        free = stat.f_bavail * stat.f_frsize
        if not free:
            return 0
        with self._balloon.open("ab") as file, contextlib.suppress(OSError):
            os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), free)
        return free

    def free(self) -> None:
        """Give everything back."""
        self._balloon.unlink(missing_ok=True)

    def remove(self) -> None:
        """Unmount."""
        _quietly(["umount", "--lazy", str(self.folder)])


def _quietly(words: list[str]) -> bool:
    try:
        done = subprocess.run(words, capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0
