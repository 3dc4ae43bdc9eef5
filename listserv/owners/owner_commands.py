"""Take what an owner orders by mail: ask at the known address, do it, and say how to undo it.

    take(visit, letter, member, orders)      # a From line: answers what only reads, asks the rest
    carry_out(visit, asked, owner, proof)    # the owner has answered the question
    take_back(visit, ask, told, proof)       # the owner has answered the receipt

All orders of a mail go into one question, and its answer into one receipt; what cannot be done says
why in both. What an owner asks to see goes to the address that we know, whoever wrote. SECURITY: a
From line is no proof; who may order is looked at when the mail comes, when its answer comes and
when it is undone, in the table of all actions (listserv/actions/permissions.py), and again by the
action itself.
"""

import re
from dataclasses import replace

from listserv.actions import member_sheets
from listserv.actions.permissions import Action, ActorRole, allows
from listserv.answers import owner_asks
from listserv.answers.owner_lexicon import spoken
from listserv.answers.owner_order import Order
from listserv.letters.ask_payloads import OrdersPayload, OrdersUndo, OrderUndo
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import AnswerProof, Visit, language_of, question, whom, write
from listserv.owners import list_acts, owner_acts, owner_answers, owner_settings, place_acts
from listserv.owners.owner_case import HERE, Case, Done
from mailer.reading.addresses import parse
from subscriptions.lists.list_settings import BY_NAME
from subscriptions.lists.roster import Membership, Role, membership_of
from subscriptions.membership import optin
from subscriptions.permission import asks, budget
from subscriptions.permission.asks import Ask, AskPurpose
from subscriptions.permission.consent import Source

READING = ("members", "count", "find", "queue")
# Which action each order asks for: who may, stands in the table of all actions.
ACTIONS = {
    "add": Action.MEMBER_ADD,
    "allow": Action.MEMBER_MODERATE,
    "ban": Action.MEMBER_BAN,
    "count": Action.MEMBER_LS,
    "delete": Action.LIST_DELETE,
    "export": Action.MEMBER_LS,
    "find": Action.MEMBER_LS,
    "invite": Action.MEMBER_INVITE,
    "members": Action.MEMBER_LS,
    "moderate": Action.MEMBER_MODERATE,
    "pause": Action.MEMBER_SET,
    "queue": Action.QUEUE_LS,
    "remove": Action.MEMBER_REMOVE,
    "rename": Action.LIST_RENAME,
    "restore": Action.LIST_RESTORE,
    "resume": Action.MEMBER_SET,
    "role": Action.MEMBER_SET,
    "set": Action.LIST_SET,
    "unban": Action.MEMBER_ALLOW,
    "unclear": Action.QUEUE_LS,  # told to whoever may order anything
}


def about_others(visit: Visit, member: Membership, orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Return the orders of a mail that are not about its writer; () where it has none."""
    others = tuple(one for one in orders if not _is_own(visit, member, one))
    staff = member.role in {Role.OWNER, Role.MODERATOR}
    if staff:
        return others
    # A member's "title: ..." is no order, "add new@..." may be an address of their own; "remove
    # anna@..." is about somebody else.
    return tuple(one for one in others if "@" in one.who and one.verb != "add")


def take(
    visit: Visit, letter: IncomingLetter, member: Membership, orders: tuple[Order, ...]
) -> str:
    """Answer what only reads, and ask once about the rest; return a word for the log."""
    own = optin.address_of(visit.session, member)
    if not budget.allow_order(visit.session, own.key, now=visit.now):
        return "over-budget: order"
    language = _language(visit, member, orders)
    case = Case(visit, member, AnswerProof(Source.MAIL, "reply", raw_sha=letter.sha))
    orders = tuple(_about_list(visit, one) for one in orders)
    if visit.lst.deleted_at is not None:
        orders = tuple(map(_of_deleted, orders))
    wanted: list[Order] = []
    refused: list[Done] = []
    read: list[Order] = []
    sheets = False
    for order in dict.fromkeys(orders):
        why = _may(member, order)
        if not why and order.verb == "export":
            sheets = True
            continue
        if not why and order.verb in READING:
            read.append(order)
            continue
        why = why or owner_acts.against(case, order)
        if why:
            refused.append(Done(order, why))
        else:
            wanted.append(order)
    shown = [owner_answers.answer(visit, order) for order in read]
    if sheets:
        member_sheets.offer(visit, member, language)
    if shown or (not wanted and (refused or not sheets)):
        context: dict[str, object] = {
            "answers": shown,
            "failed": [] if wanted else _all(case, refused, language),
            "looks_after": member.role is not Role.MEMBER,
        }
        write(visit, own, "owner-answer", language, member.id, context=context)
    if wanted:
        _ask(case, wanted, refused, language, letter)
    return f"orders: {len(wanted)} asked, {len(shown)} answered, {len(refused)} refused"


def carry_out(visit: Visit, asked: OrdersPayload, owner: Membership, proof: AnswerProof) -> str:
    """Do what the owner has confirmed, one order after the other, and send one receipt."""
    case = Case(visit, owner, replace(proof, raw_sha=bytes.fromhex(asked.sha)))
    done: list[Done] = []
    for order in asked.orders:
        why = _may(owner, order) or owner_acts.against(case, order)
        done.append(Done(order, why) if why else owner_acts.do(case, order))
    _receipt(case, done, asked.language)
    return f"orders: {sum(not one.why for one in done)} of {len(done)} done"


def take_back(visit: Visit, ask: Ask, told: OrdersUndo, proof: AnswerProof) -> str:
    """Undo what a receipt told, the last order first; what was changed since stays."""
    owner = visit.session.get(Membership, ask.ref)
    if not asks.spend(visit.session, ask.id, how="undo", now=visit.now) or owner is None:
        return "too-late"
    optin.prove(visit.session, whom(ask), visit.now)
    case = Case(visit, owner, proof)
    undone: list[Done] = []
    for one in reversed(told.orders):
        done = Done(one.order, was=dict(one.was))
        why = _may(owner, done.order) or owner_acts.take_back(case, done)
        undone.append(replace(done, why=why))
    language = told.language
    taken = [one for one in undone if not one.why]
    context: dict[str, object] = {
        "done": _all(case, taken, language),
        "failed": _all(case, [one for one in undone if one.why], language),
    }
    write(visit, whom(ask), "owner-undone", language, owner.id, context=context)
    return f"orders: {len(taken)} undone"


def _is_own(visit: Visit, member: Membership, order: Order) -> bool:
    if "@" not in order.who:
        return False
    named = membership_of(visit.session, visit.lst.id, parse(order.who).key)
    return named is not None and named.id == member.id


def _about_list(visit: Visit, order: Order) -> Order:
    """Return an order that names the list by its own address as one about the list."""
    if order.who not in visit.lst.addresses:
        return order
    line = re.sub(re.escape(order.who), " ", order.line, flags=re.IGNORECASE)
    meant = owner_asks.asked(line)
    return meant if meant is not None and meant.verb not in owner_asks.PLAIN else order


def _of_deleted(order: Order) -> Order:
    """Return what an order means of a deleted list: to open it again is to bring it back."""
    opens = (order.verb, order.who, order.rest) == ("set", "closed", "no")
    return replace(order, verb="restore", who="", rest="") if opens else order


def _may(member: Membership, order: Order) -> str:
    """Return why somebody with this role may not order this, "" where they may."""
    if member.state not in HERE or not allows(ACTIONS[order.verb], ActorRole(member.role.value)):
        return "owners-only"
    if order.verb == "set" and member.role not in BY_NAME[order.who].changed_by:
        return "owners-only"
    return ""


def _language(visit: Visit, member: Membership, orders: tuple[Order, ...]) -> str:
    """Return the language to answer in: the writer's own, else that of their words."""
    own = optin.address_of(visit.session, member)
    said = next((one.language for one in orders if one.language), "")
    return language_of(visit, own, said)


def _ask(
    case: Case, wanted: list[Order], refused: list[Done], language: str, letter: IncomingLetter
) -> None:
    question(
        case.visit,
        AskPurpose.COMMAND,
        to=case.by,
        name="owner-asked",
        language=language,
        payload=OrdersPayload(tuple(wanted), letter.sha.hex(), language),
        context={
            "wanted": _all(case, [Done(one) for one in wanted], language),
            "needs_word": any(one.verb in list_acts.WEIGHTY for one in wanted),
            "failed": _all(case, refused, language),
        },
        ref=case.owner.id,
        member=case.owner.id,
    )


def _receipt(case: Case, done: list[Done], language: str) -> None:
    happened = [one for one in done if not one.why]
    context: dict[str, object] = {
        "done": _all(case, happened, language),
        "failed": _all(case, [one for one in done if one.why], language),
        "undo": bool(happened),
    }
    if not happened:
        write(case.visit, case.by, "owner-done", language, case.owner.id, context=context)
        return
    question(
        case.visit,
        AskPurpose.UNDO,
        to=case.by,
        name="owner-done",
        language=language,
        payload=OrdersUndo(tuple(OrderUndo(one.order, one.was) for one in happened), language),
        context=context,
        ref=case.owner.id,
        member=case.owner.id,
    )


def _all(case: Case, done: list[Done], language: str) -> list[dict[str, object]]:
    return [_shown(case, one, language) for one in done]


def _shown(case: Case, done: Done, language: str) -> dict[str, object]:
    """Return what a mail says of an order: its words in the reader's language."""
    order, lst = done.order, case.visit.lst
    shown: dict[str, object] = {
        "verb": order.verb,
        "who": order.who,
        "how": order.rest,
        "line": order.line,
        "why": done.why,
        "opens": "",
        "members": 0,
        "until": place_acts.until_of(case, order) if order.verb == "pause" else None,
    }
    if order.verb in list_acts.DO:
        shown |= list_acts.shown(case, done)
        shown["members"] = owner_answers.here(case.visit)
    if order.verb == "set":
        named = owner_settings.named(case.visit, order)
        before = str(done.was.get("before", owner_settings.now(lst, order)))
        shown["who"] = spoken(order.who, language)
        shown["value"] = spoken(f"value-{named}", language)
        shown["before"] = spoken(f"value-{_word(before)}", language)
        if not done.why and not done.was:
            shown["opens"] = owner_settings.opening(case.visit, order)
            shown["members"] = owner_answers.here(case.visit)
    return shown


def _word(before: str) -> str:
    return {"True": "yes", "False": "no"}.get(before, before)
