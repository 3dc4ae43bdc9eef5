"""Let go of what time has made worthless: rows of old mailings, envelopes, mail of no use.

    close_old(session, before) · drop_rows(session)        the ledger; its totals stay for ever
    strip_envelopes(session, before)                       who connected, of mail long dealt with
    old_mail(session, before) · drop_mail(session, ...)    raw mail that nobody refers to

Each call is one short piece of work and says how much it did; when, and how often, is for the
roof, and so is who else refers to a message. Indexes hold only what is left to do.
"""

import json
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Select, delete, select, text, update
from sqlalchemy.orm import Session

from mailer.ledger.mailings import (
    CLOSING,
    WHOLE,
    Composition,
    Mailing,
    Recipient,
    RecipientState,
    status,
)
from mailer.storage.arrivals import UNTENDED, Arrival, ArrivalState, Tended
from mailer.storage.bulk_rows import among
from mailer.storage.store import RawMessage, hold_raw

PIECE = 500  # rows of a transaction
BLOBS = 25  # of raw mail: each is overwritten where it stood


class ExpiredArrival(NamedTuple):
    """Name one arrival whose mail may go."""

    arrival: int
    sha: bytes


def close_old(session: Session, before: float) -> int | None:
    """Return a mailing that ended ``before`` and has no totals yet, the oldest first."""
    ended = select(Mailing.id).where(text(WHOLE), Mailing.finished < before)
    return session.scalar(ended.order_by(Mailing.finished).limit(1))


def begun(session: Session) -> int | None:
    """Return a mailing that has its totals and perhaps rows still."""
    return session.scalar(select(Mailing.id).where(text(CLOSING)).order_by(Mailing.id).limit(1))


def counted(session: Session, mailing_id: int) -> str:
    """Return a mailing's totals as they are kept; counting a million rows takes 0.1 s."""
    found = status(session, mailing_id)
    return json.dumps(
        {state.name.lower(): getattr(found, state.name.lower()) for state in RecipientState}
    )


def keep_totals(session: Session, mailing_id: int, totals: str, before: float) -> bool:
    """Write the totals, if nobody has sent again meanwhile; from now on the rows may go."""
    kept = (
        update(Mailing)
        .where(Mailing.id == mailing_id, Mailing.finished < before, text(WHOLE))
        .values(totals=totals)
        .returning(Mailing.id)
        .execution_options(synchronize_session=False)
    )
    if session.scalar(kept) is None:
        return False
    session.execute(delete(Composition).where(Composition.mailing_id == mailing_id))
    return True


def drop_rows(
    session: Session, mailing_id: int, first: Callable[[Sequence[int]], None] | None = None
) -> int:
    """Delete one piece of the rows of a mailing that has its totals; 0 says that none is left.

    ``first`` is told which rows go, before they do.
    """
    some = select(Recipient.id).where(Recipient.mailing_id == mailing_id).limit(PIECE)
    ids = session.scalars(some).all()
    if first is not None:
        first(ids)
    session.execute(delete(Recipient).where(among(session, Recipient.id, ids)))
    if len(ids) < PIECE:
        session.execute(update(Mailing).where(Mailing.id == mailing_id).values(freeze_cursor=-1))
    return len(ids)


def has_old_envelopes(session: Session, before: float) -> bool:
    """Tell whether ``strip_envelopes`` would find something."""
    return session.scalar(_envelopes(before).limit(1)) is not None


def _envelopes(before: float) -> Select[int]:
    return select(Arrival.id).where(
        text(UNTENDED),
        Arrival.tended.in_((0, Tended.MAIL)),
        Arrival.received_at < before,
        Arrival.state == ArrivalState.DONE,
    )


def strip_envelopes(session: Session, before: float) -> int:
    """Forget which client brought one piece of the mail that was dealt with; return how much."""
    ids = session.scalars(_envelopes(before).limit(PIECE)).all()
    session.execute(
        update(Arrival)
        .where(Arrival.id.in_(ids))
        .values(client="", helo="", tended=Arrival.tended + Tended.ENVELOPE)
        .execution_options(synchronize_session=False)
    )
    return len(ids)


def old_mail(session: Session, before: float) -> list[ExpiredArrival]:
    """Return arrivals that were dealt with and came before then, of which no one has judged."""
    done = (Arrival.state == ArrivalState.DONE, Arrival.received_at < before)
    some = select(Arrival.id, Arrival.raw_sha).where(
        text(UNTENDED), Arrival.tended.in_((0, Tended.ENVELOPE)), *done
    )
    return [ExpiredArrival(*row) for row in session.execute(some.limit(BLOBS))]


def drop_mail(session: Session, judged: Collection[ExpiredArrival], kept: Collection[bytes]) -> int:
    """Delete the raw mail of the ``judged`` that is not ``kept``; return how many went."""
    shas = {one.sha for one in judged}
    hold_raw(session, shas)
    waiting = select(Arrival.raw_sha).where(
        Arrival.raw_sha.in_(shas), Arrival.state != ArrivalState.DONE
    )
    shas -= {*kept, *session.scalars(waiting)}
    session.execute(delete(RawMessage).where(RawMessage.sha.in_(shas)))
    session.execute(
        update(Arrival)
        .where(Arrival.id.in_({one.arrival for one in judged}))
        .values(tended=Arrival.tended + Tended.MAIL)
        .execution_options(synchronize_session=False)
    )
    return len(shas)
