"""Trace a mail: where it is and why, from the 250 to each recipient's answer.

``of_message`` follows a Message-ID, ``of_address`` what one address sent, was sent and is. Reads
only, along indexes or over the newest so many rows, so that it can be asked of a busy service. A
message that is neither a post nor held (a command, an answer) is known by its sender alone.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.letters.notices import KIND as NOTICE
from listserv.wiring.listserv_tables import Hold, HoldState, Issue, Post
from mailer.ledger import mailings, pace, recipient_history, warmup
from mailer.ledger.claim_owners import Owner
from mailer.ledger.mailings import Mailing, MailingState, Recipient, RecipientState, Status
from mailer.ledger.pace import PaceRow
from mailer.reading import message
from mailer.reading.addresses import parse
from mailer.storage.arrivals import Arrival, ArrivalState
from mailer.storage.store import get_raw
from subscriptions.lists.roster import Address, MailList, Membership, all_lists, state_at
from subscriptions.membership import bouncing, given_up
from subscriptions.permission import suppression

SHOWN = 20  # letters, copies and recipients at most; `krets queue mailing` has all
SEARCHED = 1000  # newest mailings in which an address is looked for
OPEN = 500  # undecided messages whose header is read
_TROUBLE = (
    RecipientState.REFUSED,
    RecipientState.UNSURE,
    RecipientState.DEFERRED,
    RecipientState.CLAIMED,
    RecipientState.READY,
    RecipientState.SKIPPED,
)
_WAITING = (RecipientState.READY, RecipientState.DEFERRED)


@dataclass(frozen=True, slots=True)
class TraceStep:
    """Say one thing that happened to a copy, at a time in seconds since 1970 UTC."""

    at: float
    state: str
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class TracedCopy:
    """Say where one recipient's copy is; ``waits_for`` says why it does not leave now."""

    mailing: int
    kind: str
    list: str
    message_id: str
    address: str
    state: str
    code: int
    reason: str
    attempts: int
    next_due: float | None
    waits_for: str
    steps: tuple[TraceStep, ...]


@dataclass(frozen=True, slots=True)
class TracedMessage:
    """Say what became of one message that came in, or that was made here (an issue, a notice)."""

    arrival: int | None
    received: float
    sender: str
    to: str
    subject: str
    message_id: str
    state: str  # new, held or done
    decision: str
    rules: tuple[str, ...]
    detail: str  # who decided a hold and when moderators hear of it; the outcome of a command
    mailing: int | None
    counts: Status | None
    copies: tuple[TracedCopy, ...]  # those who have no copy first; not all of many


@dataclass(frozen=True, slots=True)
class Seat:
    """Say what an address is on one list."""

    list: str
    state: str
    rhythm: str
    role: str


@dataclass(frozen=True, slots=True)
class CameBack:
    """Say what came back of the mail to an address, and when."""

    at: float
    list: str
    kind: str
    status: str
    said: str
    mailing: int | None


@dataclass(frozen=True, slots=True)
class MessageTrace:
    """Hold all that was found."""

    letters: tuple[TracedMessage, ...] = ()
    copies: tuple[TracedCopy, ...] = ()
    seats: tuple[Seat, ...] = ()
    suppressed: tuple[str, ...] = ()
    why: str = ""  # it is not mailed any more
    since: float | None = None
    bounces: tuple[CameBack, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether anything was found."""
        return bool(self.letters or self.copies or self.seats or self.suppressed)


def of_message(session: Session, message_id: str, now: float) -> MessageTrace:
    """Follow a Message-ID, given with or without its brackets."""
    wanted = message_id.strip().removeprefix("<").removesuffix(">")
    lists = [lst.id for lst in all_lists(session)]  # the index begins with them
    posts = session.scalars(
        select(Post.arrival_id)
        .where(Post.list_id.in_(lists), Post.message_id == wanted)
        .order_by(Post.id.desc())
        .limit(SHOWN)
    )
    found = set(posts) | set(_undecided(session, wanted))
    arrivals = session.scalars(select(Arrival).where(Arrival.id.in_(found)).order_by(Arrival.id))
    letters = [_letter(session, arrival, now) for arrival in arrivals]
    known = {letter.mailing for letter in letters}
    made = session.scalars(
        select(Mailing).where(Mailing.message_id == wanted).order_by(Mailing.id).limit(SHOWN)
    )
    letters += [_made(session, one, now) for one in made if one.id not in known]
    return MessageTrace(letters=tuple(letters))


def of_address(session: Session, address: str, now: float) -> MessageTrace:
    """Say what an address is here, what it sent lately and what was sent to it."""
    who = parse(address)
    known = session.scalar(select(Address.given).where(Address.key == who.key))
    spelt = {one.wire for one in (who, parse(known or address))}
    sent = session.scalars(
        select(Arrival)
        .where(Arrival.sender.in_({*spelt, address, known or address}))
        .order_by(Arrival.id.desc())
        .limit(SHOWN)
    )
    ended = given_up.of(session, [who.key]).get(who.key)
    reasons = session.scalars(
        select(suppression.Suppression.reason).where(suppression.Suppression.address == who.key)
    )
    return MessageTrace(
        letters=tuple(_letter(session, arrival, now, with_copies=False) for arrival in sent),
        copies=tuple(_copies(session, _rows_of(session, who.key, spelt), now)),
        seats=tuple(_seats(session, who.key, now)),
        suppressed=tuple(reason.value for reason in reasons),
        why=ended.why if ended is not None else "",
        since=ended.since if ended is not None else None,
        bounces=tuple(_back(session, who.key)),
    )


def _rows_of(session: Session, key: str, spelt: Collection[str]) -> list[Recipient]:
    """Return the newest copies to an address: as a member's, along the index of refs, or a notice.

    There is no index of addresses, which would cost every mailing its freeze.
    """
    newest = list(session.scalars(select(Mailing.id).order_by(Mailing.id.desc()).limit(SEARCHED)))
    theirs = (
        select(Membership.id)
        .join(Address, Address.person_id == Membership.person_id)
        .where(Address.key == key)
    )
    notices = select(Mailing.id).where(Mailing.id.in_(newest), Mailing.kind == NOTICE)
    rows: set[Recipient] = set()
    for where in (
        Recipient.mailing_id.in_(newest) & Recipient.ref.in_(theirs),
        Recipient.mailing_id.in_(notices),
    ):
        chosen = select(Recipient).where(where, Recipient.address.in_(spelt))
        rows.update(session.scalars(chosen.order_by(Recipient.mailing_id.desc()).limit(SHOWN)))
    return sorted(rows, key=lambda row: row.mailing_id, reverse=True)[:SHOWN]


def _undecided(session: Session, wanted: str) -> Iterator[int]:
    """Yield the newest undecided arrivals with this id: nothing but their header says it."""
    waiting = select(Arrival.id, Arrival.raw_sha).where(
        Arrival.state.in_((ArrivalState.NEW, ArrivalState.HELD))
    )
    for number, sha in session.execute(waiting.order_by(Arrival.id.desc()).limit(OPEN)).all():
        if message.message_id(message.head(get_raw(session, sha) or b"")) == wanted:
            yield number


def _letter(
    session: Session, arrival: Arrival, now: float, *, with_copies: bool = True
) -> TracedMessage:
    head = message.head(get_raw(session, arrival.raw_sha) or b"")
    subjects = head.all("subject")
    post = session.scalar(select(Post).where(Post.arrival_id == arrival.id))
    hold = session.scalar(select(Hold).where(Hold.arrival_id == arrival.id))
    state = ArrivalState(arrival.state)
    decision, rules = "", ()
    if state is ArrivalState.HELD:
        decision, rules = "hold", tuple(json.loads(hold.rules)) if hold else (arrival.note,)
    elif post is not None:
        decision, rules = post.decision, tuple(json.loads(post.rules))
    mailing = post.mailing_id if post is not None else None
    return TracedMessage(
        arrival=arrival.id,
        received=arrival.received_at,
        sender=arrival.sender,
        to=arrival.recipient,
        subject=message.text_of(subjects[0]) if subjects else "",
        message_id=message.message_id(head) or "",
        state=state.name.lower(),
        decision=decision,
        rules=rules,
        detail=_detail(arrival, hold, post),
        mailing=mailing,
        counts=mailings.status(session, mailing) if mailing is not None else None,
        copies=_of_mailing(session, mailing, now) if mailing is not None and with_copies else (),
    )


def _made(session: Session, mailing: Mailing, now: float) -> TracedMessage:
    issue = session.get(Issue, mailing.id)
    return TracedMessage(
        arrival=None,
        received=mailing.created,
        sender=issue.sent_by if issue is not None else "",
        to=mailing.list_address,
        subject=issue.subject if issue is not None else "",
        message_id=mailing.message_id,
        state="done",
        decision=mailing.kind,
        rules=(),
        detail="",
        mailing=mailing.id,
        counts=mailings.status(session, mailing.id),
        copies=_of_mailing(session, mailing.id, now),
    )


def _detail(arrival: Arrival, hold: Hold | None, post: Post | None) -> str:
    if arrival.state == ArrivalState.NEW:
        return f"not read yet, tried {arrival.attempts} times" if arrival.attempts else "not read"
    if hold is not None and hold.state == HoldState.WAITING:
        if hold.due is None:
            return "only krets queue shows it"
        return "its moderators were asked" if hold.asked_at else "its moderators are asked next"
    if hold is not None:
        return f"was held and {hold.state} by {hold.decided_by or 'somebody'}"
    return "" if post is not None else arrival.note


def _of_mailing(session: Session, mailing_id: int, now: float) -> tuple[TracedCopy, ...]:
    """Return copies, those that need a look first."""
    rows: list[Recipient] = []
    for state in (*_TROUBLE, RecipientState.ACCEPTED):
        some = select(Recipient).where(Recipient.mailing_id == mailing_id, Recipient.state == state)
        rows += session.scalars(some.order_by(Recipient.id).limit(SHOWN - len(rows)))
    return tuple(_copies(session, rows, now))


def _copies(session: Session, rows: Iterable[Recipient], now: float) -> Iterator[TracedCopy]:
    for row in rows:
        mailing = session.get_one(Mailing, row.mailing_id)
        state = RecipientState(row.state)
        open_now = state in _WAITING and mailing.state != MailingState.STOPPED
        yield TracedCopy(
            mailing=mailing.id,
            kind=mailing.kind,
            list=mailing.list_address,
            message_id=mailing.message_id,
            address=row.address,
            state=state.name.lower(),
            code=row.code,
            reason=row.reason,
            attempts=row.attempts,
            next_due=row.due if open_now else None,
            waits_for=_waits_for(session, mailing, row, now) if open_now else "",
            steps=tuple(
                TraceStep(one.at, one.state.name.lower(), one.code, one.reason)
                for one in recipient_history.of_recipient(session, row)
            ),
        )


def _waits_for(session: Session, mailing: Mailing, row: Recipient, now: float) -> str:
    if mailing.state == MailingState.PAUSED:
        return f"the mailing is paused (krets queue resume {mailing.id})"
    if mailing.state == MailingState.FREEZING:
        return "the audience is not complete yet"
    slow = session.get(PaceRow, pace.to(row.bucket))
    if slow is not None and slow.until > now:
        return f"{row.bucket} asked us to slow down"
    if row.due > now:
        day = session.get(PaceRow, warmup.KEY)
        full = day is not None and day.room < 1 and warmup.day_of(day.at) == warmup.day_of(now)
        return "today's number of mailer.warm_up is reached" if full else ""
    return "no worker is running" if _no_sender(session, now) else "it is about to leave"


def _no_sender(session: Session, now: float) -> bool:
    return session.scalar(select(Owner.epoch).where(Owner.lease_until > now).limit(1)) is None


def _back(session: Session, key: str) -> Iterator[CameBack]:
    person = session.scalar(select(Address.person_id).where(Address.key == key))
    for one in bouncing.history(session, person, SHOWN) if person is not None else ():
        yield CameBack(one.at, one.list, one.kind, one.status, one.said, one.mailing)


def _seats(session: Session, key: str, now: float) -> Iterator[Seat]:
    ended = bool(given_up.of(session, [key]))
    found = session.execute(
        select(Membership, MailList)
        .join(Address, Address.id == Membership.address_id)
        .join(MailList, MailList.id == Membership.list_id)
        .where(Address.key == key)
        .order_by(MailList.domain, MailList.name)
    )
    for member, lst in found:
        state = state_at(member.state, member.rhythm, member.paused_until, now, given_up=ended)
        yield Seat(lst.address, state.value, member.rhythm.value, member.role.value)
