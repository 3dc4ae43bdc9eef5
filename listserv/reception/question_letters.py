"""Take what a member answers to an event: in words, or by the calendar of their mail program.

The token in the address says who answers what; a From line is never asked. A calendar's answer
counts where its one ATTENDEE is an address of that member; one that is a machine's counts if it
says a state. Other automatic mail is no answer. What is asked beside an answer, or instead of one,
goes to the host. SECURITY: receipts go to the member's own address and are bounded; a stranger to
whom a mail was forwarded hears nothing.
"""

from sqlalchemy import select

from listserv.actions.call import Actor, Call
from listserv.actions.links import HERE, MailedLink
from listserv.actions.own import answers
from listserv.actions.own.answers import NotAnswerable
from listserv.actions.permissions import Proven
from listserv.answers import automatic
from listserv.answers.machine_kinds import MailRole
from listserv.community import calendar_answers, calendar_judging, event_answers, event_receipts
from listserv.community.calendar_answers import CalendarAnswer
from listserv.community.event_receipts import ReceiptWord
from listserv.letters import incoming_letter, notices, transaction
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import Visit, language_of
from listserv.reception import poll_letters
from listserv.wiring.app import App
from listserv.wiring.outcome import ArrivalOutcome
from listserv.wiring.routes import Route
from mailer.storage.arrivals import Arrival
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.questions import Question
from subscriptions.lists.roster import Address, Membership
from subscriptions.membership import optin
from subscriptions.permission.consent import Source


def find(app: App, route: Route) -> tuple[int, int] | None:
    """Return (membership, question) that an address was made for, None where it is none."""
    return app.keyring.read_pair(route.token, TokenPurpose.QUESTION, *route.scopes)


def take(
    app: App, arrival: Arrival, route: Route, raw: bytes, ids: tuple[int, int]
) -> ArrivalOutcome:
    """Keep the answer that a letter holds, and mail what it came to."""
    letter = incoming_letter.read(arrival, raw)
    calendar = calendar_answers.read(raw)
    machine = bool(automatic.of_head(letter.head, arrival.sender, MailRole.ANSWER))

    def work(visit: Visit) -> str:
        member = visit.session.get(Membership, ids[0])
        question = visit.session.get(Question, ids[1])
        if member is None or question is None or question.list_id != visit.lst.id:
            return "not-counted: nobody"
        if member.list_id != visit.lst.id or member.state not in HERE:
            return "not-counted: nobody"
        if not machine:  # as any answer to a token of ours
            optin.prove(visit.session, optin.address_of(visit.session, member), visit.now)
        if calendar is not None and question.is_event:
            return _by_calendar(visit, route, member, question, calendar, machine=machine)
        if letter.automatic:
            return f"not-counted: {letter.automatic}"
        if not question.is_event:
            return poll_letters.vote(visit, route, member, question, letter)
        return _by_words(visit, route, member, question, letter)

    return transaction.act(app, arrival, route, letter, work)


def _by_calendar(
    visit: Visit,
    route: Route,
    member: Membership,
    event: Question,
    said: CalendarAnswer,
    *,
    machine: bool,
) -> str:
    own = select(Address.key).where(Address.person_id == member.person_id)
    keys = set(visit.session.scalars(own))
    judged = calendar_judging.judge(said, event, keys, automatic=machine)
    if judged.reply is None:
        if judged.word in calendar_judging.TOLD and not machine:
            event_receipts.tell(visit, event, member, ReceiptWord(judged.word))
        return f"not-counted: {judged.word}"
    try:
        given = answers.say_event(
            _call(visit, member), MailedLink(visit.lst.address, route.token), judged.reply,
            judged.comment,
        )  # fmt: skip
    except NotAnswerable as ended:
        event_receipts.tell(visit, event, member, ReceiptWord(ended.key))
        return f"not-counted: {ended.key}"
    receipt = event_receipts.of_answer(given)
    if receipt.word in {"waiting", "full"}:  # a calendar shows the rest by itself
        event_receipts.tell(visit, event, member, receipt)
    return f"calendar: {receipt.word}"


def _by_words(
    visit: Visit, route: Route, member: Membership, event: Question, letter: IncomingLetter
) -> str:
    to = optin.address_of(visit.session, member)
    said = event_answers.read(letter.words.under(letter.subject), language_of(visit, to))
    if said.answer is None:
        if not letter.text.strip():
            return event_receipts.tell(visit, event, member, ReceiptWord("unclear"))
        handed = _hand_on(visit, event, letter)
        word = "asked" if said.asks and handed else "unclear"
        event_receipts.tell(visit, event, member, ReceiptWord(word, handed_on=handed))
        return word
    handed = said.asks and _hand_on(visit, event, letter)
    link = MailedLink(visit.lst.address, route.token)
    try:
        given = answers.say_event(_call(visit, member), link, said)
    except NotAnswerable as ended:
        event_receipts.tell(visit, event, member, ReceiptWord(ended.key, handed_on=handed))
        return f"not-counted: {ended.key}"
    receipt = event_receipts.of_answer(given, handed_on=handed)
    return event_receipts.tell(visit, event, member, receipt)


def _call(visit: Visit, member: Membership) -> Call:
    key = optin.address_of(visit.session, member).key
    return Call(visit.app, Actor(Source.MAIL, Proven.TOKEN, key), visit.now, within=visit)


def _hand_on(visit: Visit, event: Question, letter: IncomingLetter) -> bool:
    """Hand a letter on to the host, to the owners where there is none; tell if anybody got it."""
    author = letter.author.key if letter.author is not None else ""
    if not visit.allow_letter(author):
        return False
    arrival = visit.session.get_one(Arrival, letter.arrival_id)
    host = visit.session.get(Membership, event.host) if event.host else None
    if host is None or host.state not in HERE:
        lists = [visit.lst]
        return bool(
            notices.forward(visit.session, visit.app, lists, arrival, letter.raw, visit.now)
        )
    to = [optin.address_of(visit.session, host)]
    reached = notices.hand_on(
        visit.session, visit.app, visit.lst, arrival, letter.raw, to, visit.now, suffix="owner"
    )
    return bool(reached)
