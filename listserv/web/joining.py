"""The pages of joining: the form, the button of a confirmation, "this was not me".

SECURITY: the form answers the same for known and unknown addresses; what it asks for goes
through the budget of automatic mail like a letter to LIST-join@. A filled honeypot gets that
answer too, and nothing else. Whether a domain looks mistyped is told from its letters alone, never
from who is a member.
"""

from collections.abc import Mapping

from sqlalchemy.orm import Session
from starlette.responses import Response

from listserv.letters import ask_payloads
from listserv.membership import joining
from listserv.web import visitor
from listserv.web.forms import field
from listserv.web.page_context import Caller, answer, list_of, offer, told
from mailer.errors import BadInput
from mailer.reading.addresses import MailAddress, parse
from subscriptions.lists.naming import is_own_address
from subscriptions.lists.roster import (
    Join,
    MailList,
    MembershipState,
    check_language,
    membership_of,
    one_line,
)
from subscriptions.member_files.domain_typos import other_spelling
from subscriptions.permission import asks
from subscriptions.permission.asks import AskLookup, AskPurpose, Trouble
from templates import LANGUAGES

_CONFIRM = (AskPurpose.CONFIRM, AskPurpose.REST)
_TELL = {
    Trouble.UNKNOWN: ("unknown", 404),
    Trouble.EXPIRED: ("expired", 410),
    Trouble.USED: ("used", 410),
    Trouble.SUPERSEDED: ("used", 410),
}


def show_join(caller: Caller) -> Response:
    """Show the form."""
    with caller.app.store.read() as session:
        return _form(caller, list_of(session, caller), {})


def join(caller: Caller, form: Mapping[str, str]) -> Response:
    """Ask whoever owns the address to confirm."""
    with caller.app.store.read() as session:
        lst = list_of(session, caller)
        if lst.join is Join.INVITE or lst.closed:
            return _form(caller, lst, {}, status=403)
        if field(form, "website"):
            return told(caller, "sent", lst)
        hasty = visitor.in_haste(caller.app.keyring, field(form, "at"), caller.now)
        if hasty and caller.site.patience.over(caller.client, caller.now):
            return _form(caller, lst, form, trouble="slow", status=429)
        found = _who(lst, form)
        if found is None:
            return _form(caller, lst, form, trouble="email", status=400)
        who, name = found
        meant = "" if field(form, "sure") == "yes" else other_spelling(who)
        if meant:
            return _did_you_mean(caller, lst, form, meant)
    with caller.app.store.write() as session:
        caller.check_room(session)
        lst = list_of(session, caller)
        chosen = field(form, "language")
        language = check_language(chosen) if chosen in LANGUAGES else caller.language(lst)
        joining.ask_to_join(caller.visit(session, lst), who, name=name, language=language)
        page = told(caller, "sent", lst)
    caller.ring()
    return page


def _who(lst: MailList, form: Mapping[str, str]) -> tuple[MailAddress, str] | None:
    """Return the address and the name in the form, None where they can be nobody's."""
    try:
        who = parse(field(form, "email"))
        name = one_line(field(form, "name"), 200, "name")
    except BadInput:
        return None
    return None if is_own_address(lst.where, who.key) else (who, name)


def _did_you_mean(caller: Caller, lst: MailList, form: Mapping[str, str], meant: str) -> Response:
    """Ask about a slip before anything is mailed; both answers are one press away."""
    chosen = field(form, "language")
    return answer(
        caller,
        "join-meant",
        lst,
        meant=meant,
        who=field(form, "email"),
        called=field(form, "name"),
        chosen=chosen if chosen in LANGUAGES else caller.language(lst),
        at=field(form, "at"),
    )


def show_confirm(caller: Caller) -> Response:
    """Show the button that confirms; change nothing."""
    with caller.app.store.read() as session:
        lst = list_of(session, caller)
        found = _look(session, caller, lst)
        if found.ask is None or found.trouble is not None:
            return _too_late(session, caller, lst, found)
        return offer(
            caller, found.ask.purpose, lst, found.ask.given, others=_others(session, found)
        )


def confirm(caller: Caller, _form: Mapping[str, str]) -> Response:
    """Make the asked address a member, of this list or of the rest."""
    with caller.app.store.write() as session:
        lst = list_of(session, caller)
        visit = caller.visit(session, lst)
        found = _look(session, caller, lst)
        if found.ask is None or found.trouble is not None:
            return _too_late(session, caller, lst, found)
        who = found.ask.given
        if found.ask.purpose == AskPurpose.REST:
            rest = joining.confirm_rest(visit, found.ask, caller.proof())
            page = told(caller, "joined-rest" if rest else "used", lst)
        else:
            joined = joining.confirm(visit, found.ask, caller.proof(), by_mail=False)
            if joined is None:
                page = told(caller, "used", lst, status=410)
            elif joined.rest:
                titles = [one.title for one in joined.rest]
                page = offer(caller, "joined-more", lst, who, others=titles, following=joined.token)
            else:
                page = told(caller, "waiting" if joined.waits else "joined", lst)
    caller.ring()
    return page


def show_not_me(caller: Caller) -> Response:
    """Show the button that says "never again"; change nothing."""
    with caller.app.store.read() as session:
        lst = list_of(session, caller)
        found = _look(session, caller, lst)
        if found.ask is None:
            return _too_late(session, caller, lst, found)
        return offer(caller, "never", lst, found.ask.given)


def not_me(caller: Caller, _form: Mapping[str, str]) -> Response:
    """Never mail the asked address again, whatever became of the question."""
    with caller.app.store.write() as session:
        lst = list_of(session, caller)
        found = _look(session, caller, lst)
        if found.ask is None:
            return _too_late(session, caller, lst, found)
        joining.never(caller.visit(session, lst), found.ask, caller.proof(), by_mail=False)
        return told(caller, "never", lst)


def _look(session: Session, caller: Caller, lst: MailList) -> AskLookup:
    return asks.look(session, caller.token, *_CONFIRM, list_id=lst.id, now=caller.now)


def _others(session: Session, found: AskLookup) -> list[str]:
    """Return the titles of the lists that a question about the rest is about."""
    if found.ask is None or found.ask.purpose != AskPurpose.REST:
        return []
    lists = (session.get(MailList, number) for number in ask_payloads.join(found.ask).more)
    return [lst.title for lst in lists if lst is not None]


def _too_late(session: Session, caller: Caller, lst: MailList, found: AskLookup) -> Response:
    """Tell kindly why the token does nothing any more."""
    kind, status = _TELL[found.trouble or Trouble.UNKNOWN]
    if found.ask is not None and found.trouble is Trouble.USED and _is_member(session, found, lst):
        return told(caller, "joined-before", lst, status=status)
    return told(caller, kind, lst, status=status)


def _is_member(session: Session, found: AskLookup, lst: MailList) -> bool:
    member = membership_of(session, lst.id, found.ask.address_key) if found.ask else None
    return member is not None and member.state in {MembershipState.ACTIVE, MembershipState.PAUSED}


def _form(
    caller: Caller,
    lst: MailList,
    form: Mapping[str, str],
    *,
    trouble: str = "",
    status: int = 200,
) -> Response:
    settings = caller.app.settings.listserv
    chosen = field(form, "language")
    return answer(
        caller,
        "join",
        lst,
        status=status,
        email=field(form, "email"),
        called=field(form, "name"),
        chosen=chosen if chosen in LANGUAGES else caller.language(lst),
        at=visitor.stamp(caller.app.keyring, caller.now),
        trouble=trouble,
        how="closed" if lst.closed else lst.join.value,
        controller=settings.controller,
        postal=settings.postal_address,
        privacy=settings.privacy,
        ask=f"{lst.name}-join@{lst.domain}",
        owner=f"{lst.name}-owner@{lst.domain}",
    )
