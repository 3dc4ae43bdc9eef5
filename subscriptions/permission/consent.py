"""Keep the ledger of permissions: who was asked what, in which words, and what they did.

Append-only, and the database itself enforces it (triggers, below): no row is ever deleted and
none changed, except that an erasure may blank the personal columns. ``who`` is a keyed hash
of the address, so that a person who comes back with their address can still be shown, or
proved, what they agreed to. ``DDL`` holds the statements for migrations.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import (
    ForeignKey,
    Index,
    LargeBinary,
    String,
    and_,
    event,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.storage.bulk_rows import insert_many
from mailer.storage.store import Base
from mailer.storage.tokens import Keyring
from subscriptions.lists.roster import Address, BigId, worded
from subscriptions.permission import proofs

TRACED = "ip IS NOT NULL OR user_agent IS NOT NULL"
_TRACED = text(TRACED)
_HASHED, _KNOWN = text("address_id IS NULL"), text("address_id IS NOT NULL")


class Act(StrEnum):
    """Say what happened."""

    ASKED = "asked"
    CONSENTED = "consented"
    LEFT = "left"
    ROLE = "role"
    STATE = "state"
    ERASED = "erased"


class Source(StrEnum):
    """Say through which door it came."""

    CLI = "cli"
    IMPORT = "import"
    MAIL = "mail"
    WEB = "web"
    API = "api"
    BOUNCE = "bounce"


class Consent(Base):
    """Keep one entry; the columns in PERSONAL may be blanked, nothing else ever changes."""

    __tablename__ = "consent"
    __table_args__ = (
        # Hashes have no order, which a large import feels (see ``address_id``).
        Index("ix_consent_who", "who", sqlite_where=_HASHED, postgresql_where=_HASHED),
        Index("ix_consent_address", "address_id", sqlite_where=_KNOWN, postgresql_where=_KNOWN),
        Index(
            "ix_consent_actor",
            "actor",
            sqlite_where=text("actor IS NOT NULL"),
            postgresql_where=text("actor IS NOT NULL"),
        ),
        Index("ix_consent_traced", "at", sqlite_where=_TRACED, postgresql_where=_TRACED),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[float]  # when this entry was written
    act: Mapped[Act] = mapped_column(worded(Act))
    list_address: Mapped[str] = mapped_column(String(320))  # "" for all lists
    who: Mapped[bytes] = mapped_column(LargeBinary(16))  # keyed hash of the address key
    address: Mapped[str | None] = mapped_column(String(320))  # personal: as given
    wording: Mapped[str] = mapped_column(default="")  # what was asked, or how they said yes
    wording_version: Mapped[str] = mapped_column(String(64), default="")
    language: Mapped[str] = mapped_column(String(8), default="")
    source: Mapped[Source] = mapped_column(worded(Source))
    ip: Mapped[str | None] = mapped_column(String(64))  # personal
    user_agent: Mapped[str | None] = mapped_column(String(400))  # personal
    raw_sha: Mapped[bytes | None] = mapped_column(LargeBinary(32))  # the proving message
    dkim: Mapped[str] = mapped_column(String(200), default="")
    confirmed_by: Mapped[str] = mapped_column(String(200), default="")  # reply, button, statement
    actor: Mapped[str | None] = mapped_column(
        String(320)
    )  # personal: key of who did it, if not they
    detail: Mapped[str] = mapped_column(String(200), default="")  # "member -> moderator"
    given_at: Mapped[float | None]  # when they said yes, where that was earlier
    # Personal: of an import, whose rows come in the order of these; found by ``who`` without.
    address_id: Mapped[int | None] = mapped_column(ForeignKey(Address.id, ondelete="SET NULL"))


PERSONAL = ("address", "ip", "user_agent", "actor", "address_id")
_LASTING = tuple(c.name for c in Consent.__table__.columns if c.name not in PERSONAL)


def _sqlite_ddl(lasting: Sequence[str], personal: Sequence[str]) -> tuple[str, ...]:
    changed = " OR ".join(f"NEW.{c} IS NOT OLD.{c}" for c in lasting)
    filled = " OR ".join(f"(NEW.{c} IS NOT NULL AND NEW.{c} IS NOT OLD.{c})" for c in personal)
    there = "EXISTS (SELECT 1 FROM consent WHERE id = NEW.id)"
    trigger = "CREATE TRIGGER consent_no_"
    stop = "BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only'); END"
    return (
        f"{trigger}delete BEFORE DELETE ON consent {stop}",
        f"{trigger}change BEFORE UPDATE ON consent WHEN {changed} OR {filled} {stop}",
        # REPLACE deletes without asking the DELETE trigger, so it is stopped at the door.
        f"{trigger}replace BEFORE INSERT ON consent WHEN {there} {stop}",
    )


def _postgres_ddl(lasting: Sequence[str], personal: Sequence[str]) -> tuple[str, ...]:
    differs = "NEW.{0} IS DISTINCT FROM OLD.{0}"
    changed = " OR ".join(differs.format(c) for c in lasting)
    filled = " OR ".join(f"(NEW.{c} IS NOT NULL AND {differs.format(c)})" for c in personal)
    trigger = "CREATE TRIGGER consent_no_"
    stop = "EXECUTE FUNCTION consent_append_only()"
    raises = "BEGIN RAISE EXCEPTION 'the consent ledger is append-only'; END"
    unlawful = f"{changed} OR {filled}"
    function = "CREATE OR REPLACE FUNCTION consent_append_only() RETURNS trigger"
    return (
        f"{function} LANGUAGE plpgsql AS $$ {raises} $$",
        f"{trigger}delete BEFORE DELETE ON consent FOR EACH ROW {stop}",
        f"{trigger}truncate BEFORE TRUNCATE ON consent FOR EACH STATEMENT {stop}",
        f"{trigger}change BEFORE UPDATE ON consent FOR EACH ROW WHEN ({unlawful}) {stop}",
    )


def ddl(lasting: Sequence[str], personal: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the triggers for these columns, by database: of today, or of an older shape."""
    return {
        "sqlite": _sqlite_ddl(lasting, personal),
        "postgresql": _postgres_ddl(lasting, personal),
    }


DDL: Mapping[str, tuple[str, ...]] = ddl(_LASTING, PERSONAL)

for _dialect, _statements in DDL.items():
    for _statement in _statements:
        event.listen(
            Consent.__table__,
            "after_create",
            sa.DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]
        )


@dataclass(frozen=True, slots=True)
class ConsentNote:
    """Carry how somebody said yes (or no), for one entry of the ledger."""

    wording: str
    source: Source
    wording_version: str = ""
    language: str = ""
    ip: str | None = None
    user_agent: str | None = None
    raw_sha: bytes | None = None
    dkim: str = ""
    confirmed_by: str = ""
    actor: str | None = None
    given_at: float | None = None


def entry(
    keyring: Keyring,
    *,
    act: Act,
    list_address: str,
    address: tuple[str, str],
    note: ConsentNote,
    now: float,
    detail: str = "",
) -> dict[str, Any]:
    """Return one row for ``record``; ``address`` is (as given, key)."""
    given, key = address
    return {
        "at": now,
        "act": act.value,
        "list_address": list_address,
        "who": keyring.keyed_hash(key),
        "address": given,
        "wording": note.wording,
        "wording_version": note.wording_version,
        "language": note.language,
        "source": note.source.value,
        "ip": note.ip,
        "user_agent": note.user_agent and note.user_agent[:400],
        "raw_sha": note.raw_sha,
        "dkim": note.dkim,
        "confirmed_by": note.confirmed_by,
        "actor": note.actor,
        "detail": detail,
        "given_at": note.given_at,
    }


def record(session: Session, entries: Sequence[Mapping[str, Any]]) -> None:
    """Append entries made by ``entry``."""
    if entries:
        insert_many(session, Consent, list(entries[0]), [tuple(one.values()) for one in entries])
        proofs.await_check(session, {one["raw_sha"] for one in entries if one["raw_sha"]})


def record_alike(
    session: Session,
    keyring: Keyring,
    *,
    act: Act,
    list_address: str,
    people: Sequence[tuple[str, str, int, ConsentNote]],
    now: float,
) -> None:
    """Append the same entry for each of ``people``, as many did in the same words.

    A person is (address as given, its key, id of its row, how all of them said it).
    """
    given, key, _, note = people[0]
    alike = entry(
        keyring, act=act, list_address=list_address, address=(given, key), note=note, now=now
    )
    del alike["who"], alike["address"]
    keyed_hash = keyring.keyed_hash
    rows = [(keyed_hash(key), given, row) for given, key, row, _ in people]
    insert_many(session, Consent, ("who", "address", "address_id"), rows, alike)
    if note.raw_sha:
        proofs.await_check(session, {note.raw_sha})


def record_each(
    session: Session,
    keyring: Keyring,
    *,
    act: Act,
    list_address: str,
    people: Sequence[tuple[str, str, int, ConsentNote]],
    now: float,
) -> None:
    """Append the same act of each of ``people``, who said it each in their own words.

    A person is (address as given, its key, id of its row, how they said it).
    """
    said = partial(entry, keyring, act=act, list_address=list_address, now=now)
    rows = (
        said(address=(given, key), note=note) | {"address_id": row}
        for given, key, row, note in people
    )
    record(session, list(rows))


def history(session: Session, keyring: Keyring, keys: Collection[str]) -> Sequence[Consent]:
    """Return every entry about these addresses, oldest first."""
    ids = _about(session, keyring, keys)
    return session.scalars(select(Consent).where(Consent.id.in_(ids)).order_by(Consent.id)).all()


def blank(session: Session, keyring: Keyring, keys: Collection[str]) -> None:
    """Take the personal columns away from every entry about, or made by, these addresses."""
    ids = _about(session, keyring, keys)
    session.execute(update(Consent).where(Consent.id.in_(ids)).values(dict.fromkeys(PERSONAL)))
    session.execute(update(Consent).where(Consent.actor.in_(keys)).values(actor=None))


def _about(session: Session, keyring: Keyring, keys: Collection[str]) -> list[int]:
    """Return the entries about these addresses; two questions, so that each has its index."""
    who = [keyring.keyed_hash(key) for key in keys]
    owned = select(Address.id).where(Address.key.in_(keys))
    ids: list[int] = []
    for where in (and_(Consent.who.in_(who), _HASHED), Consent.address_id.in_(owned)):
        ids += session.scalars(select(Consent.id).where(where))
    return ids
