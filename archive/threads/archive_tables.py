"""Hold the archive's rows: which mail stands where. All of it can be rebuilt from the mail.

A *node* is a place in the forest of ids: a mail that is here, or one that others name and that
never came (a ghost). A *message* is a mail that is here. A *thread* is one tree of nodes.
"""

from sqlalchemy import ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from mailer.storage.store import Base
from subscriptions.lists.roster import BigId

_DIRTY = text("touched > rendered")


class Thread(Base):
    """Hold one thread; ``hash`` is that of its first message, ``touched`` counts its changes."""

    __tablename__ = "archive_thread"
    __table_args__ = (
        Index("archive_thread_dirty", "list_id", sqlite_where=_DIRTY, postgresql_where=_DIRTY),
        Index("archive_thread_hash", "list_id", "hash"),
        Index("archive_thread_first", "list_id", "first"),
        Index("archive_thread_last", "list_id", "last"),
        Index("archive_thread_size", "list_id", "size", "last"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("list.id", ondelete="CASCADE"))
    hash: Mapped[str] = mapped_column(String(52), default="")
    subject: Mapped[str] = mapped_column(default="")
    author: Mapped[str] = mapped_column(default="")
    first: Mapped[float] = mapped_column(default=0.0)  # when its first message was written
    last: Mapped[float] = mapped_column(default=0.0)  # when its youngest message was written
    size: Mapped[int] = mapped_column(default=0)  # messages that are here
    touched: Mapped[int] = mapped_column(default=1)
    rendered: Mapped[int] = mapped_column(default=0)  # the ``touched`` that stands on disk
    rendered_hash: Mapped[str] = mapped_column(String(52), default="")
    rendered_month: Mapped[str] = mapped_column(String(7), default="")


class Node(Base):
    """Hold one id and the parent it claims; a ghost's claim is a guess from the mails naming it."""

    __tablename__ = "archive_node"
    __table_args__ = (Index("archive_node_thread", "thread_id"),)
    list_id: Mapped[int] = mapped_column(
        ForeignKey("list.id", ondelete="CASCADE"), primary_key=True
    )
    hash: Mapped[str] = mapped_column(String(52), primary_key=True)
    thread_id: Mapped[int] = mapped_column(ForeignKey("archive_thread.id"))
    parent: Mapped[str | None] = mapped_column(String(52))
    present: Mapped[bool]
    by_date: Mapped[float | None]  # the mail whose References made the guess
    by_hash: Mapped[str | None] = mapped_column(String(52))


class Message(Base):
    """Hold one archived mail; ``linked`` is the thread hash that its permalink page points to."""

    __tablename__ = "archive_message"
    __table_args__ = (
        Index("archive_message_hash", "list_id", "hash", unique=True),
        Index("archive_message_thread", "thread_id"),
        Index("archive_message_date", "list_id", "date"),
        Index("archive_message_raw", "list_id", "raw_sha"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("list.id", ondelete="CASCADE"))
    thread_id: Mapped[int] = mapped_column(ForeignKey("archive_thread.id"))
    hash: Mapped[str] = mapped_column(String(52))
    message_id: Mapped[str]
    raw_sha: Mapped[bytes] = mapped_column(LargeBinary(32))
    date: Mapped[float]  # clamped: never later than the arrival, never before there was mail
    arrival: Mapped[float]
    subject: Mapped[str]
    author: Mapped[str]
    linked: Mapped[str] = mapped_column(String(52), default="")


class Body(Base):
    """Keep a mail as it was drawn, for quick re-rendering; may be dropped at any time."""

    __tablename__ = "archive_body"
    message_id: Mapped[int] = mapped_column(
        ForeignKey("archive_message.id", ondelete="CASCADE"), primary_key=True
    )
    sight: Mapped[str] = mapped_column(
        String(40)
    )  # for whom it was drawn (archive/visibility/visibility.py)
    packed: Mapped[bytes] = mapped_column(LargeBinary)


class PersonPage(Base):
    """Say whose page stands, made with what (``known``), and up to which message it was tied.

    No foreign key to the membership: a page must be found after its owner is erased.
    """

    __tablename__ = "archive_person"
    membership_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    list_id: Mapped[int] = mapped_column(ForeignKey("list.id", ondelete="CASCADE"))
    hash: Mapped[str] = mapped_column(String(26))
    known: Mapped[str] = mapped_column(String(32))
    upto: Mapped[int] = mapped_column(BigId)


class MailAuthor(Base):
    """Tie a mail to the member who wrote it: only of those who have a page."""

    __tablename__ = "archive_written"
    __table_args__ = (Index("archive_written_member", "membership_id"),)
    message_id: Mapped[int] = mapped_column(
        ForeignKey("archive_message.id", ondelete="CASCADE"), primary_key=True
    )
    membership_id: Mapped[int] = mapped_column(BigId)


class Removal(Base):
    """Remember what was taken out of a list's archive, as digests (see removal.py)."""

    __tablename__ = "archive_removal"
    __table_args__ = (Index("archive_removal_list", "list_id"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("list.id", ondelete="CASCADE"))
    # message, author, file, phrase, quote, title, inside, unquote
    kind: Mapped[str] = mapped_column(String(8))
    words: Mapped[int] = mapped_column(default=0)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[float]


class Export(Base):
    """Remember a folder that an archive was exported to (archive/threads/exports.py)."""

    __tablename__ = "archive_export"
    list_id: Mapped[int] = mapped_column(
        ForeignKey("list.id", ondelete="CASCADE"), primary_key=True
    )
    folder: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[float]


class Late(Base):
    """Name a month whose slow files (mbox, search, site map) are not yet what the mail says."""

    __tablename__ = "archive_late"
    list_id: Mapped[int] = mapped_column(
        ForeignKey("list.id", ondelete="CASCADE"), primary_key=True
    )
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    touched: Mapped[float]  # when it became late first, in seconds since 1970 UTC


class MonthCount(Base):
    """Count the threads that began in a month, and their messages, so that no page counts them."""

    __tablename__ = "archive_month"
    list_id: Mapped[int] = mapped_column(
        ForeignKey("list.id", ondelete="CASCADE"), primary_key=True
    )
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    threads: Mapped[int]
    messages: Mapped[int]


class FormerThread(Base):
    """Remember that ``/t/HASH/`` was once a thread's page; it points on to where it went."""

    __tablename__ = "archive_former_thread"
    list_id: Mapped[int] = mapped_column(
        ForeignKey("list.id", ondelete="CASCADE"), primary_key=True
    )
    hash: Mapped[str] = mapped_column(String(52), primary_key=True)


class Redirect(Base):
    """Remember an address of an old archive, and where in the list's folder it leads."""

    __tablename__ = "archive_redirect"
    __table_args__ = (Index("archive_redirect_list", "list_id"),)
    path: Mapped[str] = mapped_column(String(1000), primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("list.id", ondelete="CASCADE"))
    target: Mapped[str] = mapped_column(String(60))
