"""Read what answers a digest: which mail it means, and whether its member wrote it.

A clear answer from the member's own address is a post: own words alone, under the mail it answers.
What is not clear is asked about, once, at the member's own address, and nothing is posted by
accident: no empty answer, no machine's, no command. SECURITY: a token says whose digest it was and
a From line says nothing; a token in a stranger's hands makes one question to the member. What they
say yes to goes out under the From of their yes, because that mail's authentication is judged; only
own words leave, because the digest that an answer quotes is full of its member's tokens.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.threads.archive_tables import Message
from listserv.answers import meaning
from listserv.digests import digest_commands, meant_mail
from listserv.digests.meant_mail import CandidateMail
from listserv.letters import (
    ask_payloads,
    commands,
    incoming_letter,
    post_headers,
    writer_alias,
)
from listserv.letters.ask_payloads import DigestPayload
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import Visit, language_of, question, tell_member
from listserv.letters.transaction import act
from listserv.mailings import digest_windows
from listserv.moderation.editing import edited
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Post
from listserv.wiring.outcome import ArrivalOutcome
from listserv.wiring.routes import Route, RouteKind
from mailer.reading import message
from mailer.reading.addresses import MailAddress
from mailer.reading.bodies import read as read_body
from mailer.reading.headers.head_facts import permalink_hash, read_head
from mailer.reading.subjects import bare_subject
from mailer.storage.arrivals import Arrival
from mailer.storage.store import get_raw
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.roster import Address, MailList, Membership, get_list
from subscriptions.membership import optin
from subscriptions.permission import asks, budget
from subscriptions.permission.asks import Ask, AskPurpose

_PURPOSES = (TokenPurpose.DIGEST, TokenPurpose.IN_DIGEST, TokenPurpose.TO_WRITER)
_ID = re.compile(r"[!-;=?-~]{3,900}")  # no brackets, no spaces, ASCII
_REPLACED = {
    "from",
    "sender",
    "reply-to",
    "subject",
    "in-reply-to",
    "references",
    "to",
    "cc",
    "thread-index",
    "thread-topic",
}
_WORDS = 6  # of a command
_DIGITS = 12  # characters of a number
_SAID_TO_PEOPLE = {"thanks", "help"}  # words of a command that are also an answer
MOST_ASKED = 9  # mails that a question names
Poster = Callable[..., ArrivalOutcome]
Relay = Callable[[App, Arrival, Route, bytes], ArrivalOutcome]


@dataclass(frozen=True, slots=True)
class Carriers:
    """Hold who carries an answer on: to everybody, or to one writer behind an alias."""

    post: Poster
    relay: Relay


@dataclass(frozen=True, slots=True)
class DigestToken:
    """Say whose digest was answered: all of it (``ref`` is the mailing), or one post in it."""

    purpose: TokenPurpose | None  # None: the answer to our question
    member: int
    ref: int
    ask: Ask | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """Hold a mail that may be the one that is answered."""

    post: int
    message_id: str
    subject: str
    author: str


def find(app: App, route: Route) -> DigestToken | None:
    """Return what the token of ``LIST-reply+TOKEN@`` stands for, None where it is no digest's."""
    for purpose in _PURPOSES:
        pair = app.keyring.read_pair(route.token, purpose, *route.scopes)
        if pair is not None:
            return DigestToken(purpose, *pair)
    with app.store.read() as session:
        lst = get_list(session, route.list_address)
        found = asks.look(session, route.token, AskPurpose.DIGEST, list_id=lst.id, now=time.time())
        if found.ask is None:
            return None
        session.expunge(found.ask)
        late = found.trouble is not None
        return DigestToken(None, found.ask.ref, 0, None if late else found.ask)


def take(  # noqa: PLR0911 - each way an answer can end
    app: App, arrival: Arrival, route: Route, raw: bytes, token: DigestToken, by: Carriers
) -> ArrivalOutcome:
    """Post an answer, hand it to the writer alone, or ask what is meant."""
    letter = incoming_letter.read(arrival, raw)
    if letter.automatic or letter.author is None:
        return _told(app, arrival, route, letter, f"not-posted: {letter.automatic or 'no author'}")
    if token.purpose is None:
        return _take_ask(app, arrival, route, letter, token, by)
    with app.store.read() as session:
        lst = get_list(session, route.list_address)
        member = session.get(Membership, token.member)
        if member is None or member.list_id != lst.id:
            return _told(app, arrival, route, letter, "unknown-token")
        chosen = _chosen(app, session, lst, letter, token, route)
        own = _is_theirs(session, member, letter.author)
    why = _why_unposted(app, route, letter.text)
    if why == "command" and own:
        one = chosen[0].message_id if len(chosen) == 1 else ""
        done = digest_commands.take(app, arrival, route, letter, token.member, one)
        if done is not None:
            return done
    if why:
        note = f"not-posted: {why}"
        return _told(app, arrival, route, letter, note, token.member, "member-unposted")
    if own and len(chosen) == 1:
        return _deliver(app, arrival, route, letter, letter, token, chosen[0], by)
    return _ask(app, arrival, route, letter, token, chosen, own=own)


def _told(
    app: App,
    arrival: Arrival,
    route: Route,
    letter: IncomingLetter,
    note: str,
    member: int = 0,
    mail: str = "",
) -> ArrivalOutcome:
    def work(visit: Visit) -> str:
        if mail and not letter.unanswerable:
            tell_member(visit, visit.session.get_one(Membership, member), mail)
        return note

    return act(app, arrival, route, letter, work)


def _why_unposted(app: App, route: Route, text: str) -> str:
    """Return why an answer's own words go to nobody, "" where they may.

    Words that hold a token of a digest are a digest whose quote no reader could tell from them.
    """
    if not text.strip():
        return "empty"
    if any(_post_of(app, route, one) for one in meant_mail.tokens(text)):
        return "a digest"
    return "command" if _is_command(text) else ""


def _is_command(text: str) -> bool:
    """Tell whether an answer says nothing to the list, but something to us."""
    found = commands.command(text) if len(text.split()) <= _WORDS else None
    return found is not None and found.verb not in _SAID_TO_PEOPLE


def _number(letter: IncomingLetter) -> int | None:
    first = commands.first_line(letter.text).strip(" .):;#")
    return int(first) if first.isdecimal() and len(first) < _DIGITS else None


def _is_theirs(session: Session, member: Membership, author: MailAddress) -> bool:
    found = select(Address.id).where(
        Address.person_id == member.person_id, Address.key == author.key
    )
    return session.scalar(found) is not None


def _chosen(
    app: App,
    session: Session,
    lst: MailList,
    letter: IncomingLetter,
    token: DigestToken,
    route: Route,
) -> list[Answered]:
    """Return which mails may be meant: one where that is clear."""
    if token.purpose is not TokenPurpose.DIGEST:
        posts = [token.ref]
    else:
        posts = digest_windows.posts_of(session, token.ref)
    mails = [one for one in (_mail(session, lst, post) for post in posts) if one is not None]
    if len(mails) < 2:  # noqa: PLR2004 - nothing to choose from
        return [one for one, _ in mails]
    return _meant(app, route, letter, mails)


def _meant(
    app: App, route: Route, letter: IncomingLetter, mails: Sequence[tuple[Answered, str]]
) -> list[Answered]:
    """Return those of a digest's mails that a letter may mean."""
    candidates = [CandidateMail(one.post, one.subject, text) for one, text in mails]
    quoted = read_body(letter.raw).quoted
    found = set(meant_mail.meant(quoted, letter.subject, candidates, partial(_post_of, app, route)))
    return [one for one, _ in mails if one.post in found][-MOST_ASKED:]


def _post_of(app: App, route: Route, token: str) -> int | None:
    """Return the post in a digest whose reply address has this token, None for another's."""
    for purpose in (TokenPurpose.IN_DIGEST, TokenPurpose.TO_WRITER):
        pair = app.keyring.read_pair(token, purpose, *route.scopes)
        if pair is not None:
            return pair[1]
    return None


def _mail(session: Session, lst: MailList, post_id: int) -> tuple[Answered, str] | None:
    """Return a post of this list and its own words."""
    post = session.get(Post, post_id)
    if post is None or post.list_id != lst.id:
        return None
    arrival = session.get(Arrival, post.arrival_id)
    hash_ = permalink_hash(post.message_id)
    row = session.scalar(select(Message).where(Message.list_id == lst.id, Message.hash == hash_))
    sha = row.raw_sha if row is not None else arrival.raw_sha if arrival is not None else b""
    raw = get_raw(session, sha) or b""
    head = read_head(raw)
    return Answered(post.id, post.message_id, head.subject, head.author), read_body(raw).quoted.text


def _deliver(
    app: App,
    arrival: Arrival,
    route: Route,
    letter: IncomingLetter,
    author: IncomingLetter,
    token: DigestToken,
    chosen: Answered,
    by: Carriers,
) -> ArrivalOutcome:
    """Post an answer under the mail it answers, or hand it to that mail's writer alone.

    ``author`` is the letter that ``arrival`` brought: the answer itself, or the yes to it.
    """
    if token.purpose is TokenPurpose.TO_WRITER:
        alias = _alias(app, route, chosen)
        where = Route(RouteKind.FROM, route.list_address, alias.token, route.scopes)
        return by.relay(app, arrival, where, answer_to(letter, chosen, alias.address, author))
    raw = answer_to(letter, chosen, route.list_address, author)
    with app.store.read() as session:
        lst = get_list(session, route.list_address)
        row = session.scalar(
            select(Message.id).where(
                Message.list_id == lst.id, Message.hash == permalink_hash(chosen.message_id)
            )
        )
    return by.post(app, arrival, route.list_address, raw, answers=row)


def answer_to(
    letter: IncomingLetter, chosen: Answered, to: str, author: IncomingLetter | None = None
) -> bytes:
    """Return a letter as the mail that it is: own words alone, under the mail it answers.

    Its From is that of ``author``, who has said yes to it; else its own.
    """
    raw = message.with_crlf(letter.raw)
    head = message.head(raw)
    kept = b"".join(
        raw[start:end]
        for (name, _), (start, end) in zip(head.fields, head.spans, strict=True)
        if name.lower() not in _REPLACED
    )
    subject = bare_subject(chosen.subject) or chosen.subject
    fields = [f"To: <{to}>", post_headers.coded("Subject", f"Re: {subject}")]
    if _ID.fullmatch(chosen.message_id):
        fields += [f"{one}: <{chosen.message_id}>" for one in ("In-Reply-To", "References")]
    written = _from_of(author or letter) + "".join(f"{one}\r\n" for one in fields).encode()
    whole = kept + written + b"\r\n" + raw[head.body :]
    return edited(whole, message.head(whole), letter.text.strip() + "\n", "")


def _from_of(letter: IncomingLetter) -> bytes:
    """Return a letter's one From field, byte for byte."""
    raw = message.with_crlf(letter.raw)
    head = message.head(raw)
    return b"".join(
        raw[start:end]
        for (name, _), (start, end) in zip(head.fields, head.spans, strict=True)
        if name.lower() == "from"
    )


@dataclass(frozen=True, slots=True)
class _WriterDoor:
    """Hold the alias of one writer, and its token."""

    address: str
    token: str


def _alias(app: App, route: Route, chosen: Answered) -> _WriterDoor:
    """Return the alias behind which a post's writer is reached; it bounds who writes there."""
    with app.store.read() as session:
        lst = get_list(session, route.list_address)
        post = session.get_one(Post, chosen.post)
        arrival = session.get_one(Arrival, post.arrival_id)
        head = message.head(get_raw(session, arrival.raw_sha) or b"")
        alias = writer_alias.make(session, app.keyring, lst, head, arrival.id)
    return _WriterDoor(alias.address, alias.address.partition("+")[2].partition("@")[0])


def _ask(
    app: App,
    arrival: Arrival,
    route: Route,
    letter: IncomingLetter,
    token: DigestToken,
    chosen: Sequence[Answered],
    *,
    own: bool,
) -> ArrivalOutcome:
    """Ask the member at their own address which mail they meant, or whether they wrote at all."""

    def work(visit: Visit) -> str:
        member = visit.session.get_one(Membership, token.member)
        to = optin.address_of(visit.session, member)
        if not chosen or not _may_ask(visit, to.key, own=own):
            return "not-posted: unclear"
        question(
            visit,
            AskPurpose.DIGEST,
            to=to,
            name="member-which",
            language=language_of(visit, to),
            payload=DigestPayload(
                arrival=arrival.id,
                posts=tuple(one.post for one in chosen),
                alone=token.purpose is TokenPurpose.TO_WRITER,
            ),
            context={
                "choices": [{"author": one.author, "subject": one.subject} for one in chosen],
                "their_words": letter.text.strip()[:400].splitlines(),
                "own": own,
            },
            ref=member.id,
            member=member.id,
        )
        return "asked which" if own else "asked the member"

    return act(app, arrival, route, letter, work)


def _may_ask(visit: Visit, key: str, *, own: bool) -> bool:
    """Tell whether a member may be asked what they meant: as often as they answer, within a day.

    Whoever shows their digest from another address can have them asked as strangers can.
    """
    if own:
        return budget.allow_thread(visit.session, key, now=visit.now)
    return visit.allow(key, "digest")


def _take_ask(
    app: App,
    arrival: Arrival,
    route: Route,
    letter: IncomingLetter,
    token: DigestToken,
    by: Carriers,
) -> ArrivalOutcome:
    """Carry out what a member says of their unclear answer: a number, a yes or a no."""
    ask = token.ask
    if ask is None:
        return _told(app, arrival, route, letter, "late: used")
    asked = ask_payloads.digest(ask)
    number = _number(letter)
    if number is None and len(asked.posts) == 1:
        said = meaning.agree(letter.words, ask.wording.rpartition("/")[2])
        number = 1 if said.means == "yes" else None
    if number is None or not 1 <= number <= len(asked.posts):
        return _told(app, arrival, route, letter, "not-posted: unclear")
    with app.store.read() as session:
        lst = get_list(session, route.list_address)
        given = session.get(Arrival, asked.arrival)
        raw = get_raw(session, given.raw_sha) if given is not None else None
        found = _mail(session, lst, asked.posts[number - 1])
        member = session.get(Membership, token.member)
        theirs = member is not None and letter.author and _is_theirs(session, member, letter.author)
    if not theirs:  # the yes counts, but nobody vouches for a From that is not the member's
        return _told(app, arrival, route, letter, "not-posted: unclear")
    if given is None or raw is None or found is None:
        return _told(app, arrival, route, letter, "not-posted: gone")
    first = incoming_letter.read(given, raw)
    purpose = TokenPurpose.TO_WRITER if asked.alone else TokenPurpose.IN_DIGEST
    told = DigestToken(purpose, token.member, 0)
    done = _deliver(app, arrival, route, first, letter, told, found[0], by)
    with app.store.write() as session:  # a post that is made twice is one post (RFC 1047)
        asks.spend(session, ask.id, how="reply", now=time.time())
    return done
