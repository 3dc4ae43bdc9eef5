"""Record which files of the five rooms a piece of work enters, in the order of first entry.

A file is entered when one of its functions is called; that it is imported does not count.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("listserv", "archive", "subscriptions", "mailer", "templates")


@contextmanager
def first_entries() -> Iterator[list[str]]:
    """Fill a list with the files that this thread, and threads begun meanwhile, enter."""
    entered: list[str] = []
    known: dict[str, bool] = {}
    homes = tuple(f"{ROOT / room}/" for room in ROOMS)

    def look(frame: FrameType, event: str, _argument: object) -> None:
        name = frame.f_code.co_filename
        if event != "call" or name in known or not frame.f_code.co_flags & CO_OPTIMIZED:
            return  # a module or a class that is being made
        known[name] = name.startswith(homes)
        if known[name]:
            entered.append(Path(name).relative_to(ROOT).as_posix())

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        yield entered
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type] # as sys has it
