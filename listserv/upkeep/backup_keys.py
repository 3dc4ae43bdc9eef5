"""Back up the keys of tokens apart from everything else, and find them again at a restore.

    write(store, Path("krets.backup"))     # makes krets.backup.keys beside it
    bring(database, source, data, BackupKeys())

A backup holds the database without these keys; beside it stands FILE.keys, to be kept elsewhere.
Knows which keys a copied database names; the form of the file is for mailer/storage/key_file.py.
SECURITY: whoever gets a backup alone can make no token with it.
"""

import secrets
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from listserv.wiring import token_keys
from mailer.errors import BadInput, Refused
from mailer.storage import key_file
from mailer.storage.key_file import StoredKey
from mailer.storage.store import Store
from mailer.storage.tokens import load_keys

END = ".keys"  # behind the name of the backup
IN_DATABASE, IN_FILE = "database", "file"


@dataclass(frozen=True, slots=True)
class BackupKeys:
    """Say where the keys of a backup are, and whether to go on with new ones without them."""

    named: Path | None = None
    new: bool = False


def beside(backup: Path) -> Path:
    """Return where the keys of a backup are written."""
    return backup.with_name(backup.name + END)


def write(store: Store, backup: Path) -> str:
    """Write the keys beside ``backup``; return where they stand in the service itself."""
    with store.read() as session:
        keys = load_keys(session)
    key_file.add(beside(backup), keys)
    inside = any(place.database for place in token_keys.views(store))
    return IN_DATABASE if inside else IN_FILE


def strip(database: Path) -> None:
    """Take the keys out of a copied database that still has them."""
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("PRAGMA secure_delete = ON")
        found = opened.execute("SELECT id, secret FROM token_key").fetchall()
        for key_id, secret in found:
            if secret:
                opened.execute(
                    "UPDATE token_key SET secret = x'', fingerprint = ? WHERE id = ?",
                    (key_file.fingerprint(secret), key_id),
                )
        opened.commit()


def bring(database: Path, source: BinaryIO, data: Path, given: BackupKeys) -> None:
    """Put the keys that a copied database names beside it; an older one has them itself.

    The file that is named must have them; else the one beside ``source``, or that of the data
    folder. Raise Refused where nobody has them.
    """
    wanted = _wanted(database)
    if not wanted:
        return
    target = database.with_name(key_file.NAME)
    places = [given.named] if given.named else [_beside(source), data / key_file.NAME]
    for path in places:
        held = key_file.read(path)
        keys = [held[one] for one in wanted if one in held]
        if {key.id: key_file.fingerprint(key.secret) for key in keys} == wanted:
            key_file.write(target, keys)
            return
    names = ", ".join(sorted(wanted.values()))
    if given.named:
        raise BadInput(
            f"{given.named} does not hold the token keys of this backup ({names}).",
            "Name the .keys file that was written beside it, or tokens.key of the old data folder.",
        )
    if not given.new:
        raise Refused(
            f"The token keys of this backup ({names}) are not at hand.", key="no-token-keys"
        )
    _begin_anew(database, target, max(wanted) + 1)


def put(folder: Path, data: Path) -> None:
    """Have the data folder hold the keys that were found for a restore."""
    key_file.add(data / key_file.NAME, key_file.read(folder / key_file.NAME).values())


def _beside(source: BinaryIO) -> Path:
    return beside(Path(str(getattr(source, "name", "") or "-")))


def _begin_anew(database: Path, target: Path, number: int) -> None:
    key = StoredKey(number, secrets.token_bytes(32), time.time())
    key_file.write(target, [key])
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("DELETE FROM token_key")
        opened.execute(
            "INSERT INTO token_key (id, secret, created, fingerprint) VALUES (?, x'', ?, ?)",
            (key.id, key.created, key_file.fingerprint(key.secret)),
        )
        opened.commit()


def _wanted(database: Path) -> dict[int, str]:
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(database)) as opened:
        return dict(
            opened.execute(
                "SELECT id, fingerprint FROM token_key WHERE length(secret) = 0"
            ).fetchall()
        )
    return {}  # from before there was a file
