"""Keep questions to a list's members and what each has answered: events and polls alike.

A person has one membership of a list, however many addresses, and so one answer; the last one
counts. Rows of a secret ballot hold no membership while it is open but a keyed hash (``voice``),
and not even that once it is closed. An answer outlives its giver without naming them: counts stay.
Ids are never used again, because tokens in old mail name a question by its id. Refuses to know
mail, words, and how many a hall can hold (listserv/community).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    delete,
    false,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.storage.store import Base
from subscriptions.lists.roster import (
    BigId,
    MailList,
    Membership,
    MembershipState,
    worded,
)

HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)
OPENED = "state = 'open'"


class QuestionKind(StrEnum):
    """Name what is asked."""

    EVENT = "event"  # do you come?
    CHOICE = "choice"  # which one?
    DATE = "date"  # which days can you?
    PROPOSAL = "proposal"  # do you agree?
    VOLUNTEERS = "volunteers"  # which of these will you do?


class QuestionState(StrEnum):
    """Say where a question stands."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"  # nobody says yes any more, or votes
    CANCELLED = "cancelled"


class EventAnswer(StrEnum):
    """Name what can be answered to an event; who waits has said yes."""

    YES = "yes"
    NO = "no"
    MAYBE = "maybe"
    WAITING = "waiting"


class Question(Base):
    """Hold one question: an event, or a poll."""

    __tablename__ = "question"
    __table_args__ = (
        Index("ix_question_list", "list_id", "id"),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey(MailList.id))
    kind: Mapped[QuestionKind] = mapped_column(worded(QuestionKind))
    state: Mapped[QuestionState] = mapped_column(worded(QuestionState))
    title: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text, default="")
    host: Mapped[int] = mapped_column(BigInteger, default=0)  # a membership; 0: the operator
    uid: Mapped[str] = mapped_column(String(120), default="")  # in calendars (RFC 5545 3.8.4.7)
    sequence: Mapped[int] = mapped_column(default=0)  # one more with each change that matters
    revision: Mapped[int] = mapped_column(default=1)  # of a draft
    starts: Mapped[float | None]
    ends: Mapped[float | None]
    zone: Mapped[str] = mapped_column(String(64), default="")
    place: Mapped[str] = mapped_column(String(300), default="")
    seats: Mapped[int] = mapped_column(default=0)  # 0: as many as come
    options: Mapped[str] = mapped_column(Text, default="[]")  # JSON array of what can be chosen
    secret: Mapped[bool] = mapped_column(default=False, server_default=false())
    until: Mapped[float | None]  # when answers end; None: with the event
    electorate: Mapped[int] = mapped_column(default=0)  # who may answer, counted at opening
    result: Mapped[str] = mapped_column(Text, default="")  # JSON, once it is closed
    created: Mapped[float]
    opened: Mapped[float | None]
    closed: Mapped[float | None]
    reminded: Mapped[bool] = mapped_column(default=False, server_default=false())
    host_told: Mapped[bool] = mapped_column(default=False, server_default=false())

    @property
    def is_event(self) -> bool:
        """Tell whether it asks who comes."""
        return self.kind is QuestionKind.EVENT

    @property
    def choices(self) -> list[str]:
        """Return what can be chosen."""
        return [str(one) for one in json.loads(self.options)]

    def ends_by(self) -> float | None:
        """Return when answers end."""
        return self.until if self.until is not None else self.starts


class QuestionAnswer(Base):
    """Hold one member's last answer."""

    __tablename__ = "question_answer"
    __table_args__ = (
        UniqueConstraint("question_id", "membership_id"),
        UniqueConstraint("question_id", "voice"),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    question_id: Mapped[int] = mapped_column(BigId, ForeignKey(Question.id, ondelete="CASCADE"))
    membership_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey(Membership.id, ondelete="SET NULL"), index=True
    )
    voice: Mapped[bytes | None] = mapped_column(LargeBinary(16))  # of an open secret ballot
    answer: Mapped[str] = mapped_column(String(80))  # EventAnswer, or numbers: "2", "1,3"
    guests: Mapped[int] = mapped_column(default=0)
    note: Mapped[str] = mapped_column(Text, default="")  # a reason, or a calendar's comment
    at: Mapped[float]  # when it was said last; 0 in a secret ballot
    since: Mapped[float] = mapped_column(default=0.0)  # of who waits: their place


class QuestionElector(Base):
    """Say who may vote in a secret ballot, and whether they have: never what."""

    __tablename__ = "question_elector"
    question_id: Mapped[int] = mapped_column(
        BigId, ForeignKey(Question.id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    membership_id: Mapped[int] = mapped_column(
        BigId,
        ForeignKey(Membership.id, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        index=True,
    )
    voted: Mapped[bool] = mapped_column(default=False, server_default=false())


def write_options(options: Sequence[str]) -> str:
    """Return what ``Question.options`` holds."""
    return json.dumps(list(options), ensure_ascii=False)


def of_list(session: Session, list_id: int, *, events: bool) -> Sequence[Question]:
    """Return a list's events, or its polls, the newest last."""
    kind = Question.kind == QuestionKind.EVENT
    return session.scalars(
        select(Question)
        .where(Question.list_id == list_id, kind if events else ~kind)
        .order_by(Question.id)
    ).all()


def answer_of(session: Session, question: Question, member: Membership) -> QuestionAnswer | None:
    """Return a member's answer, None where they have given none."""
    return session.scalar(
        select(QuestionAnswer).where(
            QuestionAnswer.question_id == question.id, QuestionAnswer.membership_id == member.id
        )
    )


def answers(session: Session, question: Question) -> Sequence[QuestionAnswer]:
    """Return every answer, in the order of who waits, then as they came."""
    return session.scalars(
        select(QuestionAnswer)
        .where(QuestionAnswer.question_id == question.id)
        .order_by(QuestionAnswer.since, QuestionAnswer.id)
    ).all()


def members_now(session: Session, list_id: int) -> int:
    """Return how many members a list has."""
    here = Membership.list_id == list_id, Membership.state.in_(HERE)
    return session.scalar(select(func.count(Membership.id)).where(*here)) or 0


def freeze_electorate(session: Session, question: Question) -> None:
    """Write down who may vote in a secret ballot: who is a member now."""
    chosen = select(literal(question.id), Membership.id, false()).where(
        Membership.list_id == question.list_id, Membership.state.in_(HERE)
    )
    columns = ["question_id", "membership_id", "voted"]
    session.execute(insert(QuestionElector).from_select(columns, chosen))


def elector(session: Session, question: Question, member: Membership) -> QuestionElector | None:
    """Return a member's place in a secret ballot, None where they have none."""
    return session.get(QuestionElector, (question.id, member.id))


def voted(session: Session, question: Question) -> int:
    """Return how many have voted in a secret ballot."""
    counted = select(func.count()).where(
        QuestionElector.question_id == question.id, QuestionElector.voted
    )
    return session.scalar(counted) or 0


def part(session: Session, question: Question) -> None:
    """Take from the rows of a secret ballot what tied each to its voter."""
    session.execute(
        update(QuestionAnswer)
        .where(QuestionAnswer.question_id == question.id)
        .values(voice=None, at=0.0)
        .execution_options(synchronize_session=False)
    )


def forget(session: Session, membership_ids: Sequence[int]) -> None:
    """Take memberships out of all answers: who waited goes, all other counts stay."""
    theirs = QuestionAnswer.membership_id.in_(membership_ids)
    waits = QuestionAnswer.answer == EventAnswer.WAITING.value
    session.execute(delete(QuestionAnswer).where(theirs, waits))
    session.execute(
        update(QuestionAnswer)
        .where(theirs)
        .values(membership_id=None, note="")
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Question)
        .where(Question.host.in_(membership_ids))
        .values(host=0)
        .execution_options(synchronize_session=False)
    )


def of_members(
    session: Session, membership_ids: Sequence[int]
) -> list[tuple[int, Mapping[str, object]]]:
    """Return (membership, what they answered) for their own export; no secret ballot is known."""
    rows = session.execute(
        select(QuestionAnswer, Question)
        .join(Question, Question.id == QuestionAnswer.question_id)
        .where(QuestionAnswer.membership_id.in_(membership_ids))
        .order_by(QuestionAnswer.at)
    )
    return [
        (
            one.membership_id or 0,
            {
                "kind": asked.kind.value,
                "title": asked.title,
                "answer": spelled(asked, one.answer),
                "guests": one.guests,
                "note": one.note,
                "at": datetime.fromtimestamp(one.at, UTC).isoformat(timespec="seconds"),
            },
        )
        for one, asked in rows
    ]


def spelled(question: Question, answer: str) -> str:
    """Return an answer as it reads: the words of the options that its numbers name."""
    choices = question.choices
    if question.is_event or not choices:
        return answer
    numbers = [int(one) for one in answer.split(",") if one.isdecimal()]
    return ", ".join(choices[one - 1] for one in numbers if 0 < one <= len(choices))
