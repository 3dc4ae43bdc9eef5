"""Give somebody another role by an owner's word ("make anna@example.org moderator").

    ask(visit, member, rest)                    # a From line: nothing but a question to the owner
    give(visit, ask, owner, rest, proof)        # the owner has answered it
    take_back(visit, ask, given, proof)         # the owner has answered the receipt

Whoever gets the role is told, and so is every owner; the owner who did it gets a receipt that one
reply takes back. Who asked without being owner, for somebody who is no member, or for the last
owner to be less, is told so. SECURITY: what may be done is looked at again when the answer
comes; an owner who is none any more can neither give a role nor take one back.
"""

import re
from dataclasses import dataclass

from listserv.actions import members
from listserv.actions.members import SetMember
from listserv.letters.ask_payloads import RoleUndo, WishPayload
from listserv.letters.request import AnswerProof, Visit, language_of, question, tell_member, whom
from listserv.owners.owner_case import Case
from mailer.errors import BadInput
from mailer.reading.addresses import MailAddress, parse
from subscriptions.lists.roster import Membership, MembershipState, Role, membership_of
from subscriptions.membership import changes, optin
from subscriptions.permission import asks
from subscriptions.permission.asks import Ask, AskPurpose
from subscriptions.permission.consent import ConsentNote
from templates import lexicon

_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"]+@[^\s<>()\[\],;:\"]+")


@dataclass(frozen=True, slots=True)
class Appointment:
    """Say who is to have which role."""

    who: MailAddress
    role: Role

    def __str__(self) -> str:
        """Return the words that ``read`` reads again."""
        return f"{self.who.given} {self.role.value}"


def read(rest: str) -> Appointment | None:
    """Return what the words behind the verb say; None where an address or a role is not certain."""
    found: dict[str, MailAddress] = {}
    for spelled in _ADDRESS.findall(rest):
        try:
            who = parse(spelled.strip(".*_'"))
        except BadInput:
            return None
        found.setdefault(who.key, who)
    words = set(lexicon.fold(_ADDRESS.sub(" ", rest)).split())
    # Advisors have nothing to do yet: whoever asks for one is shown the roles there are.
    offered = [role for role in Role if role is not Role.ADVISOR]
    named = [role for role in offered if words & lexicon.phrases("roles", role.value)]
    if len(found) != 1 or len(named) != 1:
        return None
    return Appointment(next(iter(found.values())), named[0])


def ask(visit: Visit, member: Membership, rest: str) -> str:
    """Ask the owner whom a From line names whether that was they; or say why it cannot be."""
    wanted = read(rest)
    why = against(visit, member, wanted)
    if why or wanted is None:
        return _refuse(visit, member, wanted, why)
    own = optin.address_of(visit.session, member)
    question(
        visit,
        AskPurpose.COMMAND,
        to=own,
        name="member-command",
        language=language_of(visit, own),
        payload=WishPayload("role", str(wanted)),
        context={
            "command": "role",
            "who": wanted.who.given,
            "role": wanted.role.value,
            "looks_after": True,
        },
        ref=member.id,
        member=member.id,
    )
    return "asked: role"


def give(visit: Visit, ask: Ask, owner: Membership, rest: str, proof: AnswerProof) -> str:
    """Do what the owner has confirmed, and tell everybody whom it concerns."""
    wanted = read(rest)
    why = against(visit, owner, wanted)
    if why or wanted is None:
        return _refuse(visit, owner, wanted, why)
    note = proof.note(ask, actor=ask.address_key)
    _receipt(visit, owner, change(Case(visit, owner, proof), wanted, note))
    return f"role: {wanted.role.value}"


def take_back(visit: Visit, ask: Ask, given: RoleUndo, proof: AnswerProof) -> str:
    """Give the role back that stood before the receipt which ``ask`` came with."""
    owner = visit.session.get(Membership, ask.ref)
    if not asks.spend(visit.session, ask.id, how="undo", now=visit.now) or owner is None:
        return "too-late"
    optin.prove(visit.session, whom(ask), visit.now)
    wanted = Appointment(parse(given.who), Role(given.was))
    member = membership_of(visit.session, visit.lst.id, wanted.who.key)
    since = member is not None and member.role.value != given.role
    why = "changed" if since else against(visit, owner, wanted)
    if why:
        return _refuse(visit, owner, wanted, why)
    note = proof.note(ask, actor=ask.address_key)
    _receipt(visit, owner, change(Case(visit, owner, proof), wanted, note))
    return f"role: {wanted.role.value}"


def against(visit: Visit, owner: Membership, wanted: Appointment | None) -> str:
    """Return why this cannot be done, "" where it can."""
    if owner.role is not Role.OWNER or owner.state not in _HERE:
        return "owners-only"
    if wanted is None:
        return "unclear"
    member = membership_of(visit.session, visit.lst.id, wanted.who.key)
    if member is None or member.state not in _HERE:
        return "no-member"
    if member.role is wanted.role:
        return "same"
    return "last-owner" if changes.is_last_owner(visit.session, member) else ""


def _refuse(visit: Visit, owner: Membership, wanted: Appointment | None, why: str) -> str:
    who, role = (wanted.who.given, wanted.role.value) if wanted else ("", "")
    tell_member(visit, owner, "owner-no-role", why=why, who=who, role=role)
    return f"no role: {why}"


def change(case: Case, wanted: Appointment, note: ConsentNote) -> dict[str, str]:
    """Give a role that ``against`` has nothing against, and tell whom it concerns but the owner.

    Return what a mail says of it.
    """
    visit, owner = case.visit, case.owner
    member = membership_of(visit.session, visit.lst.id, wanted.who.key)
    if member is None:
        raise LookupError("the member vanished within one transaction")
    told = {"who": wanted.who.given, "role": wanted.role.value, "was": member.role.value}
    members.set_(
        case.call, SetMember(visit.lst.address, wanted.who.given, role=wanted.role, note=note)
    )
    if member.id != owner.id:
        tell_member(visit, member, "member-role", role=wanted.role.value)
    for other in optin.owners_of(visit.session, visit.lst):
        if other.id not in {owner.id, member.id}:
            tell_member(visit, other, "owner-role", by=case.by.given, undo=False, **told)
    return told


def _receipt(visit: Visit, owner: Membership, told: dict[str, str]) -> None:
    """Tell the owner who did it; who gave up the own role cannot take it again alone."""
    own = optin.address_of(visit.session, owner)
    if owner.role is not Role.OWNER:
        tell_member(visit, owner, "owner-role", by="", undo=False, **told)
        return
    question(
        visit,
        AskPurpose.UNDO,
        to=own,
        name="owner-role",
        language=language_of(visit, own),
        payload=RoleUndo(**told),
        context={"by": "", "undo": True, **told},
        ref=owner.id,
        member=owner.id,
    )
