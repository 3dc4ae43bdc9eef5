"""Look at the database every second, and ring the bells that somebody forgot.

What makes lost bells harmless: everything that is due can be seen in the database.
"""

import time

import structlog
from sqlalchemy.orm import Session

from archive.site import build
from listserv.actions import moved_pages
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
from mailer.errors import KretsError
from mailer.ledger import claim_owners, refusals
from mailer.storage import arrivals, journal
from subscriptions.permission import proofs

MINUTE = 60
TIDY = 600  # seconds between looks at what crashes left behind
_log = structlog.get_logger("krets.clock")


def tick(app: App) -> list[str]:
    """Sweep what the dead left behind, then ring for all that is due; return the bells rung."""
    ring = []
    if int(time.time()) % TIDY == 0:
        _tidy(app)
    with app.store.write() as session:
        if claim_owners.sweep(session, flights=app.data / "flight", now=app.store.now(session)):
            ring.append("deliver")
    mailing_endings.tell(app, time.time())
    if int(time.time()) % automatic_pause.EVERY == 0:
        automatic_pause.look(app, time.time())
    canaries.look(app, time.time())
    if int(time.time()) % refused_posts.EVERY == 0:
        refused_posts.look(app, time.time())
    if int(time.time()) % address_care.EVERY == 0:
        address_care.look(app, time.time())
    if int(time.time()) % flood_alarm.EVERY == 0:
        flood_alarm.look(app, time.time())
    with app.store.read() as session:
        waiting = holds.due(session, time.time(), 1)
        posts = waiting or scheduled_issues.due(session, time.time()) or _unsorted(session)
        if posts or (_minute() and digest_windows.waiting(session, time.time())):
            ring.append("sort")
        late = build.something_late(session, time.time())
        if build.something_dirty(session) or late or moved_pages.waiting(session):
            ring.append("archive")
        beside = {
            "prove": proofs.waiting(session, 1),
            "erase": erasure_requests.waiting(session, time.time()),
            "weigh": refusals.waiting(session),
            "sit": screenshot_mail.waiting(session),
            "examine": daily.waiting(session, app, time.time()),
        }
        ring += [bell for bell, waits in beside.items() if waits]
    for bell in ring:
        app.ring(bell)
    app.store.checkpoint()
    retention.tend(app, time.time())
    return ring


def _minute() -> bool:
    """Tell whether to look for what comes by the hour: of many members that takes a while."""
    return int(time.time()) % MINUTE == 0


def _unsorted(session: Session) -> bool:
    return bool(arrivals.next_new(session, 1) or audience_freezing.freezing(session))


def _tidy(app: App) -> None:
    journal.compact(app.data / journal.NAME)
    with app.store.read() as session:
        claim_owners.tidy(session, flights=app.data / "flight", now=app.store.now(session))


def try_tick(app: App) -> None:
    """Tick, and only log what goes wrong: the clock must outlive a database that is away."""
    try:
        tick(app)
    except KretsError as error:
        _log.warning("the clock could not look", what=error.what)
    except Exception:  # noqa: BLE001 - a door: the clock must not stop
        _log.exception("the clock stumbled")
