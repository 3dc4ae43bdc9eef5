"""Tell the log and the operator that automatic mail to strangers is being held back.

The bound of the minute (subscriptions/permission/budget.py) keeps a flood of forged requests small;
somebody must hear that it stands, because people who really ask are asked to wait as well. A line
in the log for each minute of it, and one mail in a day to ``listserv.operator``.
"""

import structlog

from listserv.letters import operator_mail
from listserv.wiring.app import App
from subscriptions.permission import budget

EVERY = 60  # seconds between looks
BOUND = "minute"
_log = structlog.get_logger("krets.flood")


def look(app: App, now: float) -> bool:
    """Say so where strangers were kept waiting since the last look; tell if the operator hears."""
    with app.store.read() as session:
        row = budget.barred(session).get(BOUND)
        if row is None or row.last < now - EVERY:
            return False
        times, told = row.times, row.told
    _log.error(
        "a minute has no more room for automatic mail to strangers",
        held_back=times,
        setting="listserv.strangers_per_minute",
    )
    if not app.settings.listserv.operator or now - told < budget.DAY:
        return False
    with app.store.write() as session:
        if budget.tell_barred(session, BOUND, told, now):
            most = app.settings.listserv.strangers_per_minute
            operator_mail.send(session, app, "operator-flood", now, times=times, most=most)
            return True
    return False
