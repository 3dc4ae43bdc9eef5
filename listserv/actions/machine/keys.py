"""See where the keys of standing tokens are kept, take them out of the database, put them back.

    keys.check(call)                          # [KeyPlace, ...]
    keys.apart(call, MoveKeys(dry_run=True))  # how many would be taken out

Refuses to know how a key is made or used (mailer.storage.tokens). SECURITY: a result holds
fingerprints, never a key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from listserv.actions.call import Call
from listserv.actions.permissions import Action
from listserv.wiring import token_keys
from listserv.wiring.token_keys import KeyPlace


@dataclass(frozen=True, slots=True)
class KeysShown:
    """Show each key, and the file that holds them on this machine."""

    keys: Sequence[KeyPlace]
    file: Path


@dataclass(frozen=True, slots=True)
class MoveKeys:
    """Ask that the keys are taken out of the database, or put back into it."""

    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class KeysMoved:
    """Say how many keys were moved, or would be, and which file holds them."""

    count: int
    file: Path


def check(call: Call) -> KeysShown:
    """Return where each key stands; raise Misconfigured where this machine lacks one."""
    call.permit(Action.KEYS_CHECK)
    return KeysShown(token_keys.views(call.app.store), call.app.store.key_file)


def apart(call: Call, wanted: MoveKeys) -> KeysMoved:
    """Take the keys out of the database, so that a copy of it makes no token."""
    call.permit(Action.KEYS_APART)
    store = call.app.store
    count = sum(one.database for one in token_keys.views(store))
    if count and not wanted.dry_run:
        count = token_keys.take_out(store)
        call.note_after(Action.KEYS_APART, None, f"{count} keys")
    return KeysMoved(count, store.key_file)


def together(call: Call, wanted: MoveKeys) -> KeysMoved:
    """Put the keys back into the database, for a machine that has no file; the file stays."""
    call.permit(Action.KEYS_TOGETHER)
    store = call.app.store
    count = sum(not one.database for one in token_keys.views(store))
    if not wanted.dry_run:
        count = token_keys.put_back(store)
        call.note_after(Action.KEYS_TOGETHER, None, f"{count} keys")
    return KeysMoved(count, store.key_file)
