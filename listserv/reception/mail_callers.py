"""Say who asks for an action by mail, and what shows that it is they.

    by_letter(visit, letter)        # a From line, and whether its own domain vouches for it
    by_answer(visit, ask, proof)    # an answer to a mail of ours: its token shows who has read it

What that proof is enough for stands in the table of actions, and nowhere in the rooms that read
mail. SECURITY: whoever has a role on any list, or waits for an owner, is known by a token alone.
"""

from dataclasses import replace

from listserv.actions.call import Actor, Call
from listserv.actions.permissions import Action, Proven
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import AnswerProof, Visit
from subscriptions.lists.roster import MembershipState, membership_of
from subscriptions.membership import optin
from subscriptions.permission.asks import Ask
from subscriptions.permission.consent import Source

# What a member's command by mail asks for; all other commands only mail them something.
ACTIONS = {
    "leave": Action.OWN_LEAVE,
    "pause": Action.OWN_PAUSE,
    "resume": Action.OWN_RESUME,
    "language": Action.OWN_SET,
    "name": Action.OWN_SET,
    "rhythm": Action.OWN_SET,
    "address": Action.OWN_ADDRESS,
    "forget": Action.OWN_FORGET,
}


def proof_of(letter: IncomingLetter, how: str = "reply") -> AnswerProof:
    """Return a letter as proof: its raw bytes stay, their SHA-256, and who brought it."""
    return AnswerProof(
        Source.MAIL, how, raw_sha=letter.sha, ip=letter.client or None, name=letter.name
    )


def by_letter(visit: Visit, letter: IncomingLetter, how: str = "command") -> Call:
    """Return whoever a letter says that it is from, as one who asks for an action."""
    key = letter.author.key if letter.author is not None else ""
    proven = Proven.ALIGNED if letter.proved and _is_plain(visit, key) else Proven.NONE
    evidence = replace(proof_of(letter, how), name="")
    return Call(
        visit.app, Actor(Source.MAIL, proven, key), visit.now, within=visit, evidence=evidence
    )


def by_answer(visit: Visit, ask: Ask, proof: AnswerProof) -> Call:
    """Return whoever has answered a question of ours, as one who asks for an action."""
    by = Actor(Source.MAIL, Proven.TOKEN, ask.address_key, ask.given)
    return Call(visit.app, by, visit.now, within=visit, evidence=proof)


def _is_plain(visit: Visit, key: str) -> bool:
    member = membership_of(visit.session, visit.lst.id, key)
    if member is None:
        return True
    waits = member.state is MembershipState.PENDING
    return not waits and not optin.has_role(visit.session, member.person_id)
