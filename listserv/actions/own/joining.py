"""Join a list: ask for it, confirm by the answer, say "never mail me".

    joining.ask(call, AskToJoin("friends@example.org", parse("kai@example.net")))
    joining.confirm(call, MailedLink("friends@example.org", token))

Anybody may ask in anybody's name, so asking mails one question and answers the same whoever asks;
only whoever reads that mail can say yes. SECURITY: what is asked for goes through the budget of
automatic mail; "never" works with a used or expired token as well, for whoever has it has read
the mail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from listserv.actions import links
from listserv.actions.call import Call
from listserv.actions.links import HERE, DeadLink, MailedLink
from listserv.actions.permissions import Action
from listserv.letters import ask_payloads
from listserv.letters.visit import Visit
from listserv.membership import joining
from mailer.errors import Refused
from mailer.reading.addresses import MailAddress
from subscriptions.lists.roster import Join, MailList, membership_of
from subscriptions.permission import asks
from subscriptions.permission.asks import Ask, AskLookup, AskPurpose, Trouble
from subscriptions.permission.consent import Source

_CONFIRM = (AskPurpose.CONFIRM, AskPurpose.REST)


@dataclass(frozen=True, slots=True)
class AskToJoin:
    """Ask that whoever owns an address is asked whether they want to join."""

    list: str
    who: MailAddress
    name: str = ""
    language: str = ""  # that the question is in, where theirs is not known


class JoinState(StrEnum):
    """Say what a confirmation came to."""

    JOINED = "joined"
    WAITING = "waiting"  # for an owner
    REST = "joined-rest"  # the other lists that were asked for
    MORE = "joined-more"  # and other lists were asked for, too
    USED = "used"  # somebody was first


@dataclass(frozen=True, slots=True)
class JoinQuestion:
    """Show a question that waits for its answer."""

    list: MailList
    purpose: AskPurpose
    given: str
    others: Sequence[str]  # titles of the lists that it is about besides


@dataclass(frozen=True, slots=True)
class JoinConfirmed:
    """Say what a confirmation came to; ``token`` answers the question about ``others``."""

    list: MailList
    state: JoinState
    given: str
    others: Sequence[str] = ()
    token: str = ""
    lists: int = 1  # that they joined, or ask to


class JoinedBefore(DeadLink):
    """Say that a question was answered before, and that its answer stands."""


def ask(call: Call, wanted: AskToJoin) -> str:
    """Mail a question to the address, once a day at most; return what was done, for the log."""
    with call.session(writes=True) as session:
        lst = links.list_at(session, wanted.list)
        call.permit(Action.OWN_JOIN, session, lst)
        visit = call.visit(session, lst)
        if call.within is None:
            call.check_room(session)
            if lst.join is Join.INVITE or lst.closed:
                raise Refused(f"{lst.address} takes nobody who asks.", key="no-joining")
        done = joining.ask_to_join(visit, wanted.who, name=wanted.name, language=wanted.language)
    call.ring("deliver")
    return done


def look(call: Call, link: MailedLink) -> JoinQuestion:
    """Return the question that a link answers; change nothing. Raises DeadLink."""
    with call.session(writes=False) as session:
        visit, ask = _open(call, Action.OWN_CONFIRM, session, link)
        return JoinQuestion(visit.lst, AskPurpose(ask.purpose), ask.given, _others(session, ask))


def confirm(call: Call, link: MailedLink) -> JoinConfirmed:
    """Make the asked address a member, of this list or of the rest; what follows is on a page."""
    with call.session(writes=True) as session:
        visit, ask = _open(call, Action.OWN_CONFIRM, session, link)
        done = _confirm(call, visit, ask)
    call.ring("deliver")
    return done


def confirm_ask(call: Call, ask: Ask) -> JoinConfirmed:
    """Do the same for a question that a door has read the answer to; what follows is mailed."""
    with call.session(writes=True) as session:
        visit, ask = _permitted(call, Action.OWN_CONFIRM, _visit(call, session, ask), ask)
        done = _confirm(call, visit, ask)
    call.ring("deliver")
    return done


def decline(call: Call, ask: Ask) -> None:
    """Take a no: the question is closed, and a request that waits is withdrawn."""
    with call.session(writes=True) as session:
        visit, ask = _permitted(call, Action.OWN_CONFIRM, _visit(call, session, ask), ask)
        joining.decline(visit, ask, call.proof().how)


def look_never(call: Call, link: MailedLink) -> JoinQuestion:
    """Return the question that "never mail me" would answer, whatever became of it."""
    with call.session(writes=False) as session:
        visit, ask = _asked(call, Action.OWN_NEVER, session, link)
        return JoinQuestion(visit.lst, AskPurpose(ask.purpose), ask.given, ())


def never(call: Call, link: MailedLink) -> MailList:
    """Stop all mail to the asked address, whatever became of the question."""
    with call.session(writes=True) as session:
        visit, ask = _asked(call, Action.OWN_NEVER, session, link)
        joining.never(visit, ask, call.proof(), by_mail=False)
        return visit.lst


def never_ask(call: Call, ask: Ask) -> None:
    """Do the same for a question that a door has read the answer to; what follows is mailed."""
    with call.session(writes=True) as session:
        visit, ask = _permitted(call, Action.OWN_NEVER, _visit(call, session, ask), ask)
        joining.never(visit, ask, call.proof())
    call.ring("deliver")


def take_back_never(call: Call, ask: Ask) -> bool:
    """Let mail to the asked address go again; False where it went already."""
    with call.session(writes=True) as session:
        visit, ask = _permitted(call, Action.OWN_NEVER, _visit(call, session, ask), ask)
        return joining.take_back_never(visit, ask, call.proof())


def _confirm(call: Call, visit: Visit, ask: Ask) -> JoinConfirmed:
    lst, given = visit.lst, ask.given
    if ask.purpose != AskPurpose.REST:
        by_mail = call.by.source is Source.MAIL
        return _confirmed(lst, given, joining.confirm(visit, ask, call.proof(), by_mail=by_mail))
    rest = joining.confirm_rest(visit, ask, call.proof()) or []
    state = JoinState.REST if rest else JoinState.USED
    return JoinConfirmed(lst, state, given, lists=len(rest))


def _visit(call: Call, session: Session, ask: Ask) -> Visit:
    return call.visit(session, session.get_one(MailList, ask.list_id))


def _confirmed(lst: MailList, given: str, joined: joining.JoinResult | None) -> JoinConfirmed:
    if joined is None:
        return JoinConfirmed(lst, JoinState.USED, given)
    if joined.rest:
        titles = [one.title for one in joined.rest]
        return JoinConfirmed(lst, JoinState.MORE, given, titles, joined.token)
    return JoinConfirmed(lst, JoinState.WAITING if joined.waits else JoinState.JOINED, given)


def _open(call: Call, action: Action, session: Session, link: MailedLink) -> tuple[Visit, Ask]:
    """Return a question that still waits; raise DeadLink for any other."""
    visit, found = _looked_up(call, session, link)
    if found.ask is not None and found.trouble is None:
        return _permitted(call, action, visit, found.ask)
    key = found.trouble or Trouble.UNKNOWN
    if found.ask is not None and found.trouble is Trouble.USED:
        member = membership_of(session, visit.lst.id, found.ask.address_key)
        if member is not None and member.state in HERE:
            raise JoinedBefore("This question was answered before.", key=key)
    raise DeadLink("This link answers nothing.", key=key)


def _asked(call: Call, action: Action, session: Session, link: MailedLink) -> tuple[Visit, Ask]:
    """Return a question, whatever became of it; raise DeadLink where there was none."""
    visit, found = _looked_up(call, session, link)
    if found.ask is None:
        raise DeadLink("This link answers nothing.", key=found.trouble or Trouble.UNKNOWN)
    return _permitted(call, action, visit, found.ask)


def _permitted(call: Call, action: Action, visit: Visit, ask: Ask) -> tuple[Visit, Ask]:
    call.known_as(ask.address_key).permit(action, visit.session, visit.lst)
    return visit, ask


def _looked_up(call: Call, session: Session, link: MailedLink) -> tuple[Visit, AskLookup]:
    lst = links.list_at(session, link.list)
    found = asks.look(session, link.token, *_CONFIRM, list_id=lst.id, now=call.now)
    return call.visit(session, lst), found


def _others(session: Session, ask: Ask) -> list[str]:
    """Return the titles of the lists that a question about the rest is about."""
    if ask.purpose != AskPurpose.REST:
        return []
    lists = (session.get(MailList, number) for number in ask_payloads.join(ask).more)
    return [lst.title for lst in lists if lst is not None]
