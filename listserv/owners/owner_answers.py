"""Answer what an owner asks to see: who is on the list, how many, what waits or got no answer.

Knows rows and returns what a mail shows; refuses to know who may ask. SECURITY: it goes to an
owner's own address only (owner_commands.py), and at most ``MOST`` rows of anything.
"""

import json

from sqlalchemy import func, select

from listserv.answers.owner_order import Order
from listserv.letters import unanswered
from listserv.letters.request import Visit
from listserv.wiring.listserv_tables import Hold, HoldState
from mailer.reading import message
from mailer.storage.arrivals import Arrival
from mailer.storage.store import get_raw
from subscriptions.lists.roster import Address, Membership, MembershipState, Person, Role, state_at
from subscriptions.membership.given_up import stands_against
from templates.lexicon import fold

MOST = 300  # rows that one mail shows
_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED, MembershipState.PENDING)
_ALL = 20_000  # members among whom a name is looked for


def answer(visit: Visit, order: Order) -> dict[str, object]:
    """Return what a mail shows in answer to one order."""
    said = order.rest or order.who
    found: dict[str, object] = {"verb": order.verb, "who": said, "people": [], "more": False}
    if order.verb == "queue":
        return {**found, **_queue(visit)}
    if order.verb == "find":
        return {**found, **_people(visit, order.who or order.rest)}
    people = _people(visit) if order.verb == "members" else {}
    return {**found, **_counts(visit), **people}


def here(visit: Visit) -> int:
    """Return how many members there are."""
    counts = _counts(visit)
    return counts["active"] + counts["paused"]


def _counts(visit: Visit) -> dict[str, int]:
    rows = visit.session.execute(
        select(Membership.state, func.count().label("people"))
        .where(Membership.list_id == visit.lst.id)
        .group_by(Membership.state)
    )
    found = {row.state: row.people for row in rows}
    return {state.value: found.get(state, 0) for state in _HERE}


def _people(visit: Visit, said: str = "") -> dict[str, object]:
    """Return members, those whose name or address has every word of ``said``."""
    rows = visit.session.execute(
        select(Membership, Person.name, Address.given, stands_against(Address.key))
        .join(Person, Person.id == Membership.person_id)
        .join(Address, Address.id == Membership.address_id)
        .where(Membership.list_id == visit.lst.id, Membership.state.in_(_HERE))
        .order_by(Membership.id)
        .limit(_ALL if said else MOST + 1)
    )
    words = fold(said).split()
    found = [
        {
            "name": name,
            "address": given,
            "role": one.role.value if one.role is not Role.MEMBER else "",
            "state": state_at(
                one.state, one.rhythm, one.paused_until, visit.now, given_up=ended
            ).value,
        }
        for one, name, given, ended in rows
        if all(word in f"{fold(name)} {given.casefold()}" for word in words)
    ]
    return {"people": found[:MOST], "more": len(found) > MOST}


def _queue(visit: Visit) -> dict[str, object]:
    rows = visit.session.execute(
        select(Hold, Arrival)
        .join(Arrival, Arrival.id == Hold.arrival_id)
        .where(Hold.list_address.in_(visit.lst.addresses), Hold.state == HoldState.WAITING)
        .order_by(Hold.held_at)
        .limit(MOST + 1)
    ).all()
    posts = []
    for hold, arrival in rows[:MOST]:
        head = message.head(get_raw(visit.session, arrival.raw_sha) or b"")
        senders = [said for value in head.all("from") for _, said in message.addresses_of(value)]
        posts.append(
            {
                "author": senders[0] if senders else "?",
                "subject": message.text_of(head.first("subject") or b""),
                "at": hold.held_at,
                "rules": json.loads(hold.rules),
            }
        )
    waits = select(Address.given).join(Membership, Membership.address_id == Address.id)
    pending = waits.where(
        Membership.list_id == visit.lst.id, Membership.state == MembershipState.PENDING
    ).limit(MOST)
    silent = unanswered.count(visit.session, visit.lst, visit.now)
    return {
        "silent": unanswered.by_kind(silent),
        "days": unanswered.DAYS,
        "posts": posts,
        "more": len(rows) > MOST,
        "joins": list(visit.session.scalars(pending)),
    }
