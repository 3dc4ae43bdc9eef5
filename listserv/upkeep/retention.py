"""Keep things as long as the settings say, and no longer: the clock's quiet work.

``tend`` does one short piece of each kind of work and says whether more is due. It knows the ages
and who refers to a message; what going means is for the rooms. A mailing's totals, the ledger of
permissions and everything the archive keeps stay for ever, and so does who has had an issue of
a series. Rows that a frequency cap still counts stay longer than the settings say.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.threads.archive_tables import Message
from listserv.newsletters.writing import pictures
from listserv.upkeep import deleted_lists
from listserv.wiring.app import App
from listserv.wiring.config import Settings
from listserv.wiring.listserv_tables import Issue, Post
from mailer.ledger import expiry
from mailer.ledger.expiry import ExpiredArrival
from mailer.storage.arrivals import Arrival
from subscriptions.lists import series as had
from subscriptions.lists import terms
from subscriptions.lists.roster import all_lists
from subscriptions.membership import consent_expiry
from subscriptions.permission import proofs

DAY = 86400.0
PIECE = 20  # drafts or pictures that go in one transaction


@dataclass(frozen=True, slots=True)
class Ages:
    """Hold the moments before which each kind of thing may go; 0 for never."""

    ledger: float
    envelopes: float
    mail: float
    pending: float
    traces: float


def ages(settings: Settings, now: float) -> Ages:
    """Return what the settings mean at ``now``; 0 days keep for ever."""
    mailer, listserv = settings.mailer, settings.listserv
    days = (
        mailer.keep_ledger,
        mailer.keep_envelopes,
        mailer.keep_mail,
        listserv.keep_pending,
        listserv.keep_consent_ips,
    )
    return Ages(*(now - number * DAY if number else 0.0 for number in days))


def tend(app: App, now: float) -> bool:
    """Do one piece of each kind of work; tell whether anything was done."""
    before = ages(app.settings, now)
    done = [
        _ledger(app, before.ledger, now),
        _envelopes(app, before.envelopes),
        _mail(app, before.mail),
        _pending(app, before.pending),
        _traces(app, before.traces),
        _drafts(app, before.mail),
        deleted_lists.tend(app, now),
    ]
    return any(done)


def _ledger(app: App, before: float, now: float) -> int:
    """Close one mailing, or delete a piece of one whose closing was begun.

    Its rows go first and its totals are written before them, so that a cut in between is seen.
    """
    with app.store.read() as session:
        begun = expiry.begun(session)
        before = min(before, now - _capped_days(session) * DAY)
        series = session.scalar(select(Issue.series).where(Issue.mailing_id == begun))
        old = None if begun or not before else expiry.close_old(session, before)
        totals = expiry.counted(session, old) if old else ""
    if old is not None:
        with app.store.write() as session:
            return int(expiry.keep_totals(session, old, totals, before))
    if begun is None:
        return 0
    with app.store.write() as session:
        if not series:
            return expiry.drop_rows(session, begun)
        return expiry.drop_rows(session, begun, lambda rows: had.keep(session, series, rows))


def _capped_days(session: Session) -> int:
    """Return for how many days some list's frequency cap counts what its readers have had."""
    caps = [terms.read_cap(lst.cap) for lst in all_lists(session)]
    return max((cap.days for cap in caps if cap is not None), default=0)


def _envelopes(app: App, before: float) -> int:
    with app.store.read() as session:
        if not expiry.has_old_envelopes(session, before):
            return 0
    with app.store.write() as session:
        return expiry.strip_envelopes(session, before)


def _mail(app: App, before: float) -> int:
    with app.store.read() as session:
        judged = expiry.old_mail(session, before)
    if not judged:
        return 0
    with app.store.write() as session:
        expiry.drop_mail(session, judged, _referred(session, judged))
    return len(judged)


def _referred(session: Session, judged: Collection[ExpiredArrival]) -> set[bytes]:
    """Return which messages somebody still refers to: archive, issues, proofs, accepted posts."""
    shas = {one.sha for one in judged}
    accepted = (
        select(Arrival.raw_sha)
        .join(Post, Post.arrival_id == Arrival.id)
        .where(Arrival.raw_sha.in_(shas), Post.decision == "accept")
    )
    found = set(session.scalars(accepted))
    found |= proofs.results(session, shas).keys()
    found |= set(session.scalars(select(Issue.raw_sha).where(Issue.raw_sha.in_(shas))))
    lists = [lst.id for lst in all_lists(session)]  # the index begins with them
    archived = select(Message.raw_sha).where(Message.list_id.in_(lists), Message.raw_sha.in_(shas))
    return found | set(session.scalars(archived))


def _pending(app: App, before: float) -> int:
    with app.store.read() as session:
        asks, waiting = consent_expiry.has_old(session, before)
    done = 0
    if asks:
        with app.store.write() as session:
            done += consent_expiry.drop_asks(session, before)
    if waiting:
        with app.store.write() as session:
            done += consent_expiry.drop_pending(session, app.keyring, before)
    return done


def _drafts(app: App, before: float) -> int:
    """Drop what was proved and never sent, then the pictures that nothing names any more."""
    with app.store.read() as session:
        drafts = pictures.old_drafts(session, before, PIECE)
        unseen = [] if drafts else pictures.old(session, before, PIECE)
    if drafts:
        with app.store.write() as session:
            pictures.drop_drafts(session, drafts)
    if unseen:
        with app.store.write() as session:
            pictures.drop(session, unseen)
    return len(drafts) + len(unseen)


def _traces(app: App, before: float) -> int:
    with app.store.read() as session:
        if not consent_expiry.has_traces(session, before):
            return 0
    with app.store.write() as session:
        return consent_expiry.strip_traces(session, before)
