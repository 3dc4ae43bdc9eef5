"""The machine and what stands on it: disk, memory, clock, permissions, database, doorbell.

``Machine`` holds what was measured; ``judge`` is pure. What a container limits counts as what
there is.
"""

import contextlib
import os
import resource
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from listserv.doctor.diagnosis import Diagnosis, fail, ok, or_ok, warn

MB = 1024 * 1024
_LEAST_FILES = 1100  # the web door's 1,000 connections, and our own
_OTHERS = 0o077
_LONG_AGO = 1_704_067_200.0  # 2024: a clock before it is wrong
_ADRIFT = 5.0  # seconds
_CGROUP = Path("/sys/fs/cgroup")
_LOOKED_AT = 2000  # files of the data folder


@dataclass(frozen=True, slots=True)
class Machine:
    """Hold what was measured; None where it could not be."""

    data: Path
    free: int | None = None  # bytes on the disk of the data folder
    inodes: float | None = None  # share of them that is free
    memory: int | None = None  # bytes that are available
    files: int = _LEAST_FILES  # that a process may open
    loose: tuple[tuple[str, int], ...] = ()  # what others may read: path and mode
    strange: tuple[str, ...] = ()  # what belongs to somebody else
    owner: str = ""
    now: float = 0.0
    newest: float = 0.0  # when the newest mail came in, by the clock of then
    drift: float = 0.0  # the database's clock, less ours


def measure(data: Path, secrets: tuple[Path, ...], now: float) -> Machine:
    """Look at this machine; ``secrets`` are files that only we should read."""
    free = inodes = None
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(data).free
        state = os.statvfs(data)
        inodes = state.f_favail / state.f_files if state.f_files else None
    loose = []
    for path in (data, *secrets):
        with contextlib.suppress(OSError):
            mode = path.stat().st_mode & 0o777
            if mode & _OTHERS:
                loose.append((str(path), mode))
    strange, owner = _ownership(data)
    return Machine(
        data=data,
        free=free,
        inodes=inodes,
        memory=_available(),
        files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        loose=tuple(loose),
        strange=strange,
        owner=owner,
        now=now,
    )


def judge(machine: Machine) -> list[Diagnosis]:
    """Return what is to be said of a machine."""
    return [
        *or_ok("clock", "the clock fits", _clock(machine)),
        *_disk(machine),
        *_memory(machine),
        *or_ok("permissions", "only this user can read our data", _permissions(machine)),
    ]


def _ownership(data: Path) -> tuple[tuple[str, ...], str]:
    """Return files of the folder that belong to another user than the folder itself."""
    with contextlib.suppress(OSError, KeyError):
        folder = data.stat()
        strange: list[str] = []
        for count, path in enumerate(data.rglob("*")):
            if count > _LOOKED_AT or len(strange) > 2:  # noqa: PLR2004 - three are told
                break
            if path.lstat().st_uid != folder.st_uid:
                strange.append(str(path))
        return tuple(strange), f"{folder.st_uid}:{folder.st_gid}"
    return (), ""


def _available() -> int | None:
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        line = next(one for one in lines if one.startswith("MemAvailable:"))
        found = int(line.split()[1]) * 1024
        with contextlib.suppress(OSError, ValueError):  # a container's own limit
            limit = int((_CGROUP / "memory.max").read_text("ascii"))
            used = int((_CGROUP / "memory.current").read_text("ascii"))
            found = min(found, max(0, limit - used))
        return found
    return None


def _clock(machine: Machine) -> Iterator[Diagnosis]:
    cure = "timedatectl set-ntp true"
    if machine.now < _LONG_AGO:
        what = "this machine's clock is years behind"
        yield fail("clock", what, "Signatures and tokens carry its time; receivers refuse.", cure)
    elif machine.newest > machine.now + 60:
        what = "mail has come in later than it is now: the clock was set back"
        yield fail("clock", what, "What is due waits until that time.", cure)
    if abs(machine.drift) > _ADRIFT:
        what = f"the database's clock is {machine.drift:+.0f} s from ours"
        yield warn("clock", what, "Leases and hours are its; signatures are ours.", cure)


def _disk(machine: Machine) -> Iterator[Diagnosis]:
    if machine.free is None:
        return
    told = f"{machine.free // MB} MB are free on the disk of {machine.data}"
    cure = f"df -h {machine.data}    # make room, or set mailer.keep_mail lower"
    if machine.free < 200 * MB:
        yield fail("disk", told, "Mail is put off when it is full.", cure)
    elif machine.free < 1024 * MB:
        yield warn("disk", told, "Mail is put off when it is full.", cure)
    elif machine.inodes is not None and machine.inodes < 0.02:  # noqa: PLR2004 - two in a hundred
        what = f"the disk of {machine.data} has almost no room for more files"
        yield warn("disk", what, "Pages cannot be written then.", f"df -i {machine.data}")
    else:
        yield ok("disk", told)


def _memory(machine: Machine) -> Iterator[Diagnosis]:
    if machine.files < _LEAST_FILES:
        what = f"a process may open {machine.files} files only"
        yield warn("memory", what, "Connections are files too.", "LimitNOFILE=65536")
    if machine.memory is None:
        return
    told = f"{machine.memory // MB} MB of memory are available"
    cure = "mailer.workers = 1    # each takes about 100 MB"
    if machine.memory < 100 * MB:
        yield fail("memory", told, "The kernel ends processes when there is none.", cure)
    elif machine.memory < 300 * MB:
        yield warn("memory", told, "A large issue may need as much.", cure)
    else:
        yield ok("memory", told)


def _permissions(machine: Machine) -> Iterator[Diagnosis]:
    for path, mode in machine.loose:
        cure = f"chmod {mode & 0o700:o} {path}"
        what = f"others on this machine can read {path} (mode {mode:o})"
        yield fail("permissions", what, "It holds addresses, keys or passwords.", cure)
    if machine.strange:
        what = f"{machine.strange[0]} belongs to another user than {machine.data}"
        why = "A command run as root made it; the service cannot change it."
        yield fail("permissions", what, why, f"chown -R {machine.owner} {machine.data}")
