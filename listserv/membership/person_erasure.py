"""Forget a person whole: one function for every door, and what the roof and the cellar keep.

    erasing.forget(app, key, note=note, now=now)     # a key of theirs; rings the bells itself

First their own mails in the archives give way to stones, in short transactions that may be cut
and begun again; then ONE transaction (``dossier.forget`` with ``ERASERS``) takes everything else;
then the freed pages of SQLite and its log are emptied (``Store.scrub``). What other people wrote
stays, and so do numbers: a line of the ledger loses its address, never its state. Backups made
before still know them; the command and the page say so.
"""

import json
import time
from collections.abc import Collection

from sqlalchemy import ColumnElement, String, cast, delete, func, literal, or_, select, update
from sqlalchemy.orm import Session

import templates
from archive.erasure import erased_mail
from archive.threads.archive_tables import Message
from listserv.letters.notices import KIND
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import (
    Ban,
    DraftUnderReview,
    Erasure,
    Hold,
    HoldState,
    Issue,
    Post,
)
from mailer.errors import BadInput
from mailer.ledger import mailing_control, recipient_history, refusals
from mailer.ledger.mailings import (
    Composition,
    Mailing,
    MailingState,
    Recipient,
    RecipientState,
    composition,
)
from mailer.reading.addresses import parse
from mailer.storage.arrivals import Arrival, ArrivalState
from mailer.storage.store import RawMessage
from subscriptions.lists import questions as member_questions
from subscriptions.lists.roster import MailList
from subscriptions.membership import bouncing, personal_data
from subscriptions.membership.personal_data import Eraser, Forgotten
from subscriptions.permission import asks, budget, proofs
from subscriptions.permission.asks import Ask
from subscriptions.permission.consent import ConsentNote

_OPEN = (RecipientState.READY, RecipientState.DEFERRED)
_SENT = (MailingState.DONE, MailingState.STOPPED)


def forget(app: App, key: str, *, note: ConsentNote, now: float) -> Forgotten:
    """Erase whoever owns the address ``key`` from everything but other people's mails."""
    with app.store.read() as session:
        keys = personal_data.keys_of(session, key)
    written = erased_mail.written_by(app.store, keys)
    graves = erased_mail.find(app.store, keys, written)
    for start in range(0, len(graves), erased_mail.CHUNK):
        with app.store.write() as session:
            _bury(session, graves[start : start + erased_mail.CHUNK])
    also = (*ERASERS, lambda session, forgotten: letters(session, forgotten, written))
    with app.store.write() as session:
        forgotten = personal_data.forget(session, app.keyring, key, note=note, now=now, also=also)
    app.ring("archive")
    app.ring("deliver")
    app.store.scrub()
    return forgotten


def _bury(session: Session, graves: list[erased_mail.ErasedMail]) -> None:
    ids = [grave.id for grave in graves]
    rows = session.execute(
        select(Message.id, MailList.language, MailList.title)
        .join(MailList, MailList.id == Message.list_id)
        .where(Message.id.in_(ids))
    )
    tongues = {row.id: (row.language, row.title) for row in rows}
    for grave in graves:
        language, title = tongues.get(grave.id, ("en", ""))
        words = templates.mail("list-erased", language, list={"title": title}).text.strip()
        erased_mail.replace_erased(session, [grave], words)


def questions(session: Session, forgotten: Forgotten) -> None:
    """Erase what was asked of them, what was asked of others about them, and what was counted."""
    asks.forget(session, list(forgotten.keys))
    budget.forget(session, list(forgotten.keys))
    session.execute(delete(Ban).where(Ban.address_key.in_(forgotten.keys)))
    session.execute(delete(Erasure).where(Erasure.address_key.in_(forgotten.keys)))
    for who in _wires(forgotten):
        about = Ask.payload.contains(json.dumps(who, ensure_ascii=False)[1:-1], autoescape=True)
        session.execute(delete(Ask).where(about))
        for table, column in ((Ban, Ban.decided_by), (Hold, Hold.decided_by)):
            session.execute(update(table).where(column == who).values(decided_by="erased"))
        session.execute(update(Issue).where(Issue.sent_by == who).values(sent_by="erased"))
        session.execute(
            update(DraftUnderReview).where(DraftUnderReview.by == who).values(by="erased")
        )


def ledger(session: Session, forgotten: Forgotten) -> None:
    """Take the address out of every mailing; what was ready is skipped.

    Notices lose their text where it was to them or names them, and so does what nobody will send
    again; a post of theirs that is still under way is stopped.
    """
    wires = _wires(forgotten)
    mine = Recipient.address.in_(wires)
    theirs = set(
        session.scalars(
            select(Mailing.id)
            .join(Recipient, Recipient.mailing_id == Mailing.id)
            .where(Mailing.kind == KIND, mine)
        )
    )
    posted = select(Post.mailing_id).where(
        Post.author.in_(forgotten.keys), Post.mailing_id.is_not(None)
    )
    posts = {one for one in session.scalars(posted) if one is not None}
    sent = select(Mailing.id).where(Mailing.kind == KIND, Mailing.state.in_(_SENT))
    session.execute(delete(Composition).where(Composition.mailing_id.in_(sent)))
    waiting = select(Recipient.mailing_id).where(
        Recipient.mailing_id.in_(theirs),
        ~mine,
        Recipient.state.in_((*_OPEN, RecipientState.CLAIMED)),
    )
    others = set(session.scalars(waiting))  # a letter to all owners: the rest are to get it
    named = _notices_about(session, forgotten)
    about = named - (theirs - others)
    _skip(session, mine)
    rows = select(Recipient.id).where(mine)
    recipient_history.hush(session, rows)
    refusals.hush(session, rows)
    for mailing in posts | about:
        _skip(session, Recipient.mailing_id == mailing)
    for mailing in posts | about | (theirs - others):
        session.execute(delete(Composition).where(Composition.mailing_id == mailing))
    for mailing in posts:
        row = session.get_one(Mailing, mailing)
        if row.state not in _SENT:  # nobody is entered any more, nor sent to again
            mailing_control.stop(session, mailing, now=time.time())
        session.execute(update(Mailing).where(Mailing.id == mailing).values(message_id=""))
    session.execute(
        update(Recipient)
        .where(mine)
        .values(address=literal("erased-") + cast(Recipient.id, String), bucket="", reason="")
        .execution_options(synchronize_session=False)
    )


def _skip(session: Session, where: ColumnElement[bool]) -> None:
    session.execute(
        update(Recipient)
        .where(where, Recipient.state.in_(_OPEN))
        .values(state=RecipientState.SKIPPED, reason="erased")
        .execution_options(synchronize_session=False)
    )


def _notices_about(session: Session, forgotten: Forgotten) -> set[int]:
    """Return the notices under way that name the person: to moderators and owners."""
    names = [who.encode() for who in (*_wires(forgotten), forgotten.name) if who]
    waiting = select(Mailing.id).where(Mailing.kind == KIND, Mailing.state.not_in(_SENT))
    found = {one: composition(session, one, 0) for one in session.scalars(waiting)}
    return {
        one
        for one, text in found.items()
        if text and any(name in part for part in text.parts for name in names)
    }


def letters(session: Session, forgotten: Forgotten, written: Collection[bytes]) -> None:
    """Erase what they wrote to us (``written``) and what servers wrote to us about them.

    Letters, posts, held posts, proofs of consents, bounces.
    """
    lower = {wire.lower() for wire in _wires(forgotten)}
    told = bouncing.reports(session, forgotten.membership_ids)
    posted = select(Post.arrival_id).where(Post.author.in_(forgotten.keys))
    wrote = or_(
        func.lower(Arrival.sender).in_(lower),
        Arrival.id.in_(posted),
        Arrival.raw_sha.in_({*forgotten.proofs, *written, *told}),
    )
    raws = {*forgotten.proofs, *written, *told} | set(
        session.scalars(select(Arrival.raw_sha).where(wrote))
    )
    kept = set(session.scalars(select(Message.raw_sha).where(Message.raw_sha.in_(raws))))
    session.execute(delete(RawMessage).where(RawMessage.sha.in_(raws - kept)))
    proofs.forget(session, forgotten.proofs)
    held = select(Arrival.id).where(wrote)
    session.execute(
        update(Hold)
        .where(Hold.arrival_id.in_(held))
        .values(detail="", state=HoldState.DROPPED, due=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Arrival)
        .where(wrote)
        .values(sender="", client="", helo="", note="erased", state=int(ArrivalState.DONE))
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Post)
        .where(Post.author.in_(forgotten.keys))
        .values(author="", message_id="")
        .execution_options(synchronize_session=False)
    )


def _wires(forgotten: Forgotten) -> Collection[str]:
    """Return every spelling that an envelope may have."""
    found = {*forgotten.addresses, *forgotten.keys}
    for given in forgotten.addresses:
        try:
            found.add(parse(given).wire)
        except BadInput:
            continue
    return found


def answers(session: Session, forgotten: Forgotten) -> None:
    """Take them out of events and polls; how many had answered what stays."""
    member_questions.forget(session, forgotten.membership_ids)


ERASERS: tuple[Eraser, ...] = (questions, answers, ledger)
