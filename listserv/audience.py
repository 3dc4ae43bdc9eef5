"""The audience of a mailing, frozen once into the ledger in short pieces.

The one place that knows both the memberships and the ledger's rows. Each piece moves the
mailing's cursor in its own transaction, so a cut anywhere is taken up where it stopped and
nobody is entered twice.
"""

import time
from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from mailer.addresses import parse
from mailer.mailings import Mailing, MailingState, Recipient, open_mailing
from mailer.store import Store, insert_or_ignore
from subscriptions.audience import audience_select
from subscriptions.roster import find_list

PIECE = 2000  # memberships a transaction: about 15 ms on SQLite


def freezing(session: Session) -> list[int]:
    """Return the mailings whose audience is not complete yet, oldest first."""
    waiting = select(Mailing.id).where(Mailing.state == MailingState.FREEZING)
    return list(session.scalars(waiting.order_by(Mailing.id)))


def freeze_some(store: Store, mailing_id: int) -> bool:
    """Enter one more piece; open the mailing after the last. Return True to be called again."""
    now = time.time()
    with store.read() as session:
        mailing = session.get(Mailing, mailing_id)
        if mailing is None or mailing.state != MailingState.FREEZING:
            return False
        cursor = mailing.freeze_cursor
        lst = find_list(session, mailing.list_address)
        chosen = (
            session.execute(audience_select(lst.id, now=now, after=cursor, limit=PIECE)).all()
            if lst is not None
            else []
        )
    rows = [
        {
            "mailing_id": mailing_id,
            "ref": row.id,
            "address": wire(row.given),
            "bucket": row.domain,
            "due": now,
        }
        for row in chosen
    ]
    with store.write() as session:
        if not _move_cursor(session, mailing_id, cursor, rows):
            return True  # somebody else entered this piece; look again
        if rows:
            session.execute(insert_or_ignore(session, Recipient), rows)
        if len(rows) < PIECE:
            open_mailing(session, mailing_id, now=now)
            return False
    return True


def wire(given: str) -> str:
    """Return an address as it stands in an SMTP envelope."""
    return given if given.isascii() else parse(given).wire


def _move_cursor(
    session: Session, mailing_id: int, cursor: int, rows: Sequence[dict[str, object]]
) -> bool:
    moved = update(Mailing).where(
        Mailing.id == mailing_id,
        Mailing.state == MailingState.FREEZING,
        Mailing.freeze_cursor == cursor,
    )
    last = rows[-1]["ref"] if rows else cursor
    return (
        session.scalar(
            moved.values(freeze_cursor=last)
            .returning(Mailing.id)
            .execution_options(synchronize_session=False)
        )
        is not None
    )
