"""Pictures of a proof, by a second mail: taken when proof and report have left, never before.

    sittings.want(visit, edition, member, report)   in the transaction that writes the report
    sittings.waiting(session)                       what can be taken now
    sittings.carry_out(app, now)                    take them; the bell "sit" does

A row for each editor and revision, so that a restart neither loses nor doubles the mail: it is
written in the transaction that marks the row. What fails is a line in the log and no mail; a
proof never waits for it.
"""

import base64
import html
import time

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from listserv.letters.notices import AnswerAddress, Enclosure, face_of
from listserv.letters.request import Visit, language_of, write
from listserv.newsletters.editors import preview, reviews, screenshots
from listserv.newsletters.sending import issue_sending
from listserv.newsletters.writing import pictures
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import DraftState, DraftUnderReview, ScreenshotJob
from mailer.errors import BadInput, KretsError
from mailer.ledger.mailings import Mailing, MailingState
from subscriptions.lists.roster import MailList, Membership

TRIES = 2  # of one sitting: a browser that takes the worker down with it is not begun for ever
PHONE, DESK = 360, 700  # pixels
_log = structlog.get_logger("krets.sittings")


def waiting(session: Session) -> ScreenshotJob | None:
    """Return the oldest proof whose report has left and whose pictures are still to be taken."""
    chosen = select(ScreenshotJob).join(Mailing, Mailing.id == ScreenshotJob.mailing_id)
    chosen = chosen.where(
        ScreenshotJob.done.is_(False), Mailing.state.in_((MailingState.DONE, MailingState.STOPPED))
    )
    return session.scalars(chosen.order_by(ScreenshotJob.id).limit(1)).first()


def carry_out(app: App) -> None:
    """Take what waits; one process at a time does this."""
    program = screenshots.find(app.settings.listserv.screenshots)
    with app.store.alone("sit") as ours:
        while ours:
            with app.store.read() as session:
                sitting = waiting(session)
            if sitting is None:
                return
            with app.store.write() as session:
                tried = update(ScreenshotJob).where(ScreenshotJob.id == sitting.id)
                session.execute(tried.values(tries=ScreenshotJob.tries + 1))
            shots: list[Enclosure] = []
            try:
                if program and sitting.tries < TRIES:
                    shots = _shots(app, program, sitting)
            except KretsError as error:
                if not isinstance(error, BadInput):
                    raise
                _log.warning("no pictures of a proof", edition=sitting.edition_id, why=error.what)
            except Exception:  # noqa: BLE001 - a door: one proof must not stop the others
                _log.exception("no pictures of a proof", edition=sitting.edition_id)
            _end(app, sitting, shots)


def _shots(app: App, program: str, sitting: ScreenshotJob) -> list[Enclosure]:
    """Return the pictures; none of a proof that is not the newest any more."""
    now = time.time()
    with app.store.read() as session:
        edition = session.get(DraftUnderReview, sitting.edition_id)
        member = session.get(Membership, sitting.member)
        if edition is None or member is None or not _stands(edition, member, sitting):
            return []
        lst = session.get_one(MailList, edition.list_id)
        reader = issue_sending.reader_of(session, lst, member)
    copy = preview.copy_for(app, lst, edition, reader, now).html
    with app.store.read() as session:
        shown = pictures.shown(session, lst.id, face_of(app, lst).page, copy)
    for address, one in shown.items():
        kind = "jpeg" if one.made.ending == "jpg" else one.made.ending
        inside = f"data:image/{kind};base64,{base64.b64encode(one.made.data).decode()}"
        copy = copy.replace(html.escape(address), inside)
    light, dark = (preview.in_light(copy, dark=one) for one in (False, True))
    named = (("light", light, PHONE), ("dark", dark, PHONE), ("light", light, DESK))
    made = screenshots.take(program, [(page, width) for _, page, width in named])
    found = [
        Enclosure("image/png", f"{width}-{name}.png", data)
        for (name, _, width), data in zip(named, made, strict=True)
        if data is not None
    ]
    if len(found) < len(named):
        missed = len(named) - len(found)
        _log.warning("chromium has not taken every picture", edition=edition.id, missed=missed)
    return found


def _end(app: App, sitting: ScreenshotJob, shots: list[Enclosure]) -> None:
    """Mark the row and write the mail, both or neither."""
    with app.store.write() as session:
        mine = update(ScreenshotJob).where(
            ScreenshotJob.id == sitting.id, ScreenshotJob.done.is_(False)
        )
        if (
            not session.execute(mine.values(done=True).returning(ScreenshotJob.id)).all()
            or not shots
        ):
            return
        edition = session.get(DraftUnderReview, sitting.edition_id)
        member = session.get(Membership, sitting.member)
        if edition is None or member is None or not _stands(edition, member, sitting):
            return
        lst = session.get_one(MailList, edition.list_id)
        report = session.get_one(Mailing, sitting.mailing_id).message_id
        visit = Visit(session, app, lst, app.store.now(session), in_reply_to=report)
        to = issue_sending.reader_of(session, lst, member).to
        write(
            visit,
            to,
            "editor-screens",
            language_of(visit, to),
            member.id,
            context={"subject": reviews.subject_of(edition), "tall": screenshots.TALL},
            door=AnswerAddress("reply", reviews.open_question(visit, edition, to)),
            enclosures=shots,
        )
    app.ring("deliver")


def _stands(edition: DraftUnderReview, member: Membership, sitting: ScreenshotJob) -> bool:
    """Tell whether an editor should still see this revision."""
    newest = edition.revision == sitting.revision and edition.state != DraftState.SENT
    return newest and issue_sending.is_editor(member)
