"""Say which addresses of a deleted list still work, and answer whoever writes to the others.

    ended.is_shut(session, route)              # the door refuses; behind a front it is answered
    ended.say(app, arrival, route, raw)

Ways out and bounces work for ever; orders, answers and letters to the owners while the list can be
brought back. SECURITY: one answer within the budget of strangers' mail, none to automatic mail.
"""

from sqlalchemy.orm import Session

from listserv.letters import incoming_letter
from listserv.letters.request import Visit
from listserv.letters.transaction import act
from listserv.membership import deleted_list
from listserv.wiring.app import App
from listserv.wiring.outcome import ArrivalOutcome
from listserv.wiring.routes import Route, RouteKind
from mailer.storage.arrivals import Arrival
from subscriptions.lists import deletion
from subscriptions.lists.roster import find_list

AT_ONCE = frozenset(
    {RouteKind.POST, RouteKind.JOIN, RouteKind.ISSUE, RouteKind.EVENT, RouteKind.POLL}
)
_FOR_EVER = frozenset({RouteKind.LEAVE, RouteKind.BOUNCES})


def is_shut(session: Session, route: Route) -> bool:
    """Tell whether an address of ours is a deleted list's that takes no mail any more."""
    lst = find_list(session, route.list_address) if route.list_address else None
    if lst is None or lst.deleted_at is None or route.kind in _FOR_EVER:
        return False
    return route.kind in AT_ONCE or deletion.is_finished(lst)


def say(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome:
    """Answer a letter to such an address; what it says goes to nobody."""
    letter = incoming_letter.read(arrival, raw)

    def work(visit: Visit) -> str:
        if letter.author is None or letter.unanswerable:
            return f"not-answered: {letter.unanswerable}"
        return deleted_list.say(visit, letter.author, language=letter.language)

    return act(app, arrival, route, letter, work)
