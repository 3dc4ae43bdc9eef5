"""Set an arrival aside for a human: the row that `krets queue` shows and moderators answer."""

import json
import time

from sqlalchemy import update
from sqlalchemy.orm import Session

from listserv.tables import Hold, HoldState
from mailer import arrivals
from mailer.arrivals import Arrival


def hold(
    session: Session, arrival: Arrival, list_address: str, why: tuple[str, ...], detail: str
) -> bool:
    """Hold an arrival, if nobody else has ended it meanwhile; tell whether that was so."""
    if not arrivals.hold(session, arrival.id, " ".join(("hold", *why))):
        return False
    now = time.time()
    again = (
        update(Hold)
        .where(Hold.arrival_id == arrival.id)
        .values(rules=json.dumps(why), detail=detail, state=HoldState.WAITING, held_at=now)
        .returning(Hold.id)
    )
    if session.scalar(again) is None:
        session.add(
            Hold(
                arrival_id=arrival.id,
                list_address=list_address,
                rules=json.dumps(why),
                detail=detail,
                state=HoldState.WAITING,
                held_at=now,
            )
        )
    return True
