"""Mark a question as solved, by whoever asked it or looks after the list, and take that back.

    solve(visit, member, found)                 # the mail that is answered, if another wrote it
    tell(visit, member, found, "solved", undo)

Whoever asked wrote the first mail of the thread. The accepted answer is the mail that "solved" or
"answer" answers; where that is the asker's own, it is the one mail of somebody else, if there is
but one. Pages are drawn anew by the archive. Knows nothing of mails that come in.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.threads import thread_marks
from archive.threads.archive_tables import Message, Thread
from archive.threads.thread_marks import MarkKind
from listserv.conversations.thread_lookup import FoundThread
from listserv.letters.ask_payloads import SolvedUndo
from listserv.letters.notices import face_of
from listserv.letters.request import AnswerProof, Visit, language_of, question, tell_member, whom
from listserv.mailings import thread_ways
from mailer.errors import BadInput, Refused
from mailer.reading import message
from mailer.reading.addresses import parse
from mailer.storage.store import get_raw
from subscriptions.lists.roster import Address, Membership, MembershipState, Role
from subscriptions.membership import optin
from subscriptions.permission import asks
from subscriptions.permission.asks import Ask, AskPurpose

_STAFF = (Role.MODERATOR, Role.EDITOR, Role.OWNER)


def may_solve(session: Session, member: Membership, found: FoundThread) -> bool:
    """Tell whether a member asked what a thread is about, or looks after the list."""
    return member.role in _STAFF or wrote(session, member, found.place.row, found.hash)


def wrote(session: Session, member: Membership, thread: int, hash_: str) -> bool:
    """Tell whether a mail of a thread is from one of the member's own addresses."""
    row = session.scalar(
        select(Message.raw_sha).where(Message.thread_id == thread, Message.hash == hash_)
    )
    raw = get_raw(session, row) if row is not None else None
    if raw is None:
        return False
    own = select(Address.key).where(Address.person_id == member.person_id)
    return author_of(raw) in set(session.scalars(own))


def author_of(raw: bytes) -> str:
    """Return the key of the one address in From, "" where there is not just one."""
    found = set()
    for value in message.head(raw).all("from"):
        for _, address in message.addresses_of(value):
            try:
                found.add(parse(address).key)
            except BadInput:
                continue
    return found.pop() if len(found) == 1 else ""


def solve(visit: Visit, found: FoundThread, member: Membership | None = None) -> SolvedUndo:
    """Mark a thread as solved by the mail that names it; return what takes it back.

    ``member`` is who asked, where it is they who say so: no mail of their own is the answer.
    """
    session, thread = visit.session, found.place.row
    if not thread or not found.hash:
        raise Refused("The archive does not have this thread.", key="no-thread")
    answer = found.place.key if found.place.key != found.hash else ""
    own = bool(answer) and member is not None and wrote(session, member, thread, answer)
    here = select(Message.hash).where(Message.thread_id == thread, Message.hash == answer)
    if not answer or own or session.scalar(here) is None:
        answer = _only_other(session, thread, found.hash)
    undo = _undo_of(visit, found)
    thread_marks.put(
        session, visit.lst.id, thread, MarkKind.SOLVED,
        hash_=found.hash, now=visit.now, answer=answer,
    )  # fmt: skip
    return undo


def unsolve(visit: Visit, found: FoundThread) -> SolvedUndo:
    """Take the mark away; return what brings it back."""
    undo = _undo_of(visit, found)
    if found.place.row:
        thread_marks.take_away(visit.session, visit.lst.id, found.place.row, MarkKind.SOLVED)
    return undo


def _undo_of(visit: Visit, found: FoundThread) -> SolvedUndo:
    row = found.place.row
    mark = thread_marks.of_threads(visit.session, [row], MarkKind.SOLVED).get(row)
    return SolvedUndo(found.place.key, mark is not None, mark.answer if mark else "")


def _only_other(session: Session, thread: int, first: str) -> str:
    """Return the one mail that somebody but the first writer wrote, "" for none or several."""
    asker = select(Message.author).where(Message.thread_id == thread, Message.hash == first)
    others = session.scalars(
        select(Message.hash)
        .where(Message.thread_id == thread, Message.author != asker.scalar_subquery())
        .limit(2)
    ).all()
    return others[0] if len(others) == 1 else ""


def tell(visit: Visit, member: Membership, found: FoundThread, deed: str, undo: SolvedUndo) -> None:
    """Mail whoever said so what was done, and how to take it back."""
    to = optin.address_of(visit.session, member)
    face = face_of(visit.app, visit.lst)
    mark = thread_marks.of_threads(visit.session, [found.place.row], MarkKind.SOLVED)
    answer = mark[found.place.row].answer if found.place.row in mark else ""
    question(
        visit,
        AskPurpose.UNDO,
        to=to,
        name="member-solved",
        language=language_of(visit, to),
        payload=undo,
        context={
            "deed": "unsolved" if deed == "unsolved" else "solved",
            "subject": found.subject,
            "thread_url": f"{face.page}t/{found.hash}/",
            "answer_url": f"{face.page}m/{answer}/" if answer else "",
        },
        ref=member.id,
        member=0 if member.state is MembershipState.LEFT else member.id,
    )


def take_back(visit: Visit, ask: Ask, told: SolvedUndo, proof: AnswerProof) -> str:
    """Mark a thread as it was marked before."""
    member = visit.session.get(Membership, ask.ref)
    if not asks.spend(visit.session, ask.id, how=proof.how, now=visit.now) or member is None:
        return "too-late"
    optin.prove(visit.session, whom(ask), visit.now)
    row = thread_ways.row_of(visit.session, visit.lst.id, told.marked)
    if row and told.was_solved:
        first = visit.session.get_one(Thread, row).hash
        thread_marks.put(
            visit.session, visit.lst.id, row, MarkKind.SOLVED,
            hash_=first, now=visit.now, answer=told.answer,
        )  # fmt: skip
    elif row:
        thread_marks.take_away(visit.session, visit.lst.id, row, MarkKind.SOLVED)
    tell_member(visit, member, "member-undone")
    return "undone"
