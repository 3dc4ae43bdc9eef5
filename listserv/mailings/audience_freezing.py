"""Freeze the audience of a mailing into the ledger, once, in short pieces.

The one place that knows both the memberships and the ledger's rows. Each piece moves the
mailing's cursor in its own transaction, so a cut anywhere is taken up where it stopped and
nobody is entered twice.
"""

import time
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Float,
    Insert,
    Integer,
    LargeBinary,
    String,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Session

from listserv.mailings import cross_posts, digest_windows, due_times, farewells, thread_ways
from listserv.mailings.digest_windows import Window
from listserv.mailings.due_times import AT_ONCE, DuePlan
from listserv.mailings.had_elsewhere import Apart
from listserv.mailings.slots import (
    FILLED,
    FORM,
    NAMED,
    QUESTION,
    digest_variant,
    variant_of,
)
from listserv.mailings.thread_ways import NOWHERE, PostThread
from listserv.wiring.listserv_tables import Issue, Post
from mailer.ledger.mailings import Composition, Mailing, MailingState, Recipient, open_mailing
from mailer.ledger.whole_mailings import AudienceEntry
from mailer.reading.addresses import parse
from mailer.reading.headers.head_facts import permalink_hash
from mailer.storage.store import Store
from subscriptions.audience.audience import audience_select
from subscriptions.audience.segment_query import EVERYBODY, Chosen
from subscriptions.lists import rhythms, terms
from subscriptions.lists.rhythms import DigestForm
from subscriptions.lists.roster import LANGUAGES, Address, Membership, Person, find_list

PIECE = 2000  # members of a post that go through Python: about 10 ms on SQLite
COUNTED = 600  # where each one's earlier issues are counted
SHORT = 1000  # memberships of a list whose digest is entered and opened in one go
POUR = 4000  # memberships that the database enters by itself: about as long


class Choice(NamedTuple):
    """Say which compositions a mailing has, and what a reader without a language reads."""

    variants: frozenset[int] = frozenset({0})
    language: str = ""

    def of(self, language: str, *, named: bool) -> int:
        """Return one reader's variant."""
        if self.variants <= {0}:  # none: an erasure took its text
            return 0
        filled = any(variant & FILLED for variant in self.variants)
        named = named and any(variant & NAMED for variant in self.variants)
        found = variant_of(language or self.language, named=named, filled=filled)
        # A post is composed in the languages that its readers had when it came.
        known = found in self.variants
        return found if known else variant_of(self.language, named=named, filled=filled)

    def column(self) -> ColumnElement[int]:
        """Return the same as an expression of SQL, beside ``Person``."""
        if self.variants <= {0}:
            return literal(0)
        if any(variant >> FORM for variant in self.variants):
            return self._formed()
        plain = {language: self.of(language, named=False) for language in LANGUAGES}
        chosen = case(plain, value=Person.language, else_=self.of("", named=False))
        if not any(variant & NAMED for variant in self.variants):
            return chosen
        return chosen + case((Person.name != "", NAMED), else_=0)

    def _formed(self) -> ColumnElement[int]:
        """Return the variant of a digest: as a member has it written, else as a page."""
        pages = {one: self._digest(one, DigestForm.PAGE) for one in LANGUAGES}
        page = case(pages, value=Person.language, else_=pages[self.language])
        forms = []
        for form in (DigestForm.MIME, DigestForm.PLAIN):
            if digest_variant(self.language, form) in self.variants:
                found = {one: self._digest(one, form) for one in LANGUAGES}
                theirs = case(found, value=Person.language, else_=found[self.language])
                forms.append((Membership.digest_form == form.value, theirs))
        return case(*forms, else_=page)

    def _digest(self, language: str, form: DigestForm) -> int:
        """Return a digest's variant in a language, else in the list's."""
        found = digest_variant(language, form)
        return found if found in self.variants else digest_variant(self.language, form)


def freezing(session: Session) -> list[int]:
    """Return the mailings whose audience is not complete yet, oldest first."""
    waiting = select(Mailing.id).where(Mailing.state == MailingState.FREEZING)
    return list(session.scalars(waiting.order_by(Mailing.id)))


def piece(
    session: Session,
    list_id: int,
    *,
    after: int,
    now: float,
    choice: Choice | None = None,
    first: bool = False,
    thread: PostThread | None = None,
) -> Sequence[AudienceEntry]:
    """Return the next members who get a post, at most ``PIECE``, behind membership ``after``.

    ``first`` says that the post begins a thread, ``thread`` in which it stands.
    """
    how = rhythms.by_itself(now, first=first)
    if thread is not None:
        woken = thread_ways.sleepers(session, thread.woken)
        how = thread_ways.gets(how, list_id, now, thread.key, thread.row, woken=woken)
    chosen = session.execute(audience_select(list_id, now=now, after=after, limit=PIECE, how=how))
    of = (choice or Choice()).of
    return [AudienceEntry(row[0], wire(row[1]), row[2], of(row[3], named=row[4])) for row in chosen]


def enter(
    session: Session,
    mailing_id: int,
    cursor: int,
    entries: Sequence[AudienceEntry],
    *,
    now: float,
    entered: int | None = None,
) -> bool:
    """Enter one piece; open the mailing when it was the last. Return whether more is to come.

    A mailing of several pieces is opened by the empty one at its end, with the number of those
    ``entered`` before: counting a million is too long for a write.
    """
    last = entries[-1].ref if entries else cursor
    if not _move_cursor(session, mailing_id, cursor, last):
        return True  # somebody else entered this piece
    _enter_rows(session, mailing_id, entries, now)
    if len(entries) == PIECE or (entries and cursor):
        return True
    open_mailing(session, mailing_id, now=now, audience=entered if cursor else len(entries))
    return False


def _enter_rows(
    session: Session, mailing_id: int, entries: Sequence[AudienceEntry], now: float
) -> None:
    rows = [
        {
            "mailing_id": mailing_id,
            "ref": entry.ref,
            "address": entry.address,
            "bucket": entry.bucket,
            "variant": entry.variant,
            "due": now,
        }
        for entry in entries
    ]
    if rows:
        # The connection, not the session: an ORM bulk insert costs several times as much.
        session.connection().execute(insert(Recipient), rows)


class AudienceWay(StrEnum):
    """Say whose way of getting mail a mailing follows."""

    ISSUE = "issue"  # everybody's
    POST = "post"  # who gets it by itself
    FIRST = "first"  # and who wants what begins a thread
    DIGEST = "digest"  # who waits for it
    LAST_DIGEST = "last-digest"  # who has gone back to each mail, and waits for the rest


class _Piece(NamedTuple):
    """Say which memberships come next: those behind ``after``, up to ``last``."""

    list_id: int
    after: int
    last: int
    choice: Choice
    chosen: Chosen = EVERYBODY
    plan: DuePlan = AT_ONCE
    kind: AudienceWay = AudienceWay.ISSUE
    at: float = 0.0  # when a post was decided
    thread: PostThread = NOWHERE  # in which it stands
    window: Window | None = None  # of a digest
    final: bool = False  # nobody stands behind it


def freeze_some(store: Store, mailing_id: int, patience: float = cross_posts.PATIENCE) -> bool:
    """Enter one more piece of a mailing that was begun. Return True to be called again.

    A cross-post's copies wait ``patience`` for the list that was named before.
    """
    now = time.time()
    with store.read() as session:
        mailing = session.get(Mailing, mailing_id)
        if mailing is None or mailing.state != MailingState.FREEZING:
            return False
        cursor = mailing.freeze_cursor
        piece = _next_piece(session, mailing)
        if piece is None:
            counted = select(func.count()).select_from(Recipient)
            entered = session.scalar(counted.where(Recipient.mailing_id == mailing_id))
            older = twins(session, mailing_id)
            issue = session.get(Issue, mailing_id)
            held = terms.read(issue.terms if issue else "")
            first = due_times.first_of(session, mailing, held, entered or 0)
    with store.write() as session:
        if piece is not None:
            if _move_cursor(session, mailing_id, cursor, piece.last):
                _pour(session, mailing_id, piece, now)
                if piece.window is not None:
                    digest_windows.close(session, piece.window, piece.after, piece.last)
                elif piece.kind is not AudienceWay.ISSUE:
                    cross_posts.settle(session, mailing_id, piece.after, piece.last, now, patience)
                if piece.final:
                    return _end_short(session, mailing_id, piece, now)
            return True
        if older:
            session.execute(delete(Recipient).where(Recipient.id.in_(older)))
            return True
        more = enter(session, mailing_id, cursor, (), now=now, entered=entered)
        if not more:
            due_times.go_first(session, mailing_id, first, held)
        return more


def _end_short(session: Session, mailing_id: int, piece: "_Piece", now: float) -> bool:
    """Open a mailing whose audience is one piece, in the transaction that has entered it.

    What a large one is looked over for, outside of any write, is quick here.
    """
    older = twins(session, mailing_id)
    if older:
        session.execute(delete(Recipient).where(Recipient.id.in_(older)))
        return True
    counted = select(func.count()).select_from(Recipient)
    entered = session.scalar(counted.where(Recipient.mailing_id == mailing_id)) or 0
    return enter(session, mailing_id, piece.last, (), now=now, entered=entered)


def _next_piece(session: Session, mailing: Mailing) -> _Piece | None:
    """Return the piece behind the mailing's cursor, or None behind the last."""
    lst = find_list(session, mailing.list_address)
    if lst is None:
        return None
    issue = session.get(Issue, mailing.id)
    held = terms.read(issue.terms if issue else "")
    following = (
        select(Membership.id)
        .where(Membership.list_id == lst.id, Membership.id > mailing.freeze_cursor)
        .order_by(Membership.id)
        .limit(COUNTED if held.cap else POUR)
        .subquery()
    )
    last, standing = session.execute(select(func.max(following.c.id), func.count())).one()
    if last is None:
        return None
    variants = select(Composition.variant).where(Composition.mailing_id == mailing.id)
    choice = Choice(frozenset(session.scalars(variants)), lst.language)
    piece = _Piece(lst.id, mailing.freeze_cursor, last, choice)
    if mailing.kind in {QUESTION, farewells.KIND}:  # whatever their rhythm: it must be known
        return piece
    if issue is None:
        window = digest_windows.of(session, mailing.id)
        if window is not None:
            way = AudienceWay.DIGEST if window.rhythm else AudienceWay.LAST_DIGEST
            short = mailing.freeze_cursor == 0 and standing < min(SHORT, POUR)
            return piece._replace(kind=way, window=window, final=short)
        way, thread = _way_of(session, mailing.id, lst.id)
        return piece._replace(kind=way, at=mailing.created, thread=thread)
    begun = mailing.created
    had = due_times.series_of(session, lst.id, issue.series, before=mailing.id)
    chosen = EVERYBODY
    if issue.segment or issue.series:
        chosen = Chosen(issue.segment, lst.language, begun, issue.series, had)
    made = due_times.plan(session, lst.id, held, begun=begun, mailing=mailing.id)
    return piece._replace(chosen=chosen, plan=made)


def _pour(session: Session, mailing_id: int, piece: "_Piece", now: float) -> None:
    """Enter a piece within the database; a row through Python costs ten times as much."""
    dialect = session.get_bind().dialect.name
    apart = piece.window.apart if piece.window is not None else Apart()
    pouring = _pouring(dialect, piece.choice, piece.chosen, piece.plan, piece.kind, apart)
    values = {
        "mailing": mailing_id,
        "list": piece.list_id,
        "after": piece.after,
        "last": piece.last,
        "now": now,
        "at": piece.at,
        "key": piece.thread.key,
        "row": piece.thread.row,
    }
    if piece.window is not None:
        values |= digest_windows.bounds(dialect, piece.window)
    session.connection().execute(pouring, values)


@lru_cache(maxsize=64)
def _pouring(
    dialect: str, choice: Choice, segment: Chosen, plan: DuePlan, way: AudienceWay, apart: Apart
) -> Insert:
    """Return the statement, built once: it runs hundreds of times, and within a write."""
    now = bindparam("now", type_=Float)
    columns = {
        "mailing_id": bindparam("mailing", type_=Integer),
        "ref": Membership.id,
        "address": _wire_in(dialect),
        "bucket": Address.domain,
        "due": plan.due(now),
        "variant": choice.column(),
    }
    if plan.recent:
        columns |= {"state": plan.state(), "reason": plan.why()}
    chosen = (
        audience_select(
            bindparam("list"),
            now=now,
            after=bindparam("after"),
            chosen=segment,
            how=_how(dialect, way),
        )
        .with_only_columns(*columns.values())
        .where(Membership.id <= bindparam("last"), *apart.conditions())
    )
    return insert(Recipient).from_select(list(columns), chosen)


def _how(dialect: str, way: AudienceWay) -> ColumnElement[bool] | None:
    if way is AudienceWay.ISSUE:
        return None
    if way in {AudienceWay.DIGEST, AudienceWay.LAST_DIGEST}:
        return digest_windows.waiting_for(dialect, last=way is AudienceWay.LAST_DIGEST)
    at = bindparam("at", type_=Float)
    by_itself = rhythms.by_itself(at, first=way is AudienceWay.FIRST)
    key, row = bindparam("key", type_=String), bindparam("row", type_=Integer)
    return thread_ways.gets(by_itself, bindparam("list"), at, key, row)


def _way_of(session: Session, mailing_id: int, list_id: int) -> tuple[AudienceWay, PostThread]:
    """Return whose way a post's copies go (that of the first of a thread, or of any other)."""
    found = select(Post.begins, Post.thread, Post.message_id).where(Post.mailing_id == mailing_id)
    row = session.execute(found).first()
    if row is None:
        return AudienceWay.POST, NOWHERE
    key = row.thread or permalink_hash(row.message_id)
    thread = PostThread(key, thread_ways.row_of(session, list_id, key))
    return AudienceWay.FIRST if row.begins else AudienceWay.POST, thread


def _wire_in(dialect: str) -> ColumnElement[str]:
    """Return what ``wire`` makes of an address, as an expression of SQL beside ``Address``."""
    given = Address.given
    if dialect == "sqlite":
        octets, at = func.length(cast(given, LargeBinary)), func.instr(given, "@")
    else:
        octets, at = func.octet_length(given), func.strpos(given, "@")
    spelled = func.substr(given, 1, at) + Address.domain
    return case((func.length(given) == octets, given), else_=spelled)


def twins(session: Session, mailing_id: int) -> Sequence[int]:
    """Return rows whose address stands in a mailing a second time: the older of each two.

    A list has no address twice, but a freeze takes its time: an address may have become another
    member's meanwhile, and it is theirs then. An index that forbids it costs more than to look.
    """
    return session.scalars(
        select(func.min(Recipient.id))
        .where(Recipient.mailing_id == mailing_id)
        .group_by(Recipient.address)
        .having(func.count() > 1)
        .limit(PIECE)
    ).all()


def wire(given: str) -> str:
    """Return an address as it stands in an SMTP envelope."""
    return given if given.isascii() else parse(given).wire


def _move_cursor(session: Session, mailing_id: int, cursor: int, last: int) -> bool:
    moved = (
        update(Mailing)
        .where(
            Mailing.id == mailing_id,
            Mailing.state == MailingState.FREEZING,
            Mailing.freeze_cursor == cursor,
        )
        .values(freeze_cursor=last)
        .returning(Mailing.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(moved) is not None
