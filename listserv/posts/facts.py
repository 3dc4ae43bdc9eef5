"""Facts: what the rules may know of a post, read from its bytes and from the database.

SECURITY: everything read here was written by a stranger. Only header fields are read, in linear
time; a message that breaks a limit is not parsed further.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from listserv.answers import automatic, own_words
from listserv.answers.machine_kinds import Judgement, MailRole
from listserv.answers.unsubscribe_posts import is_leave_wish
from listserv.posts import carried_parts
from listserv.posts.carried_parts import CarryPolicy
from listserv.posts.rules import PostFacts
from listserv.wiring import vouching
from listserv.wiring.listserv_tables import Ban, Post
from mailer.authentication.verdict import UNKNOWN, Authentication
from mailer.errors import BadInput
from mailer.reading import message, spam_marks
from mailer.reading.addresses import parse
from mailer.reading.bodies import read as read_body
from mailer.reading.headers import header_repair
from mailer.reading.language import language_of
from mailer.reading.message import MessageHeader
from mailer.reading.spam_marks import SpamMark
from subscriptions.lists import file_policy, post_rules, relatives
from subscriptions.lists.post_rules import PostTraits
from subscriptions.lists.roster import MailList, Membership, state_at

DUPLICATE_SECONDS = 7 * 86400.0
MAX_ID = 995  # octets of a Message-ID that are kept (RFC 5322 section 2.1.1: a line has 998)
_BRACKETED = re.compile(r"<\s*([^<>\s]{1,998})\s*>")


@dataclass(frozen=True, slots=True)
class PostReading:
    """Hold what is read from the bytes of one message."""

    raw: bytes
    head: MessageHeader
    message_id: str  # without angle brackets; "" where there is none
    authors: tuple[str, ...]  # address keys in From
    trouble: str
    digest: bytes  # mailer.reading.message.content_digest
    automatic: Judgement  # whether a machine wrote it
    leave_wish: bool  # it says nothing but "unsubscribe me"
    added: tuple[str, ...] = ()  # fields that we have given it


class BytesFacts(TypedDict):
    """Hold the part of ``PostFacts`` that needs no database; see there for what each is."""

    envelope_sender: str
    authors: tuple[str, ...]
    size: int
    trouble: str
    list_ids: tuple[str, ...]
    own_list_ids: tuple[str, ...]
    own_received: bool
    received: int
    automatic: str
    automatic_sure: bool
    leave_wish: bool


def read(raw: bytes) -> PostReading:
    """Read a message's header section; never raises."""
    head = message.head(raw)
    trouble = message.check_limits(raw) or ""
    machine, leave_wish = _judged(raw, head, trouble)
    return PostReading(
        raw=raw,
        head=head,
        message_id=_bounded(message.message_id(head) or ""),
        authors=_authors(head),
        trouble=trouble,
        digest=message.content_digest(raw),
        automatic=machine,
        leave_wish=leave_wish,
    )


def named(reading: PostReading, domain: str) -> PostReading:
    """Give a mail without an id the one that it will leave under."""
    if reading.message_id or reading.head.first("Message-ID") is not None:
        return reading
    return replace(reading, message_id=header_repair.made_id(reading.digest, domain))


def completed(reading: PostReading, when: float) -> PostReading:
    """Return a mail as it leaves: with Message-ID and Date."""
    head = reading.head
    raw, added = header_repair.complete(reading.raw, head, message_id=reading.message_id, when=when)
    if not added:
        return reading
    return replace(reading, raw=raw, head=message.head(raw), added=tuple(added))


def begins(reading: PostReading, answers: int | None = None) -> bool:
    """Tell whether a post begins a thread: it names no other, and its subject is no reply's.

    ``answers`` is the archived mail that it answers by its token.
    """
    head = reading.head
    named = answers is not None or head.first("In-Reply-To") or head.first("References")
    return not named and not own_words.of_subject(head.text("subject"))[1]


def from_bytes(reading: PostReading, own: Sequence[str], envelope_sender: str) -> BytesFacts:
    """Return the part of ``PostFacts`` that needs no database.

    ``own`` are the addresses of the list, by all of its names.
    """
    head = reading.head
    return {
        "envelope_sender": envelope_sender,
        "authors": reading.authors,
        "size": len(reading.raw),
        "trouble": reading.trouble,
        "list_ids": _list_ids(head),
        "own_list_ids": tuple(one.replace("@", ".", 1) for one in own),
        "own_received": any(_own_received(head, one) for one in own),
        "received": len(head.all("received")),
        "automatic": reading.automatic.kind or "",
        "automatic_sure": reading.automatic.sure,
        "leave_wish": reading.leave_wish,
    }


def gather(
    session: Session,
    lst: MailList,
    reading: PostReading,
    envelope_sender: str,
    now: float,
    found: Authentication = UNKNOWN,
    disowned: str = "hold",
    *,
    fronted: bool = False,
) -> PostFacts:
    """Return all that the rules may know of this post to this list.

    ``fronted`` says that a mail server in front of us brought it, whose marks of spam are heard.
    """
    mark = spam_marks.read(reading.head) if fronted else SpamMark()
    ours = vouching.organisations(session, lst.domain)
    one = len(reading.authors) == 1
    member = relatives.counted_member(session, lst, reading.authors[0]) if one else None
    same, other = known_before(session, lst.id, reading, now)
    return PostFacts(
        list_address=lst.address,
        list_kind=lst.kind,
        post_policy=lst.post,
        max_size=lst.max_size,
        emergency=lst.emergency,
        closed=lst.closed,
        deleted=lst.deleted_at is not None,
        sealed_file=_is_sealed(reading, lst),
        first_posts_moderated=lst.first_posts_moderated,
        author_state=_state(member, now),
        author_role=member.role if member and member.list_id == lst.id else "",
        author_moderated=member.moderated if member else None,
        from_is_ours=vouching.is_ours(reading.head, ours, found),
        from_not_theirs=found.disowned,
        disowned=disowned,
        spam=lst.spam.value if mark.marked else "",
        met=_met(lst, reading, mark),
        author_banned=_banned(session, lst.id, reading),
        author_posts=_accepted_before(session, lst, reading) if member else 0,
        same_message=same,
        same_id_other_content=other,
        **from_bytes(reading, lst.addresses, envelope_sender),
    )


def _is_sealed(reading: PostReading, lst: MailList) -> bool:
    if not lst.files or reading.trouble:
        return False
    policy = CarryPolicy(files=file_policy.read(lst.files))
    return carried_parts.carry(reading.raw, policy, lambda _change, _page: "").sealed


def _met(lst: MailList, reading: PostReading, mark: SpamMark) -> tuple[tuple[str, str], ...]:
    """Return which of the owner's own rules a post meets."""
    rules = post_rules.read(lst.rules or "")
    if not rules:
        return ()
    parts = {rule.part for rule in rules}
    head = reading.head
    post = PostTraits(
        authors=reading.authors,
        subject=head.text("subject"),
        headers=lambda name: [message.text_of(value) for value in head.all(name)],
        files=_files(reading) if "file" in parts else (),
        language=_language(reading) if "language" in parts else "",
        size=len(reading.raw),
        score=mark.score,
    )
    return tuple((rule.text, rule.verb) for rule in post_rules.met(rules, post))


def _files(reading: PostReading) -> list[str]:
    if reading.trouble:
        return []
    names = [part.get_filename() for part in message.parse(reading.raw).walk()]
    return [message.text_of(name.encode("utf-8", "replace")) for name in names if name]


def _language(reading: PostReading) -> str:
    if reading.trouble or len(reading.raw) > automatic.MAX_RAW:
        return ""
    return language_of(own_words.read(read_body(reading.raw).quoted).whole)


def known_before(
    session: Session, list_id: int, reading: PostReading, now: float
) -> tuple[bool, bool]:
    """Tell whether this very message was accepted here within a week, and whether its id was.

    RFC 1047: a client that never saw our 250 sends again. A message without an id is known by
    its content alone.
    """
    rows = session.execute(
        select(Post.digest).where(
            Post.list_id == list_id,
            Post.message_id == reading.message_id,
            Post.decision == "accept",
            Post.decided_at > now - DUPLICATE_SECONDS,
        )
    ).all()
    if not rows:
        return False, False
    same = any(row.digest == reading.digest for row in rows)
    return same, bool(reading.message_id) and not same


def _accepted_before(session: Session, lst: MailList, reading: PostReading) -> int:
    """Return how many of a writer's posts were accepted, where a rule asks for that."""
    if not lst.first_posts_moderated:
        return 0
    return (
        session.scalar(
            select(func.count()).where(
                Post.list_id == lst.id,
                Post.author == reading.authors[0],
                Post.decision == "accept",
            )
        )
        or 0
    )


def _banned(session: Session, list_id: int, reading: PostReading) -> bool:
    found = select(Ban.since).where(Ban.list_id == list_id, Ban.address_key.in_(reading.authors))
    return bool(reading.authors) and session.scalar(found.limit(1)) is not None


def _state(member: Membership | None, now: float) -> str:
    if member is None:
        return ""
    return state_at(member.state, member.rhythm, member.paused_until, now)


def _judged(raw: bytes, head: MessageHeader, trouble: str) -> tuple[Judgement, bool]:
    """Tell whether a machine wrote it, and whether it only wishes to leave; read the body once."""
    if trouble or len(raw) > automatic.MAX_RAW:
        return automatic.judge(raw, door=MailRole.POST), False
    quoted = read_body(raw).quoted
    machine = automatic.of_letter(raw, head, None, quoted, MailRole.POST)
    return machine, not machine and is_leave_wish(
        head.text("subject"), own_words.read(quoted).whole
    )


def _bounded(message_id: str) -> str:
    """Return an id of at most ``MAX_ID`` octets: an index of PostgreSQL takes no 2,700."""
    return message_id.encode()[:MAX_ID].decode("utf-8", "ignore")


def _authors(head: MessageHeader) -> tuple[str, ...]:
    keys = []
    for value in head.all("from"):
        for _, address in message.addresses_of(value):
            try:
                keys.append(parse(address).key)
            except BadInput:
                continue
    return tuple(dict.fromkeys(keys))


def _list_ids(head: MessageHeader) -> tuple[str, ...]:
    values = head.all("list-id") + head.all("x-original-list-id")
    found = (_BRACKETED.search(message.text_of(value)) for value in values)
    return tuple(match[1].lower() for match in found if match)


def _own_received(head: MessageHeader, list_address: str) -> bool:
    mark = f"for <{list_address}>".encode()
    return any(b"(Krets) with" in value and mark in value for value in head.all("received"))
