"""The pages of joining: the form, the button of a confirmation, "this was not me".

SECURITY: the form answers the same for known and unknown addresses; what it asks for goes
through the budget of automatic mail like a letter to LIST-join@. A filled honeypot gets that
answer too, and nothing else. Whether a domain looks mistyped is told from its letters alone, never
from who is a member.
"""

from collections.abc import Mapping

from starlette.responses import Response

from listserv.actions.links import DeadLink
from listserv.actions.own import joining
from listserv.actions.own.joining import AskToJoin, JoinedBefore, JoinState
from listserv.web import visitor
from listserv.web.forms import field
from listserv.web.page_context import Caller, answer, here, offer, told
from mailer.errors import BadInput
from mailer.reading.addresses import MailAddress, parse
from subscriptions.lists.roster import (
    Join,
    MailList,
    check_language,
    one_line,
)
from subscriptions.member_files.domain_typos import other_spelling
from subscriptions.permission.asks import Trouble
from templates import LANGUAGES

_TELL = {
    Trouble.UNKNOWN: ("unknown", 404),
    Trouble.EXPIRED: ("expired", 410),
    Trouble.USED: ("used", 410),
    Trouble.SUPERSEDED: ("used", 410),
}


def show_join(caller: Caller) -> Response:
    """Show the form."""
    return _form(caller, here(caller), {})


def join(caller: Caller, form: Mapping[str, str]) -> Response:
    """Ask whoever owns the address to confirm."""
    lst = here(caller)
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
    chosen = field(form, "language")
    language = check_language(chosen) if chosen in LANGUAGES else caller.language(lst)
    joining.ask(caller.call(), AskToJoin(caller.address, who, name, language))
    return told(caller, "sent", lst)


def _who(lst: MailList, form: Mapping[str, str]) -> tuple[MailAddress, str] | None:
    """Return the address and the name in the form, None where they can be nobody's."""
    try:
        who = parse(field(form, "email"))
        name = one_line(field(form, "name"), 200, "name")
    except BadInput:
        return None
    return None if lst.owns(who.key) else (who, name)


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
    try:
        asked = joining.look(caller.call(), caller.link)
    except DeadLink as error:
        return _too_late(caller, error)
    return offer(caller, asked.purpose, asked.list, asked.given, others=asked.others)


def confirm(caller: Caller, _form: Mapping[str, str]) -> Response:
    """Make the asked address a member, of this list or of the rest."""
    try:
        done = joining.confirm(caller.call(), caller.link)
    except DeadLink as error:
        return _too_late(caller, error)
    if done.state is JoinState.MORE:
        kind = done.state.value
        return offer(caller, kind, done.list, done.given, others=done.others, following=done.token)
    status = 410 if done.state is JoinState.USED else 200
    return told(caller, done.state.value, done.list, status=status)


def show_not_me(caller: Caller) -> Response:
    """Show the button that says "never again"; change nothing."""
    try:
        asked = joining.look_never(caller.call(), caller.link)
    except DeadLink as error:
        return _too_late(caller, error)
    return offer(caller, "never", asked.list, asked.given)


def not_me(caller: Caller, _form: Mapping[str, str]) -> Response:
    """Stop all mail to the asked address, whatever became of the question."""
    try:
        return told(caller, "never", joining.never(caller.call(), caller.link))
    except DeadLink as error:
        return _too_late(caller, error)


def _too_late(caller: Caller, error: DeadLink) -> Response:
    """Tell kindly why the token does nothing any more."""
    kind, status = _TELL[Trouble(error.key)]
    if isinstance(error, JoinedBefore):
        kind = "joined-before"
    return told(caller, kind, here(caller), status=status)


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
