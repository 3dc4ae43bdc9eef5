"""Hold the roof's own tables; every_table.py names those of all rooms."""

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from mailer.ledger.mailings import Mailing
from mailer.storage.arrivals import Arrival
from mailer.storage.store import Base
from subscriptions.lists.roster import MailList

_DUE = text("state = 'scheduled'")
_UNSENT = text("NOT sent")
_UNDONE = text("NOT done")
_Id = BigInteger().with_variant(Integer, "sqlite")


class Post(Base):
    """Keep what was decided about one arrival for one list, and why."""

    __tablename__ = "post"
    __table_args__ = (
        Index("ix_post_known", "list_id", "message_id"),
        Index("ix_post_author", "list_id", "author"),
        Index("ix_post_decided", "list_id", "decided_at"),
        Index("ix_post_message", "message_id"),  # the same mail at other lists
    )
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    arrival_id: Mapped[int] = mapped_column(ForeignKey(Arrival.id), unique=True)
    list_id: Mapped[int] = mapped_column(ForeignKey(MailList.id))
    message_id: Mapped[str] = mapped_column(String(998))  # without brackets; "" where none
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))  # mailer.reading.message.content_digest
    author: Mapped[str] = mapped_column(String(320))  # address key; "" where nobody is named
    decision: Mapped[str] = mapped_column(String(16))
    rules: Mapped[str]  # JSON array: the rules that hit
    mailing_id: Mapped[int | None] = mapped_column(ForeignKey(Mailing.id))
    decided_at: Mapped[float]
    begins: Mapped[bool] = mapped_column(default=False, server_default=false())  # a thread
    # JSON: the lists that its mail names, in order; "" for this one alone (cross_posts.py).
    named: Mapped[str] = mapped_column(default="", server_default="")
    # A mail by which its thread is found (listserv/mailings/thread_ways.py); "" is its own id.
    thread: Mapped[str] = mapped_column(String(52), default="", server_default="")


class SortedList(Base):
    """Keep which worker decides what comes for one list, and until when (list_claims.py)."""

    __tablename__ = "sorted_list"
    list_address: Mapped[str] = mapped_column(String(320), primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger)  # one more with each claim
    holder: Mapped[str]  # the process, as claim_owners.ProcessIdentity has it
    until: Mapped[float]  # by the database's clock; or until when somebody had it
    newest: Mapped[float]  # when its last post was decided: the next one is later


class Digest(Base):
    """Hold whose digest a mailing is, and up to when (listserv/mailings/digest_windows.py)."""

    __tablename__ = "digest"
    mailing_id: Mapped[int] = mapped_column(
        ForeignKey(Mailing.id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    list_id: Mapped[int] = mapped_column(ForeignKey(MailList.id), index=True)
    rhythm: Mapped[str] = mapped_column(String(8))  # "": of those who have gone back to each mail
    low: Mapped[float]  # whose own moment is not before this ...
    high: Mapped[float]  # ... and before this
    end_low: Mapped[float]
    end_high: Mapped[float]
    upto: Mapped[float]  # when the last post in it was decided
    hour: Mapped[int] = mapped_column(SmallInteger, server_default="-1")  # -1: the list's
    zone: Mapped[str] = mapped_column(String(64), server_default="")  # "": the list's
    weekdays: Mapped[bool] = mapped_column(server_default=false())  # none at weekends
    members: Mapped[str] = mapped_column(Text, server_default="")  # JSON: not for these ...
    theirs: Mapped[bool] = mapped_column(server_default=false())  # ... or for these alone
    without: Mapped[str] = mapped_column(Text, server_default="")  # JSON: posts left out
    apart: Mapped[str] = mapped_column(default="", server_default="")  # mailings/had_elsewhere.py


class Issue(Base):
    """Keep one edition of a newsletter as it was sent."""

    __tablename__ = "issue"
    __table_args__ = (Index("ix_issue_known", "list_id", "digest"),)
    mailing_id: Mapped[int] = mapped_column(
        ForeignKey(Mailing.id), primary_key=True, autoincrement=False
    )
    list_id: Mapped[int] = mapped_column(ForeignKey(MailList.id))
    subject: Mapped[str]  # as it was written, slots and all
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))  # newsletters.drafts.Draft.digest
    raw_sha: Mapped[bytes] = mapped_column(LargeBinary(32))  # the copy that the archive keeps
    sent_at: Mapped[float]
    sent_by: Mapped[str] = mapped_column(String(320))  # cli or an address
    segment: Mapped[str] = mapped_column(default="")  # as it was resolved; "" for everybody
    terms: Mapped[str] = mapped_column(default="")  # subscriptions.lists.terms
    series: Mapped[str] = mapped_column(String(40), default="")  # each member gets one of these
    tripped: Mapped[float | None]  # when it was paused by itself


class DraftState(StrEnum):
    """Say where an issue stands that is not a mailing yet."""

    OPEN = "open"
    SCHEDULED = "scheduled"
    SENT = "sent"


class DraftUnderReview(Base):
    """Keep an issue before it is sent: the draft as it was last proved."""

    __tablename__ = "edition"
    __table_args__ = (
        Index("ix_edition_due", "due", sqlite_where=_DUE, postgresql_where=_DUE),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey(MailList.id))
    editor: Mapped[int] = mapped_column(BigInteger)  # the membership that mailed it last
    message_id: Mapped[str] = mapped_column(String(200))  # of the issue that it becomes
    source: Mapped[str]  # front matter and Markdown
    revision: Mapped[int] = mapped_column(default=1)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))  # of the bodies that were proved
    state: Mapped[str] = mapped_column(String(16), default=DraftState.OPEN)
    due: Mapped[float | None]  # when it leaves, while it is scheduled
    zone: Mapped[str] = mapped_column(String(60), default="")  # in which that hour was named
    by: Mapped[str] = mapped_column(String(320), default="")  # whose word sends it
    hour: Mapped[str] = mapped_column(String(20), default="")  # of each reader's own day
    # Where two editors' word is needed, memberships: who wants it sent (at ``due``, or at once),
    # and who has approved this revision.
    wished: Mapped[int] = mapped_column(BigInteger, default=0)
    approved: Mapped[int] = mapped_column(BigInteger, default=0)
    mailing_id: Mapped[int | None] = mapped_column(ForeignKey(Mailing.id))
    created: Mapped[float]
    changed: Mapped[float]


class Picture(Base):
    """Keep a picture of an issue as readers see it; anybody may open it at ``/LIST/f/``."""

    __tablename__ = "picture"
    __table_args__ = (
        UniqueConstraint("list_id", "key"),
        Index("ix_picture_old", "taken_at", sqlite_where=_UNSENT, postgresql_where=_UNSENT),
    )
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey(MailList.id))
    key: Mapped[str] = mapped_column(String(52))  # mailer.reading.attachments.key_of its bytes
    ending: Mapped[str] = mapped_column(String(4))
    name: Mapped[str] = mapped_column(String(200))  # as drafts say it
    width: Mapped[int]  # pixels
    height: Mapped[int]
    data: Mapped[bytes] = mapped_column(LargeBinary)
    sent: Mapped[bool]  # an issue that left shows it, so it stays
    taken_at: Mapped[float]


class ScreenshotJob(Base):
    """Keep a proof of which screenshots are due for one editor, once its report has left."""

    __tablename__ = "sitting"
    __table_args__ = (
        UniqueConstraint("edition_id", "revision", "member"),
        Index("ix_sitting_waiting", "id", sqlite_where=_UNDONE, postgresql_where=_UNDONE),
    )
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    edition_id: Mapped[int] = mapped_column(ForeignKey(DraftUnderReview.id, ondelete="CASCADE"))
    revision: Mapped[int]
    member: Mapped[int] = mapped_column(BigInteger)  # the membership that gets them
    mailing_id: Mapped[int] = mapped_column(ForeignKey(Mailing.id, ondelete="CASCADE"))  # report
    tries: Mapped[int]
    done: Mapped[bool]


class HoldState(StrEnum):
    """Say what became of a held message."""

    WAITING = "waiting"
    RELEASED = "released"
    REFUSED = "refused"
    DROPPED = "dropped"
    EXPIRED = "expired"
    FORWARDED = "forwarded"  # a reader's letter to a newsletter, handed to its editors


class Hold(Base):
    """Keep a message that waits for a human, and why."""

    __tablename__ = "hold"
    __table_args__ = (Index("ix_hold_due", "state", "due"),)
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    arrival_id: Mapped[int] = mapped_column(ForeignKey(Arrival.id), unique=True)
    list_address: Mapped[str] = mapped_column(String(320), index=True)  # "" for a domain's own
    rules: Mapped[str]  # JSON array; "error" where our code failed
    detail: Mapped[str]  # for operators: a traceback, or a limit that was passed
    state: Mapped[str] = mapped_column(String(16), index=True)
    held_at: Mapped[float]
    decided_at: Mapped[float | None]
    decided_by: Mapped[str] = mapped_column(String(320), default="")  # cli, clock or an address
    revision: Mapped[int] = mapped_column(default=0)  # counts how often it was held anew
    due: Mapped[float | None]  # when moderators hear of it next; None: only operators see it
    asked_at: Mapped[float | None]
    reminded_at: Mapped[float | None]


class Ban(Base):
    """Keep an address whose posts to one list are discarded, as a moderator decided."""

    __tablename__ = "ban"
    list_id: Mapped[int] = mapped_column(ForeignKey(MailList.id), primary_key=True)
    address_key: Mapped[str] = mapped_column(String(320), primary_key=True)
    since: Mapped[float]
    decided_by: Mapped[str] = mapped_column(String(320))


class Erasure(Base):
    """Keep a wish to be forgotten until it is carried out; then it is deleted as well."""

    __tablename__ = "erasure"
    address_key: Mapped[str] = mapped_column(String(320), primary_key=True)
    how: Mapped[str] = mapped_column(String(200))  # what proved it: button
    asked_at: Mapped[float]
    due: Mapped[float]  # when to try next


class Examined(Base):
    """Keep what the doctor found last: one row (listserv/doctor/daily.py)."""

    __tablename__ = "examined"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float]
    found: Mapped[str]  # JSON array of what was not well
    asked: Mapped[bool] = mapped_column(default=False, server_default=false())  # by the operator


class ActionDone(Base):
    """Keep a change that somebody asked for and that was made: what, by whom, by which proof.

    Names nobody: whoever asked is a membership's number, which erasing leaves behind.
    """

    __tablename__ = "action_done"
    __table_args__ = (Index("ix_action_done_list", "list_address", "id"),)
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    at: Mapped[float]
    action: Mapped[str] = mapped_column(String(40))
    list_address: Mapped[str] = mapped_column(String(320))  # "" where it is about no single list
    role: Mapped[str] = mapped_column(String(16))
    proven: Mapped[str] = mapped_column(String(16))
    door: Mapped[str] = mapped_column(String(16))
    membership: Mapped[int | None] = mapped_column(BigInteger)  # None: the operator
    detail: Mapped[str] = mapped_column(default="")
