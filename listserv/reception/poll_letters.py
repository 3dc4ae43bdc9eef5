"""Take a poll to LIST-poll@, what its host answers, and what members vote in words.

A secret ballot takes no vote by mail: a letter passes many hands, and stays where it has been; it
is told so and leads to the page.
"""

from collections.abc import Callable
from dataclasses import dataclass

from listserv.actions import polls as actions
from listserv.actions.call import Actor, Call
from listserv.actions.links import MailedLink
from listserv.actions.own import answers
from listserv.actions.own.answers import NotAnswerable
from listserv.actions.permissions import Proven
from listserv.community import (
    event_hosting,
    host_orders,
    poll_answers,
    poll_draft,
    poll_hosting,
    polls,
)
from listserv.community.event_draft import BadEvent
from listserv.community.host_orders import HostVerb
from listserv.letters import ask_payloads
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import Visit, language_of
from listserv.wiring.routes import Route
from subscriptions.lists import questions
from subscriptions.lists.questions import Question, QuestionState
from subscriptions.lists.roster import Membership
from subscriptions.membership import optin
from subscriptions.permission.asks import Ask
from subscriptions.permission.consent import Source

DRAFT = poll_draft.LABELS


@dataclass(frozen=True, slots=True)
class _Poll:
    """Hold what an order about a poll is carried out with."""

    visit: Visit
    call: Call
    poll: Question
    host: Membership
    revision: int  # that the report which was answered had shown
    verb: str  # what "send" means in it
    rest: str

    def report(self, note: str, verb: str = "send") -> str:
        """Mail how it stands now; return the note."""
        poll_hosting.report(self.visit, self.poll, self.host, note=note, verb=verb)
        return f"{note}: poll {self.poll.id}"


def draft(visit: Visit, letter: IncomingLetter, host: Membership) -> str:
    """Prove a poll that somebody who looks after the list has mailed in."""
    try:
        read = poll_draft.read(letter.subject, letter.text, visit.now, visit.lst.zone)
    except BadEvent as error:
        return _trouble(visit, host, error)
    poll = polls.keep_poll(visit, read, host.id)
    poll_hosting.prove(visit, poll, host, note="fresh", guessed=read.guessed_end)
    return f"proved: poll {poll.id}"


def _trouble(visit: Visit, host: Membership, error: BadEvent) -> str:
    to = optin.address_of(visit.session, host)
    event_hosting.trouble(visit, to, host, error.event_key, error.line, kind="poll")
    return f"not-a-poll: {error.event_key}"


def answer(visit: Visit, ask: Ask, letter: IncomingLetter, poll: Question, host: Membership) -> str:
    """Do what a host's answer says about a poll."""
    order = host_orders.read(letter.text, visit.now, poll_draft.zone_named(poll.zone), DRAFT)
    asked = ask_payloads.host(ask)
    call = Call(
        visit.app, Actor(Source.MAIL, Proven.TOKEN, ask.address_key), visit.now, within=visit
    )
    work = _Poll(visit, call, poll, host, asked.revision, asked.verb, order.rest if order else "")
    doing = _DO.get(order.verb) if order is not None else None
    return doing(work) if doing is not None else work.report("unclear", asked.verb)


def _send(work: _Poll) -> str:
    if work.verb == "call-off":
        return _call_off(work)
    if work.poll.state is not QuestionState.DRAFT:
        return work.report("sent")
    if work.revision != work.poll.revision:
        poll_hosting.prove(work.visit, work.poll, work.host, note="old", guessed=False)
        return f"old: poll {work.poll.id}"
    if (work.poll.until or 0.0) <= work.visit.now:
        return work.report("past")
    actions.open_poll(work.call, work.poll.id)
    return work.report("opened")


def _change(work: _Poll) -> str:
    """Read a new text, or lines with labels; nobody may change what people vote on."""
    if work.poll.state is not QuestionState.DRAFT:
        return work.report("fixed")
    try:
        read = poll_draft.changed(work.poll, work.rest, work.visit.now)
    except BadEvent as error:
        return _trouble(work.visit, work.host, error)
    polls.change_poll(work.poll, read)
    work.visit.session.flush()
    poll_hosting.prove(work.visit, work.poll, work.host, note="again", guessed=read.guessed_end)
    return f"proved: poll {work.poll.id}"


def _call_off(work: _Poll) -> str:
    if work.poll.state is QuestionState.DRAFT:
        work.poll.state = QuestionState.CANCELLED
    elif work.poll.state is QuestionState.OPEN:
        return work.report("fixed")
    return work.report("called-off")


def _close(work: _Poll) -> str:
    """Close a poll before its time: not before a second word."""
    if work.poll.state is not QuestionState.OPEN:
        return work.report("closed" if work.poll.state is QuestionState.CLOSED else "unclear")
    if work.verb != "close":
        return work.report("close", "close")
    actions.close(work.call, work.poll.id)
    return work.report("closed")


def _list(work: _Poll) -> str:
    return work.report("list")


_DO: dict[HostVerb, Callable[[_Poll], str]] = {
    HostVerb.SEND: _send,
    HostVerb.TEXT: _change,
    HostVerb.FIELDS: _change,
    HostVerb.CALL_OFF: _call_off,
    HostVerb.CLOSE: _close,
    HostVerb.LIST: _list,
}


def vote(
    visit: Visit, route: Route, member: Membership, poll: Question, letter: IncomingLetter
) -> str:
    """Count what a member has answered in words."""
    if poll.secret:
        return poll_hosting.tell(visit, poll, member, "by-page")
    to = optin.address_of(visit.session, member)
    own = letter.words.under(letter.subject)
    said = poll_answers.read(own, poll, language_of(visit, to))
    if said.choices is None or said.lacks_reason:
        word = "reason" if said.lacks_reason else "unclear"
        return poll_hosting.tell(visit, poll, member, word)
    call = Call(visit.app, Actor(Source.MAIL, Proven.TOKEN, to.key), visit.now, within=visit)
    link = MailedLink(visit.lst.address, route.token)
    row = questions.answer_of(visit.session, poll, member)
    before = (row.answer, row.note) if row is not None else None
    try:
        chosen = answers.say_poll(call, link, said.choices, said.reason)
    except NotAnswerable as ended:
        return f"not-counted: {poll_hosting.tell(visit, poll, member, str(ended.key))}"
    now = (",".join(map(str, said.choices)) or "0", said.reason)
    if now == before:  # said once more: nothing has changed
        return "counted"
    return poll_hosting.tell(visit, poll, member, "counted", chosen=chosen)
