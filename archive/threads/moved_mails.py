"""Keep what moderators moved: a mail that begins a thread of its own, or stands below another.

It cannot be made from the mail anew, so it is kept beside it: whoever places mails asks here what
stands instead of what a mail says of itself (archive/filing/mail_threading.py), whenever it comes.
``was`` is what the mail said, so that a move can be taken back.
"""

from collections.abc import Sequence

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from archive.threads.archive_tables import Thread
from mailer.storage.store import Base

_IN = 400  # parameters in one IN (...)
SUBJECT = 200  # characters of a new one


class MovedMail(Base):
    """Hold where a mail stands by a moderator's word; ``parent`` is "" where it begins a thread."""

    __tablename__ = "archive_moved_mail"
    list_id: Mapped[int] = mapped_column(
        ForeignKey("list.id", ondelete="CASCADE"), primary_key=True
    )
    hash: Mapped[str] = mapped_column(String(52), primary_key=True)
    parent: Mapped[str] = mapped_column(String(52), default="")
    subject: Mapped[str] = mapped_column(String(SUBJECT), default="")  # of its thread; "" its own
    was: Mapped[str] = mapped_column(String(52), default="")
    at: Mapped[float]


def of_list(session: Session, list_id: int) -> dict[str, MovedMail]:
    """Return what was moved on a list, by the mail's hash."""
    rows = session.scalars(select(MovedMail).where(MovedMail.list_id == list_id))
    return {row.hash: row for row in rows}


def names(session: Session, threads: Sequence[int]) -> dict[int, str]:
    """Return what moderators call threads, by the thread's row; only of those that they named."""
    found: dict[int, str] = {}
    for start in range(0, len(threads), _IN):
        rows = session.execute(
            select(Thread.id, MovedMail.subject)
            .join(
                MovedMail,
                (MovedMail.list_id == Thread.list_id) & (MovedMail.hash == Thread.hash),
            )
            .where(
                Thread.id.in_(threads[start : start + _IN]),
                MovedMail.parent == "",
                MovedMail.subject != "",
            )
        )
        found |= {row.id: row.subject for row in rows}
    return found
