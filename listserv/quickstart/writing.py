"""Write what was planned, and take all of it back where something fails.

    with Undoing() as undoing:
        write(root, planned, undoing, owner)    # an exception within takes back what was written

SECURITY: a file is written aside with its mode and then renamed, so that a secret is never
readable for a moment; a file of another program keeps its mode and owner, and a copy of what it
was stays beside it.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from listserv.quickstart.plan import PlannedFile
from mailer.errors import Refused

BEFORE = ".before-krets"
Owner = tuple[int, int]  # uid, gid


class Undoing:
    """Remember how to take back each step, and do so when the block fails."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []

    def then(self, step: Callable[[], object]) -> None:
        """Add how the last step is taken back."""
        self._steps.append(step)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Take back what was done, the last first, if the block failed."""
        if kind is not None:
            for step in reversed(self._steps):
                with contextlib.suppress(OSError):
                    step()


def write(
    root: Path, planned: Iterable[PlannedFile], undoing: Undoing, owner: Owner | None
) -> list[Path]:
    """Write the files below ``root``; raise Refused where one of ours is there already."""
    written = []
    for one in planned:
        path = root / one.path.lstrip("/")
        if path.exists() and not one.merged and not _says_nothing(path):
            if path.read_text(encoding="utf-8", errors="replace") == one.text:
                continue
            raise Refused(f"{path} is there already.", "Move it away first.")
        _folders(path.parent, undoing)
        try:
            _file(path, one, undoing, owner)
        except OSError as error:
            raise Refused(
                f"{path} cannot be written: {error.strerror}. What was written is taken back.",
                "Only root may write there; another folder shows the files first.",
            ) from None
        written.append(path)
    return written


def _says_nothing(path: Path) -> bool:
    """Tell whether a file of settings holds comments alone, as a package brings it."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return path.suffix == ".toml" and all(line.strip()[:1] in {"", "#", "["} for line in lines)


def _folders(folder: Path, undoing: Undoing) -> None:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        for one in reversed(missing):
            one.mkdir(mode=0o755)
            undoing.then(one.rmdir)
    except OSError as error:
        raise Refused(
            f"{folder} cannot be made: {error.strerror}. What was written is taken back.",
            "Only root may write there; another folder shows the files first.",
        ) from None


def _file(path: Path, one: PlannedFile, undoing: Undoing, owner: Owner | None) -> None:
    mode = one.mode
    before = path.with_name(path.name + BEFORE)
    if path.exists() and one.merged:
        mode = path.stat().st_mode & 0o7777
        if path.read_text(encoding="utf-8") == one.text:
            return
    if path.exists():
        if not before.exists():
            shutil.copy2(path, before)
            undoing.then(before.unlink)
        old = path.read_bytes()
        undoing.then(lambda: path.write_bytes(old))
    else:
        undoing.then(path.unlink)
    aside = path.with_name(f".{path.name}.new")
    handle = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(one.text)
            os.fchmod(file.fileno(), mode)
            if one.ours and owner is not None:
                os.fchown(file.fileno(), *owner)
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
