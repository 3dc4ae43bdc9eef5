"""Do again what the journal says: whoever left since a backup has left, whoever came back is here.

    told = replay(session, keyring, lines, now=now)

The last word about each thing counts, by the time it was said; a yes only where it was committed.
A membership that began later than the line is left alone. People are found by the keyed hash of
their addresses, so a line about somebody whom this database does not know bars their hash.
Erasing is for the roof: whom to erase is returned.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.storage import journal
from mailer.storage.journal import JournalLine, JournalWord
from mailer.storage.tokens import Keyring
from subscriptions.lists.roster import (
    Address,
    MailList,
    Membership,
    MembershipState,
    Person,
    Rhythm,
)
from subscriptions.membership import changes
from subscriptions.membership.changes import ChangeContext
from subscriptions.permission import suppression
from subscriptions.permission.consent import ConsentNote, Source
from subscriptions.permission.suppression import Reason

HOW = "journal"
_CAME_BACK = "said yes again after the backup was taken"


@dataclass(frozen=True, slots=True)
class Replayed:
    """Count what was done again."""

    left: int = 0
    rhythms: int = 0
    paused: int = 0
    came_back: int = 0
    barred: int = 0
    lifted: int = 0
    forget: tuple[str, ...] = ()  # address keys of those who are to be erased


@dataclass(frozen=True, slots=True)
class _Book:
    """Hold what every line needs: whose hash is whose, and which list is which."""

    session: Session
    keyring: Keyring
    people: dict[str, tuple[str, int]]  # hash: address key, person
    lists: dict[str, MailList]


def replay(
    session: Session, keyring: Keyring, lines: Iterable[JournalLine], *, now: float
) -> Replayed:
    """Bring memberships and bars to where the journal left them; return what that changed."""
    journal.keep_quiet(session)
    last = journal.last_words(lines)
    if not last:
        return Replayed()
    lists = {where: one for one in session.scalars(select(MailList)) for where in one.addresses}
    book = _Book(session, keyring, _people(session, keyring, {line.who for line in last}), lists)
    by_word = {word: [line for line in last if line.word is word] for word in JournalWord}
    barred = sum(_bar(book, line) for line in by_word[JournalWord.BARRED])
    lifted = sum(_lift(book, line) for line in by_word[JournalWord.LIFTED])
    left = sum(_leave(book, line) for line in by_word[JournalWord.LEFT])
    paused = sum(_pause(book, line, now) for line in by_word[JournalWord.PAUSED])
    back = sum(_come_back(book, line) for line in by_word[JournalWord.ACTIVE])
    rhythms = sum(_beat(book, line) for line in by_word[JournalWord.RHYTHM])
    forget = tuple(_forgotten(book, by_word[JournalWord.FORGOTTEN], by_word[JournalWord.LIFTED]))
    session.flush()
    return Replayed(left, rhythms, paused, back, barred, lifted, forget)


def _people(session: Session, keyring: Keyring, wanted: set[str]) -> dict[str, tuple[str, int]]:
    rows = session.execute(select(Address.key, Address.person_id)).yield_per(5000)
    hashed = ((keyring.keyed_hash(key).hex(), key, person) for key, person in rows)
    return {who: (key, person) for who, key, person in hashed if who in wanted}


def _bar(book: _Book, line: JournalLine) -> bool:
    key = book.people[line.who][0] if line.who in book.people else suppression.HASH + line.who
    if line.reason == Reason.ERASED:
        key = suppression.HASH + line.who
    reason = Reason(line.reason)
    if suppression.has(book.session, key, reason):
        return False
    suppression.suppress(book.session, key, reason, line.at)
    return True


def _lift(book: _Book, line: JournalLine) -> bool:
    keys = [suppression.HASH + line.who]
    if line.who in book.people:
        keys.append(book.people[line.who][0])
    lifted = [suppression.lift(book.session, key, Reason(line.reason)) for key in keys]
    return any(lifted)


def _leave(book: _Book, line: JournalLine) -> bool:
    member = _member(book, line)
    if member is None or (
        member.state is not MembershipState.PENDING and member.joined_at > line.at
    ):
        return False
    return changes.leave(_desk(book, line), member)


def _pause(book: _Book, line: JournalLine, now: float) -> bool:
    member = _member(book, line)
    over = line.until is not None and line.until <= now
    if (
        member is None
        or over
        or member.state is not MembershipState.ACTIVE
        or member.joined_at > line.at
    ):
        return False
    desk = _desk(book, line)
    return changes.change_state(desk, member, MembershipState.PAUSED, paused_until=line.until)


def _come_back(book: _Book, line: JournalLine) -> bool:
    member = _member(book, line)
    if member is None or member.state is MembershipState.ACTIVE:
        return False
    if member.left_at is not None and member.left_at > line.at:
        return False
    key = book.people[line.who][0] if line.who in book.people else ""
    if suppression.said_never(book.session, book.keyring, [key]):
        return False
    return changes.change_state(_desk(book, line, _CAME_BACK), member, MembershipState.ACTIVE)


def _beat(book: _Book, line: JournalLine) -> bool:
    """Give a member the rhythm that they had; only who joined anew since has one of their own."""
    member = _member(book, line)
    if member is None or member.joined_at > line.at:
        return False
    return changes.change_rhythm(_desk(book, line), member, Rhythm(line.reason))


def _forgotten(
    book: _Book, lines: Iterable[JournalLine], lifted: Iterable[JournalLine]
) -> Iterable[str]:
    """Yield whom to erase; who came back since is only barred from what they did not ask for."""
    back = {line.who for line in lifted if line.reason == Reason.ERASED}
    for line in lines:
        if line.who in back:
            continue
        if line.who in book.people:
            yield book.people[line.who][0]
        else:
            hashed = suppression.HASH + line.who
            suppression.suppress(book.session, hashed, Reason.ERASED, line.at)


def _member(book: _Book, line: JournalLine) -> Membership | None:
    """Return whom a line is about; their address may have been another one at the backup."""
    lst = book.lists.get(line.list_address)
    if lst is None:
        return None
    where = select(Membership).where(Membership.list_id == lst.id)
    if line.who in book.people:
        person = book.people[line.who][1]
        return book.session.scalar(where.where(Membership.person_id == person))
    return book.session.scalar(
        where.join(Person, Person.id == Membership.person_id).where(
            Membership.id == line.member, Person.created <= line.at
        )
    )


def _desk(book: _Book, line: JournalLine, wording: str = "") -> ChangeContext:
    note = ConsentNote(wording, Source.CLI, confirmed_by=HOW)
    return ChangeContext(book.session, book.lists[line.list_address], book.keyring, note, line.at)
