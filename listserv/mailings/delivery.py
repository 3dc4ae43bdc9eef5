"""Make each copy personal, and say at the last moment who must not get one any more."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.letters import post_headers
from listserv.letters.notices import KIND, LAST_WORD, PROBE
from listserv.mailings import digest_windows, list_rates, signing, slots
from listserv.wiring.app import App
from mailer.client.relay import read_relay
from mailer.ledger.ledger import ClaimedRow
from mailer.ledger.mailings import Mailing, MailingView
from mailer.ledger.pace import read_rates
from mailer.ledger.warmup import read_calendar
from mailer.reading.addresses import parse
from mailer.sending.in_flight import PersonalCopy
from mailer.sending.ledger_errand import SenderSettings
from mailer.sending.sender import Sender
from mailer.storage.tokens import Keyring, TokenPurpose
from subscriptions.audience.audience import names_of, still_wanted
from subscriptions.permission import suppression
from subscriptions.permission.suppression import Reason


def make_sender(app: App, sharing: int = 1) -> Sender:
    """Return a sender for this process, wired to the settings, tokens and memberships.

    ``mailer.connections`` is shared out among the ``sharing`` senders of one process tree.
    """
    settings = app.settings.mailer
    rates = read_rates(settings.rates)
    readers = Readers(app.keyring, room=4 * settings.intent_window * settings.connections)
    return Sender(
        app.store,
        SenderSettings(
            relays=tuple(read_relay(url) for url in settings.relays),
            connections=max(1, settings.connections // sharing),
            hello=app.settings.listserv.domain,
            window=settings.intent_window,
            grace=settings.grace,
            rates=rates,
            calendar=read_calendar(settings.warm_up),
        ),
        stamping=signing.stamping(app.settings, keyring=app.keyring),
        naming=lambda session: list_rates.names(session, rates),
        personal=readers.copy,
        wanted=readers.wanted,
        flights=app.data / "flight",
    )


# The slots of a digest (listserv/digests/digest_mail.py) and of a question
# (listserv/community/question_mail.py), and what their tokens may do.
PAIR_TOKENS = {
    "question": TokenPurpose.QUESTION,
    "digest": TokenPurpose.DIGEST,
    "answer": TokenPurpose.IN_DIGEST,
    "writer": TokenPurpose.TO_WRITER,
}


class _Own(NamedTuple):
    """Hold what a list's copies have of their own: where bounces go, and what makes tokens."""

    bounces: str
    domain: str
    bounce: Callable[[int], str]
    probe: Callable[[int], str]
    leave: Callable[[int], str]
    vote: Callable[[int], str]
    pair: Callable[[TokenPurpose], Callable[[int, int], str]]


class _Values(dict[str, bytes]):
    """Make the token that answers a question only for the few issues that ask one."""

    vote: Callable[[int], str]
    ref: int

    def __missing__(self, slot: str) -> bytes:
        if slot != slots.VOTE:
            raise KeyError(slot)
        return self.vote(self.ref).encode("ascii")


class _PairValues(dict[str, bytes]):
    """Make the tokens that answer a digest, each mail in it, or a question, for one reader."""

    def __init__(self, own: _Own, ref: int, mailing: int, values: Mapping[str, bytes]) -> None:
        super().__init__(values)
        self._own, self._ref, self._mailing = own, ref, mailing

    def __missing__(self, slot: str) -> bytes:
        kind, _, post = slot.partition(".")
        purpose = PAIR_TOKENS.get(kind)
        if purpose is None:
            raise KeyError(slot)
        return self._own.pair(purpose)(self._ref, int(post or self._mailing)).encode("ascii")


class Readers:
    """Say who still wants a copy, and make what is their own in it (VERP, RFC 8058).

    Names are read with the claim, because a copy is made where no database is; ``room`` is how
    many are remembered, several times what one sender may hold.
    """

    def __init__(self, keyring: Keyring, room: int = 10_000) -> None:
        self._keyring = keyring
        self._room = room
        self._names: OrderedDict[int, str] = OrderedDict()
        self._kinds: dict[int, str] = {}
        self._lists: dict[str, _Own] = {}

    def wanted(self, session: Session, rows: Sequence[ClaimedRow]) -> Mapping[int, str]:
        """Return the rows that must not be sent to any more; learn the others' names."""
        kinds = self._kinds_of(session, {row.mailing_id for row in rows})
        named = [
            row.ref
            for row in rows
            if row.variant & slots.NAMED and kinds.get(row.mailing_id) == slots.KIND
        ]
        if named:
            for ref, name in names_of(session, named).items():
                self._names[ref] = name
                self._names.move_to_end(ref)  # else one of before keeps its place among the oldest
            while len(self._names) > max(self._room, len(rows)):
                self._names.popitem(last=False)
        return _unwanted(session, self._keyring, rows, kinds)

    def _kinds_of(self, session: Session, mailing_ids: set[int]) -> Mapping[int, str]:
        """Return the mailings' kinds, which never change."""
        unknown = mailing_ids - self._kinds.keys()
        if unknown:
            if len(self._kinds) > self._room:
                self._kinds.clear()
                unknown = mailing_ids
            self._kinds |= _kinds(session, unknown)
        return self._kinds

    def copy(self, mailing: MailingView, row: ClaimedRow) -> PersonalCopy:
        """Return what is this recipient's own; ``row.ref`` is the membership."""
        own = self._lists.get(mailing.list_address) or self._know(mailing.list_address)
        if row.ref <= 0 or (mailing.shared and mailing.kind == "post"):  # no member; one for many
            return PersonalCopy(f"{own.bounces}@{own.domain}", {})
        values = {post_headers.LEAVE: own.leave(row.ref).encode("ascii")}
        if mailing.kind == slots.KIND:
            values = _Values(values | self._slots(row))
            values.vote, values.ref = own.vote, row.ref
        elif mailing.kind == digest_windows.KIND:
            values = _PairValues(own, row.ref, mailing.id, values)
        elif mailing.kind == slots.QUESTION:
            values |= {slots.TO: row.address.encode(), slots.CALENDAR: slots.uri(row.address)}
            values = _PairValues(own, row.ref, mailing.id, values)
        token = own.probe if mailing.kind == PROBE else own.bounce
        return PersonalCopy(f"{own.bounces}+{token(row.ref)}@{own.domain}", values)

    def _know(self, list_address: str) -> "_Own":
        name, _, domain = list_address.partition("@")
        own = _Own(
            f"{name}-bounces",
            domain,
            self._keyring.maker(TokenPurpose.BOUNCE, list_address),
            self._keyring.maker(TokenPurpose.PROBE, list_address),
            self._keyring.maker(TokenPurpose.LEAVE, list_address),
            self._keyring.maker(TokenPurpose.VOTE, list_address),
            cache(lambda purpose: self._keyring.pair_maker(purpose, list_address)),
        )
        if len(self._lists) >= self._room:
            self._lists.clear()
        self._lists[list_address] = own
        return own

    def _slots(self, row: ClaimedRow) -> dict[str, bytes]:
        if not row.variant & slots.FILLED:
            return {slots.TO: row.address.encode()}
        name = self._names[row.ref] if row.variant & slots.NAMED else ""
        return slots.values(name, row.address)


def connections_at_most(app: App) -> int:
    """Return how many connections to relays the senders of one process tree may have open."""
    settings = app.settings.mailer
    senders = max(1, settings.workers - 1)
    return len(settings.relays) * senders * max(1, settings.connections // senders)


def _unwanted(
    session: Session, keyring: Keyring, rows: Sequence[ClaimedRow], kinds: Mapping[int, str]
) -> Mapping[int, str]:
    """Return the rows that must not be sent to any more, each with its reason."""
    letters = [row for row in rows if kinds.get(row.mailing_id) == KIND]
    copies = [row for row in rows if kinds.get(row.mailing_id) != KIND]
    reasons = still_wanted(session, [row.ref for row in copies], time.time()) if copies else {}
    unwanted = {row.id: reasons[row.ref] for row in copies if row.ref in reasons}
    return unwanted | _silenced(session, keyring, letters)


def _kinds(session: Session, mailing_ids: set[int]) -> dict[int, str]:
    found = session.execute(select(Mailing.id, Mailing.kind).where(Mailing.id.in_(mailing_ids)))
    return {row.id: row.kind for row in found}


def _silenced(session: Session, keyring: Keyring, rows: Sequence[ClaimedRow]) -> dict[int, str]:
    """Return the notices to people who said "never mail me"; a notice asks for no membership."""
    if not rows:
        return {}
    # Who was forgotten while a letter was under way has no address any more
    # (listserv/membership/person_erasure.py).
    gone = {row.id: "erased" for row in rows if "@" not in row.address}
    there = [row for row in rows if row.id not in gone and row.ref != LAST_WORD]
    keys = {row.id: parse(row.address).key for row in there}
    never = suppression.said_never(session, keyring, set(keys.values()))
    return gone | {row: Reason.NEVER.value for row, key in keys.items() if key in never}
