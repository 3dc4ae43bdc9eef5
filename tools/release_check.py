"""Build the release, install it as pipx would, and walk the tour of ``krets try`` in it.

    make release-check              (PYTHON=python3.13: for another Python)

The sdist is built from this checkout, the wheel from the unpacked sdist alone. Each is installed
into an environment that has nothing else, from the package index, and run in an empty folder with
an empty home: cut off from every network where the kernel lets us (unshare), loopback alone.
Writes dist/; everything else goes into a scratch folder that is removed.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = [sys.executable, "-m", "hatchling", "build"]
_LOOPBACK = """
import fcntl, os, socket, struct, sys
with socket.socket() as one:  # SIOCSIFFLAGS: IFF_UP, IFF_RUNNING
    fcntl.ioctl(one, 0x8914, struct.pack("16sh", b"lo", 0x41))
os.execv(sys.argv[1], sys.argv[1:])
"""
CUT_OFF = ["unshare", "--net", "--map-root-user", sys.executable, "-c", _LOOPBACK]


def build(scratch: Path, dist: Path) -> tuple[Path, Path]:
    """Build the sdist from the checkout and the wheel from the sdist; return both."""
    shutil.rmtree(dist, ignore_errors=True)
    run([*BUILD, "-t", "sdist", "-d", str(dist)], ROOT)
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # 3.11.2 has none
        tar.extractall(scratch / "source")  # noqa: S202 - we have just made it
    (source,) = (scratch / "source").iterdir()
    run([*BUILD, "-t", "wheel", "-d", str(dist)], source)
    (wheel,) = dist.glob("*.whl")
    return sdist, wheel


def install(package: Path, scratch: Path) -> Path:
    """Install ``package`` into an environment of its own; return the command in it."""
    folder = scratch / f"environment-{package.suffix.strip('.')}"
    run([os.environ.get("PYTHON", sys.executable), "-m", "venv", str(folder)], scratch)
    python = str(folder / "bin/python")
    run(
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", str(package)], scratch
    )
    run([python, "-m", "pip", "-q", "check"], scratch)
    return folder / "bin/krets"


def walk(command: Path, scratch: Path) -> None:
    """Walk the tour in an empty folder, without a network where that can be had."""
    empty = Path(tempfile.mkdtemp(dir=scratch, prefix="empty-"))
    env = {"PATH": "/usr/bin:/bin", "HOME": str(empty), "TMPDIR": str(scratch)}
    probe = subprocess.run([*CUT_OFF, "/bin/true"], env=env, capture_output=True, check=False)
    if probe.returncode:
        say("  (this machine gives no empty network; the tour is walked with the one it has)")
    run([*([] if probe.returncode else CUT_OFF), str(command), "try", "--once"], empty, env)
    if left := [one.name for one in empty.iterdir()]:
        sys.exit(f"krets try --once left {', '.join(left)} behind.")


def run(words: list[str], folder: Path, env: dict[str, str] | None = None) -> None:
    """Run a program to its end; exit with what it said where it failed."""
    done = subprocess.run(
        words, cwd=folder, env=env, check=False, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{' '.join(words[:6])} ...: exit code {done.returncode}\n{done.stdout}")


def say(words: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(f"{words}\n")


def main() -> None:
    """Do all of it, and say how long each part took."""
    with tempfile.TemporaryDirectory(prefix="krets-release-") as at:
        scratch = Path(at)
        packages = build(scratch, ROOT / "dist")
        say(f"Built {', '.join(one.name for one in packages)} in dist/.")
        for package in packages:
            began = time.monotonic()
            command = install(package, scratch)
            installed = time.monotonic()
            walk(command, scratch)
            say(
                f"{package.name}: installed in {installed - began:.0f} s, the tour walked in"
                f" {time.monotonic() - installed:.0f} s."
            )


if __name__ == "__main__":
    main()
