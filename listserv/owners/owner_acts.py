"""Do one order of an owner, or say why it cannot be done: people on the list, and bans.

    against(case, order)      # why it cannot be done, "" where it can; asked before and again after
    do(case, order)           # what was done, with what its undo needs
    take_back(case, done)     # "" where that was undone, else why not

Knows rows and who is told; who may order, and that they were asked, is for owner_commands.py.
Settings are in owner_settings.py. SECURITY: whoever is added by an owner's word is told who did it,
why, and how to leave at once; ``A_DAY`` people a day and list, the others are invited. Nobody is
added who has left, has said "never", or was erased.
"""

from dataclasses import replace

from sqlalchemy import func, select

from listserv.actions import members, people
from listserv.actions.members import AddMember, RemoveMember
from listserv.actions.people import AllowAddress, BanAddress
from listserv.answers.owner_order import Order
from listserv.letters import ask_payloads
from listserv.letters.request import language_of, tell, tell_member
from listserv.membership import joining
from listserv.membership.joining import Invited
from listserv.moderation import bans
from listserv.owners import list_acts, owner_settings, place_acts
from listserv.owners.owner_case import BY, HERE, Case, Done
from mailer.errors import KretsError, Refused
from mailer.reading.addresses import parse
from subscriptions.lists import relatives
from subscriptions.lists.roster import Membership, MembershipState, Role
from subscriptions.membership import changes, optin
from subscriptions.membership.members import Candidate, Fate
from subscriptions.permission import asks, suppression
from subscriptions.permission.asks import AskPurpose
from subscriptions.permission.consent import Act, Consent

A_DAY = 20  # people whom mail may add to one list in 24 hours
DAY = 86400.0
_NOT_INVITED = {
    Invited.ASKED: "",
    Invited.ALREADY: "already",
    Invited.SUPPRESSED: "barred",
    Invited.OWN_ADDRESS: "own-address",
}
_OF_LIST = {"set": owner_settings.against} | dict.fromkeys(list_acts.DO, list_acts.against)
_REFUSED = {
    Fate.ALREADY: "already",
    Fate.DUPLICATE: "already",
    Fate.SUPPRESSED: "barred",
    Fate.ERASED: "barred",
    Fate.OWN_ADDRESS: "own-address",
}


def against(case: Case, order: Order) -> str:
    """Return why an order cannot be done, "" where it can."""
    why = order.verb if order.verb == "unclear" else list_acts.after_deletion(case, order)
    if why:
        return why
    if order.verb in _OF_LIST:
        return _OF_LIST[order.verb](case, order)
    member = case.member(order)
    if order.verb in {"add", "invite"}:
        return _against_coming(case, order, here=member is not None and member.state in HERE)
    if order.verb in {"ban", "unban"}:
        return _against_ban(case, order)
    if order.verb == "remove":
        return _against_removing(case, member)
    return place_acts.against(case, order, member)


def _against_ban(case: Case, order: Order) -> str:
    if case.visit.lst.owns(parse(order.who).key):
        return "own-address"
    return "same" if _is_banned(case, order) is (order.verb == "ban") else ""


def _against_removing(case: Case, member: Membership | None) -> str:
    if member is None or member.state not in (*HERE, MembershipState.PENDING):
        return "no-member"
    return "last-owner" if changes.is_last_owner(case.visit.session, member) else ""


def _against_coming(case: Case, order: Order, *, here: bool) -> str:
    who = parse(order.who)
    if case.visit.lst.owns(who.key):
        return "own-address"
    if relatives.list_here(case.visit.session, who.key):
        return "a-list"
    if here:
        return "already"
    if case.visit.lst.closed:
        return "closed"
    keyring = case.visit.app.keyring
    never = suppression.said_never(case.visit.session, keyring, [who.key])
    return "barred" if never else ""


def do(case: Case, order: Order) -> Done:
    """Do an order that ``against`` has nothing against."""
    return _DO[order.verb](case, order)


def take_back(case: Case, done: Done) -> str:
    """Undo what was done, unless it was changed since; return why not."""
    return _UNDO[done.order.verb](case, done)


def _add(case: Case, order: Order) -> Done:
    """Add somebody who has said yes to the owner; whoever cannot be added so is invited."""
    visit, member = case.visit, case.member(order)
    has_left = member is not None and member.state is MembershipState.LEFT
    if not order.rest or has_left or _added_today(case) >= A_DAY:
        return _invite(case, replace(order, verb="invite"))
    who = Candidate(parse(order.who), name=order.name, consent=case.note(order.rest))
    fate = members.add(case.call, AddMember(visit.lst.address, who)).outcome.fate
    if fate is not Fate.ADDED:
        return Done(order, _REFUSED.get(fate, "barred"))
    visit.session.expire_all()
    member = case.member(order)
    if member is None:
        raise LookupError("the member vanished within one transaction")
    asks.supersede(visit.session, AskPurpose.JOIN_REQUEST, member.id, now=visit.now)
    tell_member(visit, member, "member-added", by=case.by.given, how=order.rest)
    return Done(order, was={"member": member.id})


def _added_today(case: Case) -> int:
    visit = case.visit
    added = select(func.count()).where(
        Consent.list_address.in_(visit.lst.addresses),
        Consent.act == Act.CONSENTED,
        Consent.confirmed_by == BY,
        Consent.at > visit.now - DAY,
    )
    return visit.session.scalar(added) or 0


def _invite(case: Case, order: Order) -> Done:
    said = joining.invite(case.visit, parse(order.who), name=order.name)
    return Done(order, _NOT_INVITED.get(said, "not-now"))


def _remove(case: Case, order: Order) -> Done:
    wanted = RemoveMember(case.visit.lst.address, order.who, case.note())
    removed = members.remove(case.call, wanted)
    was: dict[str, object] = {
        "member": removed.membership,
        "state": removed.state.value,
        "at": case.visit.now,
    }
    if removed.state is not MembershipState.PENDING:
        was |= {"until": removed.paused_until or 0.0, "role": removed.role.value}
        _tell_removed(case, case.visit.session.get_one(Membership, removed.membership))
    return Done(order, was=was)


def _tell_removed(case: Case, member: Membership) -> None:
    who = optin.address_of(case.visit.session, member)
    tell(case.visit, who, "member-removed", language_of(case.visit, who), by=case.by.given)


def _ban(case: Case, order: Order) -> Done:
    people.ban(case.call, BanAddress(case.visit.lst.address, order.who))
    return Done(order)


def _unban(case: Case, order: Order) -> Done:
    people.allow(case.call, AllowAddress(order.who, case.visit.lst.address))
    return Done(order)


def _is_banned(case: Case, order: Order) -> bool:
    return bans.is_banned(case.visit.session, case.visit.lst.id, parse(order.who).key)


def _set(case: Case, order: Order) -> Done:
    try:
        return Done(order, was=owner_settings.put(case, order))
    except (KretsError, ValueError):
        return Done(order, "value")


def _take_out(case: Case, done: Done) -> str:
    member = case.visit.session.get(Membership, int(str(done.was["member"])))
    if member is None or member.state not in HERE:
        return "changed"
    if member.role is not Role.MEMBER:  # made more of since
        return "changed"
    members.remove(case.call, RemoveMember(case.visit.lst.address, done.order.who, case.note()))
    _tell_removed(case, member)
    return ""


def _withdraw(case: Case, done: Done) -> str:
    visit, key = case.visit, parse(done.order.who).key
    open_ones = asks.waiting(visit.session, key, AskPurpose.CONFIRM, now=visit.now)
    ours = [
        one for one in open_ones if one.list_id == visit.lst.id and ask_payloads.join(one).approved
    ]
    for one in ours:
        asks.spend(visit.session, one.id, how="withdrawn", now=visit.now)
    return "" if ours else "changed"


def _bring_back(case: Case, done: Done) -> str:
    """Bring back somebody who was removed, if nothing has happened to them since."""
    member = case.visit.session.get(Membership, int(str(done.was["member"])))
    same = (
        member is not None
        and member.state is MembershipState.LEFT
        and member.left_at == done.was["at"]
    )
    if member is None or not same or done.was["state"] == MembershipState.PENDING:
        return "changed"
    who = optin.address_of(case.visit.session, member)
    if suppression.said_never(case.visit.session, case.visit.app.keyring, [who.key]):
        return "barred"
    note = case.note("The owner who had removed them took that back.")
    try:
        changes.change_state(case.visit.desk(note), member, MembershipState.ACTIVE)
        if done.was["state"] == MembershipState.PAUSED:
            until = float(str(done.was["until"])) or None
            changes.change_state(
                case.visit.desk(note), member, MembershipState.PAUSED, paused_until=until
            )
    except Refused:
        return "barred"
    tell_member(case.visit, member, "member-added", by=case.by.given, how="")
    return ""


def _ban_again(case: Case, done: Done) -> str:
    return "changed" if _is_banned(case, done.order) else _ban(case, done.order).why


def _lift_again(case: Case, done: Done) -> str:
    return _unban(case, done.order).why if _is_banned(case, done.order) else "changed"


def _put_back(case: Case, done: Done) -> str:
    return owner_settings.put_back(case, done.order, done.was)


_DO = {
    "add": _add,
    "invite": _invite,
    "remove": _remove,
    "ban": _ban,
    "unban": _unban,
    **list_acts.DO,
    **place_acts.DO,
    "set": _set,
}
_UNDO = {
    "add": _take_out,
    "invite": _withdraw,
    "remove": _bring_back,
    "ban": _lift_again,
    "unban": _ban_again,
    **list_acts.UNDO,
    **place_acts.UNDO,
    "set": _put_back,
}
