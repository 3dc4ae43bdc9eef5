"""Post: carry out what was decided of posts, several of one list in one transaction.

    posting.post(app, arrival, list_address, raw, claim=claim)     # one
    posting.write(app, claim, judged)                              # several, or none of them

An accepted post is finished, placed in the archive, given its permalink and entered into the ledger
with its readers, all at once; a held one waits for a human. A kill leaves it whole or as it came.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import insert
from sqlalchemy.orm import Session

from archive.filing import answered_mail
from archive.filing.thread_rows import MailToThread
from listserv.letters import transaction, writer_alias
from listserv.letters.notices import face_of
from listserv.mailings import audience_freezing, cross_posts, post_copies, signing, thread_ways
from listserv.moderation.holds import hold
from listserv.newsletters.readers import reader_replies
from listserv.posts import list_claims, umbrellas
from listserv.posts.list_claims import ListClaim
from listserv.posts.permalinks import publish_permalinks
from listserv.posts.rules import Decision
from listserv.reception import (
    closed_posts,
    first_words,
    incoming,
    post_judging,
    solved_posts,
)
from listserv.reception.post_judging import JudgedPost
from listserv.wiring import vouching
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Post
from listserv.wiring.outcome import ArrivalOutcome
from mailer.errors import Temporary
from mailer.ledger import whole_mailings
from mailer.ledger.mailings import UnsurePolicy
from mailer.ledger.splice import Segments
from mailer.ledger.whole_mailings import WholeMailing
from mailer.reading.headers.head_facts import read_head
from mailer.storage.arrivals import Arrival
from mailer.storage.store import Packed, pack, put_packed
from subscriptions.lists.roster import MailList, get_list

EXPIRES = 5 * 86400.0  # seconds until a deferred copy of a post is given up, RFC 5321 4.5.4.1
_log = structlog.get_logger("krets.posts")


def post(
    app: App,
    arrival: Arrival,
    list_address: str,
    raw: bytes,
    *,
    claim: ListClaim,
    answers: int | None = None,
    aside: bool = False,
) -> ArrivalOutcome:
    """Judge one post and carry out the decision; a human's release outweighs a hold.

    ``answers`` and ``aside`` are those of ``post_judging.ArrivedPost``.
    """
    read = post_judging.read(arrival, list_address, raw, answers=answers, aside=aside)
    (judged,) = post_judging.judge_all(app, claim, [read])
    if judged.leaves:
        return incoming.show_way_out(app, arrival, list_address, raw, judged.outcome)
    write(app, claim, [judged])
    return judged.outcome


@dataclass(frozen=True, slots=True)
class _Ready:
    """Hold a post, and its bytes as the archive has them where that is not how they came."""

    judged: JudgedPost
    kept: Packed | None

    @property
    def sha(self) -> bytes:
        return self.kept.sha if self.kept else self.judged.arrival.raw_sha

    @property
    def goes(self) -> bool:
        """Tell whether it goes to readers."""
        return self.judged.verdict.decision is Decision.ACCEPT and not self.judged.issue


def write(app: App, claim: ListClaim, some: Sequence[JudgedPost]) -> None:
    """Carry out what was decided of posts to one list, in their order, in one transaction.

    Raise Temporary, with nothing written, where the list is another's by now.
    """
    ready = [_Ready(one, _changed(one)) for one in some]
    with app.store.write() as session:
        list_claims.keep(app.store, session, claim, some[-1].now)
        lst = get_list(session, claim.list_address)  # closed to strangers by now, perhaps
        if lst.address != claim.list_address:
            raise Temporary(f"{claim.list_address} has another name now.", "It is tried again.")
        for one in some:
            if one.verdict.decision is Decision.HOLD:
                why = one.outcome.rules
                hold(session, one.arrival, lst.address, why, one.reading.trouble, ask=True)
                _wait_no_longer(session, one)
        _finish(
            app, session, lst, [r for r in ready if r.judged.verdict.decision is not Decision.HOLD]
        )
    if any(one.verdict.decision is Decision.ACCEPT for one in some):
        app.ring("deliver")
        app.ring("archive")
    for one in some:
        _log.info(
            "a post was decided",
            arrival=one.arrival.id,
            list=claim.list_address,
            decision=one.outcome.decision,
            rules=list(one.outcome.rules),
            munged=str(one.why),
        )


def _changed(judged: JudgedPost) -> Packed | None:
    """Return the post where it is not the mail that came: an answer to a digest never is."""
    raw = judged.reading.raw
    same = hashlib.sha256(raw).digest() == judged.arrival.raw_sha
    return None if same else pack(raw)


def _finish(app: App, session: Session, lst: MailList, ready: Sequence[_Ready]) -> None:
    """Finish the arrivals of what is not held, and begin the mailings of what goes to readers."""
    ended = transaction.end_all(session, [(r.judged.arrival, _note(r.judged)) for r in ready])
    ours = [r for r in ready if r.judged.arrival.id in ended]
    for r in ours:
        if r.judged.verdict.decision is Decision.ACCEPT and r.judged.issue:
            judged = r.judged
            reader_replies.keep(app, session, lst, judged.arrival, judged.reading, judged.issue)
    going = [r for r in ours if r.goes]
    mailings = _begin(app, session, lst, going)
    rows = [_row(lst, r, mailings.get(r.judged.arrival.id)) for r in ours]
    if rows:
        session.connection().execute(insert(Post), rows)
    for r in ours:
        if r.judged.verdict.decision is not Decision.ACCEPT:
            _wait_no_longer(session, r.judged)
            closed_posts.tell(app, session, lst, r.judged)
    if going:
        publish_permalinks(app, session, lst, [r.sha for r in going])
        _settle(app, session, lst, going, mailings)
    for r in going:
        first_words.say(app, session, lst, r.judged)
    for judged in [r.judged for r in going if r.judged.solves]:
        solved_posts.heard(app, session, lst, judged.reading, judged.thread.key, judged.now)


def _settle(
    app: App,
    session: Session,
    lst: MailList,
    going: Sequence[_Ready],
    mailings: Mapping[int, int],
) -> None:
    """End the mutes that posts end, and leave those on several lists one copy."""
    ids = [r.judged.reading.message_id[:998] for r in going]
    cross_posts.alone(session, ids)
    twins = cross_posts.elsewhere(session, lst.id, ids)
    for r, message_id in zip(going, ids, strict=True):
        judged = r.judged
        umbrellas.hand_on(session, lst, judged.arrival, judged.given)
        thread_ways.wake(session, judged.thread.woken, judged.now)
        if judged.named or message_id in twins:
            last = judged.first[-1].ref if judged.first else 0
            mailing, patience = mailings[judged.arrival.id], app.settings.listserv.cross_post_wait
            cross_posts.settle(session, mailing, 0, last, judged.now, patience)


def _wait_no_longer(session: Session, judged: JudgedPost) -> None:
    reading = judged.reading
    cross_posts.stop_waiting(session, reading.message_id, reading.digest, judged.now)


def _note(judged: JudgedPost) -> str:
    return " ".join((judged.outcome.decision, *judged.outcome.rules))


def _begin(app: App, session: Session, lst: MailList, going: Sequence[_Ready]) -> dict[int, int]:
    """Place posts in the archive and begin their mailings; return these by arrival."""
    put_packed(session, [r.kept for r in going if r.kept])
    filed = [r for r in going if umbrellas.is_filed(session, lst, r.judged.arrival)]
    places = answered_mail.place_all(session, lst, [_mail(r) for r in filed])
    hashes = {r.judged.arrival.id: at.hash for r, at in zip(filed, places, strict=True)}
    own = vouching.own_names(session, app.settings) if going else frozenset()
    made = [
        WholeMailing(
            kind=signing.POST,
            list_address=lst.address,
            message_id=r.judged.reading.message_id,
            policy=UnsurePolicy.NEVER_MISS,
            compositions=_compose(
                app, session, lst, r.judged, hashes.get(r.judged.arrival.id, ""), own
            ),
            readers=r.judged.first,
            complete=len(r.judged.first) < audience_freezing.PIECE,
            created=r.judged.now,
            expires_at=r.judged.now + EXPIRES,
        )
        for r in going
    ]
    ids = whole_mailings.create_all(session, made)
    return {r.judged.arrival.id: number for r, number in zip(going, ids, strict=True)}


def _mail(ready: _Ready) -> tuple[MailToThread, str]:
    """Return a post as the archive files it, and what it answers by its address."""
    judged, raw = ready.judged, ready.judged.reading.raw
    mail = MailToThread(raw, ready.sha, judged.arrival.received_at, read_head(raw))
    return mail, judged.parent


def _compose(
    app: App,
    session: Session,
    lst: MailList,
    judged: JudgedPost,
    hash_: str,
    own: frozenset[str],
) -> dict[int, Segments]:
    arrival, reading, found = judged.arrival, judged.reading, judged.found
    alias = None
    if judged.why:
        alias = writer_alias.make(session, app.keyring, lst, reading.head, arrival.id)
    written = signing.AuthoredMail(reading.head, found, munged=alias is not None)
    one_click = signing.one_click(session, app.settings, lst.domain, judged.now, written)
    face = replace(face_of(app, lst), one_click=one_click)
    return post_copies.compose(
        reading.raw,
        reading.head,
        lst,
        face,
        post_judging.trace(app, arrival, reading),
        f"{face.page}m/{hash_}/" if hash_ else "",
        languages=judged.languages,
        answers=judged.parent,
        own=own,
        disowned=vouching.disowned(reading.head, own, found),
        alias=alias,
        doubted=found.disowned and app.settings.mailer.disowned == "tag",
    )


def _row(lst: MailList, ready: _Ready, mailing: int | None) -> dict[str, object]:
    judged = ready.judged
    reading = judged.reading
    return {
        "arrival_id": judged.arrival.id,
        "list_id": lst.id,
        "message_id": reading.message_id[:998],
        "digest": reading.digest,
        "author": reading.authors[0] if reading.authors else "",
        "decision": judged.outcome.decision,
        "rules": json.dumps(judged.outcome.rules),
        "mailing_id": mailing,
        "decided_at": judged.now,
        "named": judged.named,
        "begins": judged.begins,
        "thread": judged.thread.key,
    }
