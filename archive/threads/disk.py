"""Write the files of an archive: aside, synced, renamed, and only where they differ.

A reader sees the old file or the new one, never half of one; after a power cut too. SECURITY:
names come from hashes and list addresses, which cannot leave the folder (``checked`` refuses).
"""

import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from mailer.errors import Misconfigured, Refused

MANY = 64  # files; above that one sync of the disk is cheaper than one per file
_ASIDE = ".krets-aside"
_BAD = re.compile(r"\A/|\A\Z|\0|(?:\A|/)\.{0,2}(?:/|\Z)")  # also: no name, or one that is dots
_LEFT = 3600.0  # seconds after which nobody comes back for what stands aside


def write_files(root: Path, files: Mapping[str, bytes]) -> int:
    """Write ``files`` (path under ``root`` -> bytes) and return how many were different."""
    top = os.fspath(root)
    folders: dict[str, dict[str, bytes]] = {}
    for name, data in files.items():
        folder, _, file = checked(name).rpartition("/")
        folders.setdefault(f"{top}/{folder}" if folder else top, {})[file] = data
    changed: dict[str, dict[str, bytes]] = {}
    new: set[str] = set()
    for folder, some in folders.items():
        if not os.path.isdir(folder):  # noqa: PTH112 - thousands of them: strings are cheaper
            new.add(folder)
            changed[folder] = some
        elif different := {n: d for n, d in some.items() if _differs(f"{folder}/{n}", d)}:
            changed[folder] = different
    count = sum(map(len, changed.values()))
    if not count:
        return 0
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    # A folder of our own: two containers on one archive may have the same process id.
    aside = tempfile.mkdtemp(prefix=_ASIDE, dir=root)
    try:
        _write_aside(aside, list(changed.values()), sync=count < MANY)
        _into_place(top, aside, changed, new - {top})
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return count


@contextmanager
def plain_errors(root: Path) -> Iterator[None]:
    """Turn what the disk says into words for whoever can act on it."""
    try:
        yield
    except OSError as error:
        raise Misconfigured(
            f"The archive folder {root} cannot be written: {error.strerror}.",
            "Check archive.path, its rights and the space on its disk.",
        ) from error


def remove_files(root: Path, names: Iterable[str]) -> None:
    """Remove files, and the folders that are empty then."""
    for name in names:
        path = root / checked(name)
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == root:
                break
            try:
                folder.rmdir()
            except OSError:
                break


def list_files(root: Path, folder: str) -> Iterator[str]:
    """Yield the paths under ``root`` of all files in ``folder``."""
    top = root / checked(folder)
    for path in sorted(top.rglob("*")):
        if path.is_file() or path.is_symlink():
            yield path.relative_to(root).as_posix()


def checked(name: str) -> str:
    """Return ``name`` if it stays inside of its root; raise Refused otherwise."""
    if _BAD.search(name):
        raise Refused(f"{name!r} is not a path inside of the archive.")
    return name


def _sweep(root: Path) -> None:
    """Remove what a writer that was killed has left aside."""
    for left in root.glob(f"{_ASIDE}*"):
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - _LEFT:
                shutil.rmtree(left, ignore_errors=True)


def _differs(path: str, data: bytes) -> bool:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return os.fstat(file.fileno()).st_size != len(data) or file.read() != data
    except OSError:
        return True


def _write_aside(aside: str, folders: list[dict[str, bytes]], *, sync: bool) -> None:
    """Write each folder's files into one of its own; sync each, or the disk when they are many."""
    for number, files in enumerate(folders):
        folder = f"{aside}/{number}"
        os.mkdir(folder)  # noqa: PTH102
        for name, data in files.items():
            with open(f"{folder}/{name}", "wb", buffering=0) as file:  # noqa: PTH123
                left = memoryview(data)
                while left:
                    left = left[file.write(left) :]
                if sync:
                    os.fsync(file.fileno())
        if sync:
            sync_folder(folder)
    if not sync:
        os.sync()


def _into_place(
    top: str, aside: str, changed: Mapping[str, dict[str, bytes]], new: Collection[str]
) -> None:
    """Move a new folder as one, and into one that stands each of its files."""
    touched = {top}
    for number, (folder, files) in enumerate(changed.items()):
        parent = folder.rpartition("/")[0]
        touched |= {folder, parent}
        if folder in new and _moved(f"{aside}/{number}", folder, parent):
            continue
        for name in files:
            os.replace(f"{aside}/{number}/{name}", f"{folder}/{name}")  # noqa: PTH105
    if len(touched) >= MANY:
        os.sync()
        return
    for folder in touched:
        sync_folder(folder)


def _moved(source: str, folder: str, parent: str) -> bool:
    """Put a whole folder in its place; return False where somebody else has made it meanwhile."""
    os.makedirs(parent, exist_ok=True)  # noqa: PTH103
    try:
        os.rename(source, folder)  # noqa: PTH104
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        return False
    return True


def sync_folder(folder: str | Path) -> None:
    """Let what was made or renamed in ``folder`` outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
