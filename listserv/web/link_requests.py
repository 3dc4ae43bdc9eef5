"""Ask on a page for a link by mail: the same answer whoever asks, and at most what a budget allows.

SECURITY: nobody learns here who is a member; the link goes to the member's own address alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session
from starlette.responses import Response

from listserv.letters.request import Visit
from listserv.web.forms import field
from listserv.web.page_context import Caller, answer, told
from mailer.errors import BadInput
from mailer.reading.addresses import parse
from subscriptions.lists.roster import MailList, Membership, MembershipState, membership_of
from subscriptions.membership.optin import address_of

HERE = frozenset({MembershipState.ACTIVE, MembershipState.PAUSED})


@dataclass(frozen=True, slots=True)
class Way:
    """Hold one kind of link: on which lists there is one, and the letter that brings it."""

    kind: str
    find: Callable[[Session, Caller], MailList]
    send: Callable[[Visit, Membership], None]

    def show(self, caller: Caller) -> Response:
        """Show the form that asks for the link."""
        with caller.app.store.read() as session:
            return answer(caller, "me-ask", self.find(session, caller), kind=self.kind)

    def ask(self, caller: Caller, form: Mapping[str, str]) -> Response:
        """Mail the link, if there is a member to mail it to."""
        try:
            who = parse(field(form, "email"))
        except BadInput:
            return self.show(caller)
        with caller.app.store.write() as session:
            caller.check_room(session)
            lst = self.find(session, caller)
            member = membership_of(session, lst.id, who.key)
            if member is not None and member.state in HERE:
                to = address_of(session, member).key
                if caller.visit(session, lst).allow(to, self.kind):
                    self.send(caller.visit(session, lst), member)
            page = told(caller, f"sent-{self.kind}", lst)
        caller.ring()
        return page
