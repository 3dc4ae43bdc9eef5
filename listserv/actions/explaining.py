"""Say what would happen to a message, and why; nothing is changed and nothing is sent.

    explaining.post(call, ExplainPost("friends@example.org", raw))
    explaining.reply(call, ExplainReply(raw, "confirm"))      # needs no database
    explaining.bounce(call, raw)                              # needs no database

Asks the readers and judges that decide about real mail. Refuses to know files and how an answer
is printed. SECURITY: hostile bytes; the readers below have their limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from listserv.actions.call import Call
from listserv.actions.permissions import Action
from listserv.answers import answer_file
from listserv.answers.answer_file import Understood
from listserv.answers.machine_kinds import MailRole
from listserv.answers.own_words import OwnWords
from listserv.letters.notices import face_of
from listserv.letters.post_headers import Trace
from listserv.letters.visit import Visit
from listserv.mailings import carrying, closed_threads, munging, post_copies
from listserv.moderation import rulings
from listserv.newsletters.editors import editor_orders
from listserv.posts import copy_options, facts
from listserv.posts.carried_parts import PartChange
from listserv.posts.copy_options import Cost
from listserv.posts.facts import PostReading
from listserv.posts.rules import PostFacts, RuleVerdict, judge
from listserv.wiring import vouching
from mailer.authentication import verdict as whose_mail
from mailer.authentication.verdict import Authentication, Envelope
from mailer.door.callers import plain_ip
from mailer.reading import bounces, message
from mailer.reading.bodies import MAX_TEXT
from mailer.reading.bounces import Bounce
from mailer.reading.charsets import clean, decode
from mailer.reading.headers import auth_results, header_repair

ASKED = (*answer_file.ASKED, "moderate", "issue")  # questions that a reply can be an answer to


@dataclass(frozen=True, slots=True)
class ExplainPost:
    """Ask what a post would meet; ``raw`` has CRLF line ends, as it would come by SMTP."""

    list: str
    raw: bytes
    sender: str | None = None  # of the envelope; None takes Return-Path or From
    client: str = ""  # the IP address that connected
    helo: str = ""


@dataclass(frozen=True, slots=True)
class PostExplained:
    """Say how a post would be judged, and in which form its copies would leave."""

    verdict: RuleVerdict
    authentication: Authentication
    munge: munging.Why
    carried: Sequence[tuple[str, PartChange]]  # an option of the list, and what it does to a part
    costs: Sequence[Cost]


@dataclass(frozen=True, slots=True)
class ExplainReply:
    """Ask what an answer says: a message, or bare text; ``asked`` is one of ASKED, or None."""

    raw: bytes
    asked: str | None = None
    day: datetime | None = None  # on which it is read; None is today


@dataclass(frozen=True, slots=True)
class ReplyExplained:
    """Return the writer's own words; ``understood`` is None where no question was named."""

    text: str
    understood: Understood | None = None


def post(call: Call, wanted: ExplainPost) -> PostExplained:
    """Judge a message as a post to a list; asks DNS whose mail it is, as for a mail that comes."""
    with call.reading(Action.EXPLAIN_POST, wanted.list) as visit:
        own = vouching.own_names(visit.session, call.app.settings)
    without_results = auth_results.without(wanted.raw, own)
    reading = facts.read(header_repair.mend(without_results))
    envelope = _envelope(reading) if wanted.sender is None else wanted.sender
    brought = Envelope(plain_ip(wanted.client), wanted.helo, envelope)
    found = whose_mail.judge(reading.raw, reading.head, brought, call.app.resolver)
    with call.reading(Action.EXPLAIN_POST, wanted.list) as visit:
        verdict = judge(_facts(call, visit, reading, envelope, found))
        completed = facts.completed(facts.named(reading, visit.lst.domain), call.now)
        asked = munging.ask(
            visit.session,
            call.app,
            visit.lst,
            completed.raw,
            completed.head,
            found,
            _trace(call, wanted, completed.added),
            answers="",
            now=call.now,
        )
    lst, face = visit.lst, face_of(call.app, visit.lst)
    carried = carrying.foretold(completed.raw, lst, face)
    costs = copy_options.costs(
        reading.head,
        post_copies.options_of(lst, face, lst.language),
        tuple(dict.fromkeys(option for option, _ in carried)),
    )
    return PostExplained(verdict, found, munging.decide(asked, call.app.resolver), carried, costs)


def reply(call: Call, wanted: ExplainReply) -> ReplyExplained:
    """Return what a reply says without quotes and signature, and what it means to a question."""
    call.permit(Action.EXPLAIN_REPLY)
    quoted = answer_file.quoted(wanted.raw)
    text = quoted.text or quoted.trimmed
    if wanted.asked is None:
        return ReplyExplained(text)
    role = MailRole.COMMAND if wanted.asked == "command" else MailRole.ANSWER
    own = answer_file.letter_words(wanted.raw, role)
    day = (wanted.day or datetime.now(UTC)).replace(tzinfo=UTC)
    understood = _understand(own, wanted.asked, day)
    return ReplyExplained(own.text or ("" if own.unseen else text), understood)


def bounce(call: Call, raw: bytes) -> Bounce:
    """Return whom a bounce is about, and why; bare text is what a server answered."""
    call.permit(Action.EXPLAIN_BOUNCE)
    if answer_file.is_mail(raw):
        return bounces.read(raw)
    return bounces.said(clean(decode(raw[:MAX_TEXT])))


def _facts(
    call: Call, visit: Visit, reading: PostReading, envelope: str, found: Authentication
) -> PostFacts:
    settings = call.app.settings.mailer
    disowned = "hold" if settings.disowned == "refuse" and settings.front else settings.disowned
    known = facts.gather(
        visit.session,
        visit.lst,
        reading,
        envelope,
        call.now,
        found,
        disowned,
        fronted=bool(settings.front or settings.lmtp),
    )
    closed = closed_threads.is_closed(visit.session, visit.lst, reading, call.now)
    return replace(known, thread_closed=closed)


def _trace(call: Call, wanted: ExplainPost, added: tuple[str, ...]) -> Trace:
    return Trace(
        client=wanted.client,
        helo=wanted.helo,
        protocol="ESMTP",
        arrival=0,
        received_at=call.now,
        by=call.app.settings.listserv.domain,
        added=added,
    )


def _envelope(reading: PostReading) -> str:
    for value in reading.head.all("return-path"):
        return message.text_of(value).strip(" <>")
    return reading.authors[0] if reading.authors else "unknown@invalid"


def _understand(own: OwnWords, asked: str, now: datetime) -> Understood:
    """Ask whoever reads answers to this question."""
    if asked in answer_file.ASKED:
        return answer_file.understand(own, asked, now.date())
    means = "unclear"
    if asked == "moderate" and (ruling := rulings.read(own.text)) is not None:
        means = ruling.word.value
    elif asked == "issue" and (
        order := editor_orders.read(own.text, now.timestamp(), ZoneInfo("UTC"))
    ):
        means = order.means
    why = own.text.strip().split("\n")[0][:100]
    return Understood(means, 0.3) if means == "unclear" else Understood(means, 1.0, (why,))
