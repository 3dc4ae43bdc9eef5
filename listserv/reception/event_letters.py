"""Take what a host writes: an event to LIST-event@, and answers to the mails about it.

An event by a From line is a draft: a proof comes back to the address that we know, and nobody is
asked without an answer to its token. A member's or a stranger's mail to LIST-event@ asks nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from listserv.actions import events
from listserv.actions.call import Actor, Call
from listserv.actions.events import ChangeEvent
from listserv.actions.permissions import Proven
from listserv.community import asking, event_draft, event_hosting, host_orders, seats
from listserv.community.event_draft import LABELS, BadEvent, EventDraft
from listserv.community.event_hosting import HERE, HOSTS
from listserv.community.host_orders import HostVerb
from listserv.letters import ask_payloads, incoming_letter, notices, transaction
from listserv.letters.ask_payloads import HostPayload
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import Visit
from listserv.membership import joining
from listserv.reception import poll_letters
from listserv.wiring.app import App
from listserv.wiring.outcome import ArrivalOutcome
from listserv.wiring.routes import Route
from mailer.errors import Refused
from mailer.storage.arrivals import Arrival
from subscriptions.lists import terms
from subscriptions.lists.questions import Question, QuestionState
from subscriptions.lists.roster import Membership, membership_of
from subscriptions.membership import optin
from subscriptions.permission import budget
from subscriptions.permission.asks import Ask
from subscriptions.permission.consent import Source

Draft = Callable[[Visit, IncomingLetter, Membership], str]


@dataclass(frozen=True, slots=True)
class _Work:
    """Hold what an order is carried out with."""

    visit: Visit
    call: Call
    event: Question
    host: Membership
    asked: HostPayload  # what the report that was answered had shown
    rest: str

    def report(self, note: str, verb: str = "send", *, who: str = "", told: int = 0) -> str:
        """Mail how it stands now; return the note."""
        event_hosting.report(
            self.visit, self.event, self.host, note=note, verb=verb, who=who, told=told
        )
        return f"{note}: event {self.event.id}"


def take(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome:
    """Read a mail to LIST-event@."""
    return take_draft(app, arrival, route, raw, _draft)


def take_poll(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome:
    """Read a mail to LIST-poll@."""
    return take_draft(app, arrival, route, raw, poll_letters.draft)


def take_draft(
    app: App, arrival: Arrival, route: Route, raw: bytes, draft: Draft
) -> ArrivalOutcome:
    """Let whoever looks after the list propose something; hand others' letters to the owners."""
    letter = incoming_letter.read(arrival, raw)

    def work(visit: Visit) -> str:
        author = letter.author
        if author is None or letter.unanswerable:
            return f"not-answered: {letter.unanswerable}"
        member = membership_of(visit.session, visit.lst.id, author.key)
        if member is None or member.state not in HERE:
            return joining.offer_help(visit, author, language=letter.language)
        if member.role not in HOSTS:
            if not visit.allow_letter(author.key):
                return "over-budget: letter"
            lists = [visit.lst]
            reached = notices.forward(
                visit.session, visit.app, lists, arrival, letter.raw, visit.now
            )
            return f"forwarded to {reached}"
        own = optin.address_of(visit.session, member)
        if not budget.allow_draft(visit.session, own.key, visit.now):
            return "over-budget: draft"
        return draft(visit, letter, member)

    return transaction.act(app, arrival, route, letter, work)


def _draft(visit: Visit, letter: IncomingLetter, host: Membership) -> str:
    try:
        draft = event_draft.read(letter.subject, letter.text, visit.now, visit.lst.zone)
    except BadEvent as error:
        return _trouble(visit, host, error)
    event = asking.keep_event(visit, draft, host.id)
    event_hosting.prove(visit, event, host, note="fresh")
    return f"proved: event {event.id}"


def _trouble(visit: Visit, host: Membership, error: BadEvent) -> str:
    to = optin.address_of(visit.session, host)
    event_hosting.trouble(visit, to, host, error.event_key, error.line, kind="event")
    return f"not-an-event: {error.event_key}"


def answer(visit: Visit, ask: Ask, letter: IncomingLetter) -> str:
    """Do what a host's answer says."""
    event = seats.locked(visit.session, ask.ref)
    host = membership_of(visit.session, visit.lst.id, ask.address_key)
    if event is None or host is None or host.state not in HERE or host.role not in HOSTS:
        return "no-host"
    optin.prove(visit.session, optin.address_of(visit.session, host), visit.now)
    if not event.is_event:
        return poll_letters.answer(visit, ask, letter, event, host)
    zone = terms.clock(event.zone or visit.lst.zone) or ZoneInfo("UTC")
    order = host_orders.read(letter.text, visit.now, zone, LABELS)
    call = Call(
        visit.app, Actor(Source.MAIL, Proven.TOKEN, ask.address_key), visit.now, within=visit
    )
    asked = ask_payloads.host(ask)
    work = _Work(visit, call, event, host, asked, order.rest if order is not None else "")
    return _DO[order.verb](work) if order is not None else _unclear(work)


def _unclear(work: _Work) -> str:
    if work.event.state is QuestionState.DRAFT or work.asked.verb != "send":
        note = "unclear"
        event_hosting.report(
            work.visit, work.event, work.host, note=note, verb=work.asked.verb,
            rest=work.asked.rest,
        )  # fmt: skip
        return f"unclear: event {work.event.id}"
    return work.report("unclear")


def _send(work: _Work) -> str:
    """Ask everybody, or mail a change, or take the event back: what the report has shown."""
    if work.asked.revision != work.event.revision:
        return _older(work)
    if work.asked.verb == "change":
        return _change(work, work.asked.rest, sure=True)
    if work.asked.verb == "call-off":
        return _call_off(work)
    return _open(work)


def _older(work: _Work) -> str:
    """Show what the event is now: the answer was about what it had been."""
    if work.event.state is not QuestionState.DRAFT:
        return work.report("old")
    event_hosting.prove(work.visit, work.event, work.host, note="old")
    return f"old: event {work.event.id}"


def _open(work: _Work) -> str:
    if work.event.state is not QuestionState.DRAFT:
        return work.report("sent")
    if (work.event.starts or 0.0) <= work.visit.now:
        return work.report("past")
    events.open_event(work.call, work.event.id)
    return work.report("opened")


def _text(work: _Work) -> str:
    """Read a whole new text; before anybody was asked it is a new draft."""
    if work.event.state is not QuestionState.DRAFT:
        return _change(work, work.rest, sure=False)
    try:
        draft = event_draft.read(work.event.title, work.rest, work.visit.now, _zone(work))
    except BadEvent as error:
        return _trouble(work.visit, work.host, error)
    return _redraft(work, draft)


def _fields(work: _Work) -> str:
    return _change(work, work.rest, sure=False)


def _change(work: _Work, lines: str, *, sure: bool) -> str:
    """Change what labelled lines say: at once what nobody has to hear of, else after a proof."""
    event = work.event
    try:
        draft = event_draft.changed(event, lines, work.visit.now)
    except BadEvent as error:
        return _trouble(work.visit, work.host, error)
    if event.state is QuestionState.DRAFT:
        return _redraft(work, draft)
    if event.state is QuestionState.CANCELLED or (event.starts or 0.0) <= work.visit.now:
        return work.report("past")
    if sure or not asking.is_seen(event, draft):
        events.change(work.call, ChangeEvent(event.id, draft=draft))
        return work.report("changed" if sure else "set")
    shown = asking.preview(event, draft)
    event_hosting.prove(work.visit, shown, work.host, note="change", change=lines)
    return f"proved: event {event.id}"


def _redraft(work: _Work, draft: EventDraft) -> str:
    asking.change_event(work.event, draft)
    work.visit.session.flush()
    event_hosting.prove(work.visit, work.event, work.host, note="again")
    return f"proved: event {work.event.id}"


def _zone(work: _Work) -> str:
    return work.event.zone or work.visit.lst.zone


def _call_off(work: _Work) -> str:
    """Take an event back: a draft at once, one that people know of after a second word."""
    if work.event.state is QuestionState.CANCELLED:
        return work.report("called-off")
    draft = work.event.state is QuestionState.DRAFT
    if not draft and work.asked.verb != "call-off":
        return work.report("call-off", verb="call-off")
    try:
        events.cancel(work.call, work.event.id)
    except Refused:
        return work.report("past")
    return work.report("called-off")


def _close(work: _Work) -> str:
    events.change(work.call, ChangeEvent(work.event.id, close=True))
    return work.report("closed")


def _reopen(work: _Work) -> str:
    events.change(work.call, ChangeEvent(work.event.id, close=False))
    return work.report("reopened")


def _tell(work: _Work) -> str:
    if work.event.state is QuestionState.DRAFT:
        return work.report("unclear")
    told = events.tell(work.call, work.event.id, work.rest)
    return work.report("told", told=told)


def _move_up(work: _Work) -> str:
    """Give one who waits a seat, by the name or the address that the host writes."""
    found = event_hosting.called(work.visit, work.event, work.rest)
    if len(found) != 1:
        return work.report("who" if found else "nobody", who=work.rest)
    address = optin.address_of(work.visit.session, found[0])
    events.change(work.call, ChangeEvent(work.event.id, seat_for=address.key))
    return work.report("moved", who=address.given)


def _list(work: _Work) -> str:
    return work.report("list")


_DO: dict[HostVerb, Callable[[_Work], str]] = {
    HostVerb.SEND: _send,
    HostVerb.TEXT: _text,
    HostVerb.FIELDS: _fields,
    HostVerb.MOVE_UP: _move_up,
    HostVerb.CLOSE: _close,
    HostVerb.REOPEN: _reopen,
    HostVerb.CALL_OFF: _call_off,
    HostVerb.TELL: _tell,
    HostVerb.LIST: _list,
}
