"""Ask a list's members: keep the question, and mail it to each of them once, through the ledger.

    event = asking.keep_event(visit, draft, host)       # a draft: nobody has got it yet
    asking.open_question(visit, event)                  # everybody is asked

Everything of a mailing is written in the caller's transaction; its audience is entered afterwards,
in pieces, by mailings/audience_freezing.py. Knows nothing of answers.
"""

from typing import Any

from listserv.community import question_mail
from listserv.community.event_draft import EventDraft
from listserv.letters.request import Visit
from listserv.mailings.slots import QUESTION, variant_of
from mailer.ledger import mailings
from mailer.ledger.splice import Segments
from subscriptions.lists import questions
from subscriptions.lists.questions import Question, QuestionKind, QuestionState
from subscriptions.lists.roster import LANGUAGES

EXPIRES = 3 * 86400.0  # seconds until a deferred copy is given up


def keep_event(visit: Visit, draft: EventDraft, host: int) -> Question:
    """Keep an event that nobody has been asked about yet; ``host`` is a membership, or 0."""
    event = Question(
        list_id=visit.lst.id,
        kind=QuestionKind.EVENT,
        state=QuestionState.DRAFT,
        host=host,
        created=visit.now,
        **_fields(draft),
    )
    visit.session.add(event)
    visit.session.flush()
    event.uid = f"event-{event.id}-{int(visit.now):x}@{visit.lst.domain}"
    return event


def change_event(event: Question, draft: EventDraft) -> bool:
    """Let an event be what a draft says; tell whether its hour or its place is another.

    Calendars hear of that by a higher SEQUENCE (RFC 5546 section 2.1.4).
    """
    moved = (event.starts, event.ends, event.place) != (draft.starts, draft.ends, draft.place)
    for name, value in _fields(draft).items():
        setattr(event, name, value)
    event.revision += 1
    if moved:
        event.reminded = event.host_told = False
    return moved


def _fields(draft: EventDraft) -> dict[str, Any]:
    return {
        "title": draft.title,
        "text": draft.text,
        "starts": draft.starts,
        "ends": draft.ends,
        "zone": draft.zone,
        "place": draft.place,
        "seats": draft.seats,
        "until": draft.until,
    }


def open_question(visit: Visit, question: Question) -> int:
    """Ask everybody; return the mailing's id."""
    question.state = QuestionState.OPEN
    question.opened = visit.now
    question.electorate = questions.members_now(visit.session, visit.lst.id)
    if question.secret:
        questions.freeze_electorate(visit.session, question)
    return mail_all(visit, question, "asked")


def mail_all(visit: Visit, question: Question, why: str, **more: Any) -> int:  # noqa: ANN401 - of the templates
    """Mail every member about a question, in their own languages; return the mailing's id."""
    session, lst = visit.session, visit.lst
    session.flush()
    compositions: dict[int, Segments] = {}
    named = question_mail.message_id(lst)
    for language in LANGUAGES:
        compositions[variant_of(language, named=False, filled=False)] = question_mail.compose(
            visit.app, lst, question, language, why, named=named, now=visit.now, **more
        )
    return mailings.create_mailing(
        session,
        kind=QUESTION,
        list_address=lst.address,
        message_id=named,
        policy="never-miss",
        compositions=compositions,
        created=visit.now,
        expires_at=visit.now + EXPIRES,
    )


def is_seen(event: Question, draft: EventDraft) -> bool:
    """Tell whether a change is one that everybody has to hear of."""
    names = ("title", "text", "starts", "ends", "place")
    return any(getattr(event, name) != getattr(draft, name) for name in names)


def preview(event: Question, draft: EventDraft) -> Question:
    """Return an event as it would be with a change; nothing is kept of it."""
    return Question(
        id=event.id,
        list_id=event.list_id,
        kind=event.kind,
        state=event.state,
        host=event.host,
        uid=event.uid,
        sequence=event.sequence,
        revision=event.revision,
        options=event.options,
        secret=event.secret,
        **_fields(draft),
    )
