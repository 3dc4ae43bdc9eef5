"""Bring people onto a list, one or thousands at a time, and write down why each was (not).

``decide`` is pure: given what the database knows, it names a fate. ``enrol`` looks up what is
known about a batch in four queries, decides, and writes what is to be added. The rule behind
all of it: nobody is mailed who has not said yes, and nobody who left, complained, was erased
or said "never" comes back because their address stands in a file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from sqlalchemy import Select, bindparam, select, text, update
from sqlalchemy.orm import Session

from mailer.reading import addresses
from mailer.storage.bulk_rows import Value, among, insert_many, one_of, spell
from mailer.storage.tokens import Keyring
from subscriptions.lists import relatives
from subscriptions.lists.attributes import add_new
from subscriptions.lists.roster import (
    Address,
    MailList,
    Membership,
    MembershipState,
    Person,
    Rhythm,
    Role,
    table_of,
)
from subscriptions.permission import consent, suppression
from subscriptions.permission.consent import Act, ConsentNote

_PEOPLE_LOCK = 0x6B72_6574  # "kret": one enrolment at a time on PostgreSQL
_ASKED = "invitation"
_ADDRESS = ("id", "person_id", "given", "key", "domain", "created")
_MEMBERSHIP = ("list_id", "person_id", "address_id", "role", "rhythm", "state", "joined_at")


class Fate(StrEnum):
    """Say what became of somebody who was to be added."""

    ADDED = "added"
    PAUSED = "paused"
    ASKED = "asked"
    ALREADY = "already"
    DUPLICATE = "duplicate"
    LEFT = "left"
    SUPPRESSED = "suppressed"
    ERASED = "erased"
    OWN_ADDRESS = "own address"
    ROLE_ADDRESS = "role address"
    NO_CONSENT = "no consent"
    REFUSED = "refused"
    INVALID = "invalid"


class Candidate(NamedTuple):
    """Describe somebody to be added; without ``consent`` they are asked first."""

    address: addresses.MailAddress
    name: str = ""
    language: str = ""
    role: Role = Role.MEMBER
    rhythm: Rhythm = Rhythm.EACH
    consent: ConsentNote | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    paused: bool = False  # on the list, and not mailed until they say so
    paused_until: float | None = None  # or until then


@dataclass(frozen=True, slots=True)
class CandidateOutcome:
    """Say what became of a candidate, and why where it is not plain."""

    fate: Fate
    why: str = ""


@dataclass(slots=True)
class Known:
    """Hold what the database knows about a batch; ``decide`` adds what it has just decided."""

    people: dict[str, tuple[int, int]] = field(default_factory=dict)  # key: (person, address)
    states: dict[int, MembershipState] = field(default_factory=dict)  # person: state on this list
    suppressed: dict[str, suppression.Reason] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    lists: dict[str, str] = field(default_factory=dict)  # key: the list of ours that it is


ADDED = CandidateOutcome(Fate.ADDED)
PAUSED = CandidateOutcome(Fate.PAUSED, "as where they come from")
ASKED = CandidateOutcome(Fate.ASKED)
_WRITTEN = (Fate.ADDED, Fate.PAUSED, Fate.ASKED)
_REFUSALS = {
    MembershipState.ACTIVE: CandidateOutcome(Fate.ALREADY),
    MembershipState.PAUSED: CandidateOutcome(Fate.ALREADY, "paused"),
    MembershipState.LEFT: CandidateOutcome(
        Fate.LEFT, "they left; only `member set --state active` brings them back"
    ),
}


def decide(candidate: Candidate, known: Known, owns: Callable[[str], bool]) -> CandidateOutcome:
    """Name the candidate's fate on a list, and note it in ``known`` for the rest of the batch.

    ``owns`` tells whether an address key is one of the list's own.
    """
    key = candidate.address.key
    barred = _barred(key, known, owns)
    known.seen.add(key)
    if barred is not None:
        return barred
    person = known.people.get(key, (0, 0))[0]
    state = known.states.get(person) if person else None
    if state is not None and state is not MembershipState.PENDING:
        return _REFUSALS[state]
    if state is MembershipState.PENDING and candidate.consent is None:
        return CandidateOutcome(Fate.ALREADY, "asked before, has not answered")
    state = _begins(candidate)
    if person:
        known.states[person] = state
    return _VERDICTS[state]


_VERDICTS = {
    MembershipState.PENDING: ASKED,
    MembershipState.ACTIVE: ADDED,
    MembershipState.PAUSED: PAUSED,
}


def _begins(candidate: Candidate) -> MembershipState:
    if candidate.consent is None:
        return MembershipState.PENDING
    return MembershipState.PAUSED if candidate.paused else MembershipState.ACTIVE


def _barred(key: str, known: Known, owns: Callable[[str], bool]) -> CandidateOutcome | None:
    if key in known.seen:
        return CandidateOutcome(Fate.DUPLICATE)
    if key in known.erased:
        return CandidateOutcome(Fate.ERASED, "they asked to be forgotten")
    if key in known.suppressed:
        return CandidateOutcome(Fate.SUPPRESSED, known.suppressed[key].value)
    if owns(key):
        return CandidateOutcome(Fate.OWN_ADDRESS, "it is an address of the list itself")
    if key in known.lists:
        other = known.lists[key]
        why = f"it is the list {other}; its members come along where it is a part: --parts {other}"
        return CandidateOutcome(Fate.OWN_ADDRESS, why)
    return None


def look_up(
    session: Session, lst: MailList, candidates: Sequence[Candidate], keyring: Keyring
) -> Known:
    """Gather what the database knows about these candidates."""
    keys = [candidate.address.key for candidate in candidates]
    dialect = session.get_bind().dialect.name
    found = session.execute(_acquainted(dialect), {"keys": spell(dialect, keys)})
    people = {key: (person_id, address_id) for key, person_id, address_id in found}
    hashed = suppression.remembered(session, keyring, keys)
    return Known(
        people=people,
        states=_states(session, lst, [person for person, _ in people.values()]),
        suppressed=hashed | suppression.suppressed(session, keys),
        erased=suppression.erased(session, keyring, keys) if hashed else set(),
        lists=relatives.lists_here(session, keys),
    )


@cache
def _acquainted(dialect: str) -> Select[str, int, int]:
    """Return who has an address of ``keys``: a question that takes longer to build than to ask."""
    chosen = one_of(dialect, "address.key", "keys", "varchar")
    return select(Address.key, Address.person_id, Address.id).where(chosen)


def _states(session: Session, lst: MailList, person_ids: list[int]) -> dict[int, MembershipState]:
    if not person_ids:
        return {}
    found = session.execute(
        select(Membership.person_id, Membership.state).where(
            Membership.list_id == lst.id, among(session, Membership.person_id, person_ids)
        )
    )
    return {row.person_id: row.state for row in found}


def lock_people(session: Session) -> None:
    """Let nobody else add people until this transaction ends (SQLite has one writer anyway)."""
    if session.get_bind().dialect.name == "postgresql":
        # Two doors adding the same stranger would both insert their address. And PostgreSQL
        # checks foreign keys by plans that it keeps for as long as we are connected: one made when
        # there were five people reads all of them for each of the next hundred thousand.
        said = "SELECT pg_advisory_xact_lock(:lock), set_config('enable_seqscan', 'off', true)"
        session.execute(text(said), {"lock": _PEOPLE_LOCK})


def enrol(
    session: Session,
    lst: MailList,
    candidates: Sequence[Candidate],
    *,
    keyring: Keyring,
    now: float,
    dry_run: bool = False,
) -> list[CandidateOutcome]:
    """Add the candidates who may be added; return the outcome of each, in order."""
    if not dry_run:
        lock_people(session)
    known = look_up(session, lst, candidates, keyring)
    before = dict(known.states)
    outcomes = [decide(candidate, known, lst.owns) for candidate in candidates]
    if not dry_run:
        chosen = [
            candidate
            for candidate, outcome in zip(candidates, outcomes, strict=True)
            if outcome.fate in _WRITTEN
        ]
        _write(session, lst, chosen, people=known.people, before=before, keyring=keyring, now=now)
    return outcomes


def add_member(
    session: Session, lst: MailList, candidate: Candidate, *, keyring: Keyring, now: float
) -> CandidateOutcome:
    """Add one candidate, or say why not."""
    return enrol(session, lst, [candidate], keyring=keyring, now=now)[0]


def _write(
    session: Session,
    lst: MailList,
    chosen: Sequence[Candidate],
    *,
    people: dict[str, tuple[int, int]],
    before: dict[int, MembershipState],
    keyring: Keyring,
    now: float,
) -> None:
    if not chosen:
        return
    acquainted = [(c, people[c.address.key][0]) for c in chosen if c.address.key in people]
    strangers = [c for c in chosen if c.address.key not in people]
    people = people | insert_people(session, strangers, now)
    list_id = lst.id
    rows: list[tuple[Value, ...]] = []
    said: list[tuple[Candidate, int]] = []
    for candidate in chosen:
        person_id, address_id = people[candidate.address.key]
        said.append((candidate, address_id))
        if before.get(person_id) is MembershipState.PENDING:
            _activate(session, lst, candidate, (person_id, address_id), now)
            continue
        words = _words(candidate.role, candidate.rhythm, _begins(candidate))
        rows.append((list_id, person_id, address_id, *words, now))
    insert_many(session, Membership, _MEMBERSHIP, rows)
    _fill_in(session, acquainted)
    for candidate in chosen:
        if candidate.paused and candidate.paused_until:
            person_id = people[candidate.address.key][0]
            _pause_until(session, list_id, person_id, candidate.paused_until)
    _tell_of(session, list_id, [(c, people[c.address.key][0]) for c in chosen if c.attributes])
    _record(session, keyring, lst, said, now)


@cache
def _words(role: Role, rhythm: Rhythm, state: MembershipState) -> tuple[str, str, str]:
    return role.value, rhythm.value, state.value  # a call each in Python


def insert_people(
    session: Session, strangers: Sequence[Candidate], now: float
) -> dict[str, tuple[int, int]]:
    """Insert people and addresses under ids drawn first: RETURNING costs SQLite a call a row."""
    if not strangers:
        return {}
    person_ids = _draw_ids(session, "person", len(strangers))
    address_ids = _draw_ids(session, "address", len(strangers))
    whole = list(zip(strangers, person_ids, address_ids, strict=True))
    people = [(person_id, c.name, c.language, now) for c, person_id, _ in whole]
    insert_many(session, Person, ("id", "name", "language", "created"), people)
    rows = []
    for candidate, person_id, address_id in whole:
        who = candidate.address
        rows.append((address_id, person_id, who.given, who.key, who.domain, now))
    insert_many(session, Address, _ADDRESS, rows)
    return {c.address.key: (person_id, address_id) for c, person_id, address_id in whole}


def _draw_ids(session: Session, table: str, count: int) -> Sequence[int]:
    """Take the next ids of a table; this transaction is SQLite's only writer."""
    if session.get_bind().dialect.name == "sqlite":
        last = session.scalar(
            text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table}
        )
        return range((last or 0) + 1, (last or 0) + count + 1)
    return session.scalars(
        text("SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :count)"),
        {"name": table, "count": count},
    ).all()


def _activate(
    session: Session, lst: MailList, candidate: Candidate, who: tuple[int, int], now: float
) -> None:
    person_id, address_id = who
    session.execute(
        update(Membership)
        .where(Membership.list_id == lst.id, Membership.person_id == person_id)
        .values(
            address_id=address_id,
            state=_begins(candidate),
            role=candidate.role,
            rhythm=candidate.rhythm,
            joined_at=now,
        )
    )


def _pause_until(session: Session, list_id: int, person_id: int, until: float) -> None:
    theirs = (Membership.list_id == list_id, Membership.person_id == person_id)
    session.execute(update(Membership).where(*theirs).values(paused_until=until))


def _fill_in(session: Session, known: Sequence[tuple[Candidate, int]]) -> None:
    """Fill in a name or language that was not known; what is known stays as it is."""
    people = table_of(Person)
    for column in ("name", "language"):
        values = [
            {"person": person_id, "value": getattr(candidate, column)}
            for candidate, person_id in known
            if getattr(candidate, column)
        ]
        if values:
            unknown = people.update().where(
                people.c.id == bindparam("person"), people.c[column] == ""
            )
            session.execute(unknown.values({column: bindparam("value")}), values)


def _tell_of(session: Session, list_id: int, told: Sequence[tuple[Candidate, int]]) -> None:
    """Write down what else is said of those who were added, each with the row of the person."""
    if not told:
        return
    rows = session.execute(
        select(Membership.person_id, Membership.id).where(
            Membership.list_id == list_id,
            among(session, Membership.person_id, [person for _, person in told]),
        )
    )
    ids = {row.person_id: row.id for row in rows}
    add_new(session, [(ids[person], dict(c.attributes)) for c, person in told])


def _record(
    session: Session,
    keyring: Keyring,
    lst: MailList,
    chosen: Sequence[tuple[Candidate, int]],
    now: float,
) -> None:
    """Write down how each said yes, or that they were asked; most say it in the same words.

    ``chosen`` are people, each with the row of their address.
    """
    asked = ConsentNote(wording=_ASKED, source=consent.Source.CLI)
    for act, some in (
        (Act.CONSENTED, [one for one in chosen if one[0].consent is not None]),
        (Act.ASKED, [one for one in chosen if one[0].consent is None]),
    ):
        people = [(c.address.given, c.address.key, row, c.consent or asked) for c, row in some]
        notes = {id(note): note for *_, note in people}
        record = consent.record_each if len(notes) > 1 else consent.record_alike
        if people:
            record(session, keyring, act=act, list_address=lst.address, people=people, now=now)
