"""See what waits and why; release, refuse or drop what is held.

    queue.release(call, DecideHold(12))
    queue.refuse(call, DecideHold(12, reason="We do not do adverts here.", dry_run=True))

A moderator's mail asks for the same. SECURITY: whoever decides is looked up on the list that the
post is for, as it stands now; an editor decides only what waits for editors; what came to no list
of ours is the operator's.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.actions import audit
from listserv.actions.call import Call
from listserv.actions.permissions import Action, NotPermitted, Proven
from listserv.moderation import bans, decisions, holds, waves
from listserv.moderation.rulings import Ruling, RulingWord
from listserv.wiring.listserv_tables import Hold
from mailer.authentication import verdict
from mailer.errors import Refused
from mailer.ledger import mailings
from mailer.ledger.mailings import Mailing, MailingState, Status
from mailer.reading import message
from mailer.storage import arrivals
from mailer.storage.arrivals import Arrival, ArrivalState
from mailer.storage.store import get_raw
from subscriptions.lists.roster import MailList, find_list

SHOWN = 500  # held messages and mailings listed at most
_UNDER_WAY = (MailingState.FREEZING, MailingState.SENDING, MailingState.PAUSED)


@dataclass(frozen=True, slots=True)
class DecideHold:
    """Ask that a held message is decided about."""

    id: int
    reason: str = ""  # what the writer of a refused post is told
    dry_run: bool = False
    text: str = ""  # the words that a released post goes out with, instead of its own
    trust: bool = False  # later posts of its writer are not held any more
    ban: bool = False  # nor is anything that comes from them looked at


@dataclass(frozen=True, slots=True)
class DropWave:
    """Ask that all is dropped which waits behind a held message and was held no later."""

    id: int
    upto: int  # the newest hold that was counted


@dataclass(frozen=True, slots=True)
class LiftBan:
    """Ask that the ban which came with a dropped message is lifted."""

    id: int
    address: str


@dataclass(frozen=True, slots=True)
class QueuedMail:
    """Show an arrival that waits; ``subject`` and ``why`` are of one that is held."""

    id: int
    list: str
    sender: str
    received: float
    tries: int
    size: int
    subject: str = ""
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QueuedMailing:
    """Show a mailing that is under way."""

    id: int
    list: str
    kind: str
    created: float
    status: Status


@dataclass(frozen=True, slots=True)
class Queue:
    """Hold all that waits: for a human, for our code, and for readers' servers."""

    held: tuple[QueuedMail, ...]
    arrivals: tuple[QueuedMail, ...]
    mailings: tuple[QueuedMailing, ...]


@dataclass(frozen=True, slots=True)
class HeldMail:
    """Show one held message whole."""

    mail: QueuedMail
    detail: str  # what our code said of it
    authentication: Mapping[str, str]
    raw: bytes


def ls(call: Call) -> Queue:
    """Return what waits."""
    with call.reading_all(Action.QUEUE_LS) as session:
        return Queue(
            tuple(_held(session, one) for one in arrivals.held(session, SHOWN)),
            tuple(_queued(one) for one in arrivals.next_new(session, SHOWN)),
            tuple(_mailing(session, one) for one in _under_way(session)),
        )


def show(call: Call, hold_id: int) -> HeldMail:
    """Return one held message."""
    with _held_message(call, Action.QUEUE_SHOW, hold_id) as (session, arrival, _):
        hold = session.scalar(select(Hold).where(Hold.arrival_id == arrival.id))
        return HeldMail(
            _held(session, arrival),
            hold.detail if hold else arrival.note,
            verdict.read(arrival.authentication).shown,
            get_raw(session, arrival.raw_sha) or b"",
        )


def release(call: Call, wanted: DecideHold) -> QueuedMail:
    """Let a held message go on; a post is then sent to the members."""
    word = RulingWord.ALWAYS if wanted.trust else RulingWord.OK
    ruling = Ruling(RulingWord.EDIT, wanted.text) if wanted.text else Ruling(word)
    return _decide(call, Action.QUEUE_RELEASE, wanted, ruling)


def refuse(call: Call, wanted: DecideHold) -> QueuedMail:
    """Refuse a held message; the writer of a post is told, within the budget."""
    return _decide(call, Action.QUEUE_REFUSE, wanted, Ruling(RulingWord.NO, wanted.reason))


def drop(call: Call, wanted: DecideHold) -> QueuedMail:
    """Drop a held message without a word to anybody."""
    word = RulingWord.BAN if wanted.ban else RulingWord.DISCARD
    return _decide(call, Action.QUEUE_DROP, wanted, Ruling(word))


def drop_wave(call: Call, wanted: DropWave) -> int:
    """Drop what a mail about many held posts has counted, unread; return how much that was."""
    with call.session(writes=True) as session:
        hold = session.scalar(select(Hold).where(Hold.arrival_id == wanted.id))
        lst = _list_of(session, hold, None)
        _permit(call, Action.QUEUE_DROP, session, lst, hold)
        if lst is None:
            return 0
        count = waves.discard(call.visit(session, lst), wanted.upto, call.by.name)
        audit.detail(session, f"{count} messages")
        call.note(Action.QUEUE_DROP, session, lst)
    return count


def lift_ban(call: Call, wanted: LiftBan) -> None:
    """Lift a ban that came with a drop; the message stays dropped."""
    with call.session(writes=True) as session:
        hold = session.scalar(select(Hold).where(Hold.arrival_id == wanted.id))
        lst = _list_of(session, hold, None)
        _permit(call, Action.QUEUE_DROP, session, lst, hold)
        if lst is not None:
            bans.lift_ban(session, lst.id, wanted.address)
        audit.detail(session, f"message {wanted.id}: ban lifted")
        call.note(Action.QUEUE_DROP, session, lst)


def may_decide(call: Call, hold: Hold) -> bool:
    """Tell whether whoever asks may decide about a held message, as the list stands now."""
    with call.session(writes=False) as session:
        try:
            _permit(call, Action.QUEUE_RELEASE, session, _list_of(session, hold, None), hold)
        except NotPermitted:
            return False
        return True


def _decide(call: Call, action: Action, wanted: DecideHold, ruling: Ruling) -> QueuedMail:
    with _held_message(call, action, wanted.id, writes=not wanted.dry_run) as found:
        session, arrival, lst = found
        mail = _held(session, arrival)
        if lst is not None:
            call.refuse_deleted(action, lst)
        if wanted.dry_run:
            return mail
        if lst is None:
            state = decisions.STATES[ruling.word]
            holds.decide(session, arrival, state, by=call.by.name, now=call.now)
        else:
            visit = call.visit(session, lst)
            if decisions.carry_out(visit, arrival, ruling, by=call.by.name) is None:
                raise Refused(f"Message {wanted.id} was decided about already.", key="decided")
        audit.detail(session, f"message {wanted.id}")
        call.note(action, session, lst)
    call.ring("sort", "deliver")
    return mail


@contextmanager
def _held_message(
    call: Call, action: Action, hold_id: int, *, writes: bool = False
) -> Iterator[tuple[Session, Arrival, MailList | None]]:
    """Find a held message, and its list where it is one of ours; ask who may."""
    with call.session(writes=writes) as session:
        arrival = session.get(Arrival, hold_id)
        hold = session.scalar(select(Hold).where(Hold.arrival_id == hold_id))
        lst = _list_of(session, hold, arrival)
        _permit(call, action, session, lst, hold)
        if arrival is None:
            raise Refused(f"There is no message {hold_id}.", key="no-hold")
        if arrival.state != ArrivalState.HELD:
            why = arrival.note or "it waits to be read"
            raise Refused(f"Message {hold_id} is not held: {why}.")
        yield session, arrival, lst


def _list_of(session: Session, hold: Hold | None, arrival: Arrival | None) -> MailList | None:
    """Return the list that a held message is for, None for one that came to none of ours."""
    where = (hold.list_address or (arrival.recipient if arrival else "")) if hold else ""
    return find_list(session, where) if where else None


def _permit(
    call: Call, action: Action, session: Session, lst: MailList | None, hold: Hold | None
) -> None:
    """Ask the table, and for an editor whether it is editors that the message waits for."""
    call.permit(action, session, lst)
    if lst is None or hold is None or call.by.proven is Proven.MACHINE:
        return
    role = call.by.role_on(session, lst)
    if role not in {one.value for one in decisions.deciders(json.loads(hold.rules))}:
        raise NotPermitted(f"This waits for others than a {role}.", key="not-permitted")


def _held(session: Session, arrival: Arrival) -> QueuedMail:
    hold = session.scalar(select(Hold).where(Hold.arrival_id == arrival.id))
    subjects = message.head(get_raw(session, arrival.raw_sha) or b"").all("subject")
    why = tuple(json.loads(hold.rules)) if hold else (arrival.note,)
    return _queued(arrival, message.text_of(subjects[0]) if subjects else "", why)


def _queued(arrival: Arrival, subject: str = "", why: tuple[str, ...] = ()) -> QueuedMail:
    return QueuedMail(
        arrival.id,
        arrival.recipient,
        arrival.sender,
        arrival.received_at,
        arrival.attempts,
        arrival.size,
        subject,
        why,
    )


def _under_way(session: Session) -> Iterator[Mailing]:
    chosen = select(Mailing).where(Mailing.state.in_(_UNDER_WAY))
    yield from session.scalars(chosen.order_by(Mailing.id).limit(SHOWN))


def _mailing(session: Session, mailing: Mailing) -> QueuedMailing:
    status = mailings.status(session, mailing.id)
    return QueuedMailing(mailing.id, mailing.list_address, mailing.kind, mailing.created, status)
