"""Posts: from an arrival to a decision, from a decision to a mailing that leaves.

Two loops of short transactions that can be cut anywhere: ``sort`` decides what each arrival is;
``freeze`` fills the ledger of each accepted post, publishes its permalink and lets it go. A
message that our code cannot handle is held with its traceback after three tries.
"""

import contextlib
import json
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy.orm import Session

from archive.filing import answered_mail, mail_threading
from listserv.digests import digest_answers, digest_making
from listserv.letters import incoming_letter, post_headers, transaction, writer_alias
from listserv.letters.notices import face_of
from listserv.mailings import (
    audience_freezing,
    carrying,
    cross_posts,
    munging,
    post_copies,
    signing,
    thread_ways,
)
from listserv.mailings.audience_freezing import AudienceEntry
from listserv.mailings.thread_ways import NOWHERE, PostThread
from listserv.membership import reviving
from listserv.moderation import moderator_mail
from listserv.moderation.holds import hold, is_released
from listserv.newsletters.editors import proof_replies, reviews, scheduled_issues
from listserv.newsletters.readers import reader_replies, voting
from listserv.posts import facts, umbrellas
from listserv.posts.facts import PostReading
from listserv.posts.permalinks import publish_permalink
from listserv.posts.rules import Decision, PostFacts, RuleVerdict, judge
from listserv.reception import author_replies, fair_queue, incoming, whose_mail
from listserv.reception.fair_queue import FairQueue, Waiting
from listserv.wiring import routes, vouching
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Post
from listserv.wiring.outcome import ArrivalOutcome
from listserv.wiring.routes import Route
from mailer.authentication.verdict import Authentication
from mailer.errors import KretsError, Misconfigured, Temporary
from mailer.ledger import mailings
from mailer.reading import message
from mailer.reading.headers import header_repair
from mailer.storage import arrivals
from mailer.storage.arrivals import Arrival
from mailer.storage.store import get_raw, pack, put_packed
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.roster import ListKind, MailList, PostPolicy, find_list, get_list

MAX_TRIES = 3  # exceptions of ours that one message may cause
HEADS = 65_536  # bytes in which a mail names what it answers
MAX_DEATHS = 20  # readers that may die with it: a plug is pulled more often than mail kills
EXPIRES = 5 * 86400.0  # seconds until a deferred copy of a post is given up, RFC 5321 4.5.4.1
PIECES = 10  # of one audience, before arrivals are looked at again
AFRESH = 10.0  # seconds after which what waits is read anew
BATCH = 32  # arrivals that are begun at a time, and whose domains are asked at once
_log = structlog.get_logger("krets.posts")


@dataclass(frozen=True, slots=True)
class _Begun:
    """Hold an arrival that is being decided: where it stood, and how often it was tried."""

    place: Waiting
    arrival: Arrival
    tries: int


_queues: WeakKeyDictionary[App, tuple[float, FairQueue]] = WeakKeyDictionary()


def sort(app: App, until: Callable[[], bool]) -> bool:
    """Decide arrivals, fairly (fair_queue.py), until ``until`` says stop; tell if more wait.

    One process at a time sorts, so posts leave in the order they came and no message is tried
    twice at once, which would count against it.
    """
    with app.store.alone("sort") as ours:
        if not ours:
            return False
        queue = _queue_of(app)
        while not until():
            digest_making.attend(app, time.time())
            more = freeze(app)
            moderator_mail.attend(app, until)
            scheduled_issues.attend(app, until)
            some = _next(app, queue)
            if not some and not more:
                break
            if not _decide_all(app, queue, some, until):
                return True
    with app.store.read() as session:  # what came while others were told that we have it
        return bool(arrivals.next_new(session, 1) or audience_freezing.freezing(session))


def _queue_of(app: App) -> FairQueue:
    """Return what this process knows to wait, read anew every few seconds.

    What somebody else has decided meanwhile is passed over when it is begun; what was released
    or has failed is found by reading anew.
    """
    made, queue = _queues.get(app, (-AFRESH, FairQueue()))
    if time.monotonic() - made > AFRESH:
        queue = FairQueue()
        _queues[app] = (time.monotonic(), queue)
    return queue


def _next(app: App, queue: FairQueue) -> list[_Begun]:
    """Begin the next attempts; return each arrival with how many there were of it."""
    with app.store.read() as session:
        found = arrivals.envelopes(session, queue.newest)
        if not (found or queue):
            found = arrivals.envelopes(session, 0)
    queue.add(
        fair_queue.waiting(
            row.id, row.recipient, row.sender, row.client, suspect=row.attempts >= arrivals.SUSPECT
        )
        for row in found
    )
    while taken := queue.take(BATCH):
        with app.store.write() as session:
            begun = arrivals.begin_attempts(session, [one.number for one in taken])
        if begun:
            places = {one.number: one for one in taken}
            return [_Begun(places[row.id], row, tries) for row, tries in begun]
    return []


def _decide_all(app: App, queue: FairQueue, some: list[_Begun], until: Callable[[], bool]) -> bool:
    """Decide each; where ``until`` says stop, give the attempts at the rest back."""
    whose_mail.judge_all(app, [one.arrival for one in some])
    for place, one in enumerate(some):
        if until():
            _give_back(app, queue, some[place:])
            return False
        try:
            decide(app, one.arrival, one.tries)
        except KretsError:
            with contextlib.suppress(KretsError):
                _give_back(app, queue, some[place:])
            raise
    return True


def _give_back(app: App, queue: FairQueue, some: Sequence[_Begun]) -> None:
    queue.put_back([one.place for one in some])
    with app.store.write() as session:
        arrivals.forget_attempts(session, [one.arrival.id for one in some])


def decide(app: App, arrival: Arrival, tries: int) -> None:
    """Decide one arrival, at the attempt number ``tries``, and let what was accepted go."""
    if tries > MAX_DEATHS:
        _hold_broken(app, arrival, f"{MAX_DEATHS} processes died while reading this message.")
        return
    try:
        _route(app, arrival)
    except (Temporary, Misconfigured):
        raise  # the database or the disk, not this message: its attempt is given back
    except Exception:  # noqa: BLE001 - a door: a bug of ours must not lose this message
        _log.exception("a message could not be handled", arrival=arrival.id, tries=tries)
        if tries >= MAX_TRIES:
            _hold_broken(app, arrival, traceback.format_exc(limit=-20))


def _route(app: App, arrival: Arrival) -> ArrivalOutcome:
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
    if route is not None:
        reviving.heard(app, arrival, raw, route)
    if route is not None and route.kind is routes.RouteKind.POST:
        if b"<proof." in raw[:HEADS]:
            letter = incoming_letter.read(arrival, raw)
            with app.store.read() as session:
                edition = reviews.proved(session, get_list(session, route.list_address), letter)
            if edition is not None:
                return proof_replies.bring(app, arrival, route, letter, edition)
        return post(app, arrival, route.list_address, raw)
    if route is not None and route.kind is routes.RouteKind.REPLY:
        outcome = _reply(app, arrival, route, raw)
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


def _reply(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome | None:
    """Take what is written to a standing token: a post, a vote; None where it is none of these."""
    # The reply button of an archive's page: a post, and what it answers.
    row = app.keyring.read(route.token, TokenPurpose.REPLY, *route.scopes)
    if row is not None:
        return post(app, arrival, route.list_address, raw, answers=row)
    if app.keyring.read(route.token, TokenPurpose.VOTE, *route.scopes) is not None:
        outcome = voting.take(app, arrival, route, raw)
        more = transaction.HELD in outcome.rules  # its reader has written a letter as well
        return post(app, arrival, route.list_address, raw, aside=True) if more else outcome
    if app.keyring.read(route.token, TokenPurpose.EXAMINE, route.list_address) is not None:
        return incoming.examine(app, arrival, route, raw)
    found = digest_answers.find(app, route)
    if found is not None:
        carriers = digest_answers.Carriers(post, author_replies.relay)
        return digest_answers.take(app, arrival, route, raw, found, carriers)
    return None


@dataclass(frozen=True, slots=True)
class _JudgedPost:
    """Hold what was read and decided of one post; the last seven only where it goes to readers."""

    given: bytes  # as it came, with CRLF line ends
    reading: PostReading  # as the archive has it
    known: PostFacts
    verdict: RuleVerdict
    issue: str  # under which it stands as a reader's answer, "" for none
    languages: tuple[str, ...] = ()
    begins: bool = False  # a thread
    first: Sequence[AudienceEntry] = ()
    parent: str = ""
    asked: munging.MungingQuestion | None = None
    thread: PostThread = NOWHERE


def post(
    app: App,
    arrival: Arrival,
    list_address: str,
    raw: bytes,
    *,
    answers: int | None = None,
    aside: bool = False,
) -> ArrivalOutcome:
    """Judge one post and carry out the decision; a human's release outweighs a hold.

    ``answers`` is the row of the archived mail that it answers, known by its token, or what
    stands for an issue (reader_replies.py). A post ``aside`` stands under no issue, whatever it
    names.
    """
    found = whose_mail.of(arrival)
    now = time.time()
    judged = _judge(app, arrival, list_address, raw, found, now, answers=answers, aside=aside)
    verdict, asked = judged.verdict, judged.asked
    why = munging.decide(asked, app.resolver) if asked is not None else munging.Why.STAYS
    outcome = ArrivalOutcome(verdict.decision.word, tuple(verdict.rules))
    if verdict.decision is Decision.HOLD and judged.known.leave_wish and not found.disowned:
        return incoming.show_way_out(app, arrival, list_address, raw, outcome)
    _carry_out(app, arrival, list_address, judged, outcome, why, now)
    if verdict.decision is Decision.ACCEPT:
        app.ring("deliver")
        app.ring("archive")
    _log.info(
        "a post was decided",
        arrival=arrival.id,
        list=list_address,
        decision=outcome.decision,
        rules=list(outcome.rules),
        munged=str(why),
    )
    return outcome


def _judge(
    app: App,
    arrival: Arrival,
    list_address: str,
    raw: bytes,
    found: Authentication,
    now: float,
    *,
    answers: int | None,
    aside: bool,
) -> _JudgedPost:
    """Judge a post by the rules, and read what carrying the decision out will need."""
    given = message.with_crlf(raw)
    reading = facts.named(facts.read(header_repair.mend(given)), list_address.rpartition("@")[2])
    with app.store.read() as session:
        lst = get_list(session, list_address)
        disowned = app.settings.mailer.disowned
        means = "hold" if disowned == "refuse" else disowned  # the door could not refuse it
        known = facts.gather(
            session,
            lst,
            reading,
            arrival.sender,
            now,
            found,
            means,
            fronted=arrival.fronted,
        )
        issue = "" if aside else reader_replies.answered(session, lst, reading.head, answers)
        if issue:  # judged as a members' post; it goes to nobody, and stands under the issue
            known = replace(known, list_kind=ListKind.DISCUSSION, post_policy=PostPolicy.MEMBERS)
        verdict = umbrellas.judged(judge(known), arrival)
        barred = lst.kind is ListKind.NEWSLETTER and not issue  # its own address never distributes
        if verdict.decision is Decision.HOLD and not barred and is_released(session, arrival.id):
            verdict = RuleVerdict(Decision.ACCEPT, verdict.hits)
        judged = _JudgedPost(given, reading, known, verdict, issue)
        if verdict.decision is not Decision.ACCEPT or issue:
            return judged
        whole = reader_replies.blanked(app, session, lst, reading)
        whole = facts.completed(carrying.without_files(whole, lst), arrival.received_at)
        languages = post_copies.languages_of(session, lst)
        choice = post_copies.choice_of(lst, languages)
        begins = facts.begins(whole, answers)
        parent = "" if answers is None else mail_threading.answered(session, lst.id, answers) or ""
        thread = thread_ways.of_post(session, lst.id, whole, parent, arrival.received_at)
        first = audience_freezing.piece(
            session, lst.id, after=0, now=now, choice=choice, first=begins, thread=thread
        )
        asked = munging.ask(
            session, app, lst, whole.raw, whole.head, found, _trace(app, arrival, whole),
            answers=parent, now=now,
        )  # fmt: skip
        return replace(
            judged, reading=whole, languages=languages, begins=begins, first=first,
            parent=parent, asked=asked, thread=thread,
        )  # fmt: skip


def _carry_out(
    app: App,
    arrival: Arrival,
    list_address: str,
    judged: _JudgedPost,
    outcome: ArrivalOutcome,
    why: munging.Why,
    now: float,
) -> None:
    """Hold the post, or finish its arrival and begin its mailing, in one transaction."""
    reading = judged.reading
    kept = pack(reading.raw) if reading.raw != judged.given else None
    sha = kept.sha if kept else arrival.raw_sha  # as the archive has it
    with app.store.write() as session:
        lst = get_list(session, list_address)  # its archive may be closed to strangers by now
        if judged.verdict.decision is Decision.HOLD:
            hold(session, arrival, lst.address, outcome.rules, reading.trouble, ask=True)
            cross_posts.stop_waiting(session, reading.message_id, reading.digest, now)
            return
        words = " ".join((outcome.decision, *outcome.rules))
        if not transaction.end(session, arrival, words):
            return
        mailing = None
        accepted = judged.verdict.decision is Decision.ACCEPT
        if accepted and judged.issue:
            reader_replies.keep(app, session, lst, arrival, reading, judged.issue)
        elif accepted:
            put_packed(session, [kept] if kept else [])
            mailing = _accept(
                app, session, lst, arrival, reading, now, judged.parent, sha, judged.languages, why
            )
        _record(session, arrival, lst, judged, outcome, mailing, now)
        if mailing is not None:
            thread_ways.wake(session, judged.thread.woken, now)
            publish_permalink(app, session, lst, sha)
            umbrellas.hand_on(session, lst, arrival)
            audience_freezing.enter(session, mailing, 0, judged.first, now=now)
            last = judged.first[-1].ref if judged.first else 0
            cross_posts.settle(session, mailing, 0, last, now)
        elif not accepted:
            cross_posts.stop_waiting(session, reading.message_id, reading.digest, now)


def _trace(app: App, arrival: Arrival, reading: PostReading) -> post_headers.Trace:
    return post_headers.Trace(
        client=arrival.client,
        helo=arrival.helo,
        protocol=arrival.protocol,
        arrival=arrival.id,
        received_at=arrival.received_at,
        by=app.settings.listserv.domain,
        added=reading.added,
    )


def _accept(
    app: App,
    session: Session,
    lst: MailList,
    arrival: Arrival,
    reading: PostReading,
    now: float,
    answers: str,
    sha: bytes,
    languages: tuple[str, ...],
    why: munging.Why,
) -> int:
    hash_ = ""
    if umbrellas.is_filed(session, lst, arrival):
        came = arrival.received_at
        hash_ = answered_mail.place(session, lst, reading.raw, sha, came, answers).hash
    alias = writer_alias.make(session, app.keyring, lst, reading.head, arrival.id) if why else None
    post = signing.AuthoredMail(reading.head, whose_mail.of(arrival), munged=alias is not None)
    one_click = signing.one_click(session, app.settings, lst.domain, now, post)
    face = replace(face_of(app, lst), one_click=one_click)
    permalink = f"{face.page}m/{hash_}/" if hash_ else ""
    own = vouching.own_names(session, app.settings)
    compositions = post_copies.compose(
        reading.raw,
        reading.head,
        lst,
        face,
        _trace(app, arrival, reading),
        permalink,
        languages=languages,
        answers=answers,
        own=own,
        disowned=vouching.disowned(reading.head, own, whose_mail.of(arrival)),
        alias=alias,
        doubted=whose_mail.of(arrival).disowned and app.settings.mailer.disowned == "tag",
    )
    return mailings.create_mailing(
        session,
        kind="post",
        list_address=lst.address,
        message_id=reading.message_id,
        policy="never-miss",
        compositions=compositions,
        created=now,
        expires_at=now + EXPIRES,
    )


def _record(
    session: Session,
    arrival: Arrival,
    lst: MailList,
    judged: _JudgedPost,
    outcome: ArrivalOutcome,
    mailing: int | None,
    now: float,
) -> None:
    reading = judged.reading
    session.add(
        Post(
            arrival_id=arrival.id,
            list_id=lst.id,
            message_id=reading.message_id[:998],
            digest=reading.digest,
            author=reading.authors[0] if reading.authors else "",
            decision=outcome.decision,
            rules=json.dumps(outcome.rules),
            mailing_id=mailing,
            decided_at=now,
            named=cross_posts.spelled(cross_posts.named_lists(session, reading.head), lst.id),
            begins=judged.begins,
            thread=judged.thread.key,
        )
    )


def freeze(app: App) -> bool:
    """Go on with audiences too large for one transaction; return whether some are not complete.

    A few pieces at a time, so that a million readers here do not keep a post there waiting.
    """
    with app.store.read() as session:
        waiting = audience_freezing.freezing(session)
    more = False
    for mailing_id in waiting:
        pieces = 0
        while unfinished := audience_freezing.freeze_some(app.store, mailing_id):
            pieces += 1
            if pieces >= PIECES:
                break
        app.ring("deliver")
        more = more or unfinished
    return more


def _hold_broken(app: App, arrival: Arrival, detail: str) -> None:
    with app.store.write() as session:
        hold(session, arrival, "", ("error",), detail)
