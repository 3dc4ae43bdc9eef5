"""Look at threads, and mute or follow one for somebody.

    threads.mute(call, WishOfThread("friends@example.org", "k7f3q2abcd", "anna@example.net"))

Members do it for themselves by mail, where a From line is enough: it touches one thread, and the
receipt to their own address takes it back. Refuses to know words: a door tells what was done.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from listserv.actions.call import Call
from listserv.actions.members import member_of
from listserv.actions.permissions import Action, NotPermitted, Proven
from listserv.conversations import solving, thread_list, thread_lookup, thread_receipts
from listserv.conversations.thread_list import ListedThread, ThreadMail
from listserv.conversations.thread_lookup import FoundThread
from listserv.letters.ask_payloads import SolvedUndo, ThreadUndo
from listserv.letters.visit import Visit
from mailer.reading import addresses
from subscriptions.lists.roster import Membership, membership_of

LISTED = 50  # threads, unless more are asked for


@dataclass(frozen=True, slots=True)
class ListThreads:
    """Ask for a list's threads, the youngest first."""

    list: str
    most: int = LISTED


@dataclass(frozen=True, slots=True)
class WishOfThread:
    """Ask that a thread is muted or followed for a member, or (``off``) no more.

    ``thread`` is the hash of a mail of it, or the beginning of one; a ``named`` mute ends when
    the member is named.
    """

    list: str
    thread: str
    address: str
    off: bool = False
    named: bool = False


@dataclass(frozen=True, slots=True)
class ThreadShown:
    """Show one thread, with its mails in the order of its page."""

    thread: ListedThread
    mails: Sequence[ThreadMail]


@dataclass(frozen=True, slots=True)
class WishHeard:
    """Say which thread it was, and what takes it back."""

    list: str
    member: Membership
    thread: FoundThread
    undo: ThreadUndo


@dataclass(frozen=True, slots=True)
class SolveThread:
    """Ask that a thread is marked as solved, or (``off``) no more.

    ``thread`` is the hash of the mail that is the answer, or of any other of it, or its beginning.
    """

    list: str
    thread: str
    off: bool = False


@dataclass(frozen=True, slots=True)
class ThreadSolved:
    """Say which thread it was, and what takes it back."""

    list: str
    thread: FoundThread
    undo: SolvedUndo


def ls(call: Call, wanted: ListThreads) -> Sequence[ListedThread]:
    """Return threads, the youngest first."""
    with call.reading(Action.THREAD_LS, wanted.list) as visit:
        return thread_list.youngest(visit.session, visit.lst, wanted.most)


def show(call: Call, list_address: str, thread: str) -> ThreadShown:
    """Return one thread."""
    with call.reading(Action.THREAD_SHOW, list_address) as visit:
        found = thread_lookup.by_code(visit.session, visit.lst, thread)
        listed = thread_list.one(visit.session, visit.lst, found)
        return ThreadShown(listed, thread_list.mails(visit.session, visit.lst, found))


def mute(call: Call, wanted: WishOfThread) -> WishHeard:
    """Let nothing more of a thread come to a member."""
    with call.changing(Action.THREAD_MUTE, wanted.list) as visit:
        return _wish(call, visit, wanted, "unmute" if wanted.off else "mute")


def follow(call: Call, wanted: WishOfThread) -> WishHeard:
    """Let all of a thread come to a member at once."""
    with call.changing(Action.THREAD_FOLLOW, wanted.list) as visit:
        return _wish(call, visit, wanted, "unfollow" if wanted.off else "follow")


def _wish(call: Call, visit: Visit, wanted: WishOfThread, verb: str) -> WishHeard:
    member = member_of(visit.session, visit.lst, wanted.address)
    if call.by.proven is not Proven.MACHINE and call.by.key != addresses.parse(wanted.address).key:
        raise NotPermitted("A wish for a thread is its member's own.", key="not-permitted")
    found = thread_lookup.by_code(visit.session, visit.lst, wanted.thread)
    undo = thread_receipts.change(visit, member, found, verb, named=wanted.named)
    return WishHeard(visit.lst.address, member, found, undo)


def solve(call: Call, wanted: SolveThread) -> ThreadSolved:
    """Mark a question as solved by whoever asked it, or looks after the list."""
    with call.changing(Action.THREAD_SOLVE, wanted.list) as visit:
        return _solve(call, visit, wanted)


def answer(call: Call, wanted: SolveThread) -> ThreadSolved:
    """Mark a question as solved by the mail that is named."""
    with call.changing(Action.THREAD_ANSWER, wanted.list) as visit:
        return _solve(call, visit, wanted)


def _solve(call: Call, visit: Visit, wanted: SolveThread) -> ThreadSolved:
    found = thread_lookup.by_code(visit.session, visit.lst, wanted.thread)
    member = membership_of(visit.session, visit.lst.id, call.by.key) if call.by.key else None
    if call.by.proven is not Proven.MACHINE and (
        member is None or not solving.may_solve(visit.session, member, found)
    ):
        raise NotPermitted("Whoever asked says that it is solved.", key="not-permitted")
    undo = solving.unsolve(visit, found) if wanted.off else solving.solve(visit, found, member)
    call.ring("archive")
    return ThreadSolved(visit.lst.address, found, undo)
