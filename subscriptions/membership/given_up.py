"""Tell which addresses no list mails any more, since when and why, and let mail go there again.

    found = of(session, keys)          # address key: since, reason, what its server said
    revive(desk, who)                  # its owner has written, or pressed a button

Knows what stands against an address (suppression) and the words for the operator; a mail's words
are templates. An address that no list writes to has no membership of its own to say so, and one
membership's address may be given up while the person's other one is mailed.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from mailer.reading.addresses import MailAddress
from mailer.reading.bounce_reasons import BounceKind
from subscriptions.lists.roster import Address, Membership
from subscriptions.membership import doubts
from subscriptions.membership.changes import ChangeContext
from subscriptions.permission import consent, suppression
from subscriptions.permission.consent import Act
from subscriptions.permission.suppression import Reason, Suppression

ENDED = (Reason.DEAD, Reason.COMPLAINT)  # what is over when they write again
_WORST = (Reason.NEVER, Reason.COMPLAINT, Reason.DEAD, Reason.ERASED)
_WORDS = {
    Reason.NEVER: "they asked never to be mailed",
    Reason.COMPLAINT: "a mail to them was reported as spam",
    Reason.ERASED: "they were forgotten",
}
_BOUNCES: dict[str, str] = {
    BounceKind.DEAD: "there is no such mailbox or host",
    BounceKind.FULL: "the mailbox is full",
    BounceKind.TEMPORARY: "its mail server puts mail off, again and again",
}


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Say since when an address is not mailed, and why; ``kind`` is that of its last bounce."""

    since: float
    reason: Reason
    kind: str = ""
    said: str = ""

    @property
    def why(self) -> str:
        """Return the reason in words for the operator."""
        if self.reason is not Reason.DEAD:
            return _WORDS[self.reason]
        words = _BOUNCES.get(self.kind, "its mail came back")
        return f"{words}: {self.said}" if self.said else words


def stands_against(key: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Return the condition that no list mails the address with this key."""
    return exists().where(Suppression.address == key)


def of(session: Session, keys: Collection[str]) -> dict[str, GivenUp]:
    """Return which of these address keys no list mails, their own word before a server's."""
    rows = session.scalars(select(Suppression).where(Suppression.address.in_(keys)))
    found: dict[str, GivenUp] = {}
    for row in sorted(rows, key=lambda one: _WORST.index(one.reason)):
        found.setdefault(row.address, _read(row))
    return found


def why(row: Suppression) -> str:
    """Return one reason in words for the operator."""
    return _read(row).why


def _read(row: Suppression) -> GivenUp:
    return GivenUp(row.since, row.reason, row.kind, row.said)


def at(session: Session, member: Membership) -> GivenUp | None:
    """Return what stands against the address that a membership is mailed at."""
    key = session.get_one(Address, member.address_id).key
    return of(session, [key]).get(key)


def revive(desk: ChangeContext, who: MailAddress) -> GivenUp | None:
    """Let mail go to ``who`` again, who has just shown to be there; return what is over.

    "Never mail me" is not: that is taken back by its own token.
    """
    session = desk.session
    doubts.forget_key(session, who.key)
    before = of(session, [who.key]).get(who.key)
    if before is None or before.reason is Reason.NEVER:
        return None
    hashed = suppression.hashed(desk.keyring, who.key)
    lifted = [suppression.lift(session, key, one) for key in (who.key, hashed) for one in ENDED]
    if not any(lifted):
        return None
    session.execute(update(Address).where(Address.key == who.key).values(proven_at=desk.now))
    entry = consent.entry(
        desk.keyring,
        act=Act.STATE,
        list_address="",
        address=(who.given, who.key),
        note=desk.note,
        now=desk.now,
        detail="mailed again: they have answered",
    )
    consent.record(session, [entry])
    return before
