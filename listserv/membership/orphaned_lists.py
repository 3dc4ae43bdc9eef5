"""Tell whoever runs the service that a list has lost its last owner.

    orphaned_lists.tell(visit)       # in the transaction in which somebody left

The one who left is mailed nothing more from that moment, whatever their role; the role waits for a
successor: letters to the owners and join requests wait in ``krets queue``, and the operator gives
the role to somebody. Told once for each leaving. Refuses to know who left, and why.
"""

import structlog

from listserv.letters import operator_mail
from listserv.letters.visit import Visit
from subscriptions.membership import optin

_log = structlog.get_logger("krets.owners")


def is_orphaned(visit: Visit) -> bool:
    """Tell whether nobody owns the list any more."""
    return not optin.owners_of(visit.session, visit.lst)


def tell(visit: Visit) -> None:
    """Mail the operator, and write it into the log."""
    _log.warning("a list has no owner any more", list=visit.lst.address)
    operator_mail.send(visit.session, visit.app, "operator-no-owner", visit.now, lst=visit.lst)
