"""Whose posts to a list are discarded: put a ban on an address, and lift it."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from listserv.wiring.listserv_tables import Ban
from mailer.storage.store import insert_or_ignore
from subscriptions.lists.roster import MailList


def ban(session: Session, list_id: int, key: str, *, by: str, now: float) -> None:
    """Discard what comes from this address key; whoever is banned already stays so."""
    row = {"list_id": list_id, "address_key": key, "since": now, "decided_by": by}
    session.execute(insert_or_ignore(session, Ban), [row])


def lift_ban(session: Session, list_id: int, key: str) -> bool:
    """Let an address post again; tell whether it was banned."""
    gone = delete(Ban).where(Ban.list_id == list_id, Ban.address_key == key)
    return session.scalar(gone.returning(Ban.since)) is not None


def is_banned(session: Session, list_id: int, key: str) -> bool:
    """Tell whether an address is banned from a list."""
    here = Ban.list_id == list_id, Ban.address_key == key
    return session.scalar(select(Ban.since).where(*here)) is not None


def bans(
    session: Session, key: str = "", only: MailList | None = None
) -> Sequence[tuple[Ban, MailList]]:
    """Return bans with their lists, oldest first."""
    query = select(Ban, MailList).join(MailList, MailList.id == Ban.list_id)
    if key:
        query = query.where(Ban.address_key == key)
    if only is not None:
        query = query.where(Ban.list_id == only.id)
    return [
        (row.Ban, row.MailList)
        for row in session.execute(query.order_by(Ban.since, Ban.address_key))
    ]
