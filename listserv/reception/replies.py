"""Replies: what an answer to a mail of ours does, by the purpose of the question.

``REPLIES`` is asked by purpose; each handler gets the visit, what the token is (with its trouble:
a second use is answered kindly) and the letter, and returns a word for the log. Automatic mail
never comes here.
"""

from collections.abc import Callable
from dataclasses import replace

from listserv.actions import members
from listserv.actions.call import Call
from listserv.actions.links import DeadLink, MailedLink
from listserv.actions.own import joining as own_joining
from listserv.actions.own import mailed_links, own_membership
from listserv.actions.own.joining import AskToJoin, JoinState
from listserv.actions.own.mailed_links import ToldByMail
from listserv.actions.own.own_membership import PauseOwn, SetOwn
from listserv.actions.permissions import Action
from listserv.answers import dates, meaning, rhythm_wishes
from listserv.answers.meaning import Means, Reader
from listserv.conversations import arranging, solving, thread_receipts
from listserv.letters import ask_payloads, commands, notices
from listserv.letters.ask_payloads import (
    ArrangedUndo,
    OrdersPayload,
    OrdersUndo,
    RoleUndo,
    SolvedUndo,
    ThreadUndo,
    WishPayload,
    WishUndo,
)
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import AnswerProof, Visit, language_of, question, whom, write
from listserv.letters.transaction import HELD
from listserv.membership import joining, reviving, wishes
from listserv.moderation.decisions import HERE
from listserv.moderation.holds import hold
from listserv.owners import list_acts, owner_commands, roles
from listserv.reception import event_letters, moderator_answers, refused_posts, thread_letters
from listserv.reception.mail_callers import by_answer, proof_of
from mailer.errors import BadInput
from mailer.reading.addresses import MailAddress, parse
from mailer.storage.arrivals import Arrival
from subscriptions.lists.roster import Membership, MembershipState, Role, membership_of
from subscriptions.membership import optin
from subscriptions.permission import asks, budget
from subscriptions.permission.asks import Ask, AskLookup, AskPurpose, Trouble

_NO = 5  # words of a no that is no letter to the owners
_DECIDE = (Role.OWNER, Role.MODERATOR)
# An answer to these wishes for no mail, or brings the address back by itself.
_SILENT = (
    AskPurpose.CONFIRM,
    AskPurpose.REST,
    AskPurpose.LEAVE,
    AskPurpose.NEVER,
    AskPurpose.REACH,
)
Handler = Callable[[Visit, AskLookup, IncomingLetter], str]
_Receipts = OrdersUndo | RoleUndo | ThreadUndo | SolvedUndo | ArrangedUndo


def answered(visit: Visit, found: AskLookup, letter: IncomingLetter) -> str:
    """Do what the answer to an open question says, or tell kindly that it came too late."""
    if found.ask is None:
        return "unknown-token"
    done = REPLIES[AskPurpose(found.ask.purpose)](visit, found, letter)
    if found.trouble is None and AskPurpose(found.ask.purpose) not in _SILENT:
        reviving.by_answer(visit, whom(found.ask), proof_of(letter))
    return done


def _open(handler: Callable[[Visit, Ask, IncomingLetter], str]) -> Handler:
    """Return a handler that is called for questions which are still open."""

    def reply(visit: Visit, found: AskLookup, letter: IncomingLetter) -> str:
        if found.ask is None or found.trouble is not None:
            return _late(visit, found)
        return handler(visit, found.ask, letter)

    return reply


def _late(visit: Visit, found: AskLookup) -> str:
    trouble = found.trouble or Trouble.UNKNOWN
    if found.ask is not None:
        who = whom(found.ask)
        if visit.allow(who.key, "late"):
            _tell_late(visit, who, trouble)
    return f"late: {trouble}"


def _tell_late(visit: Visit, who: MailAddress, trouble: Trouble) -> None:
    context: dict[str, object] = {"trouble": trouble.value}
    member = membership_of(visit.session, visit.lst.id, who.key)
    if member is None or member.state not in HERE:
        joining.offer(visit, who, "stranger-late", context=context)
        return
    write(visit, who, "stranger-late", language_of(visit, who), member.id, context=context)


def _confirm(visit: Visit, found: AskLookup, letter: IncomingLetter) -> str:
    ask = found.ask
    if ask is None:
        return "unknown-token"
    said = _answer(ask, letter, meaning.confirm)
    if said is Means.NEVER:
        own_joining.never_ask(by_answer(visit, ask, proof_of(letter)), ask)
        return "never-mail-me"
    if said is Means.AUTOMATIC:
        return "not-answered: automatic"
    if found.trouble is Trouble.EXPIRED and said in {Means.YES, Means.EMPTY}:
        return _ask_to_join(visit, ask, letter)
    if found.trouble is not None:
        return _late(visit, found)
    return _joins(visit, ask, letter, said)


def _joins(visit: Visit, ask: Ask, letter: IncomingLetter, said: Means) -> str:
    """Join by a clear yes, or by an empty answer to a mail that asked; nobody by anything else."""
    asked = ask_payloads.join(ask).asked
    if said is Means.NO and (asked or len(letter.text.split()) <= _NO):
        own_joining.decline(by_answer(visit, ask, proof_of(letter)), ask)
        return "declined"
    if not asked and _is_from_owner(visit, letter):
        # They were sent help, and may have a question that the owners answer "to all".
        return "an owner's answer"
    if said is Means.YES or (said is Means.EMPTY and asked):
        return _said_yes(visit, ask, letter)
    return ask_again(visit, ask) if asked else _to_owners(visit, letter)


def _answer(ask: Ask, letter: IncomingLetter, reader: Reader) -> Means:
    """Return what a letter means to the question: its text, signature and changed subject."""
    own = letter.words.under(letter.subject, ask.question)
    if ask.again:
        numbered = meaning.by_number(own, reader)
        if numbered:
            return numbered
    return reader(own, ask.wording.rpartition("/")[2]).means


def ask_again(visit: Visit, ask: Ask) -> str:
    """Put a question once more whose answer was not understood, to be answered by a number.

    Once for each question, then it rests; whoever answers has the token, so the mail is counted
    and not refused. The first mail's answers still count.
    """
    if ask.again:
        return "not-understood"
    to = whom(ask)
    asks.mark_again(visit.session, ask)
    budget.count(visit.session, to.key, kind="again", now=visit.now)
    joins = ask.purpose in {one.value for one in JOINS} or ask.purpose == AskPurpose.ADDRESS
    member = membership_of(visit.session, visit.lst.id, to.key)
    question(
        visit,
        AskPurpose(ask.purpose),
        to=to,
        name="stranger-unsure" if joins else "member-unsure",
        language=ask.wording.rpartition("/")[2] or language_of(visit, to),
        like=ask,
        context={"asked": ask.purpose},
        ref=ask.ref,
        member=0 if joins or member is None or member.state not in HERE else member.id,
    )
    return "asked again"


def _said_yes(visit: Visit, ask: Ask, letter: IncomingLetter) -> str:
    done = own_joining.confirm_ask(by_answer(visit, ask, proof_of(letter)), ask)
    if ask.purpose == AskPurpose.REST:
        return f"joined {done.lists} more"
    if done.state is JoinState.USED:
        return "late: closed" if visit.lst.closed else "late: used"
    return "waits-for-owner" if done.state is JoinState.WAITING else "joined"


def _ask_to_join(visit: Visit, ask: Ask, letter: IncomingLetter) -> str:
    """Ask whoever was asked before whether they want to join, now."""
    wanted = AskToJoin(visit.lst.address, whom(ask), letter.name)
    return own_joining.ask(by_answer(visit, ask, proof_of(letter)), wanted)


def _is_from_owner(visit: Visit, letter: IncomingLetter) -> bool:
    if letter.author is None:
        return False
    member = membership_of(visit.session, visit.lst.id, letter.author.key)
    return member is not None and member.role in _DECIDE


def _to_owners(visit: Visit, letter: IncomingLetter) -> str:
    """Hand a stranger's letter on to the owners; without owners it waits in the queue."""
    arrival = visit.session.get_one(Arrival, letter.arrival_id)
    reached = notices.forward(visit.session, visit.app, [visit.lst], arrival, letter.raw, visit.now)
    if reached:
        return f"forwarded to {reached}"
    hold(visit.session, arrival, visit.lst.address, ("no-owner",), "")
    return HELD


def _leave(visit: Visit, ask: Ask, letter: IncomingLetter) -> str:
    said = _answer(ask, letter, meaning.leave)
    if said is Means.UNCLEAR:
        return ask_again(visit, ask)
    if said is Means.STAY:
        asks.spend(visit.session, ask.id, how="no: reply", now=visit.now)
        return "stays"
    member = visit.session.get(Membership, ask.ref)
    if not asks.spend(visit.session, ask.id, how="reply", now=visit.now) or member is None:
        return "late: used"
    optin.prove(visit.session, whom(ask), visit.now)
    call, link = by_answer(visit, ask, proof_of(letter)), MailedLink(visit.lst.address)
    try:
        own_membership.leave(call, link)
    except DeadLink:  # the address that was asked is another's now
        return "late: used"
    return "left"


def _command(visit: Visit, ask: Ask, letter: IncomingLetter) -> str:
    said = _answer(ask, letter, meaning.agree)
    if said is Means.NO:
        asks.spend(visit.session, ask.id, how="no: reply", now=visit.now)
        return "declined"
    # The mail says whether its answer may be empty.
    if said is not Means.YES and (said is not Means.EMPTY or _needs_word(ask)):
        return ask_again(visit, ask)
    member = visit.session.get(Membership, ask.ref)
    if not asks.spend(visit.session, ask.id, how="reply", now=visit.now) or member is None:
        return "late: used"
    optin.prove(visit.session, whom(ask), visit.now)
    asked = ask_payloads.command(ask)
    if isinstance(asked, OrdersPayload):
        return owner_commands.carry_out(visit, asked, member, proof_of(letter))
    try:
        return _carry_out(visit, ask, asked, member, letter)
    except DeadLink:  # the address that was asked is another's now
        return "late: used"


def _carry_out(
    visit: Visit, ask: Ask, asked: WishPayload, member: Membership, letter: IncomingLetter
) -> str:
    wish = commands.Command(asked.verb, asked.rest)
    if wish.verb == "role":
        return roles.give(visit, ask, member, wish.rest, proof_of(letter))
    if wish.verb in thread_letters.VERBS:
        return thread_letters.grant(visit, member, wish)
    if wish.verb != "forget":
        return grant(by_answer(visit, ask, proof_of(letter)), visit, member, wish)
    own_membership.forget(by_answer(visit, ask, proof_of(letter)), MailedLink(visit.lst.address))
    return "forgets"


def _needs_word(ask: Ask) -> bool:
    """Tell whether an empty answer is no yes: what cannot be taken back is said in a word."""
    asked = ask_payloads.command(ask)
    if isinstance(asked, OrdersPayload):
        return any(one.verb in list_acts.WEIGHTY for one in asked.orders)
    return asked.verb == "forget"


def _reach(visit: Visit, ask: Ask, letter: IncomingLetter) -> str:
    said = _answer(ask, letter, meaning.agree)
    if said is Means.NO:
        asks.spend(visit.session, ask.id, how="no: reply", now=visit.now)
        return "declined"
    if said not in {Means.YES, Means.EMPTY}:  # the mail says that the answer may be empty
        return ask_again(visit, ask)
    return own_membership.answer_reach(by_answer(visit, ask, proof_of(letter)), ask)


def _resend(visit: Visit, ask: Ask, letter: IncomingLetter) -> str:
    said = _answer(ask, letter, meaning.agree)
    if said == "no":
        asks.spend(visit.session, ask.id, how="no: reply", now=visit.now)
        return "declined"
    if said != "yes":  # what sends to many needs a clear yes
        return ask_again(visit, ask)
    return refused_posts.resend(visit, ask, proof_of(letter))


def _undo(visit: Visit, ask: Ask, letter: IncomingLetter) -> str:
    said, told = _answer(ask, letter, meaning.undo), ask_payloads.undo(ask)
    if said is not Means.UNDO and not _has_gone(visit, ask, told):
        proof = replace(proof_of(letter, "command"), name="")
        call = by_answer(visit, ask, proof)
        if done := own_membership.answer_receipt(call, ask, told, letter.text):
            return done
    if said is Means.UNCLEAR:
        return ask_again(visit, ask)
    if said is Means.NO:
        return "stands"
    if not isinstance(told, WishUndo):
        return _take_back(visit, ask, told, proof_of(letter, "undo"))
    if told.was.state is MembershipState.PENDING or _has_gone_since(visit, ask, told):
        return _wait_again(visit, ask, letter)
    return own_membership.undo(by_answer(visit, ask, proof_of(letter, "undo")), ask, told.was)


def _take_back(
    visit: Visit,
    ask: Ask,
    told: _Receipts,
    proof: AnswerProof,
) -> str:
    if isinstance(told, OrdersUndo):
        return owner_commands.take_back(visit, ask, told, proof)
    if isinstance(told, RoleUndo):
        return roles.take_back(visit, ask, told, proof)
    if isinstance(told, SolvedUndo):
        return solving.take_back(visit, ask, told, proof)
    if isinstance(told, ArrangedUndo):
        return arranging.take_back(visit, ask, told, proof)
    return thread_receipts.take_back(visit, ask, told, proof)


def _has_gone(visit: Visit, ask: Ask, told: ask_payloads.AnyUndo) -> bool:
    return isinstance(told, WishUndo) and _has_gone_since(visit, ask, told)


def _has_gone_since(visit: Visit, ask: Ask, told: WishUndo) -> bool:
    """Tell whether they left, or were removed, after the receipt: its undo is no new yes."""
    member = visit.session.get(Membership, ask.ref)
    left = member is not None and member.state is MembershipState.LEFT
    return left and told.now is not MembershipState.LEFT


def _wait_again(visit: Visit, ask: Ask, letter: IncomingLetter) -> str:
    """Ask anew who took a request back, or is no member now: that needs a yes, or an owner."""
    if not asks.spend(visit.session, ask.id, how="undo", now=visit.now):
        return "late: used"
    optin.prove(visit.session, whom(ask), visit.now)
    return _ask_to_join(visit, ask, letter)


def _mail_again(visit: Visit, ask: Ask, letter: IncomingLetter) -> str:
    if _answer(ask, letter, meaning.undo) is not Means.UNDO:
        return "not-understood"  # nothing more comes from us: they have said never
    again = own_joining.take_back_never(by_answer(visit, ask, proof_of(letter, "undo")), ask)
    return "mailed-again" if again else "late: used"


def _address(visit: Visit, ask: Ask, letter: IncomingLetter) -> str:
    if commands.is_join(letter.text):
        return _join_instead(visit, ask, letter)
    said = _answer(ask, letter, meaning.agree)
    if said is Means.NEVER:
        own_joining.never_ask(by_answer(visit, ask, proof_of(letter)), ask)
        return "never-mail-me"
    if said is Means.NO:
        asks.spend(visit.session, ask.id, how="no: reply", now=visit.now)
        return "declined"
    if said not in {Means.YES, Means.EMPTY}:
        return ask_again(visit, ask)
    return own_membership.add_address(by_answer(visit, ask, proof_of(letter)), ask)


def _join_instead(visit: Visit, ask: Ask, letter: IncomingLetter) -> str:
    """Make the asked address a member by itself: the same mail has offered that too."""
    asks.spend(visit.session, ask.id, how="no: joins", now=visit.now)
    open_ones = asks.waiting(visit.session, ask.address_key, AskPurpose.CONFIRM, now=visit.now)
    offered = [one for one in open_ones if one.list_id == visit.lst.id]
    if not offered:
        return _ask_to_join(visit, ask, letter)
    return _said_yes(visit, offered[-1], letter)


def _join_request(visit: Visit, found: AskLookup, letter: IncomingLetter) -> str:
    if found.ask is None or found.trouble is not None:
        return _late(visit, found)
    optin.prove(visit.session, whom(found.ask), visit.now)
    call = by_answer(visit, found.ask, proof_of(letter))
    if not call.may(Action.MEMBER_ADMIT, visit.session, visit.lst):
        return "no-owner"
    said = _answer(found.ask, letter, meaning.admit)
    if said in {Means.YES, Means.NO}:
        why = _reason(letter.text) if said is Means.NO else ""
        return members.answer_request(call, found.ask, yes=said is Means.YES, reason=why)
    if said is not Means.AUTOMATIC:
        joining.ask_owner_again(visit, found.ask)
    return "not-understood"


def _reason(text: str) -> str:
    """Return what stands behind a colon in the first own line: why somebody is turned away."""
    return commands.first_line(text).partition(":")[2].strip()


def other_address(rest: str) -> MailAddress | None:
    """Return the address that a member names, None where it is none."""
    try:
        return parse(rest.strip().strip("<>.,;"))
    except BadInput:
        return None


def is_unclear_pause(rest: str, now: float) -> bool:
    """Tell whether a pause names a day that cannot be read."""
    return commands.until(rest, now) is None and dates.names_one(rest)


def grant(call: Call, visit: Visit, member: Membership, wish: commands.Command) -> str:
    """Ask the action that a member's command names; return a word for the log."""
    rest, link = wish.rest, MailedLink(visit.lst.address)
    until = commands.until(rest, visit.now) if wish.verb == "pause" else None
    if wish.verb == "leave":
        own_membership.leave(call, link)
    elif wish.verb == "pause" and (until or not dates.names_one(rest)):
        own_membership.pause(call, PauseOwn(link, until))
    elif wish.verb == "resume":
        own_membership.resume(call, link)
    elif wish.verb == "language" and (language := commands.language(rest)):
        own_membership.set_(call, SetOwn(link, language=language))
    elif wish.verb == "name" and rest:
        own_membership.set_(call, SetOwn(link, name=rest))
    elif wish.verb == "address" and (who := other_address(rest)) is not None:
        if not own_membership.ask_address(call, link, who.given):
            return "not-asked: address"
    elif wish.verb in _TELLS:
        mailed_links.tell(call, visit.lst.address, ToldByMail(wish.verb))
    elif wish.verb != "rhythm" or not own_membership.set_rhythm(
        call, link, rhythm_wishes.unspelled(rest)
    ):
        wishes.unclear(visit, member)
        return "unclear"
    return wish.verb


_TELLS = frozenset(one.value for one in ToldByMail)
# answered at LIST-confirm+TOKEN@, all others at -reply
JOINS = (AskPurpose.CONFIRM, AskPurpose.REST)
# Who answers what.
REPLIES: dict[AskPurpose, Handler] = {
    AskPurpose.CONFIRM: _confirm,
    AskPurpose.REST: _confirm,
    AskPurpose.LEAVE: _open(_leave),
    AskPurpose.COMMAND: _open(_command),
    AskPurpose.REACH: _open(_reach),
    AskPurpose.RESEND: _open(_resend),
    AskPurpose.UNDO: _open(_undo),
    AskPurpose.NEVER: _open(_mail_again),
    AskPurpose.ADDRESS: _open(_address),
    AskPurpose.JOIN_REQUEST: _join_request,
    AskPurpose.MODERATE: moderator_answers.answer,
    AskPurpose.EVENT: _open(event_letters.answer),
}
