"""Bring held posts before the people who decide: ask, remind once, and let them expire.

    moderation.attend(app, until)      a slice of work; what is due stands in the table ``hold``

``next_step`` is pure; the clock rings when something is due, so a restart loses nothing. A list
without moderators keeps its holds in `krets queue`, and is looked at again every day. What an
answer does stands in moderation/decisions.py. SECURITY: a stranger wrote what is shown here, so
it is quoted line by line, bounded, and never followed; a wave of held mail asks a few times, and
the rest waits for its turn (moderation/waves.py).
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from listserv.letters import notices
from listserv.letters.ask_payloads import ModeratePayload
from listserv.letters.request import Visit
from listserv.moderation import decisions, holds, waves
from listserv.moderation.decisions import HeldWriter
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Hold, HoldState, Post
from mailer.reading import bodies, message
from mailer.storage.arrivals import Arrival
from mailer.storage.store import get_raw
from subscriptions.lists.roster import MailList, Role, find_list, get_list, membership_of
from subscriptions.permission import asks

HOUR = 3600.0
DAY = 86400.0
REMIND = DAY  # after the question
EXPIRE = 7 * DAY  # after the question
LATE = DAY  # then people are asked before something ends
MOST_ASKED = 100  # holds a day and list
MAX_LINES = 150  # of a post that are shown to moderators
MAX_COLUMNS = 400
BATCH = 20  # holds attended to at a time
_log = structlog.get_logger("krets.moderation")


class HoldStep(StrEnum):
    """Say what a hold needs now."""

    ASK = "ask"
    REMIND = "remind"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Shown:
    """Hold what moderators see of a post."""

    lines: tuple[str, ...]
    cut: bool
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """Say what the writer did before on this list; ``since`` is 0 for somebody who is no member."""

    since: float = 0.0
    accepted: int = 0


def next_step(asked_at: float | None, reminded_at: float | None, now: float) -> HoldStep:
    """Return what a hold that is due needs.

    An end that is more than a day late is not carried out: people are asked once more, for while
    the service was off, or before a restore, no answer of theirs could come.
    """
    if asked_at is None:
        return HoldStep.ASK
    if reminded_at is None:
        return HoldStep.REMIND
    end = max(asked_at + EXPIRE, reminded_at + DAY)
    return HoldStep.REMIND if now > end + LATE else HoldStep.EXPIRE


def attend(app: App, until: Callable[[], bool], now: float | None = None) -> None:
    """Do what is due for held posts until ``until`` says stop."""
    moment = time.time() if now is None else now
    while not until():
        with app.store.read() as session:
            waiting = holds.due(session, moment, BATCH)
        if not waiting:
            return
        for hold_id in waiting:
            if until():
                return
            try:
                _attend(app, hold_id, moment)
            except Exception:  # noqa: BLE001 - a door: one hold must not stop the others
                _log.exception("a hold could not be attended to", hold=hold_id)
                _later(app, hold_id, moment + HOUR)


def _attend(app: App, hold_id: int, now: float) -> None:
    with app.store.read() as session:
        hold = session.get(Hold, hold_id)
        if hold is None or hold.state != HoldState.WAITING:
            return
        arrival = session.get(Arrival, hold.arrival_id)
        lst = find_list(session, hold.list_address)
        raw = get_raw(session, arrival.raw_sha) if arrival is not None else None
    if arrival is None or lst is None or raw is None:
        _later(app, hold_id, now + DAY)
        return
    step = next_step(hold.asked_at, hold.reminded_at, now)
    writer = decisions.writer_of(message.head(raw), arrival)
    shown = show(raw) if step is not HoldStep.EXPIRE else Shown((), cut=False, files=())
    with app.store.write() as session:
        visit = Visit(session=session, app=app, lst=get_list(session, lst.address), now=now)
        if "newsletter-address" in json.loads(hold.rules):
            done = _forward(visit, hold, raw, writer)
        else:
            done = _take(visit, hold, step, writer, shown)
    _log.info("a hold was attended to", hold=hold_id, step=str(step), done=done)
    app.ring("deliver")


def _take(visit: Visit, hold: Hold, step: HoldStep, writer: HeldWriter, shown: Shown) -> bool:
    """Take one step; return False where it was taken already, or nobody is there to decide."""
    now = visit.now
    if step is HoldStep.EXPIRE:
        return _expire(visit, hold, writer)
    people = decisions.moderators(visit, json.loads(hold.rules))
    if not people:
        holds.postpone(visit.session, hold, now + DAY)
        return False
    if holds.asked_since(visit.session, visit.lst, now - DAY, MOST_ASKED):
        holds.postpone(visit.session, hold, now + HOUR)
        return False
    past = past_of(visit.session, visit.lst, writer)
    if step is HoldStep.ASK:
        known = waves.is_known(json.loads(hold.rules), member_since=past.since)
        if not waves.has_room(visit.session, visit.lst, known=known):
            waves.put_off(visit, hold, people)
            return False
        moved = holds.postpone(visit.session, hold, now + REMIND, asked_at=now)
    else:
        asked = hold.asked_at or now
        until = max(asked + EXPIRE, now + DAY)  # whoever is reminded has a day at least
        moved = holds.postpone(visit.session, hold, until, reminded_at=now)
    if not moved:
        return False
    for _, to in people:
        token, ask = decisions.open_question(visit, to, hold)
        mailing = decisions.send(
            visit,
            to,
            "moderator-held",
            in_reply_to="",
            token=token,
            author=writer.name or (writer.address.given if writer.address else "?"),
            author_address=writer.address.given if writer.address else "",
            subject=writer.subject,
            rules=json.loads(hold.rules),
            since=past.since,
            accepted=past.accepted,
            lines=shown.lines,
            cut=shown.cut,
            files=shown.files,
            reminder=step is HoldStep.REMIND,
        )
        asks.amend(visit.session, ask, ModeratePayload(mailing))
    if step is HoldStep.ASK and past.since:
        decisions.tell_writer(visit, writer, "poster-held")
    return True


def _forward(visit: Visit, hold: Hold, raw: bytes, writer: HeldWriter) -> bool:
    """Hand a reader's letter to the newsletter's editors, who answer the reader themselves.

    Of one source so many a day; more waits in the queue, and is looked at again the next day.
    """
    session = visit.session
    author = writer.address.key if writer.address is not None else ""
    by = replace(visit, source=writer.source, vouched=author if writer.vouched else "")
    if not by.allow_letter(author):
        holds.postpone(session, hold, visit.now + DAY)
        return False
    arrival = session.get(Arrival, hold.arrival_id)
    reached = arrival is not None and notices.forward(
        session, visit.app, [visit.lst], arrival, raw, visit.now, (Role.EDITOR, Role.OWNER)
    )
    if arrival is None or not reached:
        holds.postpone(session, hold, visit.now + DAY)
        return False
    return (
        holds.decide(session, arrival, HoldState.FORWARDED, by="clock", now=visit.now) is not None
    )


def _expire(visit: Visit, hold: Hold, writer: HeldWriter) -> bool:
    arrival = visit.session.get(Arrival, hold.arrival_id)
    if arrival is None or not holds.decide(
        visit.session, arrival, HoldState.EXPIRED, by="clock", now=visit.now
    ):
        return False
    decisions.tell_expired(visit, hold, writer)
    decisions.tell_writer(visit, writer, "poster-expired")
    return True


def show(raw: bytes) -> Shown:
    """Return the text of a post as moderators see it, bounded."""
    if message.check_limits(raw):
        return Shown((), cut=True, files=())
    text, files = bodies.read_text(raw)
    lines = text.strip("\n").split("\n")
    kept = tuple(_printable(line[:MAX_COLUMNS]) for line in lines[:MAX_LINES])
    cut = len(lines) > MAX_LINES or any(len(line) > MAX_COLUMNS for line in lines[:MAX_LINES])
    names = tuple(_printable(f"{one.name} ({one.type}, {one.size} B)") for one in files)
    return Shown(kept, cut, names)


def past_of(session: Session, lst: MailList, writer: HeldWriter) -> Past:
    """Return what the writer, by the address they give, did before."""
    if writer.address is None:
        return Past()
    member = membership_of(session, lst.id, writer.address.key)
    if member is None or member.state not in decisions.HERE:
        return Past()
    accepted = session.scalar(
        select(func.count()).where(
            Post.list_id == lst.id,
            Post.author == writer.address.key,
            Post.decision == "accept",
        )
    )
    return Past(member.joined_at, accepted or 0)


def _later(app: App, hold_id: int, until: float) -> None:
    with app.store.write() as session:
        hold = session.get(Hold, hold_id)
        if hold is not None and hold.due is not None:
            hold.due = until


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() else " " for c in line).rstrip()
