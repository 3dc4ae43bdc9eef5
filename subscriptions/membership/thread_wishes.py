"""Keep what a member wants of one thread: nothing more of it (mute), or all of it at once (follow).

A thread is named by one of its mails, so a wish survives what an archive does with threads: where
the mail goes, the wish goes. A wish holds from ``since`` to ``until``, and a post is decided at one
moment: so a member gets what was posted while they wanted it, whenever they change their mind.
Refuses to know where a mail stands (listserv/mailings/thread_ways.py asks the archive). A wish is
its member's own: it stands in their export and goes with their membership.
"""

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, false, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.storage.store import Base
from subscriptions.lists.roster import BigId, MailList, Membership, worded


class WishKind(StrEnum):
    """Say what a member wants of a thread."""

    MUTE = "mute"
    FOLLOW = "follow"


class ThreadWish(Base):
    """Hold one wish; ``hash`` is the permalink hash of the mail that names the thread."""

    __tablename__ = "thread_wish"
    __table_args__ = (
        Index("ix_thread_wish_hash", "list_id", "hash"),
        Index("ix_thread_wish_member", "membership_id"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey(MailList.id, ondelete="CASCADE"))
    membership_id: Mapped[int] = mapped_column(BigId, ForeignKey(Membership.id, ondelete="CASCADE"))
    hash: Mapped[str] = mapped_column(String(52))
    kind: Mapped[WishKind] = mapped_column(worded(WishKind))
    # A mute that ends when somebody writes the member's name: "@Anna".
    named: Mapped[bool] = mapped_column(default=False, server_default=false())
    since: Mapped[float]
    until: Mapped[float | None]


def living(session: Session, membership_id: int, hashes: Sequence[str]) -> ThreadWish | None:
    """Return what a member wants now of the thread that has these mails, None for nothing."""
    found = select(ThreadWish).where(
        ThreadWish.membership_id == membership_id,
        ThreadWish.hash.in_(hashes),
        ThreadWish.until.is_(None),
    )
    return session.scalars(found.order_by(ThreadWish.id.desc()).limit(1)).first()


def wish(
    session: Session,
    member: Membership,
    hashes: Sequence[str],
    kind: WishKind | None,
    now: float,
    *,
    named: bool = False,
) -> ThreadWish | None:
    """Let a member want this of the thread that has the mails ``hashes``; return what they wanted.

    The first of ``hashes`` names the thread from now on. None ends what they wanted.
    """
    rows = session.scalars(
        select(ThreadWish).where(
            ThreadWish.membership_id == member.id,
            ThreadWish.hash.in_(hashes),
            ThreadWish.until.is_(None),
        )
    ).all()
    for row in rows:
        row.until = now
    if kind is not None:
        session.add(
            ThreadWish(
                list_id=member.list_id, membership_id=member.id, hash=hashes[0], kind=kind,
                named=named, since=now,
            )
        )  # fmt: skip
    session.flush()
    return max(rows, key=lambda row: row.id, default=None)


def of_members(session: Session, membership_ids: Sequence[int]) -> Sequence[ThreadWish]:
    """Return all that members have wanted of threads, oldest first."""
    found = select(ThreadWish).where(ThreadWish.membership_id.in_(membership_ids))
    return session.scalars(found.order_by(ThreadWish.id)).all()
