"""Answers to an issue's one question: each member's last, counted; and nothing but counts shown.

A row holds the membership, because an answer may be changed and counts once; it goes with the
membership and stands in its owner's export. Nothing here tells anybody else who chose what.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ForeignKey, SmallInteger, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.ledger.mailings import Mailing
from mailer.storage.store import Base, insert_or_change
from subscriptions.lists.roster import BigId, MailList, Membership

OPEN = 30 * 86400.0  # seconds for which a question can be answered


class Vote(Base):
    """Keep the question of an issue that was sent."""

    __tablename__ = "vote"
    mailing_id: Mapped[int] = mapped_column(
        ForeignKey(Mailing.id), primary_key=True, autoincrement=False
    )
    list_id: Mapped[int] = mapped_column(ForeignKey(MailList.id), index=True)
    code: Mapped[str] = mapped_column(String(8))  # names it in a Subject
    question: Mapped[str]
    answers: Mapped[str]  # JSON array, in the first language
    asked: Mapped[float]


class Ballot(Base):
    """Keep one member's answer."""

    __tablename__ = "ballot"
    mailing_id: Mapped[int] = mapped_column(
        ForeignKey(Mailing.id), primary_key=True, autoincrement=False
    )
    membership_id: Mapped[int] = mapped_column(
        BigId,
        ForeignKey(Membership.id, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        index=True,
    )
    answer: Mapped[int] = mapped_column(SmallInteger)  # 1 for the first
    at: Mapped[float]


@dataclass(frozen=True, slots=True)
class VoteResult:
    """Count the answers to a question, in the order in which they were offered."""

    question: str
    answers: tuple[tuple[str, int], ...]

    @property
    def voices(self) -> int:
        """Return how many members have answered."""
        return sum(count for _, count in self.answers)


def ask(
    session: Session,
    mailing: int,
    list_id: int,
    *,
    code: str,
    question: str,
    answers: Sequence[str],
    now: float,
) -> None:
    """Write down the question of an issue that is being sent."""
    said = json.dumps(list(answers), ensure_ascii=False)
    session.add(
        Vote(
            mailing_id=mailing,
            list_id=list_id,
            code=code,
            question=question,
            answers=said,
            asked=now,
        )
    )


def find(session: Session, list_id: int, code: str) -> Vote | None:
    """Return the newest question of a list with this code."""
    found = select(Vote).where(Vote.list_id == list_id, Vote.code == code)
    return session.scalars(found.order_by(Vote.mailing_id.desc()).limit(1)).first()


def answers_of(vote: Vote) -> list[str]:
    """Return what can be answered."""
    return [str(one) for one in json.loads(vote.answers)]


def cast(session: Session, vote: Vote, member: Membership, answer: int, now: float) -> bool:
    """Count an answer, instead of an earlier one; return False where the question is closed."""
    if now > vote.asked + OPEN or not 0 < answer <= len(answers_of(vote)):
        return False
    row = {"mailing_id": vote.mailing_id, "membership_id": member.id, "answer": answer, "at": now}
    session.execute(insert_or_change(session, Ballot, "answer", "at"), [row])
    return True


def chosen(session: Session, vote: Vote, member: Membership) -> int:
    """Return the answer that a member has given, 0 for none yet."""
    given = select(Ballot.answer).where(
        Ballot.mailing_id == vote.mailing_id, Ballot.membership_id == member.id
    )
    return session.scalar(given) or 0


def result(session: Session, mailing: int) -> VoteResult | None:
    """Return the counts of an issue's question, or None where it asked none."""
    vote = session.get(Vote, mailing)
    if vote is None:
        return None
    rows = session.execute(
        select(Ballot.answer, func.count())
        .where(Ballot.mailing_id == mailing)
        .group_by(Ballot.answer)
    )
    counts = {row[0]: row[1] for row in rows}
    named = enumerate(answers_of(vote), start=1)
    return VoteResult(
        vote.question, tuple((words, counts.get(number, 0)) for number, words in named)
    )


def of(session: Session, membership_ids: Sequence[int]) -> list[tuple[int, str, str, float]]:
    """Return (membership, question, answer, when) of members, for their own export."""
    rows = session.execute(
        select(Ballot, Vote)
        .join(Vote, Vote.mailing_id == Ballot.mailing_id)
        .where(Ballot.membership_id.in_(membership_ids))
        .order_by(Ballot.at)
    )
    return [
        (ballot.membership_id, vote.question, answers_of(vote)[ballot.answer - 1], ballot.at)
        for ballot, vote in rows
    ]
