"""The audience of a mailing, frozen once into the ledger in short pieces.

The one place that knows both the memberships and the ledger's rows. Each piece moves the
mailing's cursor in its own transaction, so a cut anywhere is taken up where it stopped and
nobody is entered twice.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, LargeBinary, case, cast, func, literal, select, update
from sqlalchemy.orm import Session

from listserv.issues import FILLED, NAMED, variant_of
from mailer.addresses import parse
from mailer.mailings import Composition, Mailing, MailingState, Recipient, open_mailing
from mailer.store import Store, insert_or_ignore
from subscriptions.audience import audience_select
from subscriptions.roster import LANGUAGES, Address, Membership, Person, find_list

PIECE = 2000  # memberships a transaction: about 10 ms on SQLite


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

    def column(self) -> ColumnElement[int]:
        """Return the same as an expression of SQL, beside ``Person``."""
        if self.variants == {0}:
            return literal(0)
        plain = {language: self.of(language, named=False) for language in LANGUAGES}
        chosen = case(plain, value=Person.language, else_=self.of("", named=False))
        if not any(variant & NAMED for variant in self.variants):
            return chosen
        return chosen + case((Person.name != "", NAMED), else_=0)


def freezing(session: Session) -> list[int]:
    """Return the mailings whose audience is not complete yet, oldest first."""
    waiting = select(Mailing.id).where(Mailing.state == MailingState.FREEZING)
    return list(session.scalars(waiting.order_by(Mailing.id)))


def piece(session: Session, list_id: int, *, after: int, now: float) -> Sequence[Entry]:
    """Return the next members who get a post, at most ``PIECE``, behind membership ``after``."""
    chosen = session.execute(audience_select(list_id, now=now, after=after, limit=PIECE))
    return [Entry(row[0], wire(row[1]), row[2]) for row in chosen]


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
    _enter_rows(session, mailing_id, entries, now)
    if len(entries) == PIECE or (entries and cursor):
        return True
    open_mailing(session, mailing_id, now=now, audience=entered if cursor else len(entries))
    return False


def _enter_rows(session: Session, mailing_id: int, entries: Sequence[Entry], now: float) -> None:
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
        # The connection, not the session: an ORM bulk insert costs several times as much.
        session.connection().execute(insert_or_ignore(session, Recipient), rows)


def freeze_some(store: Store, mailing_id: int) -> bool:
    """Enter one more piece of a mailing that was begun. Return True to be called again."""
    now = time.time()
    with store.read() as session:
        mailing = session.get(Mailing, mailing_id)
        if mailing is None or mailing.state != MailingState.FREEZING:
            return False
        cursor = mailing.freeze_cursor
        lst = find_list(session, mailing.list_address)
        last = _end_of_piece(session, lst.id, cursor, now) if lst is not None else None
        if lst is None or last is None:
            counted = select(func.count()).select_from(Recipient)
            entered = session.scalar(counted.where(Recipient.mailing_id == mailing_id))
        else:
            variants = select(Composition.variant).where(Composition.mailing_id == mailing_id)
            choice = Choice(frozenset(session.scalars(variants)), lst.language)
            odd = _odd(session, lst.id, cursor, last, now, choice)
    with store.write() as session:
        if lst is None or last is None:
            return enter(session, mailing_id, cursor, (), now=now, entered=entered)
        if _move_cursor(session, mailing_id, cursor, last):
            _pour(session, mailing_id, lst.id, cursor, last, now, choice)
            _enter_rows(session, mailing_id, odd, now)
    return True


def _end_of_piece(session: Session, list_id: int, after: int, now: float) -> int | None:
    """Return the last membership of the piece behind ``after``, or None behind the last."""
    chosen = audience_select(list_id, now=now, after=after, limit=PIECE).subquery()
    last: int | None = session.scalar(select(func.max(chosen.c.id)))
    return last


def _odd(
    session: Session, list_id: int, after: int, last: int, now: float, choice: Choice
) -> list[Entry]:
    """Return those of a piece whose envelope is spelled otherwise than they gave it: not ASCII."""
    chosen = audience_select(list_id, now=now, after=after).where(
        Membership.id <= last, ~_is_ascii(session)
    )
    return [
        Entry(ref, wire(given), domain, choice.of(language, named=named))
        for ref, given, domain, language, named in session.execute(chosen)
    ]


def _pour(
    session: Session,
    mailing_id: int,
    list_id: int,
    after: int,
    last: int,
    now: float,
    choice: Choice,
) -> None:
    """Enter a piece within the database; a row through Python costs ten times as much."""
    columns = {
        "mailing_id": literal(mailing_id),
        "ref": Membership.id,
        "address": Address.given,
        "bucket": Address.domain,
        "due": literal(now),
        "variant": choice.column(),
    }
    chosen = (
        audience_select(list_id, now=now, after=after)
        .with_only_columns(*columns.values())
        .where(Membership.id <= last, _is_ascii(session))
    )
    session.execute(insert_or_ignore(session, Recipient).from_select(list(columns), chosen))


def _is_ascii(session: Session) -> ColumnElement[bool]:
    octets = (
        func.length(cast(Address.given, LargeBinary))
        if session.get_bind().dialect.name == "sqlite"
        else func.octet_length(Address.given)
    )
    return func.length(Address.given) == octets


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
