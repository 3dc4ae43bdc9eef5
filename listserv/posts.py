"""Posts: from an arrival to a decision, from a decision to a mailing that leaves.

Two loops of short transactions that can be cut anywhere: ``sort`` decides what each arrival is;
``freeze`` fills the ledger of each accepted post, publishes its permalink and lets it go. A
message that our code cannot handle is held with its traceback after three tries.
"""

import json
import time
import traceback
from collections.abc import Callable

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import place
from archive.build import render_permalink
from listserv import audience, facts, headers, incoming, routes
from listserv.app import App
from listserv.facts import Reading
from listserv.holds import hold
from listserv.notices import face_of
from listserv.outcome import Outcome
from listserv.rules import Decision, Verdict, judge
from listserv.tables import Hold, HoldState, Post
from mailer import arrivals, mailings, message
from mailer.arrivals import Arrival
from mailer.errors import Temporary
from mailer.store import get_raw
from subscriptions.roster import ArchivePolicy, MailList, find_list

MAX_TRIES = 3
EXPIRES = 5 * 86400.0  # seconds until a deferred copy of a post is given up, RFC 5321 4.5.4.1
BATCH = 50  # arrivals looked up at a time
_log = structlog.get_logger("krets.posts")


def sort(app: App, until: Callable[[], bool]) -> bool:
    """Decide arrivals, oldest first, until ``until`` says stop; return whether more may wait."""
    while not until():
        with app.store.read() as session:
            waiting = arrivals.next_new(session, BATCH)
        if not waiting:
            return freeze(app, until)
        for arrival in waiting:
            if until():
                return True
            if decide(app, arrival):
                freeze(app, until)
    return True


def decide(app: App, arrival: Arrival) -> bool:
    """Decide one arrival; return whether a post was accepted."""
    with app.store.write() as session:
        tries = arrivals.begin_attempt(session, arrival.id)
    if tries is None:
        return False
    if tries > MAX_TRIES:
        _hold_broken(app, arrival, "The process died three times while reading this message.")
        return False
    try:
        return _route(app, arrival).decision == "accept"
    except Temporary:
        raise
    except Exception:  # noqa: BLE001 - a door: a bug of ours must not lose this message
        _log.exception("a message could not be handled", arrival=arrival.id, tries=tries)
        if tries == MAX_TRIES:
            _hold_broken(app, arrival, traceback.format_exc(limit=-20))
        return False


def _route(app: App, arrival: Arrival) -> Outcome:
    with app.store.read() as session:
        raw = get_raw(session, arrival.raw_sha)
        route = routes.find(
            arrival.recipient,
            lambda address: find_list(session, address) is not None,
            lambda _domain: True,  # the door has already decided that it is ours
        )
    if raw is None:
        raise LookupError("the raw message is missing from the store")
    if route is not None and route.kind is routes.Kind.POST:
        return post(app, arrival, route.list_address, raw)
    handler = incoming.HANDLERS.get(route.kind) if route is not None else None
    if route is not None and handler is not None:
        return handler(app, arrival, route, raw)
    # What nobody handles waits for a human.
    name = f"address-{route.kind}" if route else "address-gone"
    with app.store.write() as session:
        hold(session, arrival, route.list_address if route else "", (name,), "")
    return Outcome("hold", (name,))


def post(app: App, arrival: Arrival, list_address: str, raw: bytes) -> Outcome:
    """Judge one post and carry out the decision; a human's release outweighs a hold."""
    reading = facts.read(raw)
    now = time.time()
    with app.store.write() as session:
        lst = find_list(session, list_address)
        if lst is None:
            raise LookupError("the list vanished while its post was read")
        verdict = judge(facts.gather(session, lst, reading, arrival.sender, now))
        if verdict.decision is Decision.HOLD and _released(session, arrival):
            verdict = Verdict(Decision.ACCEPT, verdict.hits)
        outcome = Outcome(verdict.decision.word, tuple(verdict.rules))
        if verdict.decision is Decision.HOLD:
            hold(session, arrival, lst.address, outcome.rules, reading.trouble)
        elif arrivals.finish(session, arrival.id, " ".join((outcome.decision, *outcome.rules))):
            accepted = verdict.decision is Decision.ACCEPT
            mailing = _accept(app, session, lst, arrival, reading, now) if accepted else None
            _record(session, arrival, lst, reading, outcome, mailing, now)
        else:
            return Outcome("discard", ("finished-elsewhere",))
    _log.info(
        "a post was decided",
        arrival=arrival.id,
        list=list_address,
        decision=outcome.decision,
        rules=list(outcome.rules),
    )
    return outcome


def _accept(
    app: App, session: Session, lst: MailList, arrival: Arrival, reading: Reading, now: float
) -> int:
    placed = None
    if lst.archive is not ArchivePolicy.NONE:
        placed = place.place(session, lst, reading.raw, arrival.raw_sha, arrival.received_at)
    face = face_of(app, lst)
    trace = headers.Trace(
        client=arrival.client,
        helo=arrival.helo,
        protocol=arrival.protocol,
        arrival=arrival.id,
        received_at=arrival.received_at,
        by=app.settings.listserv.domain,
    )
    permalink = f"{face.page}m/{placed.hash}/" if placed is not None else ""
    return mailings.create_mailing(
        session,
        kind="post",
        list_address=lst.address,
        message_id=reading.message_id,
        policy="never-miss",
        compositions={0: headers.compose(reading.raw, reading.head, face, trace, permalink)},
        created=now,
        expires_at=now + EXPIRES,
    )


def _record(
    session: Session,
    arrival: Arrival,
    lst: MailList,
    reading: Reading,
    outcome: Outcome,
    mailing: int | None,
    now: float,
) -> None:
    session.add(
        Post(
            arrival_id=arrival.id,
            list_id=lst.id,
            message_id=reading.message_id[:998],
            digest=message.content_digest(reading.raw),
            author=reading.authors[0] if reading.authors else "",
            decision=outcome.decision,
            rules=json.dumps(outcome.rules),
            mailing_id=mailing,
            decided_at=now,
        )
    )


def freeze(app: App, until: Callable[[], bool]) -> bool:
    """Fill and open every mailing that is not open yet; return whether some are left."""
    with app.store.read() as session:
        waiting = audience.freezing(session)
    for mailing_id in waiting:
        _publish_permalink(app, mailing_id)
        while audience.freeze_some(app.store, mailing_id):
            if until():
                return True
        app.ring("deliver")
        app.ring("archive")
    return False


def _publish_permalink(app: App, mailing_id: int) -> None:
    """Write the page that Archived-At names; a full disk there must not stop the post."""
    with app.store.read() as session:
        row = session.execute(
            select(MailList, Arrival.raw_sha)
            .join(Post, Post.list_id == MailList.id)
            .join(Arrival, Arrival.id == Post.arrival_id)
            .where(Post.mailing_id == mailing_id)
        ).first()
        if row is None:
            return
        settings = app.settings
        try:
            render_permalink(
                session, settings.archive_path, row[0], row[1], settings.listserv.base_url
            )
        except OSError as error:
            _log.warning("a permalink could not be written", reason=error.strerror)


def _released(session: Session, arrival: Arrival) -> bool:
    state = session.scalar(select(Hold.state).where(Hold.arrival_id == arrival.id))
    return state == HoldState.RELEASED


def _hold_broken(app: App, arrival: Arrival, detail: str) -> None:
    with app.store.write() as session:
        hold(session, arrival, "", ("error",), detail)
