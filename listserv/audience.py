"""The audience of a mailing, frozen once into the ledger in short pieces.

The one place that knows both the memberships and the ledger's rows. Each piece moves the
mailing's cursor in its own transaction, so a cut anywhere is taken up where it stopped and
nobody is entered twice.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Executable, func, select, update
from sqlalchemy.orm import Session

from listserv.issues import FILLED, NAMED, variant_of
from mailer.addresses import parse
from mailer.mailings import Composition, Mailing, MailingState, Recipient, open_mailing
from mailer.store import Store, insert_or_ignore
from subscriptions.audience import audience_select
from subscriptions.roster import find_list

_INSERTS: dict[str, Executable] = {}  # by dialect: building one costs more than a row
PIECE = 1000  # memberships a transaction: about 10 ms on SQLite


class Entry(NamedTuple):
    """One member on the way into the ledger."""

    ref: int  # membership
    address: str  # as it stands in the envelope
    bucket: str
    variant: int = 0  # which composition is theirs


class Choice(NamedTuple):
    """Say which compositions a mailing has, and what a reader without a language reads."""

    variants: frozenset[int] = frozenset({0})
    language: str = ""

    def of(self, language: str, *, named: bool) -> int:
        """Return one reader's variant."""
        if self.variants == {0}:
            return 0
        some = next(iter(self.variants))
        split = any(variant & NAMED for variant in self.variants)
        return variant_of(
            language or self.language, named=named and split, filled=bool(some & FILLED)
        )


def freezing(session: Session) -> list[int]:
    """Return the mailings whose audience is not complete yet, oldest first."""
    waiting = select(Mailing.id).where(Mailing.state == MailingState.FREEZING)
    return list(session.scalars(waiting.order_by(Mailing.id)))


def piece(
    session: Session, list_id: int, *, after: int, now: float, choice: Choice | None = None
) -> Sequence[Entry]:
    """Return the next members who get a mailing, at most ``PIECE``, behind ``after``."""
    chosen = session.execute(audience_select(list_id, now=now, after=after, limit=PIECE))
    if choice is None:
        return [Entry(row[0], wire(row[1]), row[2]) for row in chosen]
    return [
        Entry(ref, wire(given), domain, choice.of(language, named=named))
        for ref, given, domain, language, named in chosen
    ]


def enter(
    session: Session,
    mailing_id: int,
    cursor: int,
    entries: Sequence[Entry],
    *,
    now: float,
    entered: int | None = None,
) -> bool:
    """Enter one piece; open the mailing when it was the last. Return whether more is to come.

    A mailing of several pieces is opened by the empty one at its end, with the number of those
    ``entered`` before: counting a million is too long for a write.
    """
    last = entries[-1].ref if entries else cursor
    if not _move_cursor(session, mailing_id, cursor, last):
        return True  # somebody else entered this piece
    rows = [
        {
            "mailing_id": mailing_id,
            "ref": entry.ref,
            "address": entry.address,
            "bucket": entry.bucket,
            "variant": entry.variant,
            "due": now,
        }
        for entry in entries
    ]
    if rows:
        # The table, not the class: an ORM bulk insert costs several times as much.
        session.connection().execute(_insert(session), rows)
    if len(rows) == PIECE or (rows and cursor):
        return True
    open_mailing(session, mailing_id, now=now, audience=entered if cursor else len(rows))
    return False


def _insert(session: Session) -> Executable:
    dialect = session.get_bind().dialect.name
    if dialect not in _INSERTS:
        _INSERTS[dialect] = insert_or_ignore(session, Recipient)
    return _INSERTS[dialect]


def freeze_some(store: Store, mailing_id: int) -> bool:
    """Enter one more piece of a mailing that was begun. Return True to be called again."""
    now = time.time()
    with store.read() as session:
        mailing = session.get(Mailing, mailing_id)
        if mailing is None or mailing.state != MailingState.FREEZING:
            return False
        cursor = mailing.freeze_cursor
        lst = find_list(session, mailing.list_address)
        entries: Sequence[Entry] = ()
        if lst is not None:
            chosen = select(Composition.variant).where(Composition.mailing_id == mailing_id)
            choice = Choice(frozenset(session.scalars(chosen)), lst.language)
            entries = piece(session, lst.id, after=cursor, now=now, choice=choice)
        entered = None
        if not entries:
            counted = select(func.count()).select_from(Recipient)
            entered = session.scalar(counted.where(Recipient.mailing_id == mailing_id))
    with store.write() as session:
        return enter(session, mailing_id, cursor, entries, now=now, entered=entered)


def wire(given: str) -> str:
    """Return an address as it stands in an SMTP envelope."""
    return given if given.isascii() else parse(given).wire


def _move_cursor(session: Session, mailing_id: int, cursor: int, last: int) -> bool:
    moved = (
        update(Mailing)
        .where(
            Mailing.id == mailing_id,
            Mailing.state == MailingState.FREEZING,
            Mailing.freeze_cursor == cursor,
        )
        .values(freeze_cursor=last)
        .returning(Mailing.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(moved) is not None
