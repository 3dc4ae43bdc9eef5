"""Keep the keys of standing tokens out of the database: move them into a file, and back.

    settle(store)          # every door, when it opens the database
    views(store)           # for `krets keys check` and the doctor

With SQLite, which one machine has, every start finishes the move by itself. PostgreSQL may be
shared by machines that have not got the file yet: each gets a copy at its start, and
`krets keys apart` takes the keys out of the database once all have one. Order matters and is the
same everywhere: the file is on the disk and read back before the database forgets.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from mailer.errors import Misconfigured
from mailer.storage import key_file, tokens
from mailer.storage.store import Store
from mailer.storage.tokens import TokenKey


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Say of one key where it stands."""

    id: int
    fingerprint: str
    created: float
    database: bool  # whoever has a copy of the database has it
    file: bool


def settle(store: Store, alone: Callable[[], AbstractContextManager[None]]) -> None:
    """Have the file hold what the database holds; with SQLite the database then forgets it.

    ``alone`` keeps others of this machine from doing the same at the same time.
    """
    with store.read() as session:
        inside = list(session.scalars(select(TokenKey.id).where(func.length(TokenKey.secret) > 0)))
    if inside and (store.sqlite or not set(inside) <= key_file.read(store.key_file).keys()):
        with alone():
            _copy_out(store)
            if store.sqlite:
                take_out(store)


def _copy_out(store: Store) -> None:
    with store.read() as session:
        key_file.add(store.key_file, tokens.load_keys(session))


def take_out(store: Store) -> int:
    """Have the database forget the keys that the file holds; return how many it held."""
    _copy_out(store)
    with store.write() as session:
        if store.sqlite:
            session.execute(text("PRAGMA secure_delete = ON"))  # over the old bytes, too
        found = _inside(session)
        held = key_file.read(store.key_file)
        for key_id, secret in found.items():
            if key_id not in held or held[key_id].secret != secret:
                raise Misconfigured(
                    f"{store.key_file} does not hold key {key_id} of this database.",
                    "Nothing was taken out of the database.",
                )
            session.execute(
                update(TokenKey)
                .where(TokenKey.id == key_id)
                .values(secret=b"", fingerprint=key_file.fingerprint(secret))
            )
    if found:
        store.scrub()
    return len(found)


def put_back(store: Store) -> int:
    """Have the database hold every key again; return how many it did not. The file stays."""
    with store.write() as session:
        inside = _inside(session)
        missing = [key for key in tokens.load_keys(session) if key.id not in inside]
        for key in missing:
            session.execute(update(TokenKey).where(TokenKey.id == key.id).values(secret=key.secret))
    return len(missing)


def views(store: Store) -> list[KeyPlace]:
    """Return where each key stands; raise Misconfigured where one cannot be had."""
    held = key_file.read(store.key_file)
    with store.read() as session:
        inside = _inside(session)
        return [
            KeyPlace(
                key.id,
                key_file.fingerprint(key.secret),
                key.created,
                database=key.id in inside,
                file=key.id in held and held[key.id].secret == key.secret,
            )
            for key in tokens.load_keys(session)
        ]


def _inside(session: Session) -> dict[int, bytes]:
    rows = session.execute(select(TokenKey.id, TokenKey.secret)).all()
    return {row.id: row.secret for row in rows if row.secret}
