"""Write down who had left, bounced or complained where they come from, so that no list mails them.

Knows what a former service said and what is known here; who had left there has left this list, and
a dead address or a complaint bars the address everywhere. A yes that was said here since then is
stronger. ``decide`` is pure. Nobody becomes a member here: whoever is written down can join anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sqlalchemy.orm import Session

from mailer.reading import addresses
from mailer.storage import journal
from mailer.storage.bulk_rows import insert_many
from mailer.storage.journal import JournalWord
from mailer.storage.tokens import Keyring
from subscriptions.lists.roster import (
    MailList,
    Membership,
    MembershipState,
    Rhythm,
    Role,
    membership_of,
)
from subscriptions.member_files.former_state import FormerState
from subscriptions.membership import changes
from subscriptions.membership.changes import ChangeContext
from subscriptions.membership.members import (
    Candidate,
    CandidateOutcome,
    Fate,
    Known,
    insert_people,
    lock_people,
    look_up,
)
from subscriptions.permission import consent, suppression
from subscriptions.permission.consent import Act, ConsentNote, Source
from subscriptions.permission.suppression import Reason

BARS = {
    FormerState.LEFT: None,  # this list alone
    FormerState.BLOCKED: None,
    FormerState.BOUNCED: Reason.DEAD,
    FormerState.COMPLAINED: Reason.COMPLAINT,
}
_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)
_MEMBERSHIP = ("list_id", "person_id", "address_id", "role", "rhythm", "state", "joined_at")
_STAYS = CandidateOutcome(Fate.ALREADY, "said yes here since then")


class Departed(NamedTuple):
    """Describe somebody who is kept out: how they stood, since when (0: not told), what says so."""

    address: addresses.MailAddress
    name: str
    standing: FormerState
    since: float
    why: str


@dataclass(frozen=True, slots=True)
class Yes:
    """Say when each address key last said yes: to this list, and to any."""

    here: dict[str, float] = field(default_factory=dict)
    anywhere: dict[str, float] = field(default_factory=dict)


def decide(person: Departed, known: Known, yes: Yes) -> CandidateOutcome:
    """Name the fate of somebody who is kept out."""
    key = person.address.key
    if key in known.seen:
        return CandidateOutcome(Fate.DUPLICATE)
    known.seen.add(key)
    if key in known.erased:
        return CandidateOutcome(Fate.ERASED, "they asked to be forgotten")
    said = yes.here if BARS[person.standing] is None else yes.anywhere
    if said.get(key, 0.0) > person.since:
        return _STAYS
    return CandidateOutcome(Fate.SUPPRESSED, person.why)


def write_down(
    session: Session,
    lst: MailList,
    people: Sequence[Departed],
    *,
    keyring: Keyring,
    now: float,
    dry_run: bool = False,
) -> list[CandidateOutcome]:
    """Keep these people from being mailed; return the outcome of each, in order."""
    if not dry_run:
        lock_people(session)
    known = look_up(session, lst, [Candidate(one.address) for one in people], keyring)
    yes = _said_yes(session, lst, known, keyring)
    outcomes = [decide(person, known, yes) for person in people]
    if not dry_run:
        chosen = [
            person
            for person, outcome in zip(people, outcomes, strict=True)
            if outcome.fate is Fate.SUPPRESSED
        ]
        _bar(session, chosen, now)
        _take_off(session, lst, chosen, known, keyring, now)
    return outcomes


def _said_yes(session: Session, lst: MailList, known: Known, keyring: Keyring) -> Yes:
    """Return when those who are known said yes; an import that told no day says nothing.

    To this list only where they are on it: whoever left it afterwards has said no.
    """
    by_hash = {keyring.keyed_hash(key): key for key in known.people}
    yes = Yes()
    if not by_hash:
        return yes
    for entry in consent.history(session, keyring, list(known.people)):
        key = by_hash.get(entry.who)
        own = entry.source is not Source.IMPORT or entry.given_at
        if key is None or entry.act is not Act.CONSENTED or not own:
            continue
        at = entry.given_at or entry.at
        yes.anywhere[key] = max(at, yes.anywhere.get(key, 0.0))
        here = known.states.get(known.people[key][0]) in _HERE
        if here and entry.list_address in lst.addresses:
            yes.here[key] = max(at, yes.here.get(key, 0.0))
    return yes


def _bar(session: Session, people: Sequence[Departed], now: float) -> None:
    for person in people:
        reason = BARS[person.standing]
        if reason is not None:
            suppression.suppress(session, person.address.key, reason, person.since or now)


def _take_off(
    session: Session,
    lst: MailList,
    people: Sequence[Departed],
    known: Known,
    keyring: Keyring,
    now: float,
) -> None:
    """Have them left this list, whether or not they were ever on it, and say so in the ledger."""
    strangers = []
    entered: set[int] = set()  # people: somebody may stand in the file by two addresses
    for person in people:
        who = known.people.get(person.address.key)
        if BARS[person.standing] is not None or (who and who[0] in entered):
            continue
        entered |= {who[0]} if who else set()
        state = known.states.get(who[0]) if who else None
        member = membership_of(session, lst.id, person.address.key) if state else None
        if member is None:
            strangers.append(person)
        elif member.state is not MembershipState.LEFT:
            changes.leave(ChangeContext(session, lst, keyring, _note(person), now), member)
    if strangers:
        _enter_as_left(session, lst, strangers, known, keyring, now)


def _note(person: Departed) -> ConsentNote:
    said = ConsentNote(person.why, Source.IMPORT, confirmed_by="statement")
    return replace(said, given_at=person.since) if person.since else said


def _enter_as_left(
    session: Session,
    lst: MailList,
    people: Sequence[Departed],
    known: Known,
    keyring: Keyring,
    now: float,
) -> None:
    unknown = [one for one in people if one.address.key not in known.people]
    made = insert_people(session, [Candidate(one.address, one.name) for one in unknown], now)
    rows = {**known.people, **made}
    placed = [(one, *rows[one.address.key]) for one in people]
    words = (Role.MEMBER.value, Rhythm.EACH.value, MembershipState.LEFT.value)
    insert_many(
        session,
        Membership,
        (*_MEMBERSHIP, "left_at"),
        [
            (lst.id, person, address, *words, one.since or now, one.since or now)
            for one, person, address in placed
        ],
    )
    for one in people:
        journal.note(session, JournalWord.LEFT, one.address.key, list_address=lst.identity)
    consent.record_each(
        session,
        keyring,
        act=Act.LEFT,
        list_address=lst.address,
        people=[(one.address.given, one.address.key, row, _note(one)) for one, _, row in placed],
        now=now,
    )
