"""Own themes as files: which of them travel in a backup, and how they come back.

    found, left = own_themes.list_files(data)    # "themes/mine/issue.mjml", ...; what stays behind
    own_themes.put_back(unpacked, data, aside)   # what stood there goes aside, never away

SECURITY: the folder is one that people write into, and a backup may come from anywhere. Only plain
files travel, none through a link, ``FILES`` of them and ``BYTES`` in all; a name has ``DEEP`` parts
at most, of letters, digits, points and hyphens, and none begins with a point.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from archive.threads.disk import sync_folder

FOLDER = "themes"
FILES = 300
BYTES = 30_000_000
DEEP = 5  # parts of a name: themes/mine/pictures/spring/pond.png
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,79}"
_NAME = re.compile(rf"{FOLDER}(?:/{_PART}){{2,{DEEP - 1}}}")


def is_name(name: str) -> bool:
    """Tell whether a file of this name may travel."""
    return _NAME.fullmatch(name) is not None


def list_files(data: Path) -> tuple[list[str], list[str]]:
    """Return (the files that travel, those that stay behind), by their names below ``data``."""
    found: list[str] = []
    left: list[str] = []
    size = 0
    for path in _walk(data / FOLDER):
        name = path.relative_to(data).as_posix()
        if path.name.startswith("."):  # of a desktop or an editor, and none of a theme's
            continue
        bytes_of = 0 if path.is_symlink() else path.stat().st_size
        if path.is_symlink() or not is_name(name) or len(found) == FILES or size + bytes_of > BYTES:
            left.append(name)
            continue
        size += bytes_of
        found.append(name)
    return found, left


def _walk(folder: Path) -> Iterator[Path]:
    """Yield what stands in a folder and below it, in order; a link to a folder is one entry."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        elif path.is_symlink() or path.is_file():
            yield path


def put_back(unpacked: Path, data: Path, aside: Path) -> bool:
    """Put themes that were unpacked in their place; return whether others went ``aside``."""
    here = data / FOLDER
    moved = here.is_dir() and any(here.iterdir())
    if moved:
        aside.mkdir(mode=0o700, exist_ok=True)
        here.replace(aside / FOLDER)
    elif here.is_dir():
        here.rmdir()
    (unpacked / FOLDER).replace(here)
    sync_folder(data)
    return moved
