"""Find what an editor should know before an issue leaves, and how long sending will take.

Gathers what the checks of an issue look at, and asks them. Knows a composed issue and its readers;
refuses to know how findings are told (editors/reviews.py, cli/newsletter.py).
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.mailings import due_times, list_rates, signing
from listserv.newsletters.checks import preflight
from listserv.newsletters.checks.findings import Finding
from listserv.newsletters.checks.forecast import PaceLimits
from listserv.newsletters.sending.ready_issue import Ready
from listserv.newsletters.writing.drafts import Draft
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Issue
from mailer.client.relay import read_relay
from mailer.ledger import mailings, pace
from mailer.ledger.mailings import Mailing, MailingState
from mailer.ledger.warmup import read_calendar
from subscriptions.audience.audience import count_by_language
from subscriptions.lists import terms
from subscriptions.lists.roster import (
    ArchivePolicy,
    MailList,
)

SAME_WITHIN = 366 * 86400.0  # seconds in which the same words are one issue sent twice
ENOUGH = 200  # recipients from which a mailing says something about our speed


@dataclass(frozen=True, slots=True)
class EarlierPace:
    """Say how fast an earlier mailing left."""

    mailing: int
    rate: float  # accepted a second


def findings(
    session: Session, app: App, lst: MailList, ready: Ready, now: float
) -> Iterator[Finding]:
    """Yield what the database, the checks of the text and the settings say of an issue."""
    draft = ready.draft
    if not draft.series:
        yield from _sent_before(session, lst, draft, now)
    language = draft.language or lst.language
    counts = Counter[str]()
    for one, count in count_by_language(session, lst.id, now, ready.chosen).items():
        counts[one or lst.language] += count
    for version in draft.versions:
        counts.pop(version.language or lst.language, None)
    postal = ready.issue.imprint.postal_address
    names = {address: one.name for address, one in ready.issue.pictures.items()}
    yield from preflight.look(draft, ready.copies, counts, language, postal, names)
    yield from _about_terms(session, lst, ready, now)
    settings = app.settings.listserv
    yield from preflight.unseen(settings.base_url, len(ready.issue.pictures))
    if not postal:
        yield Finding(
            "no-postal-address",
            "no postal address is set (listserv.postal_address); many laws ask for one",
        )
    yield from _about_leaving(session, app, lst, now)


def _sent_before(session: Session, lst: MailList, draft: Draft, now: float) -> Iterator[Finding]:
    """Yield a red finding where these very words were sent within a year."""
    same = session.scalar(
        select(Issue)
        .where(
            Issue.list_id == lst.id,
            Issue.digest == draft.digest,
            Issue.sent_at > now - SAME_WITHIN,
        )
        .order_by(Issue.mailing_id.desc())
        .limit(1)
    )
    if same is not None:
        day = time.strftime("%Y-%m-%d", time.gmtime(same.sent_at))
        yield Finding(
            "same",
            f"this very issue was sent on {day} already, as mailing {same.mailing_id}",
            red=True,
            values={"at": same.sent_at},
        )


def _about_terms(session: Session, lst: MailList, ready: Ready, now: float) -> Iterator[Finding]:
    """Yield what the list's terms mean for this issue: its cap, its zone, its archive."""
    capped = due_times.left_out(session, lst, ready.chosen, due_times.terms_of(lst), now)
    if capped:
        yield Finding(
            "capped",
            f"{capped:,} have had enough issues these days ({lst.cap}) and would be left out",
            values={"count": capped},
        )
    if terms.clock(lst.zone) is None:
        yield Finding(
            "zone-unknown",
            f"this machine does not know the list's time zone, {lst.zone}: hours would be UTC's;"
            f" `krets list set {lst.address} --zone NAME` changes it",
            red=bool(lst.quiet_hours),
            values={"zone": lst.zone},
        )
    if ready.chosen.text and not ready.draft.series and lst.archive is not ArchivePolicy.NONE:
        yield Finding(
            "segment-archived",
            "it goes to a segment, but its page in the archive is for whoever may read the archive",
        )


def _about_leaving(session: Session, app: App, lst: MailList, now: float) -> Iterator[Finding]:
    """Yield why no copy can offer one-click leaving, where none can."""
    if not app.settings.listserv.base_url.startswith("https://"):
        yield Finding(
            "no-https", "listserv.base_url is not https://, so no copy offers one-click leaving"
        )
    elif not signing.one_click(session, app.settings, lst.domain, now):
        yield Finding(
            "unsigned",
            f"nobody signs for {lst.domain} (`krets dkim new`), so no copy offers one-click"
            " leaving",
        )


def limits(
    session: Session, app: App, lst: MailList, last: EarlierPace | None, now: float
) -> PaceLimits:
    """Gather what bounds a mailing of this list: the operator's word, and what was learnt."""
    settings = app.settings.mailer
    rates = pace.read_rates(settings.rates)
    paces = pace.known(session, now, rates)
    relays = [
        paces.get(pace.through(relay.name), relay.rate) or relay.rate
        for relay in map(read_relay, settings.relays)
        if relay.weight > 0
    ]
    to = pace.to("")
    return PaceLimits(
        relays=sum(relays) if all(relays) else 0.0,
        own=paces.get(list_rates.key(lst, rates), 0.0),
        last=last.rate if last else 0.0,
        domains={key.removeprefix(to): rate for key, rate in paces.items() if key.startswith(to)},
        days=pace.days(session, now, read_calendar(settings.warm_up)),
    )


def earlier_pace(session: Session) -> EarlierPace | None:
    """Return the pace of the newest mailing that is large enough to tell."""
    newest = session.scalars(
        select(Mailing)
        .where(Mailing.state == MailingState.DONE, Mailing.audience >= ENOUGH)
        .order_by(Mailing.id.desc())
        .limit(1)
    ).first()
    if newest is None or not newest.started or not newest.finished:
        return None
    lasted = max(newest.finished - newest.started, 1.0)
    return EarlierPace(newest.id, mailings.status(session, newest.id).accepted / lasted)
