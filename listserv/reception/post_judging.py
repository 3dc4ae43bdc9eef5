"""Judge posts of one list: read them, ask the rules, and collect what carrying that out will need.

    read = [post_judging.read(one, list_address, raw) for ...]     # may raise, each alone
    judged = post_judging.judge_all(app, claim, read)              # one read of the database

Nothing is written here, and DNS is asked outside of any transaction. Posts that are judged together
are judged by what stood in the database before the first of them: whoever puts them together sees
to it that none depends on another (``depends``).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from archive.filing import answered_mail, mail_threading
from archive.filing.thread_rows import MailToThread
from listserv.letters import post_headers
from listserv.mailings import (
    audience_freezing,
    carrying,
    closed_threads,
    cross_posts,
    munging,
    post_copies,
    thread_ways,
)
from listserv.mailings.thread_ways import NOWHERE, PostThread
from listserv.moderation.holds import is_released
from listserv.newsletters.readers import reader_replies
from listserv.posts import facts, umbrellas
from listserv.posts.facts import PostReading
from listserv.posts.list_claims import ListClaim
from listserv.posts.rules import Decision, PostFacts, RuleVerdict, judge
from listserv.reception import solved_posts, whose_mail
from listserv.wiring.app import App
from listserv.wiring.outcome import ArrivalOutcome
from mailer.authentication.verdict import Authentication
from mailer.ledger.whole_mailings import AudienceEntry
from mailer.reading import message
from mailer.reading.headers import header_repair
from mailer.reading.headers.head_facts import HeadFacts, read_head
from mailer.storage.arrivals import Arrival
from subscriptions.lists.roster import ListKind, MailList, PostPolicy, get_list

TICK = 1e-6  # seconds between two that are judged together: no two have the same moment


@dataclass(frozen=True, slots=True)
class ArrivedPost:
    """Hold a post as it came, read as the archive has it.

    ``answers`` is the row of the archived mail that it answers, known by its token, or what
    stands for an issue (reader_replies.py). A post ``aside`` stands under no issue, whatever it
    names.
    """

    arrival: Arrival
    given: bytes  # with CRLF line ends
    reading: PostReading
    head: HeadFacts  # where it stands among others
    answers: int | None = None
    aside: bool = False


@dataclass(frozen=True, slots=True)
class JudgedPost:
    """Hold what was decided of one post; the last nine only where it goes to readers."""

    arrival: Arrival
    given: bytes
    reading: PostReading
    known: PostFacts
    verdict: RuleVerdict
    found: Authentication
    now: float
    issue: str  # under which it stands as a reader's answer, "" for none
    named: str  # the lists that it names (cross_posts.py)
    languages: tuple[str, ...] = ()
    begins: bool = False  # a thread
    first: Sequence[AudienceEntry] = ()
    parent: str = ""
    thread: PostThread = NOWHERE
    asked: munging.MungingQuestion | None = None
    why: munging.Why = munging.Why.STAYS
    solves: bool = False  # it says that what its thread asks is solved

    @property
    def outcome(self) -> ArrivalOutcome:
        """Return what becomes of it."""
        return ArrivalOutcome(self.verdict.decision.word, tuple(self.verdict.rules))

    @property
    def stands_alone(self) -> bool:
        """Tell whether it is not decided together with others: what it does they have to see."""
        return self.leaves or bool(self.thread.woken)

    @property
    def leaves(self) -> bool:
        """Tell whether its writer wants to leave and is asked about it."""
        held = self.verdict.decision is Decision.HOLD
        return held and self.known.leave_wish and not self.found.disowned


def read(
    arrival: Arrival,
    list_address: str,
    raw: bytes,
    *,
    answers: int | None = None,
    aside: bool = False,
) -> ArrivedPost:
    """Read what the bytes of a post say of themselves."""
    given = message.with_crlf(raw)
    reading = facts.named(facts.read(header_repair.mend(given)), list_address.rpartition("@")[2])
    return ArrivedPost(arrival, given, reading, read_head(reading.raw), answers, aside)


def depends(post: ArrivedPost, before: Sequence[ArrivedPost], *, writers: bool) -> bool:
    """Tell whether a judgement may depend on what becomes of those ``before`` it.

    The same id or the same content makes a duplicate, and an answer stands where its mail does;
    with ``writers`` the same writer counts, whose first post a moderator wants to read.
    """
    mail = MailToThread(post.reading.raw, b"", post.arrival.received_at, post.head)
    if before and answered_mail.answers_something(mail):
        return True  # a guess, at what stands here
    ids = {one.head.message_id for one in before}
    keys = _keys(post.reading, writers=writers)
    return not ids.isdisjoint(post.head.references) or any(
        not keys.isdisjoint(_keys(one.reading, writers=writers)) for one in before
    )


def _keys(reading: PostReading, *, writers: bool) -> frozenset[object]:
    return frozenset({reading.message_id, reading.digest, *(reading.authors if writers else ())})


@dataclass(slots=True)
class _ListNow:
    """Hold what is read of a list once for all posts that are judged together."""

    session: Session
    app: App
    lst: MailList
    wishes: bool  # whether anybody wants something of a thread
    audiences: dict[bool, Sequence[AudienceEntry]] = field(default_factory=dict)
    named: dict[tuple[bytes, ...], str] = field(default_factory=dict)

    def audience(
        self, now: float, *, first: bool, languages: tuple[str, ...], thread: PostThread
    ) -> Sequence[AudienceEntry]:
        """Return the first readers of a post."""
        choice = post_copies.choice_of(self.lst, languages)

        def ask(where: PostThread | None) -> Sequence[AudienceEntry]:
            return audience_freezing.piece(
                self.session, self.lst.id,
                after=0, now=now, choice=choice, first=first, thread=where,
            )  # fmt: skip

        if self.wishes:
            return ask(thread)
        if first not in self.audiences:
            self.audiences[first] = ask(None)
        return self.audiences[first]

    def names(self, reading: PostReading) -> str:
        """Return how a post keeps the lists that it names; many posts name the same."""
        key = (*reading.head.all("to"), b"", *reading.head.all("cc"))
        if key not in self.named:
            lists = cross_posts.named_lists(self.session, reading.head)
            self.named[key] = cross_posts.spelled(lists, self.lst.id)
        return self.named[key]


def judge_all(app: App, claim: ListClaim, posts: Sequence[ArrivedPost]) -> list[JudgedPost]:
    """Judge posts of one list by the rules, and say whether the From of each stays.

    Each is decided later than all before it, whatever the clocks of those who decide say: a
    digest goes up to a moment.
    """
    began = max(time.time(), claim.newest + TICK)
    with app.store.read() as session:
        lst = get_list(session, claim.list_address)
        on = _ListNow(session, app, lst, thread_ways.has_wishes(session, lst.id))
        judged = [_judge(on, post, began + place * TICK) for place, post in enumerate(posts)]
    return [
        replace(one, why=munging.decide(one.asked, app.resolver)) if one.asked is not None else one
        for one in judged
    ]


def _judge(on: _ListNow, post: ArrivedPost, now: float) -> JudgedPost:
    session, app, lst, reading = on.session, on.app, on.lst, post.reading
    found = whose_mail.of(post.arrival)
    disowned = app.settings.mailer.disowned
    known = facts.gather(
        session,
        lst,
        reading,
        post.arrival.sender,
        now,
        found,
        "hold" if disowned == "refuse" else disowned,  # the door could not refuse it
        fronted=post.arrival.fronted,
    )
    parent = _parent(on, post)
    if closed_threads.is_closed(session, lst, reading, post.arrival.received_at, parent):
        known = replace(known, thread_closed=True)
    issue = ""
    if not post.aside:
        issue = reader_replies.answered(session, lst, reading.head, post.answers)
    if issue:  # judged as a members' post; it goes to nobody, and stands under the issue
        known = replace(known, list_kind=ListKind.DISCUSSION, post_policy=PostPolicy.MEMBERS)
    verdict = umbrellas.judged(judge(known), post.arrival)
    barred = lst.kind is ListKind.NEWSLETTER and not issue  # its own address never distributes
    if verdict.decision is Decision.HOLD and not barred and is_released(session, post.arrival.id):
        verdict = RuleVerdict(Decision.ACCEPT, verdict.hits)
    judged = JudgedPost(
        post.arrival, post.given, reading, known, verdict, found, now, issue, on.names(reading)
    )
    goes = verdict.decision is Decision.ACCEPT and not issue
    return _for_readers(on, post, judged) if goes else judged


def _parent(on: _ListNow, post: ArrivedPost) -> str:
    """Return the Message-ID that a post answers by its token, "" for none."""
    row = post.answers
    return "" if row is None else mail_threading.answered(on.session, on.lst.id, row) or ""


def _for_readers(on: _ListNow, post: ArrivedPost, judged: JudgedPost) -> JudgedPost:
    """Add what a mailing needs."""
    session, app, lst, now = on.session, on.app, on.lst, judged.now
    whole = reader_replies.blanked(app, session, lst, judged.reading)
    whole = facts.completed(carrying.without_files(whole, lst), post.arrival.received_at)
    languages = post_copies.languages_of(session, lst)
    begins = facts.begins(whole, post.answers)
    parent = _parent(on, post)
    thread = thread_ways.of_post(
        session, lst.id, whole, parent, post.arrival.received_at, wishes=on.wishes
    )
    asked = munging.ask(
        session, app, lst, whole.raw, whole.head, judged.found,
        trace(app, post.arrival, whole), answers=parent, now=now,
    )  # fmt: skip
    return replace(
        judged,
        reading=whole,
        languages=languages,
        begins=begins,
        first=on.audience(now, first=begins, languages=languages, thread=thread),
        parent=parent,
        thread=thread,
        asked=asked,
        solves=not begins and solved_posts.says(whole, judged.found),
    )


def trace(app: App, arrival: Arrival, reading: PostReading) -> post_headers.Trace:
    """Return where a post came from, for our Received line."""
    return post_headers.Trace(
        client=arrival.client,
        helo=arrival.helo,
        protocol=arrival.protocol,
        arrival=arrival.id,
        received_at=arrival.received_at,
        by=app.settings.listserv.domain,
        added=reading.added,
    )
