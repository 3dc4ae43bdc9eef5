"""Plan an issue, prove it, send it, give it an hour, and take that back.

    survey = newsletters.plan(call, PlanIssue("news@example.org", source))
    mailing = newsletters.send(call, SendIssue(survey, anyway=True))

A plan says whom an issue would reach and what stands against it; what is sent is what was planned.
SECURITY: what is red is sent by ``anyway`` alone, whichever door asks.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from listserv.actions import audit, links
from listserv.actions.call import Call
from listserv.actions.links import DeadLink, MailedLink
from listserv.actions.permissions import Action
from listserv.newsletters.composing import looks
from listserv.newsletters.editors import editor_orders, preview, reviews, scheduled_issues
from listserv.newsletters.editors.answer_steps import AnswerStep
from listserv.newsletters.editors.editor_orders import EditorOrder
from listserv.newsletters.editors.preview import PreviewCopy
from listserv.newsletters.sending import issue_sending
from listserv.newsletters.sending.issue_sending import Reader, SendingSurvey
from listserv.wiring.listserv_tables import DraftUnderReview
from mailer.errors import BadInput, Refused
from mailer.ledger.mailings import UnsurePolicy
from mailer.reading.addresses import parse
from subscriptions.lists import terms
from subscriptions.lists.roster import MailList, check_language
from subscriptions.permission.asks import Trouble
from templates import Theme

# Answers that change a draft and send nothing yet.
_PROVES = (AnswerStep.REVISE, AnswerStep.CHANGED, AnswerStep.ASK, AnswerStep.APPROVED)
# Passes on how many recipients are entered, of how many; a door may show them.
Told = Callable[[Iterator[int], int], Iterable[int]]


@dataclass(frozen=True, slots=True)
class PlanIssue:
    """Ask what a draft would be as an issue; pictures beside it stand in ``folder``."""

    list: str
    source: bytes
    segment: str | None = None
    folder: Path | None = None
    readers: bool = True  # there must be some


@dataclass(frozen=True, slots=True)
class SendIssue:
    """Ask that a planned issue goes out now."""

    survey: SendingSurvey
    policy: UnsurePolicy = UnsurePolicy.NEVER_TWICE
    anyway: bool = False  # although a finding is red


@dataclass(frozen=True, slots=True)
class ProveIssue:
    """Ask that editors get a planned issue as readers would, and may answer "send"."""

    survey: SendingSurvey
    to: str | None = None  # one editor's or owner's address, not all editors
    language: str = ""  # as readers of this language see it
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleIssue:
    """Ask that a planned issue goes out at a time."""

    survey: SendingSurvey
    order: EditorOrder
    anyway: bool = False


@dataclass(frozen=True, slots=True)
class IssueProved:
    """Say who gets the proof, and the page that shows it; without an edition nobody does yet."""

    to: tuple[str, ...]
    edition: int | None
    page: str


@dataclass(frozen=True, slots=True)
class DraftOpened:
    """Show a draft under review as some readers would get it, the editor first."""

    list: MailList
    revision: int
    readers: tuple[Reader, ...]
    edition: DraftUnderReview


def plan(call: Call, wanted: PlanIssue) -> SendingSurvey:
    """Read a draft and say whom it would reach and what stands against it."""
    call.permitted(Action.NEWSLETTER_PROOF, wanted.list)
    return issue_sending.survey(
        call.app,
        wanted.list,
        wanted.source,
        call.now,
        readers=wanted.readers,
        segment=wanted.segment,
        folder=wanted.folder,
    )


def proof(call: Call, wanted: ProveIssue) -> IssueProved:
    """Mail an issue to its editors as readers would get it."""
    survey = wanted.survey
    lst = call.permitted(Action.NEWSLETTER_PROOF, survey.lst.address)
    if wanted.language:
        check_language(wanted.language)
    to = _editors(call, lst, wanted.to)
    named = tuple(one.to.given for one in to)
    if wanted.dry_run:
        return IssueProved(named, None, "")
    edition = reviews.open_file(call.app, survey, to, call.now, wanted.language)
    call.note_after(Action.NEWSLETTER_PROOF, lst, f"edition {edition}")
    page = preview.link(call.app, lst, edition, to[0].member, call.now)
    return IssueProved(named, edition, page)


def open_preview(call: Call, link: MailedLink) -> DraftOpened:
    """Return what an editor's link opens; raise DeadLink where it opens nothing."""
    with call.session(writes=False) as session:
        lst = links.list_at(session, link.list)
        found = preview.open_link(session, call.app, lst, link.token, call.now)
        if found is None:
            raise DeadLink("This link opens nothing.", key=Trouble.UNKNOWN)
        editor = call.known_as(found.readers[0].to.key)
        editor.permit(Action.NEWSLETTER_PROOF, session, lst)
        return DraftOpened(lst, found.edition.revision, found.readers, found.edition)


def preview_copy(call: Call, opened: DraftOpened, reader: Reader) -> PreviewCopy:
    """Return one reader's copy of what ``open_preview`` has opened."""
    return preview.copy_for(call.app, opened.list, opened.edition, reader, call.now)


def send(call: Call, wanted: SendIssue, told: Told = lambda counts, _size: counts) -> int:
    """Enter an issue's readers into the ledger, and return the mailing when all stand there."""
    survey = wanted.survey
    lst = call.permitted(Action.NEWSLETTER_SEND, survey.lst.address)
    _refuse_red(survey, "Not sent", anyway=wanted.anyway)
    mailing = issue_sending.begin(call.app, lst, survey.ready, policy=wanted.policy, now=call.now)
    for _ in told(issue_sending.freeze(call.app, mailing), survey.readers):
        pass
    call.note_after(Action.NEWSLETTER_SEND, lst, f"mailing {mailing}")
    return mailing


def read_hour(survey: SendingSurvey, said: str, now: float) -> EditorOrder:
    """Return the hour that is named in words, in the list's time zone; raise BadInput for none."""
    clock = terms.clock(survey.lst.zone)
    order = editor_orders.read(f"send {said}", now, clock or ZoneInfo("UTC"))
    if clock is None and order is not None and not order.named:
        raise BadInput(
            f"This machine does not know the time zone of {survey.lst.address}, {survey.lst.zone}.",
            key="zone-unknown",
            list=survey.lst.address,
        )
    if order is None or order.at is None or order.at <= now:
        raise BadInput(
            f"{said!r} names no time to come.",
            "Write a day and an hour: tomorrow 8, friday 9:30, 24 december 9, 2026-12-24 09:00.",
        )
    return order


def schedule(call: Call, wanted: ScheduleIssue) -> int:
    """Give an issue an hour, and its editors the proof; return the number of the draft."""
    survey = wanted.survey
    lst = call.permitted(Action.NEWSLETTER_SCHEDULE, survey.lst.address)
    _refuse_red(survey, "Not scheduled", anyway=wanted.anyway)
    edition = reviews.open_file(call.app, survey, _editors(call, lst, None), call.now)
    scheduled_issues.schedule(call.app, edition, wanted.order, call.now)
    call.note_after(Action.NEWSLETTER_SCHEDULE, lst, f"edition {edition}")
    return edition


def cancel(call: Call, edition_id: int, *, dry_run: bool = False) -> None:
    """Take the hour back at which a draft was to go out; its proof still stands."""
    with call.session(writes=False) as session:
        edition = session.get(DraftUnderReview, edition_id)
        lst = session.get(MailList, edition.list_id) if edition is not None else None
        call.permit(Action.NEWSLETTER_CANCEL, session, lst)
    if dry_run:
        return
    if not scheduled_issues.cancel(call.app, edition_id, call.now):
        raise Refused(f"Edition {edition_id} is not scheduled.", key="not-scheduled")
    call.note_after(Action.NEWSLETTER_CANCEL, lst, f"edition {edition_id}")


def drafts(call: Call, list_address: str | None) -> list[dict[str, Any]]:
    """Return the issues that have been proved and not sent, and when they go out."""
    if list_address is None:
        with call.reading_all(Action.NEWSLETTER_DRAFTS) as session:
            return reviews.waiting(session, None)
    with call.reading(Action.NEWSLETTER_DRAFTS, list_address) as visit:
        lst = issue_sending.newsletter(visit.session, list_address)
        return reviews.waiting(visit.session, lst)


@contextmanager
def by_answer(call: Call, list_address: str, step: AnswerStep, edition: int) -> Iterator[bool]:
    """Tell whether an editor's answer may take a step; note it where that changes something.

    Whoever asks takes the step itself, inside: it needs what was read before (editor_answers).
    """
    action = {
        AnswerStep.SEND: Action.NEWSLETTER_SEND,
        AnswerStep.SCHEDULE: Action.NEWSLETTER_SCHEDULE,
        AnswerStep.CANCEL: Action.NEWSLETTER_CANCEL,
        AnswerStep.STOP: Action.NEWSLETTER_STOP,
        AnswerStep.RESUME: Action.NEWSLETTER_RESUME,
    }.get(step, Action.NEWSLETTER_PROOF)
    with call.session(writes=True) as session:
        lst = links.list_at(session, list_address)
        may = call.may(action, session, lst)
        yield may
        if may and (action is not Action.NEWSLETTER_PROOF or step in _PROVES):
            audit.detail(session, f"edition {edition}")
            call.note(action, session, lst)


def themes(call: Call) -> list[Theme]:
    """Return the themes that an issue can be set in: ours, and those in the data folder."""
    call.permit(Action.NEWSLETTER_THEMES)
    data = call.app.data
    return [looks.find_theme(data, name) for name in looks.theme_names(data)]


def _refuse_red(survey: SendingSurvey, what: str, *, anyway: bool) -> None:
    if survey.red and not anyway:
        raise Refused(f"{what}: {survey.red[0].what}.", key="red")


def _editors(call: Call, lst: MailList, address: str | None) -> list[Reader]:
    """Return who gets a proof: the editors, or the one named; raise Refused for nobody."""
    with call.session(writes=False) as session:
        editors = {member.id for member in issue_sending.editors(session, lst)}
        known = issue_sending.provers(session, lst)
    wanted = parse(address).key if address else ""
    to = [one for one in known if (one.to.key == wanted if wanted else one.member in editors)]
    if not to:
        raise Refused(
            f"{address or 'Nobody'} is no editor or owner of {lst.address}.",
            key="no-editor",
            list=lst.address,
        )
    return to
