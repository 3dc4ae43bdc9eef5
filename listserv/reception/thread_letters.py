"""Take what a member writes to LIST-request@ about one thread, in an answer to a mail of it.

The thread is named by the letter's References, or by a code or a link to the archive in it.
SECURITY: it touches one thread for the writer alone, and the receipt to the address that we know
takes it back, so a From line is enough where nothing speaks against it; where SPF, DKIM or DMARC
says "fail", they are asked at that address first. What changes a thread for everybody (split,
merge, close, reopen) needs a mail for which a moderator's own domain vouches, else a yes at their
address.
"""

from listserv.actions import threads
from listserv.actions.call import Actor, Call
from listserv.actions.permissions import Proven
from listserv.actions.threads import (
    MergeThreads,
    OneThread,
    SolveThread,
    SplitThread,
    WishHeard,
    WishOfThread,
)
from listserv.answers import thread_words
from listserv.conversations import arranging, solving, thread_lookup, thread_receipts
from listserv.conversations.thread_lookup import FoundThread
from listserv.letters.ask_payloads import WishPayload
from listserv.letters.commands import Command
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import Visit, language_of, question, write
from listserv.mailings import thread_ways
from listserv.mailings.thread_ways import PostThread
from mailer.errors import Refused
from subscriptions.lists.roster import Membership, Role
from subscriptions.membership import optin
from subscriptions.permission import budget
from subscriptions.permission.asks import AskPurpose
from subscriptions.permission.consent import Source

VERBS = frozenset((*thread_words.VERBS, *thread_words.SOLVING, *thread_words.ARRANGING))
_LOOKS_AFTER = (Role.MODERATOR, Role.OWNER)
_OFF = {"unmute": "mute", "unfollow": "follow"}


def names_one(visit: Visit, letter: IncomingLetter, wish: Command) -> bool:
    """Tell whether a letter wishes something for a thread that it names."""
    if wish.verb not in thread_words.ARRANGING:
        return False
    return thread_lookup.of_letter(visit.session, visit.lst, letter) is not None


def take(visit: Visit, letter: IncomingLetter, member: Membership, wish: Command) -> str:
    """Do what a letter wishes for its thread, or ask whether it is theirs, or which thread."""
    own = optin.address_of(visit.session, member)
    if not budget.allow_thread(visit.session, own.key, now=visit.now):
        return f"over-budget: {wish.verb}"
    found, rest = thread_lookup.of_letter(visit.session, visit.lst, letter), wish.rest
    if wish.verb == "merge":
        found, rest = thread_lookup.two_of_letter(visit.session, visit.lst, letter)
    language = language_of(visit, own)
    if found is None:
        write(visit, own, "member-no-thread", language, member.id, context={"deed": wish.verb})
        return "no-thread"
    arranges = wish.verb in thread_words.ARRANGING
    if not (letter.proved if arranges else _is_believed(letter)) and _may(member, wish.verb):
        question(
            visit, AskPurpose.COMMAND, to=own, name="member-command", language=language,
            ref=member.id, member=member.id,
            payload=WishPayload(wish.verb, f"{found.place.key} {rest}".strip()),
            context={
                "command": wish.verb, "who": "", "subject": found.subject,
                "looks_after": member.role is not Role.MEMBER,
            },
        )  # fmt: skip
        return f"asked: {wish.verb}"
    proven = Proven.ALIGNED if arranges else Proven.NONE
    return _do(visit, member, Command(wish.verb, rest), found, proven)


def grant(visit: Visit, member: Membership, wish: Command) -> str:
    """Do what a member has said yes to: ``rest`` is a mail's hash, and how."""
    key, _, rest = wish.rest.partition(" ")
    place = PostThread(key, thread_ways.row_of(visit.session, visit.lst.id, key))
    found = thread_lookup.named(visit.session, visit.lst, place)
    return _do(visit, member, Command(wish.verb, rest), found, Proven.TOKEN)


def _may(member: Membership, verb: str) -> bool:
    """Tell whether a member may do it at all: what changes a thread for everybody is staff's."""
    return verb not in thread_words.ARRANGING or member.role in _LOOKS_AFTER


def _do(visit: Visit, member: Membership, wish: Command, found: FoundThread, proven: Proven) -> str:
    own, verb = optin.address_of(visit.session, member), wish.verb
    if verb in thread_words.ARRANGING:
        return _arrange(visit, member, wish, found, proven)
    if verb not in thread_words.SOLVING:
        named = wish.rest == thread_words.NAMED
        heard = _ask_for(visit, own.key, proven, verb, found.place.key, named=named)
        thread_receipts.tell(visit, member, found, verb, heard.undo, named=named)
        return verb
    if not found.hash or not solving.may_solve(visit.session, member, found):
        name = "member-not-asker" if found.hash else "member-no-thread"
        context: dict[str, object] = {"deed": verb, "subject": found.subject}
        write(visit, own, name, language_of(visit, own), member.id, context=context)
        return "not-theirs" if found.hash else "no-thread"
    call = Call(visit.app, Actor(Source.MAIL, proven, own.key), visit.now, within=visit)
    wanted = SolveThread(visit.lst.address, found.place.key, off=verb == "unsolved")
    done = (threads.answer if verb == "answer" else threads.solve)(call, wanted)
    solving.tell(visit, member, found, verb, done.undo)
    return verb


def _arrange(
    visit: Visit, member: Membership, wish: Command, found: FoundThread, proven: Proven
) -> str:
    """Split, merge, close or reopen a thread, or say why that is not done."""
    own = optin.address_of(visit.session, member)
    if not _may(member, wish.verb):
        context: dict[str, object] = {"deed": wish.verb, "subject": found.subject}
        write(visit, own, "member-not-asker", language_of(visit, own), member.id, context=context)
        return "not-theirs"
    call = Call(visit.app, Actor(Source.MAIL, proven, own.key), visit.now, within=visit)
    lst, key = visit.lst.address, found.place.key
    try:
        if wish.verb == "split":
            done = threads.split(call, SplitThread(lst, key, wish.rest))
        elif wish.verb == "merge":
            done = threads.merge(call, MergeThreads(lst, key, wish.rest))
        else:
            act = threads.close if wish.verb == "close" else threads.reopen
            done = act(call, OneThread(lst, key))
    except Refused as why:
        context = {"deed": wish.verb, "why": why.key, "subject": found.subject}
        language = language_of(visit, own)
        write(visit, own, "moderator-no-thread", language, member.id, context=context)
        return "no-thread"
    arranging.tell(visit, member, found, wish.verb, done.undo)
    return wish.verb


def _ask_for(
    visit: Visit, key: str, proven: Proven, verb: str, thread: str, *, named: bool
) -> WishHeard:
    call = Call(visit.app, Actor(Source.MAIL, proven, key), visit.now, within=visit)
    wanted = WishOfThread(visit.lst.address, thread, key, off=verb in _OFF, named=named)
    return {"mute": threads.mute, "follow": threads.follow}[_OFF.get(verb, verb)](call, wanted)


def _is_believed(letter: IncomingLetter) -> bool:
    """Tell whether nothing says that the letter is not its writer's."""
    found = letter.found
    return letter.proved or "fail" not in {found.spf, found.dkim, found.dmarc}
