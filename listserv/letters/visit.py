"""What everybody who does something for one list works with: the transaction and the moment."""

from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from listserv.wiring.app import App
from subscriptions.lists.roster import MailList
from subscriptions.membership.changes import ChangeContext
from subscriptions.permission.consent import ConsentNote


@dataclass(frozen=True, slots=True)
class Visit:
    """Hold one transaction's work for one list; ``source`` is the IP address that is counted."""

    session: Session
    app: App
    lst: MailList
    now: float
    source: str = ""
    in_reply_to: str = ""

    def at(self, lst: MailList) -> "Visit":
        """Return the same visit to another list."""
        return replace(self, lst=lst)

    def desk(self, note: ConsentNote) -> ChangeContext:
        """Return what a change of a membership needs."""
        return ChangeContext(self.session, self.lst, self.app.keyring, note, self.now)
