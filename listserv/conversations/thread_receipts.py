"""Do what a member wants of a thread, and tell them so in a receipt that takes it back.

    change(visit, member, found, "mute", named=False)
    take_back(visit, ask, told, proof)

The receipt goes to the member's own address, whoever wrote: that is why a From line is enough for
what touches one thread. Knows nothing of who may wish what (reception/thread_letters.py).
"""

from listserv.conversations.thread_lookup import FoundThread
from listserv.letters.ask_payloads import ThreadUndo
from listserv.letters.request import AnswerProof, Visit, language_of, question, tell_member, whom
from listserv.mailings import thread_ways
from listserv.mailings.thread_ways import PostThread
from subscriptions.lists.roster import Membership, MembershipState
from subscriptions.membership import optin, thread_wishes
from subscriptions.membership.thread_wishes import WishKind
from subscriptions.permission import asks
from subscriptions.permission.asks import Ask, AskPurpose

KINDS = {"mute": WishKind.MUTE, "follow": WishKind.FOLLOW, "unmute": None, "unfollow": None}


def change(
    visit: Visit, member: Membership, found: FoundThread, verb: str, *, named: bool = False
) -> ThreadUndo:
    """Let a member want this of a thread; return what takes it back."""
    hashes = thread_ways.hashes_of(visit.session, visit.lst.id, found.place)
    was = thread_wishes.wish(visit.session, member, hashes, KINDS[verb], visit.now, named=named)
    return ThreadUndo(
        thread=found.place.key,
        kind=was.kind.value if was is not None else "",
        named=was is not None and was.named,
    )


def tell(
    visit: Visit,
    member: Membership,
    found: FoundThread,
    verb: str,
    undo: ThreadUndo,
    *,
    named: bool = False,
) -> None:
    """Mail the member what was done."""
    to = optin.address_of(visit.session, member)
    question(
        visit,
        AskPurpose.UNDO,
        to=to,
        name="member-thread",
        language=language_of(visit, to),
        payload=undo,
        context={"deed": verb, "subject": found.subject, "named": named},
        ref=member.id,
        member=0 if member.state is MembershipState.LEFT else member.id,
    )


def take_back(visit: Visit, ask: Ask, told: ThreadUndo, proof: AnswerProof) -> str:
    """Let the member want what they wanted before."""
    member = visit.session.get(Membership, ask.ref)
    if not asks.spend(visit.session, ask.id, how=proof.how, now=visit.now) or member is None:
        return "too-late"
    optin.prove(visit.session, whom(ask), visit.now)
    place = PostThread(told.thread, thread_ways.row_of(visit.session, visit.lst.id, told.thread))
    hashes = thread_ways.hashes_of(visit.session, visit.lst.id, place)
    kind = WishKind(told.kind) if told.kind else None
    thread_wishes.wish(visit.session, member, hashes, kind, visit.now, named=told.named)
    tell_member(visit, member, "member-undone")
    return "undone"
