"""Offer one mail a week to whoever leaves, once, in the receipt of it; and take a yes to that.

They have left all the same: nothing comes unless they answer "weekly". It is offered to people who
leave by a mail or a page, and to none whose mail program has asked for them, who complained, who
had a digest already, or who left this list before.
"""

from dataclasses import replace

from listserv.answers import rhythm_wishes
from listserv.answers.rhythm_wishes import RhythmWish
from listserv.letters.ask_payloads import SolvedUndo, ThreadUndo, WishUndo
from listserv.letters.request import AnswerProof, Visit
from listserv.membership import wishes
from subscriptions.lists.rhythms import DIGESTS
from subscriptions.lists.roster import ListKind, Membership, MembershipState
from subscriptions.membership import optin
from subscriptions.permission import consent
from subscriptions.permission.asks import Ask
from subscriptions.permission.consent import Act


def may_offer(visit: Visit, member: Membership) -> bool:
    """Tell whether a member who is about to leave may be offered a weekly digest."""
    here = member.state in {MembershipState.ACTIVE, MembershipState.PAUSED}
    digests = visit.lst.kind is ListKind.DISCUSSION and not visit.lst.closed
    if not here or not digests or member.rhythm in DIGESTS:
        return False
    key = optin.address_of(visit.session, member).key
    past = consent.history(visit.session, visit.app.keyring, [key])
    return not any(one.act is Act.LEFT and one.list_address == visit.lst.address for one in past)


def take(visit: Visit, ask: Ask, told: object, text: str, proof: AnswerProof) -> str:
    """Do what an answer to a receipt says of how often mail comes; "" where it says nothing.

    Whoever has left comes back by "weekly" or "daily" alone, and only where that was offered.
    """
    said = rhythm_wishes.read(text)
    member = visit.session.get(Membership, ask.ref)
    if not said or member is None or not isinstance(told, WishUndo | ThreadUndo | SolvedUndo):
        return ""
    wish = rhythm_wishes.unspelled(said)
    if member.state in {MembershipState.ACTIVE, MembershipState.PAUSED}:
        optin.prove(visit.session, optin.address_of(visit.session, member), visit.now)
        return "rhythm" if wishes.change_rhythm(visit, member, wish, proof) else ""
    if not isinstance(told, WishUndo) or not told.offered or wish.rhythm not in _OFFERED:
        return ""
    return _come_back(visit, ask, told, wish, proof)


_OFFERED = {one.value for one in DIGESTS}


def _come_back(visit: Visit, ask: Ask, told: WishUndo, wish: RhythmWish, proof: AnswerProof) -> str:
    was = replace(told.was, state=MembershipState.ACTIVE, paused_until=None, digest_since=None)
    done = wishes.undo(visit, ask, was, proof, silent=True)
    member = visit.session.get_one(Membership, ask.ref)
    if done != "undone":
        return done
    wishes.change_rhythm(visit, member, wish, proof)
    return "rhythm"
