"""Count a poll: votes, turnout, and the end of it, mailed to everybody.

    polls.vote(session, keyring, poll, member, (2,), "", now)
    polls.close(visit, poll)

A secret ballot's rows name nobody: while it is open each holds a keyed hash, so that a vote can be
changed, and none is shown; when it closes, that hash and the hours go, and nobody can tell any more
who chose what. It protects from owners, members, exports and backups made afterwards; not from
whoever runs the machine while it is open, who has the key.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.community import asking
from listserv.community.poll_draft import PollDraft
from listserv.letters.request import Visit
from mailer.errors import Refused
from mailer.storage.tokens import Keyring
from subscriptions.lists import questions
from subscriptions.lists.questions import Question, QuestionAnswer, QuestionState
from subscriptions.lists.roster import Membership

MAX_REASONS = 50  # shown with a result


@dataclass(frozen=True, slots=True)
class PollCount:
    """Hold what was chosen how often, and by how many of how many."""

    votes: tuple[int, ...]  # in the order of the options; () while they are secret
    voted: int
    electorate: int
    reasons: Sequence[Mapping[str, object]] = ()


class NotElector(Refused):
    """Say that somebody was no member when a secret ballot was opened."""


def keep_poll(visit: Visit, draft: PollDraft, host: int) -> Question:
    """Keep a poll that nobody has been asked about yet."""
    poll = Question(
        list_id=visit.lst.id, kind=draft.kind, state=QuestionState.DRAFT, title="", host=host,
        created=visit.now,
    )  # fmt: skip
    change_poll(poll, draft)
    poll.revision = 1
    visit.session.add(poll)
    visit.session.flush()
    return poll


def change_poll(poll: Question, draft: PollDraft) -> None:
    """Let a poll that nobody has been asked about be what a draft says."""
    poll.kind, poll.title, poll.text = draft.kind, draft.title, draft.text
    poll.options = questions.write_options(draft.options)
    poll.secret, poll.until, poll.zone = draft.secret, draft.until, draft.zone
    poll.revision = (poll.revision or 0) + 1


def vote(
    session: Session,
    keyring: Keyring,
    poll: Question,
    member: Membership,
    choices: Sequence[int],
    reason: str,
    now: float,
) -> None:
    """Count a vote in place of an earlier one; raise NotElector for who may not."""
    answer = ",".join(map(str, choices)) or "0"
    if not poll.secret:
        row = questions.answer_of(session, poll, member)
        if row is None:
            row = QuestionAnswer(question_id=poll.id, membership_id=member.id, guests=0, since=0.0)
        row.answer, row.note, row.at = answer, reason, now
        session.add(row)
        session.flush()
        return
    elector = questions.elector(session, poll, member)
    if elector is None:
        raise NotElector("Whoever joined later has no vote in this ballot.", key="not-elector")
    voice = keyring.keyed_hash(f"ballot {poll.id} {member.id}")
    mine = select(QuestionAnswer).where(
        QuestionAnswer.question_id == poll.id, QuestionAnswer.voice == voice
    )
    found = session.scalar(mine)
    if found is None:
        found = QuestionAnswer(
            question_id=poll.id, voice=voice, guests=0, since=0.0, note="", at=0.0
        )
    found.answer = answer
    elector.voted = True
    session.add(found)
    session.flush()


def count(session: Session, poll: Question) -> PollCount:
    """Return how it stands; of a secret ballot that is open, the turnout alone."""
    rows = questions.answers(session, poll)
    reasons = [
        {"answer": questions.spelled(poll, row.answer), "reason": row.note}
        for row in rows
        if row.note
    ][:MAX_REASONS]
    if poll.result:
        kept = json.loads(poll.result)
        return PollCount(tuple(kept["votes"]), kept["voted"], kept["electorate"], reasons)
    if poll.secret and poll.state is QuestionState.OPEN:
        return PollCount((), len(rows), max(poll.electorate, len(rows)))
    chosen = Counter(int(one) for row in rows for one in row.answer.split(",") if one.isdecimal())
    votes = tuple(chosen[at] for at in range(1, len(poll.choices) + 1))
    electorate = poll.electorate
    if not poll.secret and poll.state is QuestionState.OPEN:
        electorate = questions.members_now(session, poll.list_id)
    return PollCount(votes, len(rows), max(electorate, len(rows)), reasons)


def close(visit: Visit, poll: Question) -> PollCount:
    """End a poll, keep its result, and mail it to everybody."""
    session = visit.session
    poll.state, poll.closed = QuestionState.CLOSED, visit.now
    if not poll.secret:
        poll.electorate = questions.members_now(session, poll.list_id)
    else:
        questions.part(session, poll)
    session.flush()
    found = count(session, poll)
    poll.result = json.dumps(
        {
            "votes": found.votes,
            "voted": found.voted,
            "electorate": found.electorate,
        }
    )
    asking.mail_all(visit, poll, "result", count=shown(poll, found))
    return found


def shown(poll: Question, found: PollCount) -> dict[str, object]:
    """Return a count as templates show it."""
    rows = list(zip(poll.choices, found.votes, strict=True)) if found.votes else []
    return {
        "rows": rows,
        "voted": found.voted,
        "electorate": found.electorate,
        "reasons": found.reasons,
    }
