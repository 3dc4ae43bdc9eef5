"""Review an issue before it is sent: drafts by mail, their revisions, proofs and reports.

    editions.take(app, arrival, route, raw)      a draft mailed to LIST-issue@
    editions.open_file(app, survey, to, now)     a draft in a file

Each draft becomes two mails to the editor's own registered address: the proof, whose body is a
reader's to the byte, and the report, whose Reply-To is a token for this revision. What an answer
does stands in editor_answers.py. SECURITY: a From line is no proof. It decides whom we write to,
within the budget of automatic mail; without a token's answer nothing is sent to anybody, and the
report says so to an editor whose name was forged.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.letters import incoming_letter, transaction
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.notices import AnswerAddress, face_of
from listserv.letters.request import Visit, language_of, write
from listserv.moderation.holds import hold
from listserv.newsletters.checks import outline, preflight
from listserv.newsletters.checks.findings import Finding
from listserv.newsletters.editors import editor_orders, preview, screenshots
from listserv.newsletters.sending import issue_sending
from listserv.newsletters.sending.issue_sending import IssueProof, Reader, SendingSurvey
from listserv.newsletters.writing import drafts, mailed_draft, pictures
from listserv.newsletters.writing.pictures import Kept, PictureFile
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import DraftState, DraftUnderReview, ScreenshotJob
from listserv.wiring.outcome import ArrivalOutcome
from listserv.wiring.routes import Route
from mailer.errors import BadInput
from mailer.ledger.mailings import Mailing
from mailer.reading.addresses import MailAddress
from mailer.storage.arrivals import Arrival
from mailer.storage.store import insert_or_ignore
from subscriptions.audience import segment_query
from subscriptions.audience.audience import some_of
from subscriptions.lists import terms
from subscriptions.lists.roster import ListKind, MailList, Membership, find_list, membership_of
from subscriptions.permission import asks, budget
from subscriptions.permission.asks import AskPurpose

SAMPLE = 3  # readers named in a report
SEGMENTS = 10  # saved ones named there
DOMAINS = 3
_OURS = re.compile(r"---\s*\Z|!\[\]\(cid:")  # lines of a draft that no editor has written
PROOF, HALTED = "editor-proof", "editor-halted"  # the letters whose answers decide
_PROOF = re.compile(r"<(proof\.[a-z2-7]{1,60}@[^<>\s]{1,255})>")


@dataclass(frozen=True, slots=True)
class DraftReview:
    """Hold what a draft came to, made before any transaction begins; or what is wrong with it."""

    source: str
    survey: SendingSurvey | None = None
    proofs: tuple[IssueProof, ...] = ()  # one for each language of the draft
    sample: tuple[tuple[str, str], ...] = ()
    trouble: BadInput | None = None
    extra: tuple[Finding, ...] = ()  # what is to be said of the mail that it came in
    fresh: tuple[Kept, ...] = ()  # pictures that are to be kept before anything names them


def proved(session: Session, lst: MailList, letter: IncomingLetter) -> DraftUnderReview | None:
    """Return what an editor's letter to the list's own address answers, if that is a proof."""
    named = _PROOF.search(letter.head.text("in-reply-to"))
    if named is None or letter.author is None or letter.automatic:
        return None
    if editor_of(session, lst, letter.author) is None:
        return None
    known = select(Mailing.created).where(
        Mailing.message_id == named[1], Mailing.list_address.in_(lst.addresses)
    )
    at = session.scalar(known)
    if at is None:
        return None
    newest = select(DraftUnderReview).where(
        DraftUnderReview.list_id == lst.id, DraftUnderReview.created <= at + 1
    )
    return session.scalars(newest.order_by(DraftUnderReview.id.desc()).limit(1)).first()


def take(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome:
    """Read a mail to LIST-issue@: an editor's draft is proved, anything else waits for a person."""
    letter = incoming_letter.read(arrival, raw)
    now = time.time()
    with app.store.read() as session:
        lst = find_list(session, route.list_address)
        editor = editor_of(session, lst, letter.author)
        reader = issue_sending.reader_of(session, lst, editor) if lst and editor else None
        before = proved(session, lst, letter) if lst is not None else None
        room = reader is not None and budget.room_for_draft(session, reader.to.key, now)
    if lst is None or reader is None or letter.automatic or letter.trouble:
        why = "draft-unread" if reader is not None else "draft-by-stranger"
        return transaction.act(app, arrival, route, letter, lambda v: _hold(v, arrival, why))
    if not room:  # nothing of it is read: reading costs, and keeps its pictures
        return transaction.act(
            app, arrival, route, letter, lambda v: _put_aside(v, arrival, reader)
        )
    came = mailed_draft.read(raw, letter.subject)
    extra = (
        *map(preflight.left_behind, came.left),
        *map(preflight.attached, came.other),
        *([outline.turned()] if came.turned else ()),
    )
    same = before.message_id if before is not None else ""
    seen = look(app, lst, came.source, reader, now, message_id=same, files=came.files, extra=extra)
    keep_pictures(app, lst, seen, now)

    def work(visit: Visit) -> str:
        if not budget.allow_draft(visit.session, reader.to.key, visit.now):
            return _put_aside(visit, arrival, reader)
        if seen.survey is None:
            return tell_trouble(visit, seen, reader, None)
        edition = _continued(visit, letter, seen, reader)
        if edition is None:
            edition = _new(visit, seen.survey, seen, reader)
        tell_proof(visit, seen, reader, edition, fresh=True)
        return f"proved: edition {edition.id}"

    return transaction.act(app, arrival, route, letter, work)


def look(
    app: App,
    lst: MailList,
    source: str,
    reader: Reader,
    now: float,
    *,
    message_id: str = "",
    files: Sequence[PictureFile] = (),
    extra: Sequence[Finding] = (),
    before: str = "",
) -> DraftReview:
    """Read, compose and judge a draft, and make its proof; nothing is written.

    ``files`` are pictures that came with the mail, ``extra`` what is to be said of the mail itself,
    ``before`` the draft that this one takes the place of, with its pictures.
    """
    try:
        drafts.read(source.encode())
        with app.store.read() as session:
            known = pictures.known_of(session, lst.id, before)
        placed, fresh = pictures.place(source, files, face_of(app, lst).page, known)
        draft = drafts.read(placed.encode())
        survey = issue_sending.consider(app, lst, draft, now, message_id=message_id, fresh=fresh)
    except BadInput as error:
        return DraftReview(source, trouble=error, extra=tuple(extra))
    survey = replace(survey, findings=(*extra, *survey.findings))
    with app.store.read() as session:
        sample = some_of(session, lst.id, now, SAMPLE, survey.ready.chosen)
    proofs = proofs_for(app, lst, survey, reader)
    return DraftReview(placed, survey, proofs, tuple(sample), fresh=fresh)


def keep_pictures(app: App, lst: MailList, seen: DraftReview, now: float) -> None:
    """Keep what a draft shows, before anything is written that names it."""
    issue_sending.keep_pictures(app, lst, seen.fresh, now)


def proofs_for(
    app: App, lst: MailList, survey: SendingSurvey, reader: Reader, language: str = ""
) -> tuple[IssueProof, ...]:
    """Return the copies that ``reader`` looks at: one for each language of the draft."""
    versions = survey.draft.versions
    several = [one.language or lst.language for one in versions] if len(versions) > 1 else [""]
    return tuple(
        issue_sending.proof_for(app, lst, survey.ready, reader, one)
        for one in ([language] if language else several)
    )


def open_file(
    app: App, survey: SendingSurvey, to: Sequence[Reader], now: float, language: str = ""
) -> int:
    """Prove a draft that came as a file to these editors; return the edition's number."""
    draft = survey.draft
    fields = {
        "subject": draft.subject,
        "preheader": draft.preheader,
        "language": draft.language,
        "theme": draft.theme,
        "segment": draft.segment,
        "series": draft.series,
    }
    with app.store.read() as session:
        sample = tuple(some_of(session, survey.lst.id, now, SAMPLE, survey.ready.chosen))
    text = "\n\n".join([draft.text, *map(_written, draft.also)])
    seen = DraftReview(mailed_draft.compose(fields, text), survey, (), sample)
    looks = [
        (one, replace(seen, proofs=proofs_for(app, survey.lst, survey, one, language)))
        for one in to
    ]
    issue_sending.keep_pictures(app, survey.lst, survey.ready.issue.pictures.values(), now)
    with app.store.write() as session:
        visit = Visit(session=session, app=app, lst=survey.lst, now=now)
        edition = _new(visit, survey, seen, to[0])
        for reader, look_of in looks:
            tell_proof(visit, look_of, reader, edition)
        number = edition.id
    app.ring("deliver")
    return number


def _written(draft: drafts.Draft) -> str:
    """Write a draft in another language as it stands below the first."""
    fields = {"language": draft.language, "subject": draft.subject, "preheader": draft.preheader}
    lines = [f'{key}: "{value}"' for key, value in fields.items() if value]
    return "\n".join(["language: " + draft.language, *lines[1:], "", draft.text])


def waiting(session: Session, lst: MailList | None) -> list[dict[str, object]]:
    """Return the editions that have not been sent, the newest first."""
    chosen = select(DraftUnderReview, MailList).join(
        MailList, MailList.id == DraftUnderReview.list_id
    )
    chosen = chosen.where(DraftUnderReview.state != DraftState.SENT).order_by(
        DraftUnderReview.id.desc()
    )
    if lst is not None:
        chosen = chosen.where(DraftUnderReview.list_id == lst.id)
    return [
        {
            "edition": one.id,
            "list": of.address,
            "subject": subject_of(one),
            "revision": one.revision,
            "state": one.state,
            "goes out": _hour(one.due, one.zone),
            "hour": one.hour or None,
        }
        for one, of in session.execute(chosen)
    ]


def _hour(due: float | None, zone: str) -> str | None:
    if due is None:
        return None
    clock = terms.clock(zone) or ZoneInfo("UTC")
    return datetime.fromtimestamp(due, clock).isoformat(timespec="minutes")


def editor_of(session: Session, lst: MailList | None, who: MailAddress | None) -> Membership | None:
    """Return the membership of an editor or owner of this newsletter with the address ``who``."""
    if lst is None or who is None or lst.kind is not ListKind.NEWSLETTER:
        return None
    member = membership_of(session, lst.id, who.key)
    return member if member is not None and issue_sending.is_editor(member) else None


def revise(visit: Visit, edition: DraftUnderReview, seen: DraftReview, reader: Reader) -> None:
    """Let an edition be the draft in ``seen``: older reports are worth nothing from now on."""
    if seen.survey is None:
        raise ValueError(seen)
    edition.source = seen.source
    edition.revision += 1
    edition.digest = seen.survey.ready.digest
    edition.editor = reader.member
    edition.changed = visit.now
    edition.wished = edition.approved = 0
    visit.session.flush()


def _continued(
    visit: Visit, letter: IncomingLetter, seen: DraftReview, reader: Reader
) -> DraftUnderReview | None:
    """Return the draft that a draft goes on with by answering its proof, as it is now."""
    edition = proved(visit.session, visit.lst, letter)
    if edition is None:
        return None
    found = visit.session.get(DraftUnderReview, edition.id, with_for_update=True)
    if found is None or found.state != DraftState.OPEN:
        return None  # it has an hour or has gone: what comes now is an issue of its own
    if seen.survey is None or seen.survey.ready.issue.message_id != found.message_id:
        return None
    revise(visit, found, seen, reader)
    return found


def _new(
    visit: Visit, survey: SendingSurvey, seen: DraftReview, reader: Reader
) -> DraftUnderReview:
    edition = DraftUnderReview(
        list_id=visit.lst.id,
        editor=reader.member,
        message_id=survey.ready.issue.message_id,
        source=seen.source,
        digest=survey.ready.digest,
        created=visit.now,
        changed=visit.now,
    )
    visit.session.add(edition)
    visit.session.flush()
    return edition


def tell_proof(
    visit: Visit,
    seen: DraftReview,
    reader: Reader,
    edition: DraftUnderReview,
    *,
    note: str = "",
    fresh: bool = False,
    wish: str = "",
) -> None:
    """Mail the proof and the report on it; ``note`` says what led to it, if not a draft.

    A note that the words were not understood, or that something red stands against sending,
    brings the report alone: the proof of this revision is there already. ``wish`` is the address
    of the editor who wants it sent, and needs the word of another.
    """
    survey = seen.survey
    if survey is None:
        raise ValueError(seen)
    if note not in {"unclear", "blocked", "zone", "proof", "still"}:  # they have seen the proof
        for proof in seen.proofs:
            issue_sending.post_proof(visit.session, visit.lst, proof, visit.now)
    context = _report_on(visit, seen, survey, reader, edition)
    report = write(
        visit,
        reader.to,
        "editor-proof",
        language_of(visit, reader.to),
        reader.member,
        context=context | {"note": note, "fresh": fresh, "wish": wish},
        door=AnswerAddress("reply", open_question(visit, edition, reader.to)),
    )
    if screenshots.find(visit.app.settings.listserv.screenshots):
        row = {
            "edition_id": edition.id,
            "revision": edition.revision,
            "member": reader.member,
            "mailing_id": report,
            "tries": 0,
            "done": False,
        }
        # once a revision
        visit.session.execute(insert_or_ignore(visit.session, ScreenshotJob), [row])


def _report_on(
    visit: Visit,
    seen: DraftReview,
    survey: SendingSurvey,
    reader: Reader,
    edition: DraftUnderReview,
) -> dict[str, object]:
    """Return what the report says of an issue."""
    return {
        "subject": survey.draft.subject,
        "revision": edition.revision,
        "findings": survey.findings,
        "red": bool(survey.red),
        "audience": survey.readers,
        "segment": survey.ready.chosen.text,
        "segments": tuple(segment_query.saved(visit.session, visit.lst.id))[:SEGMENTS],
        "domains": survey.domains[:DOMAINS],
        "elsewhere": sum(count for _, count in survey.domains[DOMAINS:]),
        "sample": seen.sample,
        "minutes": minutes(survey),
        "kept": bool(survey.ready.issue.permalink),
        "differing": _differing(survey),
        "preview": preview.link(visit.app, visit.lst, edition.id, reader.member, visit.now),
        "four_eyes": visit.lst.four_eyes,
        "at": edition.due,
        "zone": edition.zone,
    }


def subject_of(edition: DraftUnderReview) -> str:
    """Return the subject of a draft that was proved."""
    return mailed_draft.fields_of(edition.source).get("subject", "")


def _differing(survey: SendingSurvey) -> str:
    """Name the fields of a reader's header that the proof's header has not, or has otherwise."""
    issue = survey.ready.issue
    fields = ("Subject", "Date", "Message-ID", issue.permalink and "Archived-At")
    return ", ".join(filter(None, (*fields, issue.reply_to and "Reply-To", "List-Unsubscribe")))


def tell_trouble(
    visit: Visit,
    seen: DraftReview,
    reader: Reader,
    edition: DraftUnderReview | None,
    *,
    only: bool = False,
) -> str:
    """Tell an editor why a draft cannot be read, and on which line; or ``only`` its segment."""
    error = seen.trouble
    if error is None:
        raise ValueError(seen)
    line = error.line if isinstance(error, drafts.BadDraft) else 0
    lines = ["" if _OURS.match(one) else one for one in seen.source.split("\n")]
    write(
        visit,
        reader.to,
        "editor-trouble",
        language_of(visit, reader.to),
        reader.member,
        context={
            "key": error.key if isinstance(error, drafts.BadDraft) else "other",
            "values": error.values if isinstance(error, drafts.BadDraft) else {},
            "what": f"{error.what} {error.fix}".strip(),
            "words": lines[line - 1].strip()[:200] if 0 < line <= len(lines) else "",
            "again": edition is not None,
            "only": only,
            "packed": any(one.key == "packed" for one in seen.extra),
            "subject": "" if edition is None else subject_of(edition),
        },
        door=AnswerAddress("issue", "")
        if edition is None
        else AnswerAddress("reply", open_question(visit, edition, reader.to)),
    )
    return "not-a-draft"


def open_question(
    visit: Visit, edition: DraftUnderReview, to: MailAddress, about: str = PROOF
) -> str:
    """Return a token for one editor's answers about an edition as it stands."""
    return asks.open_ask(
        visit.session,
        AskPurpose.ISSUE,
        list_id=visit.lst.id,
        to=to,
        now=visit.now,
        ref=edition.id,
        revision=edition.revision,
        wording=about,
    )


def minutes(survey: SendingSurvey) -> int | None:
    """Return how many minutes sending takes, at least one; None where nothing tells."""
    return None if survey.seconds is None else max(1, round(survey.seconds / 60))


def _put_aside(visit: Visit, arrival: Arrival, reader: Reader) -> str:
    """Let a draft above the budget wait for a person, and say so to its editor once a day."""
    if budget.once(visit.session, reader.to.key, "drafts-put-aside", visit.now):
        context: dict[str, object] = {"word": "many", "subject": "", "counts": None}
        language = language_of(visit, reader.to)
        write(visit, reader.to, "editor-answer", language, reader.member, context=context)
    return _hold(visit, arrival, "draft-over-budget")


def _hold(visit: Visit, arrival: Arrival, why: str) -> str:
    hold(visit.session, arrival, visit.lst.address, (why,), "")
    return transaction.HELD


def letter_source(letter: IncomingLetter, edition: DraftUnderReview) -> str:
    """Return the draft that an answer with new text makes of an edition."""
    rich = editor_orders.new_text(mailed_draft.own_words(letter.raw, letter.text))
    return mailed_draft.edited(rich or editor_orders.new_text(letter.text), edition.source)
