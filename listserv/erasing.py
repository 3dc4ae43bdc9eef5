"""Erase a person from what the roof and the cellar keep: questions, counts, notices, letters.

``ERASERS`` run inside the transaction of ``dossier.forget``. What other people wrote stays, and so
do numbers: a line of the ledger loses its address, never its state. Posts that stand in an
archive are the archive's to redact.
"""

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from archive.tables import Message
from listserv.notices import KIND
from listserv.tables import Post
from mailer.addresses import parse
from mailer.arrivals import Arrival
from mailer.errors import BadInput
from mailer.mailings import Composition, Mailing, Recipient, State
from mailer.store import RawMessage
from subscriptions import asks, budget
from subscriptions.dossier import Eraser, Forgotten

_OPEN = (State.READY, State.DEFERRED)


def questions(session: Session, forgotten: Forgotten) -> None:
    """Erase what was asked and counted."""
    asks.forget(session, list(forgotten.keys))
    budget.forget(session, list(forgotten.keys))


def ledger(session: Session, forgotten: Forgotten) -> None:
    """Take the address out of every mailing; what was ready is skipped, notices lose their text."""
    wires = _wires(forgotten)
    theirs = select(Recipient.mailing_id).where(Recipient.address.in_(wires))
    notices = list(
        session.scalars(select(Mailing.id).where(Mailing.kind == KIND, Mailing.id.in_(theirs)))
    )
    session.execute(
        update(Recipient)
        .where(Recipient.address.in_(wires), Recipient.state.in_(_OPEN))
        .values(state=State.SKIPPED, reason="erased")
        .execution_options(synchronize_session=False)
    )
    session.execute(delete(Composition).where(Composition.mailing_id.in_(notices)))
    rows = session.scalars(select(Recipient.id).where(Recipient.address.in_(wires))).all()
    for row in rows:
        session.execute(
            update(Recipient)
            .where(Recipient.id == row)
            .values(address=f"erased-{row}", reason="")
            .execution_options(synchronize_session=False)
        )


def letters(session: Session, forgotten: Forgotten) -> None:
    """Erase what they wrote to our service addresses, the proofs of their consents included."""
    wires = _wires(forgotten)
    lower = {wire.lower() for wire in wires}
    wrote = func.lower(Arrival.sender).in_(lower)
    posted = select(Post.arrival_id)
    raws = set(forgotten.proofs) | set(
        session.scalars(select(Arrival.raw_sha).where(wrote, Arrival.id.not_in(posted)))
    )
    kept = set(session.scalars(select(Message.raw_sha).where(Message.raw_sha.in_(raws))))
    session.execute(delete(RawMessage).where(RawMessage.sha.in_(raws - kept)))
    session.execute(
        update(Arrival).where(wrote).values(sender="").execution_options(synchronize_session=False)
    )
    session.execute(
        update(Post)
        .where(Post.author.in_(forgotten.keys))
        .values(author="")
        .execution_options(synchronize_session=False)
    )


def _wires(forgotten: Forgotten) -> set[str]:
    """Return every spelling that an envelope may have."""
    found = {*forgotten.addresses, *forgotten.keys}
    for given in forgotten.addresses:
        try:
            found.add(parse(given).wire)
        except BadInput:
            continue
    return found


ERASERS: tuple[Eraser, ...] = (questions, ledger, letters)
