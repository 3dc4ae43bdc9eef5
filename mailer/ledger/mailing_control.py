"""Pause a mailing, let it go on, stop it, send again, and see when it is done.

Every word here changes one state, or rows in pieces, so that it is short beside a million rows.
Knows the ledger's tables (mailings.py); refuses to know who may say so: that is for the roof.
"""

from collections.abc import Sequence
from typing import cast

from sqlalchemy import (
    Table,
    bindparam,
    case,
    func,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from mailer.errors import Refused, Temporary
from mailer.ledger.mailings import (
    CLAIMABLE,
    CLAIMED,
    UNSURE,
    Mailing,
    MailingState,
    Recipient,
    RecipientState,
    change_state,
)

AGAIN = 86400.0  # seconds that a person's word to send again gives a mailing at least
CHUNK = 500  # rows that one transaction changes when a whole audience must change


def pause(session: Session, mailing_id: int) -> None:
    """Keep a mailing from being claimed; what is claimed now still goes out."""
    change_state(session, mailing_id, (MailingState.SENDING,), MailingState.PAUSED)


def pause_all(session: Session) -> int:
    """Pause every mailing that is being sent (a restored database); return how many."""
    moved = session.execute(
        update(Mailing)
        .where(Mailing.state == MailingState.SENDING)
        .values(state=MailingState.PAUSED)
        .returning(Mailing.id)
    )
    return len(moved.all())


def resume(session: Session, mailing_id: int) -> None:
    """Let a paused mailing go on."""
    change_state(session, mailing_id, (MailingState.PAUSED,), MailingState.SENDING)


def stop(session: Session, mailing_id: int, *, now: float) -> int:
    """End a mailing: nothing more is claimed; return how many were skipped so far.

    The rest of a large audience is skipped by ``skip_rest``, in transactions of its own, or by
    the sweeper. Whoever was entered before the audience was complete is all of it.
    """
    state = select(Mailing.state).where(Mailing.id == mailing_id).with_for_update()
    freezing = session.scalar(state) == MailingState.FREEZING
    change_state(
        session,
        mailing_id,
        (MailingState.FREEZING, MailingState.SENDING, MailingState.PAUSED),
        MailingState.STOPPED,
        finished=now,
    )
    if freezing:
        session.execute(_COUNT_AUDIENCE, {"mailing": mailing_id})
    return skip_rest(session, mailing_id)


def skip_rest(session: Session, mailing_id: int) -> int:
    """Skip one chunk of what is ready or deferred of a stopped mailing; 0 says it is done."""
    ids = session.scalars(
        select(Recipient.id)
        .where(Recipient.mailing_id == mailing_id, text(CLAIMABLE))
        .order_by(Recipient.due, Recipient.id)  # as the index is
        .limit(CHUNK)
        .with_for_update()
    ).all()
    _settle(session, ids, state=RecipientState.SKIPPED, reason="stopped")
    return len(ids)


def resend(
    session: Session, mailing_id: int, state: RecipientState, *, after: int = 0, now: float
) -> list[int]:
    """Make one chunk of those in ``state`` ready again, by a person's decision; return their rows.

    Call with ``after`` the last row until nobody is left. Only who was refused, unsure or deferred
    can be sent to again; what was given up because its time was over gets time anew. A stopped
    mailing goes on with these alone.
    """
    if state not in _AGAIN:
        raise Refused(f"Nobody who is {state.name.lower()} can be sent to again.")
    mailing = select(Mailing.state, Mailing.totals).where(Mailing.id == mailing_id)
    current, totals = session.execute(mailing.with_for_update()).one_or_none() or (None, None)
    if totals is not None:
        raise Refused(
            f"Mailing {mailing_id} ended so long ago that only its totals are kept.",
            "mailer.keep_ledger says how many days its recipients are.",
        )
    if current == _STOPPED and session.scalar(_ANY_WAITING, {"mailing": mailing_id}) is not None:
        raise Temporary(f"Mailing {mailing_id} is still being stopped.", "Try again in a minute.")
    ids = session.scalars(
        select(Recipient.id)
        .where(Recipient.mailing_id == mailing_id, Recipient.id > after, text(_AGAIN[state]))
        .order_by(Recipient.id)
        .limit(CHUNK)
        .with_for_update()
    ).all()
    reason = f"{state.name.lower()}: sent again by command"
    _settle(session, ids, state=RecipientState.READY, due=now, reason=reason)
    if ids:
        session.execute(_GO_ON, {"mailing": mailing_id, "until": now + AGAIN})
    return list(ids)


def finish(session: Session, *, now: float) -> list[int]:
    """Move mailings with nobody left to send to from *sending* to *done*; return their ids.

    Also skips the next chunk of mailings that were stopped.
    """
    moving = (MailingState.SENDING, MailingState.STOPPED)
    done: list[int] = []
    for mailing_id, state in session.execute(
        select(Mailing.id, Mailing.state).where(Mailing.state.in_(moving))
    ).all():
        if state == MailingState.STOPPED:
            if session.scalar(_ANY_WAITING, {"mailing": mailing_id}) is not None:
                skip_rest(session, mailing_id)
            continue
        values = {"mailing": mailing_id, "now": now}
        # Held before its rows are looked at: while somebody makes rows ready again it is theirs.
        if session.connection().scalar(_HELD, values) is None:
            continue
        if session.connection().execute(_FINISH, values).rowcount:
            done.append(mailing_id)
    return done


_STOPPED = MailingState.STOPPED
# The words of the partial indexes, where there is one.
_AGAIN = {
    RecipientState.REFUSED: "state = 3",
    RecipientState.DEFERRED: "state = 4",
    RecipientState.UNSURE: UNSURE,
}
_mailing = Mailing.__table__.c
_GO_ON = (
    update(cast("Table", Mailing.__table__))
    .where(_mailing.id == bindparam("mailing"))
    .values(
        state=case(
            (_mailing.state.in_((MailingState.DONE, _STOPPED)), MailingState.SENDING.value),
            else_=_mailing.state,
        ),
        finished=None,
        told=None,
        expires_at=case(
            (_mailing.expires_at < bindparam("until"), bindparam("until")),
            else_=_mailing.expires_at,
        ),
    )
)
_COUNT_AUDIENCE = (
    update(cast("Table", Mailing.__table__))
    .where(_mailing.id == bindparam("mailing"))
    .values(
        audience=select(func.count())
        .select_from(Recipient)
        .where(Recipient.mailing_id == bindparam("mailing"))
        .scalar_subquery()
    )
)
_ANY_WAITING = (
    select(Recipient.id)
    .where(Recipient.mailing_id == bindparam("mailing"), text(CLAIMABLE))
    .order_by(Recipient.due, Recipient.id)
    .limit(1)
)
_HELD = (
    select(_mailing.id)
    .where(_mailing.id == bindparam("mailing"), _mailing.state == MailingState.SENDING)
    .with_for_update(skip_locked=True)  # SQLite has one writer and leaves it out
)
# One statement, so that on PostgreSQL one snapshot sees each row in one state: between two
# looks another worker could claim the last rows and defer them. The plus keeps SQLite from
# preferring the index of mailings to the small one of claims.
_FINISH = (
    update(cast("Table", Mailing.__table__))
    .where(
        Mailing.__table__.c.id == bindparam("mailing"),
        Mailing.__table__.c.state == MailingState.SENDING,
        ~_ANY_WAITING.exists(),
        ~select(Recipient.id)
        .where(text(f"+recipient.mailing_id = :mailing AND recipient.{CLAIMED} AND epoch > 0"))
        .exists(),
    )
    .values(state=MailingState.DONE, finished=bindparam("now"))
)


def _settle(session: Session, ids: Sequence[int], **values: object) -> None:
    if ids:
        session.execute(
            update(Recipient)
            .where(Recipient.id.in_(ids))
            .values(**values)
            .execution_options(synchronize_session=False)
        )
