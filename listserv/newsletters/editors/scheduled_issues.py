"""Issues that leave at an hour: given one, taken back, and sent when it has come.

    scheduled_issues.attend(app, until)            issues whose hour has come

The fence is the row of the draft: of two words at once one moves it from where both saw it. What
leaves is composed anew and compared with what was proved: other bytes ask the editor first, as an
issue does that is more than a day late. Knows drafts under review and their hours; refuses to know
what an editor's mail says (editor_answers.py).
"""

import time
from collections.abc import Callable
from dataclasses import replace

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from listserv.letters.notices import AnswerAddress
from listserv.letters.request import Visit, language_of, write
from listserv.mailings import due_times
from listserv.newsletters.editors import reviews
from listserv.newsletters.editors.editor_orders import EditorOrder
from listserv.newsletters.sending import issue_sending
from listserv.newsletters.sending.issue_sending import Reader, SendingSurvey
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import DraftState, DraftUnderReview
from mailer.errors import Temporary
from mailer.ledger.mailings import UnsurePolicy
from subscriptions.lists import terms
from subscriptions.lists.roster import MailList, Membership
from subscriptions.permission import budget

LATE = 86400.0  # seconds after its hour, from which an issue asks before it leaves
AGAIN = 3600.0  # seconds until an issue is looked at again that could not be attended to
BATCH = 5
_log = structlog.get_logger("krets.sending")


def fence(edition: DraftUnderReview) -> tuple[object, ...]:
    """Return what an order has looked at, and another order changes."""
    return (
        edition.revision, edition.state, edition.due, edition.hour, edition.wished,
        edition.approved,
    )  # fmt: skip


def schedule(app: App, number: int, order: EditorOrder, now: float, by: str = "cli") -> None:
    """Let an edition leave at the order's hour."""
    with app.store.write() as session:
        edition = session.get_one(DraftUnderReview, number)
        lst = session.get_one(MailList, edition.list_id)
        at = first_hour(session, lst, order.at, order.hour, now)
        values = {"due": at, "zone": order.zone, "by": by, "hour": order.hour}
        move(session, edition, DraftState.SCHEDULED, now, **values)


def first_hour(
    session: Session, lst: MailList, at: float | None, hour: str, now: float
) -> float | None:
    """Return when an issue leaves: at its hour, or when that comes for the first reader."""
    if not hour:
        return at
    return due_times.earliest(session, lst, due_times.terms_of(lst, hour), now)


def cancel(app: App, number: int, now: float) -> bool:
    """Take an edition's hour back; return whether it had one."""
    with app.store.write() as session:
        edition = session.get(DraftUnderReview, number)
        if edition is None or edition.state != DraftState.SCHEDULED:
            return False
        return move(session, edition, DraftState.OPEN, now)


def ask_first(session: Session, now: float) -> None:
    """Let every scheduled issue ask its editor before it leaves, as one that is late does."""
    session.execute(
        update(DraftUnderReview)
        .where(DraftUnderReview.state == "scheduled")
        .values(due=now - LATE - 1)
    )


def attend(app: App, until: Callable[[], bool], now: float | None = None) -> None:
    """Send what is due; what is more than a day late asks first."""
    moment = time.time() if now is None else now
    while not until():
        with app.store.read() as session:
            waiting = due(session, moment)
        if not waiting:
            return
        for number in waiting:
            if until():
                return
            try:
                _attend(app, number, moment)
            except Temporary:
                raise
            except Exception:  # noqa: BLE001 - a door: one issue must not stop all mail behind it
                _log.exception("an issue could not be attended to", edition=number)
                _later(app, number, moment + AGAIN)


def due(session: Session, now: float) -> list[int]:
    """Return some editions whose hour has come, the earliest first."""
    found = select(DraftUnderReview.id).where(
        DraftUnderReview.state == "scheduled", DraftUnderReview.due <= now
    )
    return list(session.scalars(found.order_by(DraftUnderReview.due).limit(BATCH)))


def _later(app: App, number: int, until: float) -> None:
    """Look at a scheduled issue again later."""
    waits = update(DraftUnderReview).where(
        DraftUnderReview.id == number, DraftUnderReview.state == "scheduled"
    )
    with app.store.write() as session:
        session.execute(waits.values(due=until))


def _attend(app: App, number: int, now: float) -> None:
    with app.store.read() as session:
        edition = session.get_one(DraftUnderReview, number)
        lst = session.get_one(MailList, edition.list_id)
        member = session.get(Membership, edition.editor)
        entitled = member is not None and issue_sending.is_editor(member)
        own = [issue_sending.reader_of(session, lst, member)] if member and entitled else []
        asked = own or issue_sending.provers(session, lst)
    if not asked:  # nobody is left who could be asked
        with app.store.write() as session:
            move(session, edition, DraftState.OPEN, now)
        return
    reader = asked[0]
    seen = reviews.look(app, lst, edition.source, reader, now, message_id=edition.message_id)
    survey = seen.survey
    doubt = _doubt(edition, lst, survey, now, orphan=not own)
    with app.store.write() as session:
        visit = Visit(session=session, app=app, lst=lst, now=now)
        fresh = session.get_one(DraftUnderReview, number, with_for_update=True)
        if fence(fresh) != fence(edition):  # it has another hour now, or none
            return
        state = DraftState.OPEN if survey is None or doubt else DraftState.SENT
        if not move(session, edition, state, now):
            return
        if survey is None:
            reviews.tell_trouble(visit, seen, reader, fresh)
        elif doubt:
            reviews.revise(visit, fresh, seen, reader)
            for one in asked:
                theirs = replace(seen, proofs=reviews.proofs_for(app, lst, survey, one))
                reviews.tell_proof(visit, theirs, one, fresh, note=doubt)
        else:
            start_sending(visit, survey, fresh, reader, edition.by, edition.hour)
    for bell in ("sort", "deliver", "archive"):
        app.ring(bell)
    _log.info("an issue's hour has come", edition=number, list=lst.address)


def _doubt(
    edition: DraftUnderReview,
    lst: MailList,
    survey: SendingSurvey | None,
    now: float,
    *,
    orphan: bool,
) -> str:
    """Return why somebody is asked before an issue leaves at its hour; "" where nobody need be."""
    if orphan:  # whoever scheduled it is no editor any more: nobody stands for it
        return "orphan"
    if survey is not None and survey.ready.digest != edition.digest:
        return "changed"
    timed = edition.hour or lst.quiet_hours
    if timed and edition.zone == lst.zone and terms.clock(lst.zone) is None:
        return "zone"
    return "late" if now > (edition.due or now) + LATE else ""


def move(
    session: Session, was: DraftUnderReview, state: DraftState, now: float, **values: object
) -> bool:
    """Let an edition pass from where it was seen to ``state``, once."""
    moved = (
        update(DraftUnderReview)
        .where(
            DraftUnderReview.id == was.id,
            DraftUnderReview.revision == was.revision,
            DraftUnderReview.state == was.state,
        )
        .values(state=state.value, changed=now, **{"due": None, "hour": "", **values})
        .returning(DraftUnderReview.id)
    )
    return session.scalar(moved) is not None


def start_sending(
    visit: Visit,
    survey: SendingSurvey,
    edition: DraftUnderReview,
    reader: Reader,
    by: str,
    hour: str = "",
) -> None:
    """Make a mailing of what was composed, and tell its editor that it is on its way."""
    edition.mailing_id = issue_sending.enter(
        visit.session,
        visit.app,
        visit.lst,
        survey.ready,
        policy=UnsurePolicy.NEVER_TWICE,
        now=visit.now,
        by=by,
        hour=hour,
    )
    visit.session.flush()
    context: dict[str, object] = {
        "subject": survey.draft.subject,
        "audience": survey.readers,
        "minutes": reviews.minutes(survey),
        "permalink": survey.ready.issue.permalink,
    }
    tell(visit, reader, "editor-sending", edition, context)


def tell(
    visit: Visit,
    reader: Reader,
    name: str,
    edition: DraftUnderReview,
    context: dict[str, object],
) -> None:
    """Write to an editor about a draft, in a mail whose answer is about the draft again."""
    budget.count(visit.session, reader.to.key, kind=name, now=visit.now)
    door = AnswerAddress("reply", reviews.open_question(visit, edition, reader.to))
    language = language_of(visit, reader.to)
    write(visit, reader.to, name, language, reader.member, context=context, door=door)
