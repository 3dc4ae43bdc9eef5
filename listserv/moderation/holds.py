"""Set an arrival aside for a human, and end that: the rows behind `krets queue` and moderation.

Knows rows only. Whose word ends a hold, and who hears of it, is for moderation/decisions.py.
"""

import json
import time

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from listserv.wiring.listserv_tables import Hold, HoldState
from mailer.storage import arrivals
from mailer.storage.arrivals import Arrival, ArrivalState
from subscriptions.lists.roster import MailList

_NEXT = 5  # that are looked at once one is decided


def hold(
    session: Session,
    arrival: Arrival,
    list_address: str,
    why: tuple[str, ...],
    detail: str,
    *,
    ask: bool = False,
) -> bool:
    """Hold an arrival, if nobody else has ended it meanwhile; tell whether that was so.

    ``ask`` brings it before the list's moderators; otherwise only operators see it.
    """
    note = " ".join(("hold", *why))
    if not arrivals.hold(session, arrival.id, note, arrival.authentication):
        return False
    now = time.time()
    values = {
        "rules": json.dumps(why),
        "detail": detail,
        "state": HoldState.WAITING,
        "held_at": now,
        "due": now if ask else None,
        "asked_at": None,
        "reminded_at": None,
        "decided_at": None,
        "decided_by": "",
    }
    again = (
        update(Hold)
        .where(Hold.arrival_id == arrival.id)
        .values(**values, revision=Hold.revision + 1)
        .returning(Hold.id)
    )
    if session.scalar(again) is None:
        session.add(Hold(arrival_id=arrival.id, list_address=list_address, **values))
    return True


def decide(
    session: Session, arrival: Arrival, state: HoldState, *, by: str, now: float
) -> Hold | None:
    """End the hold of an arrival; return it, or None where somebody else was first."""
    if arrival.state != ArrivalState.HELD:
        return None
    if state is HoldState.RELEASED:
        ended = arrivals.release(session, arrival.id, "released")
    else:
        ended = arrivals.finish(session, arrival.id, state.value)
    if not ended:
        return None
    found = session.scalar(select(Hold).where(Hold.arrival_id == arrival.id))
    if found is None:  # the door held it, before any rule was asked
        found = Hold(
            arrival_id=arrival.id,
            list_address="",
            rules='["door"]',
            detail=arrival.note,
            held_at=arrival.received_at,
        )
        session.add(found)
    found.state, found.decided_at, found.decided_by, found.due = state.value, now, by, None
    session.flush()
    if found.asked_at is not None:
        _bring_next(session, found.list_address, now)
    return found


def _bring_next(session: Session, list_address: str, now: float) -> None:
    """Let the next that were put off be asked about, as one question less is open."""
    behind = (
        select(Hold.id)
        .where(
            Hold.list_address == list_address,
            Hold.state == HoldState.WAITING,
            Hold.asked_at.is_(None),
            Hold.due > now,
        )
        .order_by(Hold.id)
        .limit(_NEXT)
    )
    session.execute(
        update(Hold)
        .where(Hold.id.in_(behind))
        .values(due=now)
        .execution_options(synchronize_session=False)
    )


def is_released(session: Session, arrival_id: int) -> bool:
    """Tell whether a human has let this arrival go on."""
    state = session.scalar(select(Hold.state).where(Hold.arrival_id == arrival_id))
    return state == HoldState.RELEASED


def due(session: Session, now: float, limit: int) -> list[int]:
    """Return the holds that moderators, or their writers, have to hear of now."""
    found = select(Hold.id).where(Hold.state == HoldState.WAITING, Hold.due <= now)
    return list(session.scalars(found.order_by(Hold.due).limit(limit)))


def postpone(session: Session, held: Hold, until: float, **marks: float) -> bool:
    """Move a hold's next step, once; return False where another process was faster.

    ``held`` is the row as it was read before; ``marks`` are columns set with it.
    """
    moved = (
        update(Hold)
        .where(
            Hold.id == held.id,
            Hold.state == HoldState.WAITING,
            Hold.revision == held.revision,
            Hold.due == held.due if held.due is not None else Hold.due.is_(None),
        )
        .values(due=until, **marks)
        .returning(Hold.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(moved) is not None


def asked_since(session: Session, lst: MailList, since: float, limit: int) -> bool:
    """Tell whether moderators were asked ``limit`` times about this list's posts since then."""
    asked = select(Hold.id).where(
        Hold.list_address.in_(lst.addresses),
        or_(Hold.asked_at > since, Hold.reminded_at > since),
    )
    return len(session.scalars(asked.limit(limit)).all()) >= limit
