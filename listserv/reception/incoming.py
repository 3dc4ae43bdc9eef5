"""Say who reads mail to each of our addresses that is not the list itself.

``HANDLERS`` is asked by kind of route (posts and what nobody handles are not in it). A handler
reads the mail first and then, in ONE write transaction, does what it asks for, puts the notices
into the ledger and finishes the arrival; ``arrivals.finish`` is the fence that lets a mail which
is read twice act once. SECURITY: a From line is no proof. It decides whom we ask, within the
budget of automatic mail. Only a token's answer changes anything, or, for a member without a role, a
letter for which the member's own domain vouches. One that its From's domain disowns (DMARC)
gets no answer.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from listserv.actions import newsletters
from listserv.actions.call import Actor, Call
from listserv.actions.links import DeadLink, MailedLink
from listserv.actions.own import joining as own_joining
from listserv.actions.own import leaving
from listserv.actions.own.joining import AskToJoin
from listserv.actions.permissions import Proven
from listserv.answers import own_words, owner_orders
from listserv.answers.owner_order import Order
from listserv.letters import commands, incoming_letter, notices, operator_mail
from listserv.letters.ask_payloads import WishPayload
from listserv.letters.commands import Command
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import AnswerProof, Visit, language_of, question
from listserv.letters.transaction import HELD, act
from listserv.membership import joining, reviving, wishes
from listserv.moderation.holds import hold, is_released
from listserv.newsletters.editors import editor_answers, reviews
from listserv.newsletters.editors.answer_steps import AnswerStep
from listserv.owners import owner_commands, roles
from listserv.reception import author_replies, event_letters, replies, thread_letters
from listserv.reception.mail_callers import ACTIONS, by_letter
from listserv.wiring import routes
from listserv.wiring.app import App
from listserv.wiring.outcome import ArrivalOutcome
from listserv.wiring.routes import Route
from mailer.reading.addresses import MailAddress
from mailer.reading.bounce_reasons import BounceKind
from mailer.reading.bounces import read as read_bounce
from mailer.storage.arrivals import Arrival
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.roster import Membership, MembershipState, Role, all_lists, membership_of
from subscriptions.membership import bouncing, changes, optin
from subscriptions.membership.bouncing import BounceReport
from subscriptions.permission import asks
from subscriptions.permission.asks import AskPurpose
from subscriptions.permission.consent import Source

Handler = Callable[[App, Arrival, Route, bytes], ArrivalOutcome]
_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED, MembershipState.PENDING)
_NO_MAIL = {"leave", "forget", "resume"}  # a resume brings the address back by itself
_COMES = {"join", "thanks"}  # said all when mail comes again
_OWN_DATA = {"data", "forget"}  # what also somebody who has left may ask for


def join(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome:
    """Read a mail to LIST-join@: ask its author to confirm."""
    letter = incoming_letter.read(arrival, raw)

    def work(visit: Visit) -> str:
        author = letter.author
        if author is None or letter.unanswerable:
            return f"not-answered: {letter.unanswerable}"
        if reviving.by_letter(visit, letter) and _is_here(visit, author):
            return "mailed again"
        return _ask_to_join(visit, letter, author)

    return act(app, arrival, route, letter, work)


def leave(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome:
    """Read a mail to LIST-leave@: at once with a token, after one confirmation without."""
    letter = incoming_letter.read(arrival, raw)

    def work(visit: Visit) -> str:
        if not route.token:
            return _ask_to_leave(visit, letter)
        call = by_letter(visit, letter, "leave address")
        try:
            # A mail program's own mail has no words; a person who writes some may be asked.
            done = leaving.leave(
                call, MailedLink(visit.lst.address, route.token), one_click=not letter.text.strip()
            )
        except DeadLink:
            return "unknown-token"
        return "had-left" if done.left else "left"

    return act(app, arrival, route, letter, work)


def _ask_to_join(visit: Visit, letter: IncomingLetter, author: MailAddress) -> str:
    wanted = AskToJoin(visit.lst.address, author, letter.name, letter.language)
    return own_joining.ask(by_letter(visit, letter), wanted)


def show_way_out(
    app: App, arrival: Arrival, list_address: str, raw: bytes, outcome: ArrivalOutcome
) -> ArrivalOutcome:
    """Hold a post that only says "unsubscribe me" from the others, and ask its writer."""
    letter = incoming_letter.read(arrival, raw)

    def work(visit: Visit) -> str:
        if hold(visit.session, arrival, list_address, outcome.rules, ""):
            _ask_to_leave(visit, letter)
        return HELD

    act(app, arrival, Route(routes.RouteKind.LEAVE, list_address), letter, work)
    return outcome


def reply(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome:
    """Read an answer to a question of ours (LIST-confirm+TOKEN@, LIST-reply+TOKEN@)."""
    letter = incoming_letter.read(arrival, raw)
    if route.kind is routes.RouteKind.REPLY:
        with app.store.read() as session:
            about_issue = editor_answers.is_for_issue(session, route, time.time())
        if about_issue:
            return editor_answers.reply(app, arrival, route, letter, _permitted)

    def work(visit: Visit) -> str:
        joins = route.kind is routes.RouteKind.CONFIRM
        purposes = [one for one in replies.REPLIES if (one in replies.JOINS) is joins]
        found = asks.look(
            visit.session, route.token, *purposes, list_id=visit.lst.id, now=visit.now
        )
        if letter.automatic:
            return f"not-answered: {letter.automatic}"
        return replies.answered(visit, found, letter)

    return act(app, arrival, route, letter, work)


def _permitted(
    visit: Visit, key: str, step: AnswerStep, edition: int
) -> AbstractContextManager[bool]:
    call = Call(
        app=visit.app, by=Actor(Source.MAIL, Proven.TOKEN, key), now=visit.now, within=visit
    )
    return newsletters.by_answer(call, visit.lst.address, step, edition)


def examine(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome:
    """Read the operator's answer to a mail about the installation: look again, and tell all."""
    letter = incoming_letter.read(arrival, raw)

    def work(visit: Visit) -> str:
        if letter.automatic:
            return f"not-answered: {letter.automatic}"
        operator_mail.ask_again(visit.session)
        return "examines"

    return act(app, arrival, route, letter, work)


def request(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome:
    """Read a mail to LIST-request@ or LIST-help@: a command in plain words."""
    letter = incoming_letter.read(arrival, raw)
    wish = commands.command(letter.text, letter.subject)
    orders = owner_orders.read(letter.text, own_words.of_subject(letter.subject)[0])
    if route.kind is routes.RouteKind.HELP:
        wish, orders = Command("help"), ()

    def work(visit: Visit) -> str:
        author = letter.author
        why = letter.unanswerable
        if author is None or (why and not _is_fresh_wish(letter, wish)):
            return f"not-answered: {why}"
        member = membership_of(visit.session, visit.lst.id, author.key)
        # "Reopen" is an owner's order about the list, unless it answers a mail of a thread.
        said = () if wish is not None and thread_letters.names_one(visit, letter, wish) else orders
        ordered = _order(visit, letter, member, said, wish) or _mailed_again(visit, letter, wish)
        if ordered:
            return ordered
        if wish is not None and wish.verb == "join":
            return _ask_to_join(visit, letter, author)
        own = member is not None and wish is not None and wish.verb in _OWN_DATA
        if member is None or (member.state not in _HERE and not own):
            return joining.offer_help(visit, author, language=letter.language)
        if wish is not None and wish.verb == "thanks":
            return "thanks"
        wished = wish or Command("unclear")
        thread = wished.verb in thread_letters.VERBS and _is_here(visit, author)
        return (thread_letters.take if thread else _wish)(visit, letter, member, wished)

    return act(app, arrival, route, letter, work)


def owner(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome:
    """Hand a letter on to the owners; without owners it waits in the queue."""
    letter = incoming_letter.read(arrival, raw)

    def work(visit: Visit) -> str:
        if letter.automatic in {"null-sender", "report"} or _is_loop(letter, route):
            return f"not-forwarded: {letter.automatic or 'loop'}"
        if not _has_room(visit, letter):
            hold(visit.session, arrival, route.list_address, ("budget",), "")
            return HELD
        reached = notices.forward(visit.session, visit.app, [visit.lst], arrival, raw, visit.now)
        if reached:
            return f"forwarded to {reached}"
        hold(visit.session, arrival, route.list_address, ("no-owner",), "")
        return HELD

    return act(app, arrival, route, letter, work)


def bounces(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome:
    """Score a bounce by its token and its reason; nothing is ever answered here."""
    letter = incoming_letter.read(arrival, raw)
    bounce = read_bounce(raw)

    def work(visit: Visit) -> str:
        read = visit.app.keyring.read
        number = read(route.token, TokenPurpose.BOUNCE, *route.scopes)
        asked = read(route.token, TokenPurpose.PROBE, *route.scopes) if number is None else None
        number = asked if number is None else number
        member = visit.session.get(Membership, number) if number is not None else None
        if member is None or member.list_id != visit.lst.id:
            return f"{bounce.kind} nobody"
        if bounce.kind in {BounceKind.NONE, BounceKind.AUTO_REPLY}:
            return f"{bounce.kind} not-counted"
        desk = visit.desk(AnswerProof(Source.BOUNCE, str(bounce.kind), raw_sha=letter.sha).note())
        report = BounceReport(
            bounce.kind, bounce.status, bounce.said, bounce.recipient, bounce.about, letter.sha,
            delayed=bounce.delayed,
        )  # fmt: skip
        take = bouncing.take if asked is None else bouncing.take_answer
        done = take(desk, member, report)
        return f"{bounce.kind} {done}"

    return act(app, arrival, route, letter, work)


def domain(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome:
    """Hand mail to postmaster@ or abuse@ to the owners of all lists of that domain."""
    letter = incoming_letter.read(arrival, raw)
    name = arrival.recipient.rpartition("@")[2].lower()
    with app.store.read() as session:
        lists = [lst for lst in all_lists(session) if lst.domain == name]
        owned = [lst.address for lst in lists if optin.owners_of(session, lst)]
    if not owned:
        with app.store.write() as session:
            hold(session, arrival, "", (f"address-{route.kind}",), "")
        return ArrivalOutcome("hold", (f"address-{route.kind}",))

    def work(visit: Visit) -> str:
        if letter.automatic in {"null-sender", "report"} or _is_loop(letter, route):
            return f"not-forwarded: {letter.automatic or 'loop'}"
        if not _has_room(visit, letter):
            hold(visit.session, arrival, "", ("budget",), "")
            return HELD
        lists = [one for one in all_lists(visit.session) if one.address in owned]
        reached = notices.forward(visit.session, visit.app, lists, arrival, raw, visit.now)
        return f"forwarded to {reached}"

    return act(app, arrival, Route(route.kind, owned[0]), letter, work)


def _has_room(visit: Visit, letter: IncomingLetter) -> bool:
    """Tell whether owners may get one more letter of this source, and count it if so."""
    author = letter.author.key if letter.author is not None else ""
    return is_released(visit.session, letter.arrival_id) or visit.allow_letter(author)


def _ask_to_leave(visit: Visit, letter: IncomingLetter) -> str:
    author = letter.author
    if author is None or letter.unanswerable:
        return f"not-answered: {letter.unanswerable}"
    member = membership_of(visit.session, visit.lst.id, author.key)
    if member is None or member.state not in _HERE:
        return joining.offer_help(visit, author, language=letter.language, leaving=True)
    return _wish(visit, letter, member, Command("leave"))


def _wish(visit: Visit, letter: IncomingLetter, member: Membership, wish: Command) -> str:
    """Carry out a command from a From line, or ask whether it was really them."""
    own = optin.address_of(visit.session, member)
    kinds = ("unclear", "unclear again") if wish.verb == "unclear" else (wish.verb,)
    if not any(visit.allow(own.key, kind) for kind in kinds):
        return f"over-budget: {wish.verb}"
    language = language_of(visit, own)
    if wish.verb == "pause" and replies.is_unclear_pause(wish.rest, visit.now):
        wishes.when(visit, member)
        return "asked: until when"
    other = _OTHERS.get(wish.verb)
    if other is not None:
        return other(visit, letter, member, wish)
    if wish.verb == "address" and replies.other_address(wish.rest) is None:
        wishes.unclear(visit, member)
        return "unclear"
    call, action = by_letter(visit, letter), ACTIONS.get(wish.verb)
    if action is not None and not call.may(action, visit.session, visit.lst):
        question(
            visit, AskPurpose.COMMAND, to=own, name="member-command", language=language,
            ref=member.id, member=member.id,
            payload=WishPayload(wish.verb, wish.rest),
            context={
                "command": wish.verb,
                "who": wish.rest,
                "looks_after": member.role is not Role.MEMBER,
            },
        )  # fmt: skip
        return f"asked: {wish.verb}"
    return replies.grant(call, visit, member, wish)


def _order(
    visit: Visit,
    letter: IncomingLetter,
    member: Membership | None,
    orders: tuple[Order, ...],
    wish: Command | None,
) -> str:
    """Take orders about others, or a leave by an address of the writer's own; "" for none."""
    if member is None or member.state not in _HERE or letter.unanswerable:
        return ""
    others = owner_commands.about_others(visit, member, orders)
    if len(others) == 1 and others[0].verb == "role":
        return _wish(visit, letter, member, Command("role", f"{others[0].who} {others[0].rest}"))
    if others:
        return owner_commands.take(visit, letter, member, others)
    if any(order.verb == "remove" and "@" in order.who for order in orders):
        return _wish(visit, letter, member, Command("leave"))
    asked = tuple(order for order in orders if order.verb == "members")
    if asked and wish is None:  # who may see them stands in the table of actions
        return owner_commands.take(visit, letter, member, asked)
    return ""


def _mailed_again(visit: Visit, letter: IncomingLetter, wish: Command | None) -> str:
    """Bring a given-up address back by a proved letter; "" where its wish is still to be done."""
    verb = wish.verb if wish is not None else "unclear"
    if verb in _NO_MAIL or not reviving.by_letter(visit, letter):
        return ""
    return "mailed again" if verb in _COMES and _is_here(visit, letter.author) else ""


def _is_here(visit: Visit, who: MailAddress | None) -> bool:
    member = membership_of(visit.session, visit.lst.id, who.key) if who is not None else None
    return member is not None and member.state in (MembershipState.ACTIVE, MembershipState.PAUSED)


def _ask_leaver(visit: Visit, letter: IncomingLetter, member: Membership, wish: Command) -> str:  # noqa: ARG001 - as all
    own = optin.address_of(visit.session, member)
    question(
        visit, AskPurpose.LEAVE, to=own, name="member-leaving", language=language_of(visit, own),
        ref=member.id, member=member.id,
        context={"alone": changes.is_last_owner(visit.session, member)},
    )  # fmt: skip
    return "asked: leave"


def _role(visit: Visit, letter: IncomingLetter, member: Membership, wish: Command) -> str:  # noqa: ARG001 - as all
    return roles.ask(visit, member, wish.rest)


# Commands that are asked about, or handed on, whoever sends them.
_OTHERS: dict[str, Callable[[Visit, IncomingLetter, Membership, Command], str]] = {
    "leave": _ask_leaver,
    "role": _role,
}


def _is_fresh_wish(letter: IncomingLetter, wish: Command | None) -> bool:
    """Tell whether what reads like an absence note ("vacation until 1 May") is a command to us.

    A note answers a mail of ours and says so; a wish begins a conversation.
    """
    answers = bool(letter.head.first("in-reply-to") or letter.head.first("references"))
    absent = letter.automatic == "absence" and not letter.found.disowned
    return absent and wish is not None and not answers


def _is_loop(letter: IncomingLetter, route: Route) -> bool:
    mark = b"(Krets) with"
    lines = [value for value in letter.head.all("received") if mark in value]
    name = route.list_address.partition("@")[0].encode()
    return any(b"for <" + name + b"-owner@" in value for value in lines)


HANDLERS: dict[routes.RouteKind, Handler] = {
    routes.RouteKind.JOIN: join,
    routes.RouteKind.LEAVE: leave,
    routes.RouteKind.CONFIRM: reply,
    routes.RouteKind.REPLY: reply,
    routes.RouteKind.REQUEST: request,
    routes.RouteKind.HELP: request,
    routes.RouteKind.OWNER: owner,
    routes.RouteKind.ISSUE: reviews.take,
    routes.RouteKind.EVENT: event_letters.take,
    routes.RouteKind.POLL: event_letters.take_poll,
    routes.RouteKind.FROM: author_replies.relay,
    routes.RouteKind.BOUNCES: bounces,
    routes.RouteKind.POSTMASTER: domain,
    routes.RouteKind.ABUSE: domain,
}
