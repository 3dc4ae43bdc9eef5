"""Ask members something: open a poll, see how it stands, close it.

    made = polls.create(call, CreatePoll("friends@example.org", source))

Refuses to know words: a door prints what an action returns.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from listserv.actions import audit
from listserv.actions.call import Call
from listserv.actions.events import check_open
from listserv.actions.permissions import Action
from listserv.community import asking, poll_draft, polls, seats
from listserv.community.poll_draft import PollDraft
from listserv.community.polls import PollCount
from listserv.letters.visit import Visit
from mailer.errors import BadInput, Refused
from subscriptions.lists import questions
from subscriptions.lists.questions import Question, QuestionState
from subscriptions.lists.roster import MailList, membership_of


@dataclass(frozen=True, slots=True)
class CreatePoll:
    """Ask that everybody is asked what a file says; ``dry_run`` only reads it."""

    list: str
    source: str
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class PollCreated:
    """Say what was read, how many are asked, and the poll's number: 0 where none was made."""

    list: str
    draft: PollDraft
    members: int
    poll: int


@dataclass(frozen=True, slots=True)
class PollShown:
    """Show a poll, and how it stands."""

    list: str
    poll: Question
    count: PollCount


def create(call: Call, wanted: CreatePoll) -> PollCreated:
    """Ask everybody what a file describes."""
    with call.reading(Action.POLL_CREATE, wanted.list) as visit:
        draft = poll_draft.read_file(wanted.source, call.now, visit.lst.zone)
        members = questions.members_now(visit.session, visit.lst.id)
        check_open(visit.lst)
    if wanted.dry_run:
        return PollCreated(wanted.list, draft, members, 0)
    with call.changing(Action.POLL_CREATE, wanted.list) as visit:
        host = membership_of(visit.session, visit.lst.id, call.by.key) if call.by.key else None
        poll = polls.keep_poll(visit, draft, host.id if host else 0)
        asking.open_question(visit, poll)
        audit.detail(visit.session, f"poll {poll.id}")
        made = PollCreated(visit.lst.address, draft, members, poll.id)
    call.ring("sort", "deliver")
    return made


def open_poll(call: Call, number: int) -> int:
    """Ask everybody about a poll that was a draft; return the mailing's id."""
    with _poll(call, Action.POLL_CREATE, number, writes=True) as (visit, poll):
        if poll.state is not QuestionState.DRAFT:
            raise Refused(f"Poll {number} is no draft any more.")
        check_open(visit.lst)
        mailing = asking.open_question(visit, poll)
    call.ring("sort", "deliver")
    return mailing


def ls(call: Call, list_address: str) -> Sequence[PollShown]:
    """Return a list's polls, the newest last."""
    with call.reading(Action.POLL_LS, list_address) as visit:
        found = questions.of_list(visit.session, visit.lst.id, events=False)
        return [_shown(visit, one) for one in found]


def show(call: Call, number: int) -> PollShown:
    """Return a poll, and how it stands; nobody is named."""
    with _poll(call, Action.POLL_SHOW, number) as (visit, poll):
        return _shown(visit, poll)


def close(call: Call, number: int) -> PollShown:
    """End a poll now, and mail everybody its result."""
    with _poll(call, Action.POLL_CLOSE, number, writes=True) as (visit, poll):
        if poll.state is not QuestionState.OPEN:
            raise Refused(f"Poll {number} is not open.")
        polls.close(visit, poll)
        found = _shown(visit, poll)
    call.ring("sort", "deliver")
    return found


def _shown(visit: Visit, poll: Question) -> PollShown:
    return PollShown(visit.lst.address, poll, polls.count(visit.session, poll))


@contextmanager
def _poll(
    call: Call, action: Action, number: int, *, writes: bool = False
) -> Iterator[tuple[Visit, Question]]:
    with call.session(writes=writes) as session:
        poll = seats.locked(session, number) if writes else session.get(Question, number)
        lst = session.get(MailList, poll.list_id) if poll is not None else None
        call.permit(action, session, lst)
        if poll is None or lst is None or poll.is_event:
            raise BadInput(f"There is no poll {number}.")
        yield call.visit(session, lst), poll
        if writes:
            audit.detail(session, f"poll {number}")
            call.note(action, session, lst)
