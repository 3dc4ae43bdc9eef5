"""What a person does with one mailing, an issue or a post: see it, pause it, stop it, send again.

    mailings.status(call, 12)
    mailing_control.resend(call, ResendMailing(12, RecipientState.UNSURE, dry_run=True))

SECURITY: whoever asks is looked up on the list whose mailing it is; a notice of ours to one person
is of no list, and the operator's. Long work goes in short transactions.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.actions import audit
from listserv.actions.call import Call
from listserv.actions.permissions import Action
from listserv.mailings.delivery import connections_at_most
from listserv.wiring.listserv_tables import Issue
from mailer.errors import BadInput, Refused
from mailer.ledger import mailing_control, mailings, recipient_history
from mailer.ledger.mailings import Mailing, Recipient, RecipientState, Status
from mailer.ledger.recipient_history import Happened
from mailer.reading.addresses import parse
from subscriptions.lists import ballots, terms
from subscriptions.lists.roster import find_list
from subscriptions.lists.terms import Terms
from subscriptions.membership import bouncing

NEWEST = 20  # mailings that are shown at once
AGAIN = (RecipientState.REFUSED, RecipientState.UNSURE, RecipientState.DEFERRED)


@dataclass(frozen=True, slots=True)
class ChangeMailing:
    """Ask that a mailing pauses, goes on, or stops for good."""

    id: int
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ResendMailing:
    """Ask that a mailing goes again to those who stand in one state."""

    id: int
    only: RecipientState
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class MailingStatus:
    """Show where a mailing stands; what is about an issue alone is empty for a post."""

    id: int
    list: str
    kind: str
    counts: Status
    bounced: int  # came back after they were accepted
    connections: int  # that may be open at once
    subject: str
    segment: str
    terms: Terms
    halted: bool  # by itself, because too many were refused
    ahead: bool  # some readers have it first
    votes: ballots.VoteResult | None


@dataclass(frozen=True, slots=True)
class MailingRow:
    """Show a mailing among others."""

    id: int
    list: str
    kind: str
    counts: Status


@dataclass(frozen=True, slots=True)
class RecipientHistory:
    """Show where somebody stands in a mailing, and how they came there."""

    state: RecipientState
    events: Sequence[Happened]


def newest(call: Call) -> list[MailingRow]:
    """Return the newest mailings of every list."""
    with call.reading_all(Action.QUEUE_MAILING) as session:
        rows = session.scalars(select(Mailing).order_by(Mailing.id.desc()).limit(NEWEST)).all()
        return [
            MailingRow(one.id, one.list_address, one.kind, mailings.status(session, one.id))
            for one in rows
        ]


@contextmanager
def recipients(
    call: Call, mailing_id: int, only: RecipientState | None
) -> Iterator[tuple[Status, Iterator[Recipient]]]:
    """Give a mailing's counts and its recipients, read as they are asked for."""
    with _mailing(call, Action.QUEUE_MAILING, mailing_id) as (session, _):
        chosen = select(Recipient).where(Recipient.mailing_id == mailing_id)
        if only is not None:
            chosen = chosen.where(Recipient.state == only)
        found = session.scalars(chosen.order_by(Recipient.id).execution_options(yield_per=1000))
        yield mailings.status(session, mailing_id), iter(found)


def status(call: Call, mailing_id: int) -> MailingStatus:
    """Return where a mailing stands."""
    with _mailing(call, Action.NEWSLETTER_STATUS, mailing_id) as (session, one):
        issue = session.get(Issue, mailing_id)
        return MailingStatus(
            mailing_id,
            one.list_address,
            one.kind,
            mailings.status(session, mailing_id),
            bounced=bouncing.count(session, mailing_id),
            connections=connections_at_most(call.app),
            subject=issue.subject if issue else "",
            segment=issue.segment if issue else "",
            terms=terms.read(issue.terms if issue else ""),
            halted=issue is not None and issue.tripped is not None,
            ahead=one.ahead is not None,
            votes=ballots.result(session, mailing_id),
        )


def votes(call: Call, mailing_id: int) -> ballots.VoteResult:
    """Return how many readers chose which answer to a mailing's question; nobody is named."""
    with _mailing(call, Action.NEWSLETTER_VOTES, mailing_id) as (session, _):
        found = ballots.result(session, mailing_id)
    if found is None:
        raise Refused(f"Mailing {mailing_id} asks no question.")
    return found


def history(call: Call, mailing_id: int, address: str) -> RecipientHistory:
    """Return what happened to an address in a mailing."""
    with _mailing(call, Action.NEWSLETTER_HISTORY, mailing_id) as (session, _):
        row = recipient_history.find(session, mailing_id, parse(address).wire)
        if row is None:
            raise Refused(f"{address} is not in the audience of mailing {mailing_id}.")
        events = recipient_history.of_recipient(session, row)
        return RecipientHistory(RecipientState(row.state), events)


def pause(call: Call, wanted: ChangeMailing) -> Status:
    """Let nothing more of a mailing leave; return where it stood."""
    return _change(call, Action.NEWSLETTER_PAUSE, wanted, mailing_control.pause)


def resume(call: Call, wanted: ChangeMailing) -> Status:
    """Let a paused mailing go on; return where it stood."""
    stood = _change(call, Action.NEWSLETTER_RESUME, wanted, mailing_control.resume)
    if not wanted.dry_run:
        call.ring("deliver")
    return stood


def stop(call: Call, wanted: ChangeMailing) -> tuple[Status, int]:
    """End a mailing for good; return where it stood, and how many get no copy now."""
    skipped = 0

    def stops(session: Session, mailing_id: int) -> None:
        nonlocal skipped
        skipped = mailing_control.stop(session, mailing_id, now=call.now)

    stood = _change(call, Action.NEWSLETTER_STOP, wanted, stops)
    more = skipped
    while more:
        with call.session(writes=True) as session:
            more = mailing_control.skip_rest(session, wanted.id)
        skipped += more
    return stood, skipped


def _change(
    call: Call, action: Action, wanted: ChangeMailing, change: Callable[[Session, int], None]
) -> Status:
    """Count first, and then change: counting a million recipients must not hold up arrivals."""
    with _mailing(call, action, wanted.id) as (session, _):
        stood = mailings.status(session, wanted.id)
    if not wanted.dry_run:
        with _mailing(call, action, wanted.id, writes=True) as (session, one):
            change(session, wanted.id)
            audit.detail(session, f"mailing {wanted.id}")
            call.note(action, session, find_list(session, one.list_address))
    return stood


def resend(call: Call, wanted: ResendMailing) -> int:
    """Make those who stand in one state due again; return how many that are, or would be."""
    with _mailing(call, Action.NEWSLETTER_RESEND, wanted.id) as (session, one):
        lst = find_list(session, one.list_address)
        name = wanted.only.name.lower()
        count = int(getattr(mailings.status(session, wanted.id), name))
    if wanted.dry_run or not count:
        return count
    sent, after = 0, 0
    while again := _some_again(call, wanted, after):
        sent, after = sent + len(again), again[-1]
    call.note_after(Action.NEWSLETTER_RESEND, lst, f"mailing {wanted.id}: {sent} {name}")
    call.ring("deliver")
    return sent


def _some_again(call: Call, wanted: ResendMailing, after: int) -> list[int]:
    with call.session(writes=True) as session:
        now = call.app.store.now(session)
        again = mailing_control.resend(session, wanted.id, wanted.only, after=after, now=now)
        reason = f"was {wanted.only.name.lower()}"
        rows = [
            recipient_history.event(row, now, RecipientState.READY, reason=reason, by=call.by.name)
            for row in again
        ]
        recipient_history.note(session, rows)
    return again


@contextmanager
def _mailing(
    call: Call, action: Action, mailing_id: int, *, writes: bool = False
) -> Iterator[tuple[Session, Mailing]]:
    """Find a mailing and its list; ask who may, and raise Refused where there is none."""
    with call.session(writes=writes) as session:
        one = session.get(Mailing, mailing_id)
        call.permit(action, session, find_list(session, one.list_address) if one else None)
        if one is None:
            raise BadInput(f"There is no mailing {mailing_id}.")
        yield session, one
