"""Say who reads mail to each of our addresses that is not the list itself.

``HANDLERS`` is asked by kind of route (posts and what nobody handles are not in it). A handler
reads the mail first and then, in ONE write transaction, does what it asks for, puts the notices
into the ledger and finishes the arrival; ``arrivals.finish`` is the fence that lets a mail which
is read twice act once.
"""

from collections.abc import Callable

from listserv import routes
from listserv.app import App
from listserv.outcome import Outcome
from mailer.arrivals import Arrival

Handler = Callable[[App, Arrival, routes.Route, bytes], Outcome]

HANDLERS: dict[routes.Kind, Handler] = {}
