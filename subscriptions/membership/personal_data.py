"""Show everything that is known about one person, and forget it.

Knows this room's tables; what other rooms keep (the delivery ledger, the archive) they erase
themselves, in the same transaction, through the callables given to ``forget``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from mailer.storage.store import get_raw
from mailer.storage.tokens import Keyring
from subscriptions.lists import attributes, ballots, questions, rhythms
from subscriptions.lists.rhythms import DigestChoices
from subscriptions.lists.roster import Address, MailList, Membership, Person, state_at
from subscriptions.membership import bouncing, given_up, thread_wishes
from subscriptions.membership.thread_wishes import ThreadWish
from subscriptions.permission import consent, proofs, suppression, wording
from subscriptions.permission.consent import Act, Consent, ConsentNote
from subscriptions.permission.suppression import Suppression


@dataclass(frozen=True, slots=True)
class AddressShown:
    """Show one address of a person."""

    email: str
    since: str
    proven: str | None


@dataclass(frozen=True, slots=True)
class MembershipShown:
    """Show one membership of a person."""

    list: str
    email: str
    role: str
    rhythm: str
    state: str
    joined: str
    left: str | None
    paused_until: str | None
    own_page: bool
    digest: DigestChoices
    attributes: Mapping[str, Sequence[str]]
    votes: Sequence[Mapping[str, str]]
    answers: Sequence[Mapping[str, object]]  # to events and polls, but to no secret ballot
    threads: Sequence[Mapping[str, str | bool | None]]  # that they mute or follow


@dataclass(frozen=True, slots=True)
class ConsentShown:
    """Show one entry of the ledger of permissions; ``proof`` is the raw message's SHA-256.

    A ``confirmation`` above ``longest`` bytes is cut, where that was asked for, and says so.
    """

    at: str
    act: str
    list: str
    email: str | None
    wording: str
    wording_version: str
    language: str
    source: str
    ip: str | None
    user_agent: str | None
    asked: str | None  # the whole text that the wording names
    proof: str | None
    confirmation: str | None  # the raw mail; bytes that are no UTF-8 as "\\xHH"
    dkim: str | None  # what its signatures say; None where no mail is the proof
    confirmed_by: str
    actor: str | None
    detail: str
    given_at: str | None


@dataclass(frozen=True, slots=True)
class SuppressionShown:
    """Show one reason why an address is not mailed."""

    email: str
    reason: str
    since: str
    why: str


@dataclass(frozen=True, slots=True)
class BounceShown:
    """Show one mail that came back, in its server's words."""

    at: str
    list: str
    kind: str
    status: str
    said: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """Hold everything this room knows about one person."""

    name: str
    language: str
    since: str | None
    addresses: tuple[AddressShown, ...]
    memberships: tuple[MembershipShown, ...]
    consent: tuple[ConsentShown, ...]
    suppression: tuple[SuppressionShown, ...]
    bounces: tuple[BounceShown, ...] = ()

    @property
    def empty(self) -> bool:
        """Tell whether nothing at all is known."""
        return not (self.addresses or self.consent or self.suppression)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Name what was erased, so that other rooms can erase theirs."""

    name: str
    addresses: tuple[str, ...]  # as given
    keys: tuple[str, ...]
    membership_ids: tuple[int, ...]
    lists: tuple[str, ...]
    consent_entries: int  # kept, with their personal columns blank
    proofs: tuple[bytes, ...]  # raw messages that prove consent, by SHA-256


MAX_BOUNCES = 1000  # of one person, the newest
Eraser = Callable[[Session, Forgotten], None]


def open_dossier(
    session: Session, keyring: Keyring, key: str, now: float, *, longest: int = 0
) -> Dossier:
    """Gather everything about whoever owns the address ``key``.

    ``longest`` cuts each raw confirmation to so many bytes; 0 keeps it whole.
    """
    person, owned = _person_of(session, key)
    keys = [address.key for address in owned] or [key]
    memberships = _memberships(session, person.id) if person else ()
    places = [member.id for member, _, _ in memberships]
    ended = given_up.of(session, keys)
    told, cast = attributes.of(session, places), ballots.of(session, places)
    wishes = thread_wishes.of_members(session, places)
    answered = questions.of_members(session, places)
    return Dossier(
        name=person.name if person else "",
        language=person.language if person else "",
        since=iso(person.created) if person else None,
        addresses=tuple(
            AddressShown(a.given, iso(a.created), iso_or_none(a.proven_at)) for a in owned
        ),
        memberships=tuple(
            _show_membership(
                member,
                lst,
                at,
                told.get(member.id, {}),
                cast,
                wishes,
                answered,
                now,
                given_up=at.key in ended,
            )
            for member, lst, at in memberships
        ),
        consent=_consents(session, consent.history(session, keyring, keys), longest),
        suppression=_suppressions(session, keyring, keys),
        bounces=tuple(
            BounceShown(iso(one.at), one.list, one.kind, one.status, one.said)
            for one in bouncing.history(session, person.id, MAX_BOUNCES)
        )
        if person
        else (),
    )


def keys_of(session: Session, key: str) -> tuple[str, ...]:
    """Return the keys of all addresses of whoever owns ``key``; that one where nobody does."""
    return tuple(address.key for address in _person_of(session, key)[1]) or (key,)


def forget(
    session: Session,
    keyring: Keyring,
    key: str,
    *,
    note: ConsentNote,
    now: float,
    also: Sequence[Eraser] = (),
) -> Forgotten:
    """Erase whoever owns the address ``key``, with all their addresses, on every list.

    What stays: the ledger's entries without their personal columns, and a keyed hash of each
    address, so that an import cannot bring them back. ``also`` runs in this transaction.
    """
    person, owned = _person_of(session, key)
    keys = tuple(address.key for address in owned) or (key,)
    memberships = _memberships(session, person.id) if person else ()
    entries = consent.history(session, keyring, keys)
    forgotten = Forgotten(
        name=person.name if person else "",
        addresses=tuple(address.given for address in owned) or (key,),
        keys=keys,
        membership_ids=tuple(member.id for member, _, _ in memberships),
        lists=tuple(lst.address for _, lst, _ in memberships),
        consent_entries=len(entries),
        proofs=tuple(sorted({row.raw_sha for row in entries if row.raw_sha})),
    )
    for erase in also:
        erase(session, forgotten)
    if person:
        session.execute(delete(Membership).where(Membership.person_id == person.id))
        session.execute(delete(Address).where(Address.person_id == person.id))
        session.execute(delete(Person).where(Person.id == person.id))
    suppression.forget_plaintext(session, keyring, keys, now)
    consent.record(
        session,
        [
            consent.entry(
                keyring, act=Act.ERASED, list_address="", address=(one, one), note=note, now=now
            )
            for one in keys
        ],
    )
    consent.blank(session, keyring, keys)
    return forgotten


def bounces_shown(found: Sequence[bouncing.BounceRecord]) -> list[dict[str, object]]:
    """Return bounces as JSON shows them."""
    return [
        {
            "at": iso(one.at),
            "list": one.list,
            "kind": one.kind,
            "status": one.status,
            "said": one.said,
            "mailing": one.mailing,
        }
        for one in found
    ]


def iso(when: float) -> str:
    """Return a time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds")


def iso_or_none(when: float | None) -> str | None:
    """Return a time as ISO 8601 in UTC, or None where there is none."""
    return None if when is None else iso(when)


def _person_of(session: Session, key: str) -> tuple[Person | None, Sequence[Address]]:
    person = session.scalar(
        select(Person).join(Address, Address.person_id == Person.id).where(Address.key == key)
    )
    if person is None:
        return None, ()
    owned = session.scalars(
        select(Address).where(Address.person_id == person.id).order_by(Address.id)
    )
    return person, owned.all()


def _memberships(session: Session, person_id: int) -> list[tuple[Membership, MailList, Address]]:
    rows = session.execute(
        select(Membership, MailList, Address)
        .join(MailList, MailList.id == Membership.list_id)
        .join(Address, Address.id == Membership.address_id)
        .where(Membership.person_id == person_id)
        .order_by(Membership.id)
    )
    return [(member, lst, at) for member, lst, at in rows]


def _show_membership(
    member: Membership,
    lst: MailList,
    at: Address,
    told: Mapping[str, Sequence[str]],
    cast: Sequence[tuple[int, str, str, float]],
    wishes: Sequence[ThreadWish],
    answered: Sequence[tuple[int, Mapping[str, object]]],
    now: float,
    *,
    given_up: bool,
) -> MembershipShown:
    return MembershipShown(
        list=lst.address,
        email=at.given,
        role=member.role.value,
        rhythm=member.rhythm.value,
        state=state_at(
            member.state, member.rhythm, member.paused_until, now, given_up=given_up
        ).value,
        joined=iso(member.joined_at),
        left=iso_or_none(member.left_at),
        paused_until=iso_or_none(member.paused_until),
        own_page=member.own_page,
        digest=rhythms.choices(member),
        attributes=told,
        votes=[
            {"question": question, "answer": answer, "at": iso(when)}
            for voter, question, answer, when in cast
            if voter == member.id
        ],
        answers=[said for membership, said in answered if membership == member.id],
        threads=[
            {
                "mail": one.hash,
                "wish": one.kind.value,
                "unless_named": one.named,
                "since": iso(one.since),
                "until": iso_or_none(one.until),
            }
            for one in wishes
            if one.membership_id == member.id
        ],
    )


def _consents(session: Session, rows: Sequence[Consent], longest: int) -> tuple[ConsentShown, ...]:
    asked = wording.texts(session, {row.wording_version for row in rows})
    checks = proofs.results(session, {row.raw_sha for row in rows if row.raw_sha})
    return tuple(
        _show_consent(
            row,
            asked.get(row.wording_version),
            _raw(session, row.raw_sha, longest),
            checks.get(row.raw_sha, proofs.NOT_CHECKED) if row.raw_sha else None,
        )
        for row in rows
    )


def _raw(session: Session, sha: bytes | None, longest: int) -> str | None:
    raw = get_raw(session, sha) if sha else None
    if raw is None:
        return None
    shown = raw[:longest] if longest else raw
    text = shown.decode("utf-8", "backslashreplace")
    return text if len(shown) == len(raw) else f"{text}\n[... {len(raw) - len(shown)} bytes more]"


def _show_consent(
    row: Consent, asked: str | None, confirmation: str | None, dkim: str | None
) -> ConsentShown:
    return ConsentShown(
        at=iso(row.at),
        act=row.act.value,
        list=row.list_address,
        email=row.address,
        wording=row.wording,
        wording_version=row.wording_version,
        language=row.language,
        source=row.source.value,
        ip=row.ip,
        user_agent=row.user_agent,
        asked=asked,
        proof=row.raw_sha.hex() if row.raw_sha else None,
        confirmation=confirmation,
        dkim=dkim,
        confirmed_by=row.confirmed_by,
        actor=row.actor,
        detail=row.detail,
        given_at=iso_or_none(row.given_at),
    )


def _suppressions(
    session: Session, keyring: Keyring, keys: Sequence[str]
) -> tuple[SuppressionShown, ...]:
    named = {suppression.hashed(keyring, key): key for key in keys} | {key: key for key in keys}
    rows = session.scalars(select(Suppression).where(Suppression.address.in_(named)))
    return tuple(
        SuppressionShown(named[row.address], row.reason.value, iso(row.since), given_up.why(row))
        for row in rows
    )
