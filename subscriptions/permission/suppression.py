"""Remember whom not to mail at all, on any list, and why.

Knows addresses and reasons; leaving one list is not its business (that is a membership's
state). An erased person stays only as a keyed hash, so that no import can bring them back
and nobody can read who they were.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from functools import cache

from sqlalchemy import Select, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.storage import journal
from mailer.storage.bulk_rows import one_of, spell
from mailer.storage.journal import JournalWord
from mailer.storage.store import Base, insert_or_ignore
from mailer.storage.tokens import Keyring
from subscriptions.lists.roster import worded

HASH = journal.HASH
MAX_SAID = 200  # characters of what a server said that are kept


class Reason(StrEnum):
    """Say why an address is not mailed."""

    DEAD = "dead"
    COMPLAINT = "complaint"
    NEVER = "never-mail-me"
    ERASED = "erased"


class Suppression(Base):
    """Keep one reason not to mail one address: its key, or ``hash:`` and 32 hex digits."""

    __tablename__ = "suppression"
    address: Mapped[str] = mapped_column(String(320), primary_key=True)
    reason: Mapped[Reason] = mapped_column(
        worded(Reason),
        primary_key=True,
    )
    since: Mapped[float]
    kind: Mapped[str] = mapped_column(String(16), default="", server_default="")  # of a dead one
    said: Mapped[str] = mapped_column(String(MAX_SAID), default="", server_default="")


def suppress(
    session: Session, key: str, reason: Reason, now: float, *, kind: str = "", said: str = ""
) -> None:
    """Stop all mail to the address ``key``; saying it twice changes nothing.

    ``kind`` and ``said`` tell why a dead one bounces: in a word, and in its server's words.
    """
    journal.note(session, JournalWord.BARRED, key, reason=reason.value)
    row = {
        "address": key, "reason": reason, "since": now, "kind": kind, "said": said[:MAX_SAID],
    }  # fmt: skip
    session.execute(insert_or_ignore(session, Suppression), [row])


def lift(session: Session, key: str, reason: Reason) -> bool:
    """Take one reason back; tell whether it was there."""
    gone = session.execute(
        delete(Suppression)
        .where(Suppression.address == key, Suppression.reason == reason)
        .returning(Suppression.since)
    )
    if gone.first() is None:
        return False
    journal.note(session, JournalWord.LIFTED, key, reason=reason.value)
    return True


def suppressed(session: Session, keys: Collection[str], *reasons: Reason) -> dict[str, Reason]:
    """Return which of these address keys must not be mailed, and why (of ``reasons`` alone)."""
    dialect = session.get_bind().dialect.name
    found = session.execute(_against(dialect), {"keys": spell(dialect, list(keys))})
    return {key: reason for key, reason in found if not reasons or reason in reasons}


@cache
def _against(dialect: str) -> Select[str, Reason]:
    """Return what stands against ``keys``: a question that takes longer to build than to ask."""
    chosen = one_of(dialect, "suppression.address", "keys", "varchar")
    return select(Suppression.address, Suppression.reason).where(chosen)


def has(session: Session, key: str, reason: Reason) -> bool:
    """Tell whether this very reason stands against the address ``key``."""
    return session.get(Suppression, (key, reason)) is not None


def hashed(keyring: Keyring, key: str) -> str:
    """Return what an erased address is remembered by."""
    return HASH + keyring.keyed_hash(key).hex()


def said_never(session: Session, keyring: Keyring, keys: Collection[str]) -> set[str]:
    """Return which of these address keys belong to somebody who said "never mail me again".

    Also before they were erased: their word outlives their address.
    """
    named = {hashed(keyring, key): key for key in keys} | {key: key for key in keys}
    return {named[found] for found in suppressed(session, named, Reason.NEVER)}


def remembered(
    session: Session, keyring: Keyring, keys: Sequence[str], *reasons: Reason
) -> dict[str, Reason]:
    """Return which of these address keys stand here as a hash alone (for ``reasons``), and why.

    That is whoever was erased, and who said something that only a journal remembers
    (journal_replay.py).
    """
    hashes = Suppression.address.startswith(HASH)
    if not session.scalar(select(Suppression.since).where(hashes).limit(1)):
        return {}
    by_hash = {hashed(keyring, key): key for key in keys}
    return {by_hash[one]: why for one, why in suppressed(session, by_hash, *reasons).items()}


def erased(session: Session, keyring: Keyring, keys: Sequence[str]) -> set[str]:
    """Return which of these address keys belonged to somebody who was erased."""
    return set(remembered(session, keyring, keys, Reason.ERASED))


def forget_plaintext(session: Session, keyring: Keyring, keys: Sequence[str], now: float) -> None:
    """Replace every entry of these addresses by the hash alone; "never" stays never."""
    never = said_never(session, keyring, keys)
    for key in keys:
        journal.note(session, JournalWord.FORGOTTEN, key)
    session.execute(delete(Suppression).where(Suppression.address.in_(keys)))
    for key in keys:
        suppress(session, hashed(keyring, key), Reason.ERASED, now)
    for key in never:
        suppress(session, hashed(keyring, key), Reason.NEVER, now)
