"""Ask on a page for a link by mail: the same answer whoever asks, and at most what a budget allows.

SECURITY: nobody learns here who is a member: whoever is asked about, the same is answered in the
same time, because the mail is written behind the answer, and the connection ends with it. The link
goes to the member's own address alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.background import BackgroundTask
from starlette.responses import Response

from listserv.actions.own import mailed_links
from listserv.actions.own.mailed_links import AskForLink, LinkKind
from listserv.web.forms import field
from listserv.web.page_context import Caller, answer, told
from mailer.errors import BadInput
from mailer.reading.addresses import parse


@dataclass(frozen=True, slots=True)
class Way:
    """Ask for one kind of link."""

    kind: LinkKind

    def show(self, caller: Caller) -> Response:
        """Show the form that asks for the link."""
        with caller.app.store.read() as session:
            lst = mailed_links.list_of(session, caller.address, self.kind)
        return answer(caller, "me-ask", lst, kind=self.kind.value)

    def ask(self, caller: Caller, form: Mapping[str, str]) -> Response:
        """Answer at once, and mail the link behind the answer."""
        try:
            wanted = AskForLink(caller.address, self.kind, parse(field(form, "email")))
        except BadInput:
            return self.show(caller)
        call = caller.call()
        page = told(caller, f"sent-{self.kind}", mailed_links.check(call, wanted))
        page.headers["Connection"] = "close"
        page.background = BackgroundTask(mailed_links.mail, call, wanted)
        return page
