"""Remember what was taken out of a list's archive: rows only; removal.py takes it out."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.removal import Removed
from archive.tables import Removal
from mailer.tokens import load_keyring
from subscriptions.roster import MailList


def removed_of(session: Session, lst: MailList) -> Removed:
    """Return what is in no view of ``lst``."""
    rows = session.scalars(
        select(Removal).where(Removal.list_id == lst.id).order_by(Removal.id)
    ).all()
    if not rows:
        return Removed()
    return Removed(
        revision=rows[-1].id,
        key=removal_key(session, lst),
        messages=frozenset(r.digest.decode() for r in rows if r.kind == "message"),
        files=frozenset(r.digest.decode() for r in rows if r.kind == "file"),
        phrases=frozenset((r.words, r.digest) for r in rows if r.kind == "phrase"),
        quotes=frozenset((r.words, r.digest) for r in rows if r.kind == "quote"),
    )


def removal_key(session: Session, lst: MailList) -> bytes:
    """Return the secret with which this list's digests are made."""
    keyring = load_keyring(session)
    return keyring.keyed_hash(f"archive {lst.address}") if keyring else b""
