"""Leaving by link: a button for people, one POST for their mail programs (RFC 8058).

SECURITY: the address holds a standing token, which is all the proof there is and never expires;
a GET only shows. A one-click POST is answered 200 in place, the first time and every other.
"""

from collections.abc import Mapping

from sqlalchemy.orm import Session
from starlette.responses import Response

from listserv.membership import wishes
from listserv.newsletters.sending import issue_sending
from listserv.web.page_context import Caller, list_of, offer, told
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.roster import MailList, Membership, MembershipState
from subscriptions.membership.optin import address_of


def show_leave(caller: Caller) -> Response:
    """Show the button; change nothing."""
    with caller.app.store.read() as session:
        lst = list_of(session, caller)
        member = _member(session, caller, lst)
        if member is None:
            return _nobody(caller, lst)
        if member.state is MembershipState.LEFT:
            return told(caller, "left", lst)
        who = address_of(session, member).given
        return offer(caller, "leave", lst, who)


def leave(caller: Caller, _form: Mapping[str, str]) -> Response:
    """Let the member go, at once and without a question."""
    with caller.app.store.write() as session:
        lst = list_of(session, caller)
        member = _member(session, caller, lst)
        if member is None:
            return _nobody(caller, lst)
        wishes.leave(caller.visit(session, lst), member, caller.proof("page"))
        page = told(caller, "left", lst)
    caller.ring()
    return page


def _nobody(caller: Caller, lst: MailList) -> Response:
    ref = caller.app.keyring.read(caller.token, TokenPurpose.LEAVE, lst.address)
    if ref == issue_sending.PROOF:
        return told(caller, "leave-proof", lst)
    return told(caller, "leave-unknown", lst, status=404)


def _member(session: Session, caller: Caller, lst: MailList) -> Membership | None:
    ref = caller.app.keyring.read(caller.token, TokenPurpose.LEAVE, lst.address)
    member = session.get(Membership, ref) if ref else None
    return member if member is not None and member.list_id == lst.id else None
