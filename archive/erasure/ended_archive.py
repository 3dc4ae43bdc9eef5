"""Remove what the archive of a list holds, a piece at a time, when the list is gone for good.

    while ended_archive.remove_some(session, list_id): ...     # each in a transaction of its own

Its mails go, and the raw bytes of those that no other list and no permission rests on. Its pages
had left before (listserv/actions/moved_pages.py). Refuses to know why a list is gone.
"""

from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.threads.archive_tables import (
    Export,
    FormerThread,
    Late,
    Message,
    MonthCount,
    Node,
    PersonPage,
    Redirect,
    Removal,
    Thread,
)
from mailer.storage.store import RawMessage, hold_raw
from subscriptions.permission import proofs

PIECE = 200  # mails of a transaction
_REST = (Node, Thread, PersonPage, Export, Late, MonthCount, FormerThread, Redirect, Removal)


def remove_some(session: Session, list_id: int) -> int:
    """Remove one piece; return how many mails went, 0 where nothing is left."""
    some = select(Message.id, Message.raw_sha).where(Message.list_id == list_id)
    rows = session.execute(some.order_by(Message.id).limit(PIECE)).all()
    if not rows:
        for table in _REST:
            session.execute(delete(table).where(table.list_id == list_id))
        return 0
    session.execute(delete(Message).where(Message.id.in_([row.id for row in rows])))
    drop_raw(session, {row.raw_sha for row in rows})
    return len(rows)


def drop_raw(session: Session, shas: Collection[bytes]) -> None:
    """Delete raw mails, but those that an archive or a permission rests on."""
    hold_raw(session, shas)
    kept = set(session.scalars(select(Message.raw_sha).where(Message.raw_sha.in_(shas))))
    kept |= proofs.results(session, shas).keys()
    session.execute(delete(RawMessage).where(RawMessage.sha.in_({*shas} - kept)))
