"""Look at the database every second, and ring the bells that somebody forgot.

What makes lost bells harmless: everything that is due can be seen in the database. Where nothing
has been committed since a look that found nothing to do, and nothing has become due by its hour,
there is nothing to see: the next whole look is a few seconds later.
"""

import math
import time
from collections.abc import Callable
from functools import partial

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.site import build
from archive.threads.archive_tables import Late
from listserv.actions import moved_pages
from listserv.community import event_clock
from listserv.doctor import daily
from listserv.mailings import audience_freezing, digest_windows
from listserv.membership import address_care, erasure_requests
from listserv.moderation import holds
from listserv.newsletters.editors import (
    automatic_pause,
    mailing_endings,
    scheduled_issues,
    screenshot_mail,
)
from listserv.newsletters.sending import canaries
from listserv.reception import refused_posts
from listserv.upkeep import flood_alarm, retention
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import DraftUnderReview, Erasure, Hold, HoldState
from mailer.errors import KretsError
from mailer.ledger import claim_owners, refusals
from mailer.ledger.claim_owners import Owner
from mailer.ledger.mailings import Mailing, MailingState
from mailer.storage import arrivals, journal
from subscriptions.permission import proofs

MINUTE = 60
LOOK = 10  # seconds between looks at all, at most
TIDY = 600  # seconds between looks at what crashes left behind
_log = structlog.get_logger("krets.clock")


class Ticker:
    """Tick once a second; ``clock`` gives seconds since 1970 UTC."""

    def __init__(self, app: App, clock: Callable[[], float] = time.time) -> None:
        self._app = app
        self._clock = clock
        self._last = clock() - 1  # when all was looked at
        self._seen: object = None  # how the database stood then; None: look again
        self._wake = 0.0  # when something becomes due by itself
        self._tending = False  # old things are being put away, piece by piece

    def tick(self) -> list[str]:
        """Look at what may have become due since the last look; return the bells rung."""
        now = self._clock()
        seen = self._app.store.changes()
        if seen == self._seen and now < self._wake and not _passed(LOOK, self._last, now):
            return []
        self._seen = None
        rung = tick(self._app, now, self._last)
        if self._tending or _passed(MINUTE, self._last, now):
            self._tending = retention.tend(self._app, now)
        self._last = now
        if not rung and not self._tending:
            with self._app.store.read() as session:
                self._wake = _wakes(session, now)
            self._seen = seen
        return rung

    def try_tick(self) -> None:
        """Tick, and only log what goes wrong: the clock must outlive a database that is away."""
        try:
            self.tick()
        except KretsError as error:
            _log.warning("the clock could not look", what=error.what)
        except Exception:  # noqa: BLE001 - a door: the clock must not stop
            _log.exception("the clock stumbled")


def tick(app: App, now: float | None = None, last: float | None = None) -> list[str]:
    """Sweep what the dead left behind, then ring for all that is due; return the bells rung.

    ``last`` is when this was done before; what is done each minute is done once it has passed.
    """
    now = time.time() if now is None else now
    passed = partial(_passed, last=now - 1 if last is None else last, now=now)
    ring = []
    if passed(TIDY):
        _tidy(app)
    with app.store.write() as session:
        if claim_owners.sweep(session, flights=app.data / "flight", now=app.store.now(session)):
            ring.append("deliver")
    mailing_endings.tell(app, now)
    if passed(automatic_pause.EVERY):
        automatic_pause.look(app, now)
    canaries.look(app, now)
    if passed(refused_posts.EVERY):
        refused_posts.look(app, now)
    if passed(address_care.EVERY):
        address_care.look(app, now)
    if passed(flood_alarm.EVERY):
        flood_alarm.look(app, now)
    with app.store.read() as session:
        ring += _due(session, app, now, whole=passed(MINUTE))
    for bell in ring:
        app.ring(bell)
    app.store.checkpoint()
    return ring


def _passed(seconds: int, last: float, now: float) -> bool:
    """Tell whether a time of day that is a multiple of ``seconds`` has passed since ``last``."""
    return int(now) // seconds != int(last) // seconds


def _due(session: Session, app: App, now: float, *, whole: bool) -> list[str]:
    """Return which bells to ring; ``whole`` asks also for what comes by the hour.

    Of many members that takes a while.
    """
    ring = []
    waiting = holds.due(session, now, 1)
    posts = waiting or scheduled_issues.due(session, now) or _unsorted(session)
    asked = event_clock.due(session, now)
    if posts or asked or (whole and digest_windows.waiting(session, now)):
        ring.append("sort")
    late = build.something_late(session, now)
    if build.something_dirty(session) or late or moved_pages.waiting(session):
        ring.append("archive")
    beside = {
        "prove": proofs.waiting(session, 1),
        "erase": erasure_requests.waiting(session, now),
        "weigh": refusals.waiting(session),
        "sit": screenshot_mail.waiting(session),
        "examine": daily.waiting(session, app, now),
    }
    return ring + [bell for bell, waits in beside.items() if waits]


def _wakes(session: Session, now: float) -> float:
    """Return when something becomes due that no commit announces; 0.0 where that may be any moment.

    Copies on their way are such: a process may die, and each recipient has an hour of its own.
    """
    moments = session.execute(_MOMENTS).one()
    if moments.sending or moments.owned:
        return 0.0
    late = math.inf if moments.late is None else moments.late + build.LATE
    others: list[float] = [one for one in moments[:3] if one is not None]
    return min(late, event_clock.wakes(session, now), *others)


_MOMENTS = select(
    select(func.min(Hold.due)).where(Hold.state == HoldState.WAITING).scalar_subquery(),
    select(func.min(DraftUnderReview.due))
    .where(DraftUnderReview.state == "scheduled")
    .scalar_subquery(),
    select(func.min(Erasure.due)).scalar_subquery(),
    select(func.min(Late.touched)).scalar_subquery().label("late"),
    select(Mailing.id).where(Mailing.state == MailingState.SENDING).exists().label("sending"),
    select(Owner.epoch).exists().label("owned"),
)


def _unsorted(session: Session) -> bool:
    return bool(arrivals.next_new(session, 1) or audience_freezing.freezing(session))


def _tidy(app: App) -> None:
    journal.compact(app.data / journal.NAME)
    with app.store.read() as session:
        claim_owners.tidy(session, flights=app.data / "flight", now=app.store.now(session))
