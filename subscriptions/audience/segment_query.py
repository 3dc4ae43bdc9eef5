"""Turn a segment into a condition for the database, with bound values; keep the saved ones.

Knows the tables that a segment's words stand for; refuses to know how they are written
(segments.py). ``resolve`` is what doors call: it reads a text as one list understands it, and
gives back a text without names of saved segments, which means the same for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from functools import lru_cache

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    String,
    and_,
    delete,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from mailer.errors import Refused
from mailer.ledger.mailings import Recipient, RecipientState
from mailer.storage.store import Base, insert_or_change
from subscriptions.audience import segments
from subscriptions.audience.segments import (
    MAX_LENGTH,
    MAX_NAME,
    BadSegment,
    Everybody,
    Is,
    JoinedWhen,
    Not,
    On,
    Scope,
    Several,
    Tree,
)
from subscriptions.lists import attributes, series
from subscriptions.lists.attributes import Attribute
from subscriptions.lists.naming import read_list_address
from subscriptions.lists.roster import (
    Address,
    MailList,
    Membership,
    MembershipState,
    Person,
    all_lists,
)

_DAY = 86400.0
_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)
MAX_SAVED = 100  # of one list


class Segment(Base):
    """Keep an expression under a name that editors of one list use."""

    __tablename__ = "segment"
    list_id: Mapped[int] = mapped_column(ForeignKey(MailList.id), primary_key=True)
    name: Mapped[str] = mapped_column(String(MAX_NAME), primary_key=True)
    expression: Mapped[str] = mapped_column(String(MAX_LENGTH))
    changed: Mapped[float]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Hold a segment as it was resolved at one moment: "" is everybody."""

    text: str = ""
    language: str = ""  # of the list: what members read who have chosen none
    now: float = 0.0
    series: str = ""  # nobody who has had one of these
    had: tuple[int, ...] = ()  # its mailings whose rows the ledger still has

    @property
    def narrows(self) -> bool:
        """Tell whether anybody is left out."""
        return bool(self.text or self.series)

    @property
    def condition(self) -> ColumnElement[bool]:
        """Return the condition, beside Membership, Person and Address; nobody where unreadable."""
        return _condition(self)


EVERYBODY = Chosen()


def saved(session: Session, list_id: int) -> dict[str, str]:
    """Return the list's saved segments by name."""
    found = select(Segment.name, Segment.expression).where(Segment.list_id == list_id)
    return {row.name: row.expression for row in session.execute(found.order_by(Segment.name))}


def save(session: Session, lst: MailList, name: str, text: str, now: float) -> str:
    """Save an expression under a name; return the name. Raise BadSegment where it says nothing."""
    name = segments.check_name(name)
    scope = scope_of(session, lst)
    known = {**scope.saved, name: text}
    if len(known) > MAX_SAVED:
        raise Refused(f"A list can have {MAX_SAVED} saved segments, and no more.")
    segments.read(name, Scope(known, scope.keys, scope.lists))  # also finds one within itself
    row = {"list_id": lst.id, "name": name, "expression": text.strip(), "changed": now}
    session.execute(insert_or_change(session, Segment, "expression", "changed"), [row])
    return name


def drop(session: Session, lst: MailList, name: str) -> None:
    """Take a saved segment away; raise Refused where there is none, or another one names it."""
    known = saved(session, lst.id)
    name = name.strip().casefold()
    if name not in known:
        raise Refused(f"{lst.address} has no segment {name[:MAX_NAME]!r}.")
    rest = {one: text for one, text in known.items() if one != name}
    scope = scope_of(session, lst)
    for one in rest:
        try:
            segments.read(one, Scope(rest, scope.keys, scope.lists))
        except BadSegment as error:
            if error.values.get("said", "").casefold() == name:
                raise Refused(f"The segment {one} names {name}.", f"Change {one} first.") from None
    session.execute(delete(Segment).where(Segment.list_id == lst.id, Segment.name == name))


def scope_of(session: Session, lst: MailList) -> Scope:
    """Return what a segment of this list can name; other lists are those of its domain."""
    lists = [one.address for one in all_lists(session) if one.domain == lst.domain]
    keys = attributes.keys_on(session, lst.id)
    return Scope(saved(session, lst.id), frozenset(keys), frozenset(lists))


def resolve(session: Session, lst: MailList, text: str, now: float) -> Chosen:
    """Read a segment as this list understands it now; raise BadSegment."""
    if not text.strip():
        return EVERYBODY
    tree = segments.read(text, scope_of(session, lst))
    if tree == Everybody():
        return EVERYBODY
    written = segments.write(tree)
    segments.read_written(written)  # what would choose nobody later is said now
    return Chosen(written, lst.language, now)


@lru_cache(maxsize=64)
def _condition(chosen: Chosen) -> ColumnElement[bool]:
    if chosen.series:
        had = exists().where(
            Recipient.mailing_id.in_(chosen.had),
            Recipient.ref == Membership.id,
            Recipient.state != RecipientState.SKIPPED,
        )
        rest = _condition(replace(chosen, series="", had=()))
        return and_(~had, ~series.has_had(chosen.series), rest)
    if not chosen.text:
        return true()
    try:
        tree = segments.read_written(chosen.text)
    except BadSegment:  # written by a newer program: rather nobody than everybody
        return false()
    return _meaning(tree, chosen)


def _meaning(tree: Tree, chosen: Chosen) -> ColumnElement[bool]:
    match tree:
        case Everybody():
            return true()
        case Is(word, values):
            return _is(word, values, chosen)
        case JoinedWhen():
            return _joined(tree, chosen.now)
        case On(address):
            return _on(address)
        case Not(of):
            return not_(_meaning(of, chosen))
        case Several(how, parts):
            join = and_ if how == "and" else or_
            return join(*(_meaning(part, chosen) for part in parts))


def _is(word: str, values: Sequence[str], chosen: Chosen) -> ColumnElement[bool]:
    if word == "language":
        spoken = func.coalesce(func.nullif(Person.language, ""), chosen.language)
        return spoken.in_(values)
    if word == "role":
        return Membership.role.in_(values)
    if word == "domain":
        return Address.domain.in_(values)
    return exists(
        select(Attribute.membership_id).where(
            Attribute.membership_id == Membership.id,
            Attribute.key == word,
            Attribute.folded.in_(list(map(attributes.fold, values))),
        )
    )


def _joined(test: JoinedWhen, now: float) -> ColumnElement[bool]:
    if test.day is None:
        return Membership.joined_at >= now - test.days * _DAY
    begins = datetime.combine(test.day, time(), UTC).timestamp()
    if test.how == "since":
        return Membership.joined_at >= begins
    return Membership.joined_at < begins


def _on(address: str) -> ColumnElement[bool]:
    where = read_list_address(address)
    other, there = aliased(Membership), aliased(MailList)
    return exists(
        select(other.id)
        .join(there, there.id == other.list_id)
        .where(
            other.person_id == Membership.person_id,
            other.state.in_(_HERE),
            there.name == where.name,
            there.domain == where.domain,
        )
    )
