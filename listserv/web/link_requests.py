"""Ask on a page for a link by mail: the same answer whoever asks, and at most what a budget allows.

SECURITY: nobody learns here who is a member: whoever is asked about, the same is answered in the
same time, because the mail is written behind the answer, and the connection ends with it. The link
goes to the member's own address alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session
from starlette.background import BackgroundTask
from starlette.responses import Response

from listserv.letters.request import Visit
from listserv.web.forms import field
from listserv.web.page_context import Caller, answer, told
from mailer.errors import BadInput
from mailer.reading.addresses import MailAddress, parse
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
        with caller.app.store.read() as session:
            caller.check_room(session)
            page = told(caller, f"sent-{self.kind}", self.find(session, caller))
        page.headers["Connection"] = "close"
        page.background = BackgroundTask(self._send, caller, who)
        return page

    def _send(self, caller: Caller, who: MailAddress) -> None:
        with caller.app.store.write() as session:
            lst = self.find(session, caller)
            member = membership_of(session, lst.id, who.key)
            if member is None or member.state not in HERE:
                return
            if caller.visit(session, lst).allow(address_of(session, member).key, self.kind):
                self.send(caller.visit(session, lst), member)
        caller.ring()
