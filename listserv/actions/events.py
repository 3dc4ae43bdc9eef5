"""Hold an event: ask everybody, see who comes, take it back.

    made = events.create(call, CreateEvent("friends@example.org", source))

Refuses to know words: a door prints what an action returns.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from listserv.actions import audit
from listserv.actions.call import Call
from listserv.actions.permissions import Action
from listserv.community import asking, event_draft, event_hosting, event_receipts, seats
from listserv.community.event_draft import EventDraft
from listserv.letters.visit import Visit
from mailer.errors import BadInput, Refused
from mailer.reading.addresses import parse
from subscriptions.lists import questions
from subscriptions.lists.questions import Question, QuestionState
from subscriptions.lists.roster import Address, MailList, Membership, Person, membership_of


@dataclass(frozen=True, slots=True)
class CreateEvent:
    """Ask that everybody is invited to what a file says; ``dry_run`` only reads it."""

    list: str
    source: str
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class EventCreated:
    """Say what was read, how many are asked, and the event's number: 0 where none was made."""

    list: str
    draft: EventDraft
    members: int
    event: int


@dataclass(frozen=True, slots=True)
class AnswerShown:
    """Show one answer; without an address it is somebody's who was forgotten."""

    email: str
    name: str
    answer: str
    guests: int
    note: str


@dataclass(frozen=True, slots=True)
class EventShown:
    """Show an event, and who comes."""

    list: str
    event: Question
    counts: Mapping[str, int]
    free: int
    answers: Sequence[AnswerShown]


def create(call: Call, wanted: CreateEvent) -> EventCreated:
    """Invite everybody to an event that a file describes."""
    with call.reading(Action.EVENT_CREATE, wanted.list) as visit:
        draft = event_draft.read_file(wanted.source, call.now, visit.lst.zone)
        members = questions.members_now(visit.session, visit.lst.id)
        check_open(visit.lst)
    if wanted.dry_run:
        return EventCreated(wanted.list, draft, members, 0)
    with call.changing(Action.EVENT_CREATE, wanted.list) as visit:
        host = membership_of(visit.session, visit.lst.id, call.by.key) if call.by.key else None
        event = asking.keep_event(visit, draft, host.id if host else 0)
        asking.open_question(visit, event)
        audit.detail(visit.session, f"event {event.id}")
        made = EventCreated(visit.lst.address, draft, members, event.id)
    call.ring("sort", "deliver")
    return made


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """Ask that an event is changed: to a draft, closed or opened again, or with one more seat."""

    event: int
    draft: EventDraft | None = None
    close: bool | None = None
    seat_for: str = ""  # the address of one who waits
    seats: int | None = None


def open_event(call: Call, number: int) -> int:
    """Ask everybody about an event that was a draft; return the mailing's id."""
    with _event(call, Action.EVENT_CREATE, number, writes=True) as (visit, event):
        if event.state is not QuestionState.DRAFT:
            raise Refused(f"Event {number} is no draft any more.")
        check_open(visit.lst)
        mailing = asking.open_question(visit, event)
    call.ring("sort", "deliver")
    return mailing


def change(call: Call, wanted: ChangeEvent) -> EventShown:
    """Change an event; whoever has to hear of it gets a mail."""
    with _event(call, Action.EVENT_SET, wanted.event, writes=True) as (visit, event):
        if event.state is QuestionState.CANCELLED:
            raise Refused(f"Event {event.id} is cancelled.")
        if wanted.draft is not None:
            _redraw(visit, event, wanted.draft)
        if wanted.seats is not None:
            event.seats = wanted.seats
        if wanted.close is not None and event.state is not QuestionState.DRAFT:
            event.state = QuestionState.CLOSED if wanted.close else QuestionState.OPEN
        moved = seats.promote(visit.session, event)
        if wanted.seat_for:
            moved = [*moved, _seat(visit, event, wanted.seat_for)]
        event_receipts.tell_promoted(visit, event, moved)
        found = shown(visit, event)
    call.ring("sort", "deliver")
    return found


def _redraw(visit: Visit, event: Question, draft: EventDraft) -> None:
    """Let an event be what a draft says; calendars and members hear of what they can see."""
    seen = asking.is_seen(event, draft)
    asking.change_event(event, draft)
    if seen and event.state is not QuestionState.DRAFT:
        event.sequence += 1
        asking.mail_all(visit, event, "changed")


def _seat(visit: Visit, event: Question, address: str) -> int:
    member = membership_of(visit.session, visit.lst.id, parse(address).key)
    if member is None or not seats.move_up(visit.session, event, member):
        raise Refused(f"{address} does not wait for event {event.id}.")
    return member.id


def tell(call: Call, number: int, words: str) -> int:
    """Mail everybody who comes, may come or waits; return how many."""
    with _event(call, Action.EVENT_TELL, number, writes=True) as (visit, event):
        if event.state is QuestionState.DRAFT:
            raise Refused(f"Nobody has been asked about event {number} yet.")
        told = event_hosting.tell_all(visit, event, words)
    call.ring("deliver")
    return told


def ls(call: Call, list_address: str) -> Sequence[tuple[Question, Mapping[str, int]]]:
    """Return a list's events, the newest last, each with how many answered what."""
    with call.reading(Action.EVENT_LS, list_address) as visit:
        found = questions.of_list(visit.session, visit.lst.id, events=True)
        return [(one, seats.counts(visit.session, one)) for one in found]


def show(call: Call, number: int) -> EventShown:
    """Return an event, and who has answered what."""
    with _event(call, Action.EVENT_SHOW, number) as (visit, event):
        return shown(visit, event)


def cancel(call: Call, number: int) -> EventShown:
    """Take an event back, and mail everybody so."""
    with _event(call, Action.EVENT_CANCEL, number, writes=True) as (visit, event):
        if event.state is QuestionState.CANCELLED:
            raise Refused(f"Event {number} is cancelled already.")
        if event.starts is not None and event.starts <= call.now:
            raise Refused(f"Event {number} has begun already.")
        take_back(visit, event)
        found = shown(visit, event)
    call.ring("sort", "deliver")
    return found


def take_back(visit: Visit, event: Question) -> None:
    """Cancel an event; everybody who was asked hears of it."""
    asked = event.state is not QuestionState.DRAFT
    event.state = QuestionState.CANCELLED
    event.closed = visit.now
    event.sequence += 1
    if asked:
        asking.mail_all(visit, event, "cancelled")


def check_open(lst: MailList) -> None:
    """Raise Refused for a list that is closed."""
    if lst.closed:
        raise Refused(f"{lst.address} is closed.", key="list-closed", list=lst.address)


def shown(visit: Visit, event: Question) -> EventShown:
    """Return an event as it stands."""
    rows = questions.answers(visit.session, event)
    return EventShown(
        visit.lst.address,
        event,
        seats.counts(visit.session, event),
        seats.free(visit.session, event),
        [_answer_shown(visit, one) for one in rows],
    )


def _answer_shown(visit: Visit, one: questions.QuestionAnswer) -> AnswerShown:
    member = visit.session.get(Membership, one.membership_id) if one.membership_id else None
    if member is None:
        return AnswerShown("", "", one.answer, one.guests, "")
    address = visit.session.get_one(Address, member.address_id)
    person = visit.session.get_one(Person, member.person_id)
    return AnswerShown(address.given, person.name, one.answer, one.guests, one.note)


@contextmanager
def _event(
    call: Call, action: Action, number: int, *, writes: bool = False
) -> Iterator[tuple[Visit, Question]]:
    with call.session(writes=writes) as session:
        event = seats.locked(session, number) if writes else session.get(Question, number)
        lst = session.get(MailList, event.list_id) if event is not None else None
        call.permit(action, session, lst)
        if event is None or lst is None or not event.is_event:
            raise BadInput(f"There is no event {number}.")
        yield call.visit(session, lst), event
        if writes:
            audit.detail(session, f"event {number}")
            call.note(action, session, lst)
