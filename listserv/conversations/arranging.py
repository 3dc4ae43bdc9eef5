"""Split, merge, close and reopen threads, by whoever moderates a list, and take that back.

    undo = arranging.split(visit, found, "Tools")
    arranging.tell(visit, member, found, "split", undo)

What is done is kept beside the mail (archive/threads/moved_mails.py, thread_marks.py), and the
receipt to the moderator's own address takes it back. Refuses to know who may do it.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.filing import thread_moving
from archive.filing.thread_moving import MoveBefore
from archive.threads import thread_marks
from archive.threads.archive_tables import Node, Thread
from archive.threads.thread_marks import MarkKind
from listserv.conversations.thread_lookup import FoundThread
from listserv.letters.ask_payloads import ArrangedUndo
from listserv.letters.notices import face_of
from listserv.letters.request import AnswerProof, Visit, language_of, question, tell_member, whom
from mailer.errors import Refused
from subscriptions.lists.roster import MailList, Membership, MembershipState
from subscriptions.membership import optin
from subscriptions.permission import asks
from subscriptions.permission.asks import Ask, AskPurpose


def split(visit: Visit, found: FoundThread, subject: str = "") -> ArrangedUndo:
    """Let the mail that names a thread begin one of its own; return what takes that back."""
    hash_ = _mail(found)
    before = thread_moving.split(visit.session, visit.lst, hash_, subject, visit.now)
    return _moved("split", hash_, before)


def merge(visit: Visit, found: FoundThread, into: FoundThread) -> ArrangedUndo:
    """Let a thread go on below the mail that names another; return what takes that back."""
    top = thread_moving.root_of(visit.session, visit.lst, _mail(found))
    before = thread_moving.merge(visit.session, visit.lst, top, _mail(into), visit.now)
    return _moved("merge", top, before)


def put_back(visit: Visit, found: FoundThread) -> ArrangedUndo:
    """Let the nearest mail that was moved stand where it says itself; return what undoes that.

    Raise Refused where nothing was moved.
    """
    moved = thread_moving.moved_above(visit.session, visit.lst, _mail(found))
    if not moved:
        raise Refused("No moderator has moved this mail.", key="thread-unmoved")
    before = thread_moving.put_back(visit.session, visit.lst, moved, MoveBefore())
    return _moved("back", moved, before)


def close(visit: Visit, found: FoundThread) -> ArrangedUndo:
    """Let a thread take no more answers."""
    was = _is_closed(visit.session, found)
    thread_marks.put(
        visit.session, visit.lst.id, found.place.row, MarkKind.CLOSED,
        hash_=_first(found), now=visit.now,
    )  # fmt: skip
    return ArrangedUndo("close", _mail(found), was_closed=was)


def reopen(visit: Visit, found: FoundThread) -> ArrangedUndo:
    """Let a thread take answers again."""
    was = _is_closed(visit.session, found)
    thread_marks.take_away(visit.session, visit.lst.id, found.place.row, MarkKind.CLOSED)
    return ArrangedUndo("reopen", _mail(found), was_closed=was)


def tell(
    visit: Visit, member: Membership, found: FoundThread, verb: str, undo: ArrangedUndo
) -> None:
    """Mail the moderator what was done, with the way to the thread and how to take it back."""
    to = optin.address_of(visit.session, member)
    page = page_of(visit.session, visit.lst, undo.arranged)
    question(
        visit,
        AskPurpose.UNDO,
        to=to,
        name="moderator-thread",
        language=language_of(visit, to),
        payload=undo,
        context={
            "deed": verb,
            "subject": found.subject,
            "thread_url": f"{face_of(visit.app, visit.lst).page}t/{page}/" if page else "",
        },
        ref=member.id,
        member=0 if member.state is MembershipState.LEFT else member.id,
    )


def take_back(visit: Visit, ask: Ask, told: ArrangedUndo, proof: AnswerProof) -> str:
    """Let a thread stand as it stood before."""
    member = visit.session.get(Membership, ask.ref)
    if not asks.spend(visit.session, ask.id, how=proof.how, now=visit.now) or member is None:
        return "too-late"
    optin.prove(visit.session, whom(ask), visit.now)
    if told.deed in {"close", "reopen"}:
        _mark_as_before(visit, told)
    else:
        before = MoveBefore(told.was_moved, told.below, told.called)
        thread_moving.put_back(visit.session, visit.lst, told.arranged, before)
    visit.app.ring("archive")
    tell_member(visit, member, "member-undone")
    return "undone"


def page_of(session: Session, lst: MailList, hash_: str) -> str:
    """Return the hash of the page on which a mail stands now, "" without one."""
    found = (
        select(Thread.hash)
        .join(Node, Node.thread_id == Thread.id)
        .where(Node.list_id == lst.id, Node.hash == hash_)
    )
    return session.scalar(found) or ""


def _mark_as_before(visit: Visit, told: ArrangedUndo) -> None:
    session, lst = visit.session, visit.lst
    row = session.scalar(
        select(Node.thread_id).where(Node.list_id == lst.id, Node.hash == told.arranged)
    )
    if row is None:
        return
    if told.was_closed:
        first = page_of(session, lst, told.arranged)
        thread_marks.put(session, lst.id, row, MarkKind.CLOSED, hash_=first, now=visit.now)
    else:
        thread_marks.take_away(session, lst.id, row, MarkKind.CLOSED)


def _moved(deed: str, hash_: str, before: MoveBefore) -> ArrangedUndo:
    return ArrangedUndo(
        deed, hash_, was_moved=before.said, below=before.parent, called=before.subject
    )


def _is_closed(session: Session, found: FoundThread) -> bool:
    _first(found)
    row = found.place.row
    return row in thread_marks.of_threads(session, [row], MarkKind.CLOSED)


def _first(found: FoundThread) -> str:
    """Return the first mail of a thread; raise Refused where the archive does not have it."""
    if not found.place.row or not found.hash:
        raise Refused("The archive does not have this thread.", key="no-thread")
    return found.hash


def _mail(found: FoundThread) -> str:
    if not found.place.row:
        raise Refused("The archive does not have this thread.", key="no-thread")
    return found.place.key
