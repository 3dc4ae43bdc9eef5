"""Decide arrivals: what each is for, who reads it, and what becomes of one that we cannot handle.

    deciding.decide_all(app, claim, some, until)      # of one list, in order; returns those left

A message that our code cannot handle is held with its traceback after three tries; posts that were
to be written together and could not are decided one by one, so that the broken one is alone.
"""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from listserv.digests import digest_answers
from listserv.letters import incoming_letter, transaction
from listserv.membership import reviving
from listserv.moderation.holds import hold
from listserv.newsletters.editors import proof_replies, reviews
from listserv.posts.list_claims import ListClaim
from listserv.reception import (
    author_replies,
    ended,
    incoming,
    post_groups,
    post_judging,
    posting,
    question_letters,
    vote_letters,
    whose_mail,
)
from listserv.reception.post_groups import HEADS, PROOF
from listserv.reception.post_judging import ArrivedPost
from listserv.wiring import routes
from listserv.wiring.app import App
from listserv.wiring.outcome import ArrivalOutcome
from listserv.wiring.routes import Route
from mailer.errors import Misconfigured, Temporary
from mailer.storage.arrivals import Arrival
from mailer.storage.store import get_raw
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.roster import find_list, get_list

MAX_TRIES = 3  # exceptions of ours that one message may cause
MAX_DEATHS = 20  # readers that may die with it: a plug is pulled more often than mail kills
_log = structlog.get_logger("krets.posts")


@dataclass(frozen=True, slots=True)
class BegunArrival:
    """Hold an arrival that is being decided, and how often that was tried."""

    arrival: Arrival
    tries: int


def decide_all(
    app: App, claim: ListClaim, some: Sequence[BegunArrival], until: Callable[[], bool]
) -> Sequence[BegunArrival]:
    """Decide what came for one list, in order; return what is left where ``until`` says stop."""
    tries = {one.arrival.id: one.tries for one in some}
    sound = [one.arrival for one in some if one.tries <= MAX_TRIES]
    plain = post_groups.read(app, claim.list_address, sound)
    done = 0
    for group in post_groups.cut(plain, [one.arrival for one in some]):
        if until():
            break
        if not _together(app, claim, post_groups.posts_of(plain, group)):
            for arrival in group:
                decide(app, claim, arrival, tries[arrival.id])
        done += len(group)
    return some[done:]


def _together(app: App, claim: ListClaim, posts: Sequence[ArrivedPost]) -> bool:
    """Decide posts in one go; return False, with nothing written, where each is to go alone."""
    if not posts:
        return False
    try:
        judged = post_judging.judge_all(app, claim, posts)
        if any(one.stands_alone for one in judged):
            return False
        posting.write(app, claim, judged)
    except (Temporary, Misconfigured):
        raise
    except Exception:  # noqa: BLE001 - a door: the one that is broken is found when it goes alone
        _log.warning("posts are decided one by one", list=claim.list_address, posts=len(posts))
        return False
    return True


def decide(app: App, claim: ListClaim, arrival: Arrival, tries: int) -> None:
    """Decide one arrival, at the attempt number ``tries``, and let what was accepted go."""
    if tries > MAX_DEATHS:
        _hold_broken(app, arrival, f"{MAX_DEATHS} processes died while reading this message.")
        return
    try:
        _route(app, claim, arrival)
    except (Temporary, Misconfigured):
        raise  # the database or the disk, not this message: its attempt is given back
    except Exception:  # noqa: BLE001 - a door: a bug of ours must not lose this message
        _log.exception("a message could not be handled", arrival=arrival.id, tries=tries)
        if tries >= MAX_TRIES:
            _hold_broken(app, arrival, traceback.format_exc(limit=-20))


def _route(app: App, claim: ListClaim, arrival: Arrival) -> ArrivalOutcome:
    with app.store.read() as session:
        raw = get_raw(session, arrival.raw_sha)
        route = routes.find(
            arrival.recipient,
            partial(find_list, session),
            lambda _domain: True,  # the door has already decided that it is ours
        )
    if raw is None:
        raise LookupError("the raw message is missing from the store")
    whose_mail.judge(app, arrival, raw)
    with app.store.read() as session:
        shut = route is not None and ended.is_shut(session, route)
    if route is not None and shut:
        return ended.say(app, arrival, route, raw)
    if route is not None:
        reviving.heard(app, arrival, raw, route)
    if route is not None and route.kind is routes.RouteKind.POST:
        if PROOF in raw[:HEADS]:
            letter = incoming_letter.read(arrival, raw)
            with app.store.read() as session:
                edition = reviews.proved(session, get_list(session, route.list_address), letter)
            if edition is not None:
                return proof_replies.bring(app, arrival, route, letter, edition)
        return posting.post(app, arrival, route.list_address, raw, claim=claim)
    if route is not None and route.kind is routes.RouteKind.REPLY:
        outcome = _reply(app, claim, arrival, route, raw)
        if outcome is not None:
            return outcome
    handler = incoming.HANDLERS.get(route.kind) if route is not None else None
    if route is not None and handler is not None:
        return handler(app, arrival, route, raw)
    # What nobody handles waits for a human.
    name = f"address-{route.kind}" if route else "address-gone"
    with app.store.write() as session:
        hold(session, arrival, route.list_address if route else "", (name,), "")
    return ArrivalOutcome("hold", (name,))


def _reply(
    app: App, claim: ListClaim, arrival: Arrival, route: Route, raw: bytes
) -> ArrivalOutcome | None:
    """Take what is written to a standing token: a post, a vote; None where it is none of these."""
    # The reply button of an archive's page: a post, and what it answers.
    post = partial(posting.post, claim=claim)
    row = app.keyring.read(route.token, TokenPurpose.REPLY, *route.scopes)
    if row is not None:
        return post(app, arrival, route.list_address, raw, answers=row)
    if app.keyring.read(route.token, TokenPurpose.VOTE, *route.scopes) is not None:
        outcome = vote_letters.take(app, arrival, route, raw)
        more = transaction.HELD in outcome.rules  # its reader has written a letter as well
        return post(app, arrival, route.list_address, raw, aside=True) if more else outcome
    if app.keyring.read(route.token, TokenPurpose.EXAMINE, route.list_address) is not None:
        return incoming.examine(app, arrival, route, raw)
    asked = question_letters.find(app, route)
    if asked is not None:
        return question_letters.take(app, arrival, route, raw, asked)
    found = digest_answers.find(app, route)
    if found is not None:
        carriers = digest_answers.Carriers(post, author_replies.relay)
        return digest_answers.take(app, arrival, route, raw, found, carriers)
    return None


def _hold_broken(app: App, arrival: Arrival, detail: str) -> None:
    with app.store.write() as session:
        hold(session, arrival, "", ("error",), detail)
