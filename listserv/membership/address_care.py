"""Look after addresses whose mail comes back: warn, ask the address itself, tell the owners.

    look(app, now)        what is due now; the clock calls it

Each step stands in a row (subscriptions.membership.doubts), written with the mails of that step, so
a kill repeats none. Owners get one warning a day and one letter a month at most, with names and
reasons; who complained is counted and never named. ``now`` is an argument: weeks are tested so.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from listserv.letters import notices
from listserv.letters.request import Visit, language_of, question, tell
from listserv.wiring.app import App
from mailer.reading.addresses import MailAddress, parse
from mailer.reading.bounce_reasons import BounceKind
from subscriptions.lists.roster import Address, MailList, Membership, MembershipState, all_lists
from subscriptions.membership import bouncing, doubts, given_up, optin
from subscriptions.membership.bouncing import Bounced
from subscriptions.membership.doubts import DoubtfulAddress, DoubtStep, Troubled
from subscriptions.permission import budget
from subscriptions.permission.asks import AskPurpose

EVERY = 60  # seconds between two looks
AT_ONCE = 200  # doubts that one look attends to
NAMED = 40  # people named in a mail
_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)


def look(app: App, now: float) -> int:
    """Take every doubt its next step, and tell owners what a month brought; return how many."""
    with app.store.read() as session:
        due = _due(session, now)
        monthly = [lst.id for lst in all_lists(session) if _is_told(lst, now)]
    done = 0
    for list_id, warned in _by_list(due).items():
        with app.store.write() as session:
            done += _warn(_visit(session, app, list_id, now), warned)
    for address_id, step in due.items():
        if step[0] is not DoubtStep.WARN:
            with app.store.write() as session:
                done += _act(session, app, address_id, step[0], now)
    for list_id in monthly:
        with app.store.write() as session:
            done += _tell_month(_visit(session, app, list_id, now))
    if done:
        app.ring("deliver")
    return done


def _is_told(lst: MailList, now: float) -> bool:
    return lst.deleted_at is None and _is_new_month(lst, now)


def _due(session: Session, now: float) -> dict[int, tuple[DoubtStep, int]]:
    """Return what is due, by address: the step, and the list that it is of."""
    rows = session.execute(
        select(DoubtfulAddress, Membership).join(
            Membership, Membership.id == DoubtfulAddress.membership_id
        )
    ).all()
    scores = bouncing.scores(session, [one.address_id for one, _ in rows], now)
    steps = {
        one.address_id: (_step(one, member, scores[one.address_id], now), member.list_id)
        for one, member in rows
    }
    some = [item for item in steps.items() if item[1][0] is not DoubtStep.WAIT]
    return dict(some[:AT_ONCE])


def _is_mailed(doubt: DoubtfulAddress, member: Membership) -> bool:
    """Tell whether the list that doubts an address still writes to it."""
    return member.state in _HERE and member.address_id == doubt.address_id


def _step(
    doubt: DoubtfulAddress, member: Membership, score: bouncing.Score, now: float
) -> DoubtStep:
    if not _is_mailed(doubt, member):
        return DoubtStep.FORGET
    return doubts.next_step(doubt, score.points, dead=score.dead, now=now)


def _by_list(due: dict[int, tuple[DoubtStep, int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for address_id, (step, list_id) in due.items():
        if step is DoubtStep.WARN:
            found[list_id].append(address_id)
    return found


def _visit(session: Session, app: App, list_id: int, now: float) -> Visit:
    return Visit(session, app, session.get_one(MailList, list_id), now)


def _warn(visit: Visit, address_ids: Sequence[int]) -> int:
    """Tell the owners, once a day, and each member's other address."""
    session = visit.session
    if not budget.once(session, f"list:{visit.lst.address}", "owner-bouncing", visit.now):
        return 0
    found = list(
        session.scalars(
            select(DoubtfulAddress).where(
                DoubtfulAddress.address_id.in_(address_ids), DoubtfulAddress.warned_at.is_(None)
            )
        )
    )
    people = doubts.troubled(session, found)
    _tell_owners(visit, "owner-bouncing", people, how_many=len(people))
    for one in found:
        one.warned_at = visit.now
        _warn_elsewhere(visit, one)
    session.flush()
    return len(found)


def _warn_elsewhere(visit: Visit, doubt: DoubtfulAddress) -> None:
    other = doubts.other_address(visit.session, doubt.address_id)
    if other is None:
        return
    to = MailAddress(other.given, other.key, other.domain)
    if budget.allow(visit.session, to.key, kind="member-bouncing", now=visit.now):
        _ask(visit, doubt, to, "member-bouncing", notices.KIND)


def _ask(visit: Visit, doubt: DoubtfulAddress, to: MailAddress, name: str, kind: str) -> None:
    own = visit.session.get_one(Address, doubt.address_id)
    told = {"since": doubt.since, "why": doubt.kind, "said": doubt.said, "to": own.given}
    question(
        visit,
        AskPurpose.REACH,
        to=to,
        name=name,
        language=language_of(visit, to),
        ref=doubt.membership_id,
        member=doubt.membership_id,
        context={"given_up": told},
        kind=kind,
    )


def _act(session: Session, app: App, address_id: int, step: DoubtStep, now: float) -> int:
    """Take one doubt on, where it still stands as it was seen."""
    doubt = session.get(DoubtfulAddress, address_id)
    if doubt is None:
        return 0
    if step is DoubtStep.FORGET:
        doubts.forget(session, address_id)
        return 1
    if (step is DoubtStep.ASK) is not (doubt.asked_at is None):
        return 0  # somebody was faster
    if step is DoubtStep.FORGIVE:
        doubts.forgive(doubt)
        session.flush()
        return 1
    member = session.get_one(Membership, doubt.membership_id)
    visit = _visit(session, app, member.list_id, now)
    doubt.asked_at = now
    _ask(visit, doubt, optin.address_of(session, member), "member-probe", notices.PROBE)
    return 1


def _is_new_month(lst: MailList, now: float) -> bool:
    return _month(lst.bounces_told or lst.created) < _month(now)


def _month(at: float) -> tuple[int, int]:
    day = datetime.fromtimestamp(at, UTC)
    return day.year, day.month


def _tell_month(visit: Visit) -> int:
    """Tell the owners whose address was given up, and how many complained, since the last time."""
    session, lst = visit.session, visit.lst
    since = lst.bounces_told or lst.created
    lst.bounces_told = visit.now
    session.flush()
    people = doubts.given_up_since(session, lst, since)
    complained = session.scalar(
        select(func.count(Bounced.membership_id.distinct()))
        .join(Membership, Membership.id == Bounced.membership_id)
        .where(
            Membership.list_id == lst.id,
            Bounced.kind == BounceKind.COMPLAINT,
            Bounced.at > since,
        )
    )
    if not people and not complained:
        return 0
    return _tell_owners(visit, "owner-month", people, complaints=complained or 0)


def _tell_owners(visit: Visit, name: str, people: Sequence[Troubled], **context: object) -> int:
    """Write to the owners whom mail reaches; return to how many."""
    owners = optin.owners_of(visit.session, visit.lst)
    told = 0
    for owner in owners:
        if given_up.at(visit.session, owner) is not None:
            continue
        to = parse(optin.address_of(visit.session, owner).given)
        named = {
            "troubled": [asdict(one) for one in people[:NAMED]],
            "unnamed": max(0, len(people) - NAMED),
        }
        tell(visit, to, name, language_of(visit, to), owner.id, **named, **context)
        told += 1
    return told
