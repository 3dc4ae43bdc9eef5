"""Write the files of an archive: aside, synced, renamed, and only where they differ.

A reader sees the old file or the new one, never half of one; after a power cut too. SECURITY:
names come from hashes and list addresses, which cannot leave the folder (``checked`` refuses).
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from mailer.errors import Misconfigured, Refused

MANY = 64  # files; above that one sync of the disk is cheaper than one per file
_ASIDE = ".krets-aside"
_LEFT = 3600.0  # seconds after which nobody comes back for what stands aside


def write_files(root: Path, files: Mapping[str, bytes]) -> int:
    """Write ``files`` (path under ``root`` -> bytes) and return how many were different."""
    changed = {name: data for name, data in files.items() if _differs(root / checked(name), data)}
    if not changed:
        return 0
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    # A folder of our own: two containers on one archive may have the same process id.
    aside = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=root))
    try:
        _write_aside(aside, list(changed.values()))
        _into_place(root, aside, list(changed))
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return len(changed)


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
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or any(p in {"..", "."} or "\0" in p for p in parts):
        raise Refused(f"{name!r} is not a path inside of the archive.")
    return name


def _sweep(root: Path) -> None:
    """Remove what a writer that was killed has left aside."""
    for left in root.glob(f"{_ASIDE}*"):
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - _LEFT:
                shutil.rmtree(left, ignore_errors=True)


def _differs(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size != len(data) or path.read_bytes() != data
    except OSError:
        return True


def _write_aside(aside: Path, contents: list[bytes]) -> None:
    for number, data in enumerate(contents):
        with (aside / str(number)).open("wb") as file:
            file.write(data)
            if len(contents) < MANY:
                file.flush()
                os.fsync(file.fileno())
    if len(contents) >= MANY:
        os.sync()


def _into_place(root: Path, aside: Path, names: list[str]) -> None:
    folders = {root}
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (aside / str(number)).replace(path)
        folders |= {path.parent, path.parent.parent}
    if len(folders) >= MANY:
        os.sync()
        return
    for folder in folders:
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
