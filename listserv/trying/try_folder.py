"""Keep the folder of ``krets try``: tell whether a trial is in it, and begin anew there.

SECURITY: what is removed is what ``krets try`` makes, by name, and only where its own mark says
that it made it; a folder that holds another's database is refused, never filled with examples.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from listserv.wiring.data_folder import lock_data_folder
from mailer.errors import Refused, Temporary

_MARK = "address"  # where its pages were last
_MADE = ("data", "mail", "told", _MARK)


class Start(Enum):
    """Name how `krets try` starts."""

    NEW, GO_ON, ANEW, ASK = range(4)


def choose(*, there: bool, fresh: bool | None, terminal: bool) -> Start:
    """Decide how to start; ``fresh`` is what was said (None: nothing)."""
    if not there:
        return Start.NEW
    if fresh is None:
        return Start.ASK if terminal else Start.GO_ON
    return Start.ANEW if fresh else Start.GO_ON


class TryFolder:
    """Know the folder, before anything in it is opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data, self.mail, self.told = (folder / name for name in _MADE[:3])
        self._mark = folder / _MARK

    @property
    def there(self) -> bool:
        """Tell whether a garden has been begun here; raise Refused where another's data are."""
        ours = self._mark.exists() or self.told.exists()
        if not ours and ((self.data / "krets.db").exists() or (self.folder / "krets.db").exists()):
            raise Refused(
                f"{self.folder} holds a database that krets try did not make.",
                "Name another folder with --folder.",
            )
        return ours

    @property
    def last_used(self) -> float:
        """Return when it last was (seconds since 1970 UTC)."""
        places = [one for one in (self.mail, self._mark, self.told) if one.exists()]
        return max(one.stat().st_mtime for one in places)

    @property
    def address(self) -> str:
        """Return where its pages were last, "" where nothing says it."""
        return self._mark.read_text().strip() if self._mark.exists() else ""

    def mark(self, address: str) -> None:
        """Make the folder ours, and remember where its pages are."""
        self.mail.mkdir(parents=True, exist_ok=True)
        self._mark.write_text(f"{address}\n")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder; raise Temporary where krets try runs in it."""
        try:
            held = lock_data_folder(self.data)
        except Temporary:
            raise Temporary(
                f"krets try runs in {self.folder} already.",
                "End it there with Ctrl-C, or give this one another --folder.",
            ) from None
        try:
            yield
        finally:
            os.close(held)

    def clear(self) -> None:
        """Remove what krets try made here, and nothing else."""
        for name in _MADE:
            path = self.folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
