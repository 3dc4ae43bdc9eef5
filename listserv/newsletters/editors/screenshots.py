"""Take pictures of a mail's HTML as telephones and desks show it, with a Chromium of its own.

    camera.find("auto")                        the program, "" where there is none to be used
    camera.take(program, [(html, 360), ...])   a PNG for each, None where none came

Knows one program's options; refuses to know lists and editors. SECURITY: the HTML may be anybody's
(a From line is no proof), so it stands in a frame without scripts, under a policy that loads
nothing but what it holds in itself; every name is unknown, every connection goes to a port where
nobody is; the program has a folder of its own that is deleted, a bounded time, and ``MEMORY``,
which is looked at while it runs: Chromium does not start under a limit of addresses or data. Its
own sandbox is off only where we are root, who can have none; so root's Chromium is never found by
itself, and runs only where a setting names it. That process begins as this very file, so nothing
is imported here but the standard library.
"""

import ctypes
import html
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
TALL = 2_000  # pixels: what is below is not in the picture
PATIENCE = 20.0  # seconds for one picture
SECONDS = 20  # of CPU, for each process
LOOK = 0.1  # seconds between looks at its memory
MEMORY = 1_500_000_000  # resident bytes of all its processes, what they share counted again
FILE = 50_000_000  # bytes of the largest file that it may write
LARGE = 4_000_000  # bytes of a picture that no mail should carry
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
_SESSION, _PAGES = 3, 21  # of the fields behind the name in /proc/PID/stat
_PNG = b"\x89PNG\r\n\x1a\n"
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_OPTIONS = (
    *("--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-sync"),
    *("--disable-extensions", "--disable-background-networking", "--disable-dev-shm-usage"),
    *("--proxy-server=http://127.0.0.1:9", "--proxy-bypass-list=<-loopback>"),
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


def find(wanted: str) -> str:
    """Return the Chromium that a setting means: its path, ``auto`` or ``off``; "" for none."""
    if wanted == "auto":
        names = () if os.geteuid() == 0 else NAMES
        return next(filter(None, map(shutil.which, names)), "")
    return "" if wanted == "off" else wanted


def take(program: str, looks: Sequence[tuple[str, int]]) -> list[bytes | None]:
    """Return a PNG of each of ``looks``, HTML and pixels of width; None where it failed."""
    with tempfile.TemporaryDirectory(prefix="krets-", ignore_cleanup_errors=True) as folder:
        return [_take(program, Path(folder), *look) for look in looks]


def framed(page: str) -> str:
    """Return a page that shows another, lets it do nothing, and gets nothing for it."""
    return (
        f'<!doctype html><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        "<style>*{margin:0}iframe{border:0;display:block;width:100vw;height:100vh}</style>"
        f'<iframe sandbox="" srcdoc="{html.escape(page)}"></iframe>'
    )


def _take(program: str, folder: Path, page: str, width: int) -> bytes | None:
    source, target = folder / "page.html", folder / "shot.png"
    target.unlink(missing_ok=True)
    source.write_text(framed(page), encoding="utf-8")
    words = [sys.executable, "-I", str(Path(__file__)), program, *_OPTIONS]
    words += ["--no-sandbox"] if os.geteuid() == 0 else []
    words += [f"--user-data-dir={folder / 'profile'}", f"--window-size={width},{TALL}"]
    words += [f"--screenshot={target}", source.as_uri()]
    _run(words, folder)
    try:
        data = target.read_bytes()
    except OSError:
        return None
    return data if data.startswith(_PNG) and len(data) <= LARGE else None


def _run(words: list[str], folder: Path) -> None:
    """Run a program with its children, and leave none of them behind."""
    ran = subprocess.Popen(  # noqa: S603 - this interpreter, this file
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/local/bin:/usr/bin:/bin", "TMPDIR": str(folder)},
    )
    ends = time.monotonic() + PATIENCE
    while ran.poll() is None and time.monotonic() < ends and _weight(ran.pid) < MEMORY:
        with suppress(subprocess.TimeoutExpired):
            ran.wait(LOOK)
    for pid in [*_session(ran.pid), ran.pid]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    ran.wait()


def _weight(leader: int) -> int:
    """Return the resident bytes of a session's processes."""
    return sum(_session(leader).values()) * resource.getpagesize()


def _session(leader: int) -> dict[int, int]:
    """Return the processes of a session and their resident pages; none where /proc is not."""
    found: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            fields = path.read_text(errors="replace").rpartition(")")[2].split()  # proc(5)
            if int(fields[_SESSION]) == leader:
                found[int(path.parent.name)] = int(fields[_PAGES])
    return found


def _become(words: list[str]) -> None:
    """Bound this process, let it die with whoever began it, and let it be the program."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)  # Linux alone
    for what, most in (
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, FILE),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    os.nice(10)
    os.execv(words[0], words)  # noqa: S606 - what the operator named or the system has


if __name__ == "__main__":
    _become(sys.argv[1:])
