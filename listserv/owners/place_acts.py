"""Change what one member has on the list: who reads their posts first, their pause, their role.

    against(case, order, member)      # why it cannot be done, "" where it can
    DO[verb](case, order)             # what was done, with what its undo needs
    UNDO[verb](case, done)            # "" where that was undone, else why not

Whoever is paused or given a role by somebody else is told who did it. Refuses to know who may
order and whether they were asked (owner_commands.py).
"""

from collections.abc import Callable

from listserv.actions import members
from listserv.actions.members import ModerateMember, SetMember
from listserv.answers import dates
from listserv.answers.owner_order import Order
from listserv.letters import commands
from listserv.letters.request import tell_member
from listserv.owners import roles
from listserv.owners.owner_case import HERE, Case, Done
from listserv.owners.roles import Appointment
from mailer.reading.addresses import parse
from subscriptions.lists.roster import Membership, MembershipState, Rhythm, Role


def against(case: Case, order: Order, member: Membership | None) -> str:
    """Return why a member's place cannot be changed so, "" where it can."""
    if member is None or member.state not in HERE:
        return "no-member"
    if order.verb == "role":
        return roles.against(case.visit, case.owner, _wanted(order))
    if order.verb == "pause":
        return _against_pause(case, order, member)
    if order.verb == "resume":
        return "same" if _is_mailed(member) else ""
    return "same" if member.moderated is (order.verb == "moderate") else ""


def until_of(case: Case, order: Order) -> float | None:
    """Return when a pause that is ordered ends; None for until further notice."""
    return commands.until(order.rest, case.visit.now)


def _against_pause(case: Case, order: Order, member: Membership) -> str:
    until = until_of(case, order)
    if until is None and dates.names_one(order.rest):
        return "date"
    same = member.state is MembershipState.PAUSED and member.paused_until == until
    return "same" if same else ""


def _is_mailed(member: Membership) -> bool:
    return member.state is MembershipState.ACTIVE and member.rhythm is not Rhythm.PAUSED


def _wanted(order: Order) -> Appointment:
    return Appointment(parse(order.who), Role(order.rest))


def _watch(case: Case, order: Order) -> Done:
    wanted = ModerateMember(case.visit.lst.address, order.who, order.verb == "moderate")
    return Done(order, was={"moderated": members.moderate(case.call, wanted).before})


def _unwatch(case: Case, done: Done) -> str:
    member = case.member(done.order)
    if member is None or member.moderated is not (done.order.verb == "moderate"):
        return "changed"
    before = done.was["moderated"]
    held = before if isinstance(before, bool) else None
    members.moderate(case.call, ModerateMember(case.visit.lst.address, done.order.who, held))
    return ""


def _pause(case: Case, order: Order) -> Done:
    member = case.member(order)
    if member is None:
        return Done(order, "no-member")
    was = _stands(member)
    pauses = order.verb == "pause"
    state = MembershipState.PAUSED if pauses else MembershipState.ACTIVE
    until = until_of(case, order) if pauses else None
    _set(case, order, state=state, paused_until=until)
    name = "member-paused-by" if pauses else "member-resumed-by"
    tell_member(case.visit, member, name, by=case.by.given, until=until)
    return Done(order, was={**was, "now": _stands(member)})


def _unpause(case: Case, done: Done) -> str:
    member = case.member(done.order)
    if member is None or _stands(member) != done.was["now"]:
        return "changed"
    state, until = MembershipState(str(done.was["state"])), done.was["until"]
    paused_until = until if isinstance(until, float) else None
    rhythm = Rhythm(str(done.was["rhythm"]))
    _set(case, done.order, state=state, paused_until=paused_until, rhythm=rhythm)
    paused = not _is_mailed(member)
    name = "member-paused-by" if paused else "member-resumed-by"
    tell_member(case.visit, member, name, by=case.by.given, until=member.paused_until)
    return ""


def _set(
    case: Case,
    order: Order,
    *,
    state: MembershipState,
    paused_until: float | None,
    rhythm: Rhythm | None = None,
) -> None:
    members.set_(
        case.call,
        SetMember(
            case.visit.lst.address,
            order.who,
            state=state,
            paused_until=paused_until,
            rhythm=rhythm,
            note=case.note(),
        ),
    )


def _stands(member: Membership) -> dict[str, object]:
    return {
        "state": member.state.value,
        "until": member.paused_until,
        "rhythm": member.rhythm.value,
    }


def _appoint(case: Case, order: Order) -> Done:
    member = case.member(order)
    if member is None:
        return Done(order, "no-member")
    was = member.role.value
    roles.change(case, _wanted(order), case.note())
    return Done(order, was={"role": was})


def _disappoint(case: Case, done: Done) -> str:
    member = case.member(done.order)
    if member is None or member.role is not Role(done.order.rest):
        return "changed"
    back = Appointment(parse(done.order.who), Role(str(done.was["role"])))
    why = roles.against(case.visit, case.owner, back)
    if not why:
        roles.change(case, back, case.note())
    return why


DO: dict[str, Callable[[Case, Order], Done]] = {
    "allow": _watch,
    "moderate": _watch,
    "pause": _pause,
    "resume": _pause,
    "role": _appoint,
}
UNDO: dict[str, Callable[[Case, Done], str]] = {
    "allow": _unwatch,
    "moderate": _unwatch,
    "pause": _unpause,
    "resume": _unpause,
    "role": _disappoint,
}
