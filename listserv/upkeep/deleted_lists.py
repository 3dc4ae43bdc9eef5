"""Remove what is kept of lists that were deleted 30 days ago: the clock's quiet work.

    deleted_lists.tend(app, now)      # one short piece; True where more may be due

Memberships go, with everybody who is on no other list; held posts, open questions, bans and
drafts; who wrote what; and the archive where it was deleted too. What stays is the list's row,
so that its address is never another list's, the ledger of permissions without names, and the
counts of mailings, which have ages of their own (retention.py).
"""

from collections.abc import Callable

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from archive.erasure import ended_archive
from listserv.moderation import holds
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import (
    Ban,
    DraftState,
    DraftUnderReview,
    Hold,
    HoldState,
    Picture,
    Post,
)
from mailer.storage.arrivals import Arrival
from subscriptions.lists import deletion
from subscriptions.lists.questions import Question
from subscriptions.lists.roster import MailList
from subscriptions.membership import consent_expiry
from subscriptions.permission.asks import Ask

PIECE = 200  # rows of a transaction


def tend(app: App, now: float) -> bool:
    """Remove one piece of one list; return whether anything was done."""
    with app.store.read() as session:
        number = _due(session, now)
    if number is None:
        return False
    with app.store.write() as session:
        lst = session.get_one(MailList, number)
        if not any(step(app, session, lst, now) for step in _STEPS):
            _finish(session, lst)
    return True


def _due(session: Session, now: float) -> int | None:
    over = select(MailList.id).where(
        MailList.deleted_at <= now - deletion.KEPT, MailList.before_deletion != ""
    )
    return session.scalar(over.order_by(MailList.id).limit(1))


def _members(app: App, session: Session, lst: MailList, now: float) -> int:
    return consent_expiry.drop_members(session, app.keyring, lst, now)


def _posts(app: App, session: Session, lst: MailList, now: float) -> int:  # noqa: ARG001 - as all
    """Forget who wrote to the list: what the archive shows of them is the archive's."""
    some = select(Post.id).where(Post.list_id == lst.id, Post.author != "")
    ids = session.scalars(some.limit(PIECE)).all()
    session.execute(update(Post).where(Post.id.in_(ids)).values(author=""))
    return len(ids)


def _holds(app: App, session: Session, lst: MailList, now: float) -> int:  # noqa: ARG001 - as all
    some = select(Hold, Arrival).join(Arrival, Arrival.id == Hold.arrival_id)
    waiting = some.where(
        Hold.list_address.in_(lst.addresses), Hold.state == HoldState.WAITING
    ).limit(PIECE)
    rows = session.execute(waiting).all()
    for held, arrival in rows:
        if holds.decide(session, arrival, HoldState.DROPPED, by="clock", now=now) is None:
            held.state, held.due = HoldState.DROPPED.value, None
    return len(rows)


def _envelopes(app: App, session: Session, lst: MailList, now: float) -> int:  # noqa: ARG001 - as all
    """Forget from whom and whence mail came that was a post, or was held."""
    posts = select(Post.arrival_id).where(Post.list_id == lst.id)
    held = select(Hold.arrival_id).where(Hold.list_address.in_(lst.addresses))
    some = select(Arrival.id, Arrival.raw_sha).where(
        or_(Arrival.id.in_(posts), Arrival.id.in_(held)), Arrival.sender != ""
    )
    rows = session.execute(some.limit(PIECE)).all()
    ids = [row.id for row in rows]
    blank = update(Arrival).where(Arrival.id.in_(ids)).values(sender="", client="", helo="")
    session.execute(blank.execution_options(synchronize_session=False))
    if deletion.hides(lst):  # as they came; the archive's own follow
        ended_archive.drop_raw(session, {row.raw_sha for row in rows})
    return len(rows)


def _questions(app: App, session: Session, lst: MailList, now: float) -> int:  # noqa: ARG001 - as all
    ids = session.scalars(select(Ask.id).where(Ask.list_id == lst.id).limit(PIECE)).all()
    session.execute(delete(Ask).where(Ask.id.in_(ids)))
    return len(ids)


def _archive(app: App, session: Session, lst: MailList, now: float) -> int:  # noqa: ARG001 - as all
    return ended_archive.remove_some(session, lst.id) if deletion.hides(lst) else 0


def _finish(session: Session, lst: MailList) -> None:
    """Remove the few rows that are left, and say that nothing can be put back any more."""
    unsent = DraftUnderReview.state != DraftState.SENT
    session.execute(delete(Ban).where(Ban.list_id == lst.id))
    session.execute(delete(Question).where(Question.list_id == lst.id))  # and its answers
    session.execute(delete(DraftUnderReview).where(DraftUnderReview.list_id == lst.id, unsent))
    pictures = delete(Picture).where(Picture.list_id == lst.id)
    session.execute(pictures if deletion.hides(lst) else pictures.where(~Picture.sent))
    lst.welcome = lst.welcomes = lst.footer = lst.footers = lst.postal_address = ""
    deletion.finish(lst)


_STEPS: tuple[Callable[[App, Session, MailList, float], int], ...] = (
    _members,
    _posts,
    _holds,
    _envelopes,
    _questions,
    _archive,
)
