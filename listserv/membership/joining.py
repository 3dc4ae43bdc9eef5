"""Joining: ask once, join by the answer, offer the rest, let owners decide where a list wants it.

    ask_to_join(visit, address, name=..., language=...)      a door's whole work; same for known
                                                             and unknown addresses
    confirm(visit, ask, proof)                               a reply or a button, after asks.look
    confirm_rest(visit, ask, proof) · decline · never · take_back_never · decide_request
    invite(visit, address, ...)                              an owner's or operator's invitation

Pages look with ``asks.look(session, token, AskPurpose.CONFIRM, AskPurpose.REST, ...)`` and act by
the same functions as replies. Functions that spend a token return None where somebody was faster.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sqlalchemy import select

from listserv.letters import ask_payloads, event_files
from listserv.letters.ask_payloads import JoinPayload
from listserv.letters.request import (
    AnswerProof,
    Visit,
    language_of,
    question,
    tell,
    whom,
    write,
)
from listserv.membership import deleted_list, reviving
from mailer.reading.addresses import MailAddress
from subscriptions.lists import relatives
from subscriptions.lists.roster import (
    Join,
    MailList,
    Membership,
    MembershipState,
    Person,
    Role,
    membership_of,
)
from subscriptions.membership import optin
from subscriptions.permission import asks, budget, suppression
from subscriptions.permission.asks import Ask, AskPurpose
from subscriptions.permission.consent import ConsentNote, Source

MAX_MORE = 20  # lists that one pending ask gathers


class Invited(StrEnum):
    """Say what became of an invitation."""

    ASKED = "asked"
    ALREADY = "already"
    SUPPRESSED = "suppressed"
    OWN_ADDRESS = "own address"
    NOT_NOW = "not now"  # they have had a mail from here today
    CLOSED = "closed"  # the list takes nobody any more


@dataclass(frozen=True, slots=True)
class JoinResult:
    """Say what an answer came to; ``rest`` are the lists still to be offered, by ``token``."""

    member: Membership
    waits: bool  # for an owner
    rest: list[MailList] = field(default_factory=list)
    token: str = ""


def ask_to_join(visit: Visit, who: MailAddress, *, name: str = "", language: str = "") -> str:
    """Ask ``who`` to confirm, once a day at most; return what was done, for the log alone.

    A request that may not be answered any more joins the pending question.
    """
    if relatives.list_here(visit.session, who.key):
        return "own-address"
    if suppression.said_never(visit.session, visit.app.keyring, [who.key]):
        return "never-mail-me"
    member = membership_of(visit.session, visit.lst.id, who.key)
    if member is not None and member.state in (MembershipState.ACTIVE, MembershipState.PAUSED):
        return _remind(visit, who, member)
    if visit.lst.closed:
        return offer_help(visit, who, language=language)
    pending = asks.waiting(visit.session, who.key, AskPurpose.CONFIRM, now=visit.now)
    if not _may(visit, who, "join"):
        return _join_pending(visit, pending)
    spoken = language_of(visit, who, language)
    question(
        visit,
        AskPurpose.CONFIRM,
        to=who,
        name="stranger-confirm",
        language=spoken,
        payload=JoinPayload(name[:200], language),
    )
    return "asked"


def offer(
    visit: Visit,
    who: MailAddress,
    name: str,
    *,
    language: str = "",
    context: dict[str, object] | None = None,
) -> None:
    """Send a stranger the mail ``name``, which also offers to join and to be left alone.

    Whoever answers it without asking to join writes to the owners (listserv/reception/replies.py).
    """
    question(
        visit,
        AskPurpose.CONFIRM,
        to=who,
        name=name,
        language=language_of(visit, who, language),
        payload=JoinPayload(language=language, asked=False),
        context=context,
    )


def offer_help(visit: Visit, who: MailAddress, *, language: str = "", leaving: bool = False) -> str:
    """Answer a stranger's call for help; the mail also offers to join and to be left alone."""
    if visit.lst.deleted_at is not None:
        return deleted_list.say(visit, who, language=language)
    if suppression.said_never(visit.session, visit.app.keyring, [who.key]):
        return "never-mail-me"
    if relatives.list_here(visit.session, who.key):
        return "own-address"
    if not _may(visit, who, "help"):
        return "over-budget: help"
    offer(visit, who, "stranger-help", language=language, context={"leaving": leaving})
    return "helped"


def tell_closed(visit: Visit, who: MailAddress) -> None:
    """Tell somebody who has answered a question of ours that nobody can join any more."""
    budget.count(visit.session, who.key, kind="closed", now=visit.now)
    if visit.lst.deleted_at is not None:
        deleted_list.tell(visit, who)
    else:
        offer(visit, who, "stranger-help", context={"leaving": False})


def invite(visit: Visit, who: MailAddress, *, name: str = "", language: str = "") -> Invited:
    """Invite ``who``: a yes makes them a member at once, whatever the list asks of others."""
    why = _against_inviting(visit, who)
    if why is not None:
        return why
    pending = asks.waiting(visit.session, who.key, AskPurpose.CONFIRM, now=visit.now)
    if not _may(visit, who, "invitation", wave=False):
        if not pending:
            return Invited.NOT_NOW
        _join_pending(visit, pending, approved=True)
        return Invited.ASKED
    question(
        visit,
        AskPurpose.CONFIRM,
        to=who,
        name="stranger-invited",
        language=language_of(visit, who, language),
        payload=JoinPayload(name[:200], language, approved=True),
    )
    return Invited.ASKED


def _against_inviting(visit: Visit, who: MailAddress) -> Invited | None:
    """Return why nobody may be invited there, None where they may."""
    if relatives.list_here(visit.session, who.key):
        return Invited.OWN_ADDRESS
    if visit.lst.closed:
        return Invited.CLOSED
    if suppression.said_never(visit.session, visit.app.keyring, [who.key]):
        return Invited.SUPPRESSED
    member = membership_of(visit.session, visit.lst.id, who.key)
    here = (MembershipState.ACTIVE, MembershipState.PAUSED)
    return Invited.ALREADY if member is not None and member.state in here else None


def confirm(
    visit: Visit, ask: Ask, proof: AnswerProof, *, by_mail: bool = True
) -> JoinResult | None:
    """Make the asked address a member, or hand the request to the owners.

    ``by_mail`` says how the rest is offered: by one more mail, or by the page that follows.
    """
    if not asks.spend(visit.session, ask.id, how=proof.how, now=visit.now):
        return None
    if visit.lst.closed:  # it was closed after the question, and they have shown its token
        tell_closed(visit, whom(ask))
        return None
    asked = ask_payloads.join(ask)
    joined = _enter(visit, ask, proof, approved=asked.approved)
    rest = _still_outside(visit, whom(ask), asked.more)
    if not rest:
        return joined
    token = _offer_rest(visit, ask, rest, by_mail=by_mail)
    return JoinResult(joined.member, joined.waits, list(rest), token)


def confirm_rest(visit: Visit, ask: Ask, proof: AnswerProof) -> list[JoinResult] | None:
    """Make the asked address a member of the other lists it had asked for."""
    if not asks.spend(visit.session, ask.id, how=proof.how, now=visit.now):
        return None
    rest = _still_outside(visit, whom(ask), ask_payloads.join(ask).more)
    return [_enter(visit.at(lst), ask, proof, approved=approved) for lst, approved in rest.items()]


def decline(visit: Visit, ask: Ask, how: str) -> None:
    """Take a plain no: the question is closed, a request that waits is withdrawn."""
    asks.spend(visit.session, ask.id, how=f"no: {how}"[:40], now=visit.now)
    member = membership_of(visit.session, visit.lst.id, ask.address_key)
    if member is not None:
        _withdraw(visit, member, AnswerProof(Source.MAIL, "no"))


def never(visit: Visit, ask: Ask, proof: AnswerProof, *, by_mail: bool = True) -> str:
    """Stop all mail to the asked address; return the token that takes it back.

    Works with a used or expired token as well: whoever has it has read the mail.
    """
    who = whom(ask)
    optin.never(visit.desk(proof.note(ask)), who)
    for purpose in (AskPurpose.CONFIRM, AskPurpose.REST, AskPurpose.JOIN_REQUEST):
        for waiting in asks.waiting(visit.session, who.key, purpose, now=visit.now):
            asks.spend(visit.session, waiting.id, how="never", now=visit.now)
    for member in optin.pending_of(visit.session, who.key):
        _withdraw(visit.at(visit.session.get_one(MailList, member.list_id)), member, proof)
    if not by_mail:
        return asks.open_ask(
            visit.session, AskPurpose.NEVER, list_id=visit.lst.id, to=who, now=visit.now
        )
    return question(
        visit,
        AskPurpose.NEVER,
        to=who,
        name="stranger-stopped",
        language=language_of(visit, who, ask_payloads.join(ask).language),
        like=ask,
    )


def take_back_never(visit: Visit, ask: Ask, proof: AnswerProof) -> bool:
    """Let mail to the asked address go again; False where it went already."""
    asks.spend(visit.session, ask.id, how=proof.how, now=visit.now)
    return optin.take_back_never(visit.desk(proof.note(ask)), whom(ask))


def decide_request(
    visit: Visit, member: Membership, note: ConsentNote, *, yes: bool, reason: str = ""
) -> str:
    """Let somebody in who waits for an owner, or not; tell them, and all who were asked."""
    others = asks.supersede(visit.session, AskPurpose.JOIN_REQUEST, member.id, now=visit.now)
    if member.state is not MembershipState.PENDING:
        return "gone"
    desk = visit.desk(note)
    if yes:
        optin.admit(desk, member)
        welcome(visit, member)
    else:
        who = optin.address_of(visit.session, member)
        optin.turn_away(desk, member)
        budget.count(visit.session, who.key, kind="stranger-refused", now=visit.now)
        offer(visit, who, "stranger-refused", context={"reason": reason[:2000]})
    guest = optin.address_of(visit.session, member).given
    for other in others:
        to = whom(other)
        place = membership_of(visit.session, visit.lst.id, to.key)
        number = place.id if place is not None else 0
        tell(visit, to, "owner-decided", language_of(visit, to), number, guest=guest, yes=yes)
    return "admitted" if yes else "turned-away"


def _withdraw(visit: Visit, member: Membership, proof: AnswerProof) -> None:
    """End a request that waits for an owner, by the word of whoever made it."""
    if optin.turn_away(visit.desk(proof.note()), member):
        asks.supersede(visit.session, AskPurpose.JOIN_REQUEST, member.id, now=visit.now)


def _enter(visit: Visit, ask: Ask, proof: AnswerProof, *, approved: bool) -> JoinResult:
    asked, who = ask_payloads.join(ask), whom(ask)
    opens = approved or visit.lst.join is Join.OPEN
    member, fresh = optin.join(
        visit.desk(proof.note(ask)),
        who,
        # Anybody may have asked in their name; how they sign their own answer is theirs.
        name=(proof.name or asked.name)[:200],
        language=_chosen(visit, ask),
        state=MembershipState.ACTIVE if opens else MembershipState.PENDING,
    )
    if member.state is MembershipState.PENDING and opens:
        optin.admit(visit.desk(proof.note(ask)), member)
    if member.state is not MembershipState.PENDING:
        welcome(visit, member)
        return JoinResult(member, waits=False)
    if fresh or not is_before_owners(visit, member):
        _ask_owners(visit, member)
    budget.count(visit.session, who.key, kind="stranger-waiting", now=visit.now)
    offer(visit, who, "stranger-waiting")
    return JoinResult(member, waits=True)


def welcome(visit: Visit, member: Membership) -> None:
    """Mail a new member how the list works, and what is to come as one calendar file."""
    to = optin.address_of(visit.session, member)
    budget.count(visit.session, to.key, kind="member-welcome", now=visit.now)
    coming, files = event_files.published(visit.session, visit.app, visit.lst, member, visit.now)
    write(
        visit, to, "member-welcome", language_of(visit, to), member.id,
        context={"coming": coming}, enclosures=files,
    )  # fmt: skip


def _chosen(visit: Visit, ask: Ask) -> str:
    """Return the language to remember: that of the question, where it is not the list's own."""
    said = ask_payloads.join(ask).language
    return said if said != visit.lst.language else ""


def is_before_owners(visit: Visit, member: Membership) -> bool:
    """Tell whether an owner or a moderator was asked about somebody, and has not answered."""
    open_ones = select(Ask.id).where(
        Ask.purpose == AskPurpose.JOIN_REQUEST.value, Ask.ref == member.id, Ask.used_at.is_(None)
    )
    return visit.session.scalar(open_ones.limit(1)) is not None


def _ask_owners(visit: Visit, member: Membership) -> None:
    for owner in optin.owners_of(visit.session, visit.lst, Role.OWNER, Role.MODERATOR):
        _ask_owner(visit, member, owner)


def _ask_owner(visit: Visit, member: Membership, owner: Membership) -> None:
    to = optin.address_of(visit.session, owner)
    person = visit.session.get_one(Person, member.person_id)
    guest = optin.address_of(visit.session, member).given
    question(
        visit,
        AskPurpose.JOIN_REQUEST,
        to=to,
        name="owner-request",
        language=language_of(visit, to),
        ref=member.id,
        member=owner.id,
        context={"guest": guest, "guest_name": person.name},
    )


def ask_owner_again(visit: Visit, ask: Ask) -> None:
    """Put a join request before an owner once more, whose answer was neither yes nor no."""
    member = visit.session.get(Membership, ask.ref)
    owner = membership_of(visit.session, visit.lst.id, ask.address_key)
    waits = member is not None and member.state is MembershipState.PENDING
    if member is not None and owner is not None and waits and _may(visit, whom(ask), "again"):
        _ask_owner(visit, member, owner)


def _offer_rest(visit: Visit, ask: Ask, rest: dict[MailList, bool], *, by_mail: bool) -> str:
    who = whom(ask)
    more = {lst.id: approved for lst, approved in rest.items()}
    payload = replace(ask_payloads.join(ask), more=more)
    if not by_mail:
        return asks.open_ask(
            visit.session,
            AskPurpose.REST,
            list_id=visit.lst.id,
            to=who,
            now=visit.now,
            payload=payload,
            like=ask,
            wording=ask.wording,
        )
    budget.count(visit.session, who.key, kind="rest", now=visit.now)
    return question(
        visit,
        AskPurpose.REST,
        to=who,
        name="stranger-rest",
        language=language_of(visit, who, ask_payloads.join(ask).language),
        payload=payload,
        like=ask,
        context={"others": [{"title": lst.title, "address": lst.address} for lst in rest]},
    )


def _still_outside(
    visit: Visit, who: MailAddress, more: Mapping[int, bool]
) -> dict[MailList, bool]:
    """Return the other lists that were asked for and whether an owner has said yes already."""
    found: dict[MailList, bool] = {}
    for number, approved in more.items():
        lst = visit.session.get(MailList, number)
        if lst is None:
            continue
        member = membership_of(visit.session, lst.id, who.key)
        if member is None or member.state in (MembershipState.LEFT, MembershipState.PENDING):
            found[lst] = approved
    return found


def _join_pending(visit: Visit, pending: list[Ask], *, approved: bool = False) -> str:
    """Let a request that may not be answered join the pending question.

    How that question may be answered stays what its mail says: who was told to write "join" is
    not made a member by a question of theirs, because somebody forged a request meanwhile.
    """
    if not pending:
        return "over-budget: join"
    ask = pending[-1]
    asked = ask_payloads.join(ask)
    if ask.list_id == visit.lst.id:
        asked = replace(asked, approved=asked.approved or approved)
    elif len(asked.more) < MAX_MORE or visit.lst.id in asked.more:
        before = asked.more.get(visit.lst.id, False)
        asked = replace(asked, more={**asked.more, visit.lst.id: before or approved})
    asks.amend(visit.session, ask, asked)
    return "joined-pending"


def _remind(visit: Visit, who: MailAddress, member: Membership) -> str:
    """Answer somebody who is a member already, at the address that asked."""
    if not _may(visit, who, "join"):
        return "over-budget: join"
    found = reviving.stands(visit, member)
    if found is not None:
        reviving.ask(visit, who, member, found)
        return "asked: mail again"
    write(visit, who, "member-already", language_of(visit, who), member.id)
    return "already"


def _may(visit: Visit, who: MailAddress, kind: str, *, wave: bool = True) -> bool:
    return visit.allow(who.key, kind, wave=wave)
