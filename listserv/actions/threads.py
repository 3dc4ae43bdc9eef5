"""Look at threads, mute or follow one for somebody; solve, split, merge, close and reopen one.

    threads.mute(call, WishOfThread("friends@example.org", "k7f3q2abcd", "anna@example.net"))

Members do it for themselves by mail, where a From line is enough: it touches one thread, and the
receipt to their own address takes it back. Refuses to know words: a door tells what was done.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from listserv.actions.call import Call
from listserv.actions.members import member_of
from listserv.actions.permissions import Action, NotPermitted, Proven
from listserv.conversations import (
    arranging,
    solving,
    thread_list,
    thread_lookup,
    thread_receipts,
)
from listserv.conversations.thread_list import ListedThread, ThreadMail
from listserv.conversations.thread_lookup import FoundThread
from listserv.letters.ask_payloads import ArrangedUndo, SolvedUndo, ThreadUndo
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


@dataclass(frozen=True, slots=True)
class SplitThread:
    """Ask that a mail begins a thread of its own, called ``subject``, or (``off``) no more.

    ``mail`` is its hash, or the beginning of that.
    """

    list: str
    mail: str
    subject: str = ""
    off: bool = False


@dataclass(frozen=True, slots=True)
class MergeThreads:
    """Ask that a thread goes on below the mail ``into`` of another, or (``off``) no more."""

    list: str
    thread: str
    into: str = ""
    off: bool = False


@dataclass(frozen=True, slots=True)
class OneThread:
    """Ask for something of one thread, by the hash of a mail of it, or the beginning of one."""

    list: str
    thread: str


@dataclass(frozen=True, slots=True)
class ThreadArranged:
    """Say where the mail stands now that was moved, or the thread, and what takes it back."""

    list: str
    thread: FoundThread  # as it was found
    page: str  # the hash of the page on which it stands
    undo: ArrangedUndo


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


def split(call: Call, wanted: SplitThread) -> ThreadArranged:
    """Let a mail, with all that answers it, begin a thread of its own."""
    with call.changing(Action.THREAD_SPLIT, wanted.list) as visit:
        found = thread_lookup.by_code(visit.session, visit.lst, wanted.mail)
        if wanted.off:
            return _arranged(call, visit, found, arranging.put_back(visit, found))
        return _arranged(call, visit, found, arranging.split(visit, found, wanted.subject))


def merge(call: Call, wanted: MergeThreads) -> ThreadArranged:
    """Let a thread go on below a mail of another."""
    with call.changing(Action.THREAD_MERGE, wanted.list) as visit:
        found = thread_lookup.by_code(visit.session, visit.lst, wanted.thread)
        if wanted.off:
            return _arranged(call, visit, found, arranging.put_back(visit, found))
        into = thread_lookup.by_code(visit.session, visit.lst, wanted.into)
        return _arranged(call, visit, found, arranging.merge(visit, found, into))


def close(call: Call, wanted: OneThread) -> ThreadArranged:
    """Let a thread take no more answers."""
    with call.changing(Action.THREAD_CLOSE, wanted.list) as visit:
        found = thread_lookup.by_code(visit.session, visit.lst, wanted.thread)
        return _arranged(call, visit, found, arranging.close(visit, found))


def reopen(call: Call, wanted: OneThread) -> ThreadArranged:
    """Let a closed thread take answers again."""
    with call.changing(Action.THREAD_REOPEN, wanted.list) as visit:
        found = thread_lookup.by_code(visit.session, visit.lst, wanted.thread)
        return _arranged(call, visit, found, arranging.reopen(visit, found))


def _arranged(call: Call, visit: Visit, found: FoundThread, undo: ArrangedUndo) -> ThreadArranged:
    call.ring("archive")
    page = arranging.page_of(visit.session, visit.lst, undo.arranged)
    return ThreadArranged(visit.lst.address, found, page, undo)
