"""Write a list's members as a sheet that an import reads again unchanged.

Knows which columns an import understands: state and the day they left, how they said
yes, when and from where, and what else the list knows of them. No spreadsheet takes a cell for a
formula; the import takes that mark off again. SECURITY: the sheet is full of addresses.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.storage.tokens import Keyring
from subscriptions.lists import attributes
from subscriptions.lists.attributes import Attribute
from subscriptions.lists.roster import (
    Address,
    MailList,
    Membership,
    MembershipState,
    Person,
    state_at,
)
from subscriptions.member_files.csv_rows import neutral
from subscriptions.membership.given_up import stands_against
from subscriptions.permission import consent
from subscriptions.permission.consent import Act, Consent

COLUMNS = (
    "email",
    "name",
    "language",
    "role",
    "rhythm",
    "state",
    "left at",
    "paused until",
    "consent",
    "consent date",
    "consent ip",
)
ATTRIBUTE = "attribute "  # begins the heading of what else the list knows of them
PAGE = 500
MAX_WORDING = 1000  # characters of what an import reads


def header(session: Session, lst: MailList) -> tuple[str, ...]:
    """Return the headings: ours, and one for each attribute that somebody on the list has."""
    keys = session.scalars(
        select(Attribute.key)
        .join(Membership, Membership.id == Attribute.membership_id)
        .where(Membership.list_id == lst.id)
        .distinct()
        .order_by(Attribute.key)
    )
    return (*COLUMNS, *(ATTRIBUTE + key for key in keys))


def page(
    session: Session,
    lst: MailList,
    headings: Sequence[str],
    *,
    keyring: Keyring,
    now: float,
    after: int = 0,
) -> tuple[list[tuple[str, ...]], int | None]:
    """Return rows behind membership ``after``, and where the next page begins."""
    found = session.execute(
        select(
            Membership, Address.given, Address.key, Person.name, Person.language,
            stands_against(Address.key),
        )
        .join(Address, Address.id == Membership.address_id)
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.list_id == lst.id, Membership.id > after)
        .order_by(Membership.id)
        .limit(PAGE)
    ).all()  # fmt: skip
    said = _said(session, lst, keyring, [row.key for row in found])
    told = attributes.of(session, [row.Membership.id for row in found])
    rows = []
    for member, given, key, name, language, ended in found:
        ends = member.paused_until
        left = member.state is MembershipState.LEFT
        known = told.get(member.id, {})
        cells = (
            given,
            name,
            language,
            member.role.value,
            member.rhythm.value,
            state_at(member.state, member.rhythm, ends, now, given_up=ended).value,
            _day(member.left_at) if left else "",
            _day(ends) if ends and ends > now else "",
            *(("", "", "") if left else _yes(said.get(key))),
            *(
                ",".join(known.get(one.removeprefix(ATTRIBUTE), ()))
                for one in headings[len(COLUMNS) :]
            ),
        )
        rows.append(tuple(map(neutral, cells)))
    return rows, found[-1].Membership.id if len(found) == PAGE else None


def _yes(entry: Consent | None) -> Iterator[str]:
    if entry is None:
        return iter(("", "", ""))
    how = " ".join((entry.wording or entry.confirmed_by or entry.source).split())
    return iter((how[:MAX_WORDING], _day(entry.given_at or entry.at), entry.ip or ""))


def _said(
    session: Session, lst: MailList, keyring: Keyring, keys: Sequence[str]
) -> dict[str, Consent]:
    """Return the last yes of each address key to this list."""
    by_hash = {keyring.keyed_hash(key): key for key in keys}
    return {
        by_hash[entry.who]: entry
        for entry in consent.history(session, keyring, keys)
        if entry.act is Act.CONSENTED
        and entry.list_address in lst.addresses
        and entry.who in by_hash
    }


def _day(stamp: float | None) -> str:
    return "" if stamp is None else datetime.fromtimestamp(stamp, UTC).isoformat()
