"""The file that holds the keys of standing tokens, apart from the database and its copies.

    read(data / NAME)                     # {1: StoredKey(...)}
    add(data / NAME, [StoredKey(...)])

One line a key: its number, 64 hex digits, the day it was made. Lines that begin with # are words.
Knows files; which keys a database needs is for tokens.py. SECURITY: readable by its owner alone
from the first byte on; written aside, on the disk, and only then renamed, so that a pulled plug
leaves the old file or the new one. A file that has other keys is never overwritten, it is
renamed: keys that are lost make every link and address that was ever mailed useless.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mailer.errors import Misconfigured, Temporary

NAME = "tokens.key"
_LARGEST = 100_000  # bytes
_FULL = {28, 122}  # ENOSPC, EDQUOT
_LINE = re.compile(r"(\d{1,3}) ([0-9a-f]{2,200}) (\d{4}-\d\d-\d\d)")
_HEAD = (
    "# The keys of Krets's tokens: whoever reads them can leave, answer and read for any member.\n"
    "# Without them no link or address that was mailed works. Keep a copy apart from the backups.\n"
)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """Hold one key: its number (1 to 255), the secret, and when it was made."""

    id: int
    secret: bytes
    created: float  # seconds since 1970 UTC


def fingerprint(secret: bytes) -> str:
    """Return what tells one key from another and says nothing about it."""
    return hashlib.sha256(b"krets token key\0" + secret).hexdigest()[:16]


def read(path: Path) -> dict[int, StoredKey]:
    """Return the keys of a file; none where there is no file.

    Raise Misconfigured where it cannot be read, or is not one.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise _no_key_file(path, "it is too large")
        lines = path.read_text("ascii").splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Misconfigured(
            f"{path} cannot be read: {error.strerror}.",
            "Make it belong to the user that runs Krets: chown USER, chmod 600.",
        ) from None
    except ValueError:
        raise _no_key_file(path, "it is no text") from None
    keys = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        key = _parse(line.strip())
        if key is None or key.id in keys:
            raise _no_key_file(path, f"line {number} is damaged")
        keys[key.id] = key
    return keys


def add(path: Path, keys: Iterable[StoredKey]) -> None:
    """Have ``path`` hold these keys too, on the disk; a file with others of them is laid aside."""
    held, wanted = read(path), {key.id: key for key in keys}
    if any(held[one].secret != key.secret for one, key in wanted.items() if one in held):
        path.rename(_unused(path))
        held = {}
    if wanted.keys() <= held.keys():
        return
    write(path, [*held.values(), *(key for one, key in wanted.items() if one not in held)])


def write(path: Path, keys: Iterable[StoredKey]) -> None:
    """Write a whole key file, and read it back from the disk; raise Temporary where it is full."""
    chosen = sorted(keys, key=lambda key: key.id)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.unlink(missing_ok=True)
        with os.fdopen(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write((_HEAD + "".join(map(_spelled, chosen))).encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
        if os.geteuid() == 0:  # a command run as root must not lock the service out
            owner = path.parent.stat()
            os.chown(aside, owner.st_uid, owner.st_gid)
        if [(key.id, key.secret) for key in read(aside).values()] != [
            (key.id, key.secret) for key in chosen
        ]:
            raise Temporary(f"{aside} does not say what was written to it.", "Check the disk.")
        aside.replace(path)
        _sync(path.parent)
    except OSError as error:
        aside.unlink(missing_ok=True)
        if error.errno in _FULL:
            raise Temporary(f"The disk of {path} is full.", "Make room and try again.") from None
        raise Misconfigured(
            f"{path} cannot be written: {error.strerror}.",
            "Set mailer.data to a folder that this user may write to.",
        ) from None


def _parse(line: str) -> StoredKey | None:
    said = _LINE.fullmatch(line)
    if said is None or not 0 < int(said[1]) < 256 or len(said[2]) % 2:  # noqa: PLR2004 - one byte
        return None
    try:
        day = datetime.strptime(said[3], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return StoredKey(int(said[1]), bytes.fromhex(said[2]), day.timestamp())


def _spelled(key: StoredKey) -> str:
    day = datetime.fromtimestamp(key.created, UTC)
    return f"{key.id} {key.secret.hex()} {day:%Y-%m-%d}\n"


def _unused(path: Path) -> Path:
    """Return a name for a file of other keys that is to be laid aside."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    names = (path.with_name(f"{path.name}.of-another-{stamp}-{count}") for count in range(1000))
    return next(name for name in names if not name.exists())


def _no_key_file(path: Path, why: str) -> Misconfigured:
    return Misconfigured(
        f"{path} is not a file of token keys: {why}.",
        "Put back the one that you keep apart, or move this one away.",
    )


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
