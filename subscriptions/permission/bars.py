"""See why an address is not mailed anywhere, and lift that with what proves that it may be.

Knows suppression and the ledger of permissions. What somebody has said themselves ("never mail
me again", a complaint) is lifted by their own reply (optin.py) or by a statement how they took
it back, which the ledger keeps. Who was forgotten is known here by a keyed hash alone and can only
come back by joining: nothing in this module undoes that, but a "never" of theirs is lifted here.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.errors import Refused
from mailer.reading.addresses import MailAddress
from mailer.storage.tokens import Keyring
from subscriptions.permission import consent, suppression
from subscriptions.permission.consent import Act, ConsentNote
from subscriptions.permission.suppression import Reason, Suppression

OWN_WORD = (Reason.NEVER, Reason.COMPLAINT)  # what they said, so only they can take it back


@dataclass(frozen=True, slots=True)
class Bar:
    """Name one reason not to mail one address, and since when."""

    address: str
    reason: Reason
    since: float


def all_bars(session: Session) -> list[Bar]:
    """Return every bar against an address that can be named, oldest first."""
    rows = session.scalars(
        select(Suppression)
        .where(~Suppression.address.startswith(suppression.HASH))
        .order_by(Suppression.since, Suppression.address)
    )
    return [Bar(row.address, row.reason, row.since) for row in rows]


def against(session: Session, keyring: Keyring, key: str) -> list[Reason]:
    """Return what stands against one address key, what a hash alone remembers too."""
    hashed = suppression.hashed(keyring, key)
    own = [reason for reason in Reason if suppression.has(session, key, reason)]
    lasting = (Reason.NEVER, Reason.COMPLAINT, Reason.DEAD)  # not that they were erased: see above
    return own + [
        reason
        for reason in lasting
        if reason not in own and suppression.has(session, hashed, reason)
    ]


def lift(
    session: Session, keyring: Keyring, who: MailAddress, *, note: ConsentNote, now: float
) -> list[Reason]:
    """Lift everything that stands against ``who`` and write each into the ledger.

    Raises Refused where they have said themselves that they want no mail and the note has no
    words on how they took that back.
    """
    found = against(session, keyring, who.key)
    own = [reason for reason in found if reason in OWN_WORD]
    if own and not note.wording:
        raise Refused(
            f"{who.given} does not want mail ({', '.join(own)}); nothing was lifted.",
            key="said-never",
        )
    for reason in found:
        suppression.lift(session, who.key, reason)
        suppression.lift(session, suppression.hashed(keyring, who.key), reason)
    consent.record(
        session,
        [
            consent.entry(
                keyring,
                act=Act.STATE,
                list_address="",
                address=(who.given, who.key),
                note=note,
                now=now,
                detail=f"{reason}, lifted",
            )
            for reason in found
        ],
    )
    return found
