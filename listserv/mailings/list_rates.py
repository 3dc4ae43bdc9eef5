"""Let the rate that the operator gave a list hold under each address that the list has had.

    names(session, rates)    # {"list garden@example.org": "list friends@example.org", ...}
    key(lst, rates)          # "list friends@example.org"

``mailer.rates`` names a list by an address, which stays as it was when the list is renamed, and so
do the mailings that were under way. All its addresses share one bucket: that of the rate which
names the address it has now, else the newest of those it had. Knows nothing of how paces work.
"""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.ledger import pace
from subscriptions.lists.roster import MailList

_A_LIST = pace.of("")


def key(lst: MailList, rates: Mapping[str, float]) -> str:
    """Return the pace's key that counts for a list; rates are recipients a second by key."""
    now, *before = map(pace.of, lst.addresses)
    return next((one for one in (now, *reversed(before)) if one in rates), now)


def names(session: Session, rates: Mapping[str, float]) -> dict[str, str]:
    """Return the key that counts for each address of every list that was renamed.

    Where no list has a rate of its own nothing is asked of the database.
    """
    if not any(one.startswith(_A_LIST) for one in rates):
        return {}
    renamed = session.scalars(select(MailList).where(MailList.formerly != ""))
    return {pace.of(one): key(lst, rates) for lst in renamed for one in lst.addresses}
