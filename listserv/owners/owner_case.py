"""Whose orders are done, what proves them, and what was done.

Knows rows and returns them; refuses to know what any order means.
"""

from dataclasses import dataclass, field, replace

from listserv.actions.call import Actor, Call
from listserv.actions.permissions import Proven
from listserv.answers.owner_order import Order
from listserv.letters.request import AnswerProof, Visit
from mailer.reading.addresses import MailAddress, parse
from subscriptions.lists.roster import Membership, MembershipState, membership_of
from subscriptions.membership import optin
from subscriptions.permission.consent import ConsentNote, Source

BY = "owner by mail"  # how the ledger names a consent that an owner has told
HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)


@dataclass(frozen=True, slots=True)
class Case:
    """Hold whose orders are done, and what proves them.

    SECURITY: ``call`` is for what its owner has answered a question about; while a From line is
    being read, nothing is asked for but ``against``.
    """

    visit: Visit
    owner: Membership
    proof: AnswerProof

    @property
    def by(self) -> MailAddress:
        """Return the owner's address."""
        return optin.address_of(self.visit.session, self.owner)

    @property
    def call(self) -> Call:
        """Return the owner as one who asks for actions, in the transaction of their mail."""
        by = Actor(Source.MAIL, Proven.TOKEN, self.by.key)
        return Call(self.visit.app, by, self.visit.now, within=self.visit)

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
