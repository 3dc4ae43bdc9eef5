"""What everybody who does something for one list works with: the transaction and the moment."""

from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from listserv.wiring.app import App
from subscriptions.lists.roster import MailList
from subscriptions.membership.changes import ChangeContext
from subscriptions.permission import budget
from subscriptions.permission.consent import ConsentNote


@dataclass(frozen=True, slots=True)
class Visit:
    """Hold one transaction's work for one list.

    ``source`` is what bounds count whoever asked by; ``vouched`` the key of an address whose own
    domain vouches for the letter at hand, "" for none.
    """

    session: Session
    app: App
    lst: MailList
    now: float
    source: str = ""
    in_reply_to: str = ""
    vouched: str = ""

    def allow(self, key: str, kind: str, *, wave: bool = True) -> bool:
        """Tell whether ``key`` may get an automatic mail that somebody asks for, and count it."""
        return budget.allow(
            self.session,
            key,
            kind=kind,
            now=self.now,
            source=self.source,
            vouched=bool(self.vouched) and self.vouched == key,
            in_all=self.app.settings.listserv.strangers_per_minute,
            wave=wave,
        )

    def allow_letter(self, author: str) -> bool:
        """Tell whether owners or editors may get one more letter of this source, and count it.

        Where ``author`` (a key) is vouched for, or nobody knows the source, the author is counted.
        """
        known = self.source not in {"", budget.NOBODY} and not self.vouched
        by = self.source if known else self.app.keyring.keyed_hash(author).hex()
        return budget.allow_letter(self.session, by, self.lst.address, self.now)

    def at(self, lst: MailList) -> "Visit":
        """Return the same visit to another list."""
        return replace(self, lst=lst)

    def desk(self, note: ConsentNote) -> ChangeContext:
        """Return what a change of a membership needs."""
        return ChangeContext(self.session, self.lst, self.app.keyring, note, self.now)
