"""Do what one letter asks for and finish its arrival in one transaction, or do neither.

``arrivals.finish`` is the fence that lets a mail which is read twice act once.
"""

from collections.abc import Callable, Sequence

import structlog
from sqlalchemy.orm import Session

from listserv.letters import unanswered
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import Visit
from listserv.wiring.app import App
from listserv.wiring.outcome import ArrivalOutcome
from listserv.wiring.routes import Route
from mailer.door.callers import source_of
from mailer.storage import arrivals
from mailer.storage.arrivals import Arrival, ArrivalEnd
from subscriptions.lists.roster import find_list
from subscriptions.permission import budget

REDRAWS = frozenset({"solved", "unsolved", "answer", "undone", "closed", "reopened", "parted"})
HELD = "held"  # the work has set the arrival aside itself
_log = structlog.get_logger("krets.incoming")


class _EndedElsewhereError(Exception):
    """Another worker has finished this arrival: undo what this one did."""


def act(
    app: App, arrival: Arrival, route: Route, letter: IncomingLetter, work: Callable[[Visit], str]
) -> ArrivalOutcome:
    """Do ``work`` and finish the arrival in one transaction; ring for what is to be sent."""
    try:
        with app.store.write() as session:
            lst = find_list(session, route.list_address)
            if lst is None:
                raise LookupError("the list vanished while its mail was read")
            visit = Visit(
                session=session,
                app=app,
                lst=lst,
                now=app.store.now(session),
                source=source_of(letter.client) or budget.NOBODY,
                in_reply_to=letter.message_id,
                vouched=letter.author.key if letter.author and letter.proved else "",
            )
            note = work(visit)
            if note != HELD:
                _finish(visit, arrival, f"{route.kind} {note}")
    except _EndedElsewhereError:
        return ArrivalOutcome("discard", ("finished-elsewhere",))
    app.ring("deliver")
    if lst.redraw or note in REDRAWS:
        app.ring("archive")
    _log.info("a letter was read", arrival=arrival.id, to=route.kind, list=lst.address, did=note)
    return ArrivalOutcome("done", (str(route.kind), note))


def end(session: Session, arrival: Arrival, note: str) -> bool:
    """Finish an arrival with its verdict, and mark it where its writer hears nothing.

    Return False if somebody else has ended it.
    """
    return bool(end_all(session, [(arrival, note)]))


def end_all(session: Session, some: Sequence[tuple[Arrival, str]]) -> set[int]:
    """Finish several arrivals so, in two statements; return the ids of those we have ended."""
    ends = {
        arrival.id: ArrivalEnd(note, arrival.authentication, bool(unanswered.reason(note)))
        for arrival, note in some
    }
    return arrivals.finish_all(session, ends)


def _finish(visit: Visit, arrival: Arrival, note: str) -> None:
    if not end(visit.session, arrival, note):
        raise _EndedElsewhereError
