"""A machine of its own for real neighbours: this one's files under a layer that is thrown away.

What is installed, written and started in it is seen by nobody else; its network is our loopback.
Needs root and a kernel that lets it mount; where that is not so, its journeys skip.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import missing
from tests.tree import wait_for

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
_ENTER = """
set -e
mount --make-rprivate /
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
for each in /proc /dev /tmp; do mount --rbind "$each" "$1/root$each"; done
echo ready
exec sleep infinity
"""


@dataclass
class Machine:
    """Hold the process that keeps the layer, and what was started in it."""

    folder: Path  # where the layer is mounted, for those inside alone
    holder: subprocess.Popen[str]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def _inside(self, *words: str) -> list[str]:
        into = ["nsenter", "--mount", "--target", str(self.holder.pid)]
        return [*into, "chroot", str(self.folder / "root"), *words]

    def run(self, *words: str, stdin: bytes = b"") -> str:
        """Run a command that must succeed; return what it said."""
        done = subprocess.run(
            self._inside(*words), input=stdin, capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 0, f"{words}: {done.stdout.decode()}{done.stderr.decode()}"
        return done.stdout.decode("utf-8", "replace")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a program that stays in the foreground until the end of the machine."""
        log = self.folder.parent / f"{Path(words[0]).name}.log"
        with log.open("ab") as said:
            made = subprocess.Popen(
                self._inside(*words), stdout=said, stderr=said, start_new_session=True
            )
        self.started.append(made)
        return made

    def write(self, path: str, text: str) -> None:
        """Write a file of this machine."""
        self.run("mkdir", "-p", str(Path(path).parent))
        self.run("tee", path, stdin=text.encode())

    def read(self, path: str) -> str:
        return self.run("cat", path)

    def install(self, tool: str) -> None:
        """Put an unpacked package of .tools into its places."""
        script = 'tar -C "$1" -cf - . | tar -C / --keep-directory-symlink -xf -'
        self.run("sh", "-c", script, "sh", str(TOOLS / tool))

    def user(self, name: str, number: int) -> None:
        """Add a system user and a group of its name."""
        self.run(
            "tee", "-a", "/etc/passwd", stdin=f"{name}:x:{number}:{number}::/:/bin/false\n".encode()
        )
        self.run("tee", "-a", "/etc/group", stdin=f"{name}:x:{number}:\n".encode())

    def end(self) -> None:
        """End what was started, and with it the layer."""
        for one in reversed(self.started):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGTERM)
        for one in self.started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.wait(10)
        for one in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.wait(10)
        self.holder.kill()
        self.holder.wait(10)


@contextlib.contextmanager
def fresh_machine(folder: Path, *tools: str) -> Iterator[Machine]:
    """Give a machine with the unpacked packages ``tools`` on it."""
    for tool in tools:
        if not (TOOLS / tool / "usr" / "sbin").is_dir():
            missing(f"{tool} is not unpacked (tools/test-parts does it).")
    if os.getuid() != 0 or shutil.which("unshare") is None:
        missing("Only root can give a journey a machine of its own (unshare).")
    place = folder / "machine"
    place.mkdir()
    holder = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", _ENTER, "sh", str(place)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    if holder.stdout.readline() != "ready\n":
        holder.wait(10)
        missing("This kernel does not let us mount a machine of its own.")
    holder.stdout.close()
    made = Machine(place, holder)
    try:
        for tool in tools:
            made.install(tool)
        yield made
    finally:
        made.end()


def log_says(machine: Machine, path: str, words: str) -> None:
    """Wait until a log of the machine says something."""
    wait_for(f"{path} to say {words}", lambda: words in machine.read(path))
