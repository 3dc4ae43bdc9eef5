"""Whose orders are done, what proves them, and what was done.

Knows rows and returns them; refuses to know what any order means.
"""

from dataclasses import dataclass, field, replace

from listserv.answers.owner_order import Order
from listserv.letters.request import AnswerProof, Visit
from mailer.reading.addresses import MailAddress, parse
from subscriptions.lists.roster import Membership, MembershipState, membership_of
from subscriptions.membership import optin
from subscriptions.permission.consent import ConsentNote

BY = "owner by mail"  # how the ledger names a consent that an owner has told
HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)


@dataclass(frozen=True, slots=True)
class Case:
    """Hold whose orders are done, and what proves them."""

    visit: Visit
    owner: Membership
    proof: AnswerProof

    @property
    def by(self) -> MailAddress:
        """Return the owner's address."""
        return optin.address_of(self.visit.session, self.owner)

    def note(self, wording: str = "") -> ConsentNote:
        """Return the ledger's entry; ``wording`` is how somebody said yes."""
        note = self.proof.note(actor=self.by.key)
        return replace(note, wording=wording, confirmed_by=BY if wording else self.proof.how)

    def member(self, order: Order) -> Membership | None:
        """Return the membership that an order names, whatever its state."""
        return membership_of(self.visit.session, self.visit.lst.id, parse(order.who).key)


@dataclass(frozen=True, slots=True)
class Done:
    """Hold what was done and what stood before; ``why`` says why it was not."""

    order: Order
    why: str = ""
    was: dict[str, object] = field(default_factory=dict)
