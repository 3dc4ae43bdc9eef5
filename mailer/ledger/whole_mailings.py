"""Create mailings whose audience is known when they begin: several in a few statements.

What mailings.py does one by one and step by step, for posts, of which hundreds come in a second.
One whose audience is not complete yet begins as *freezing*, and goes on as any other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import insert
from sqlalchemy.orm import Session

from mailer.ledger.mailings import (
    PRIORITY,
    Composition,
    Mailing,
    MailingState,
    Recipient,
    UnsurePolicy,
)
from mailer.ledger.splice import Segments, check_lines
from mailer.storage.store import compress


class AudienceEntry(NamedTuple):
    """Hold one reader who is about to be entered into the ledger."""

    ref: int  # whose copy: opaque here
    address: str  # as it stands in the envelope
    bucket: str  # its domain
    variant: int = 0  # which composition is theirs


@dataclass(frozen=True, slots=True)
class WholeMailing:
    """Hold a mailing to be; ``complete`` says that nobody is to be entered after ``readers``."""

    kind: str
    list_address: str
    message_id: str
    policy: UnsurePolicy
    compositions: Mapping[int, Segments]
    readers: Sequence[AudienceEntry]
    complete: bool
    created: float
    expires_at: float


def create_all(session: Session, some: Sequence[WholeMailing]) -> list[int]:
    """Create mailings, with their first readers, and return their ids in order.

    Raise BadInput for a composition that could not travel as it is.
    """
    if not some:
        return []
    for one in some:
        for segments in one.compositions.values():
            check_lines(segments)
    made = insert(Mailing).returning(Mailing.id, sort_by_parameter_order=True)
    ids = list(session.scalars(made, [_row(one) for one in some]))
    connection = session.connection()  # an ORM bulk insert costs several times as much
    copies = [
        {"mailing_id": number, "variant": variant, "packed": compress(segments.pack())}
        for number, one in zip(ids, some, strict=True)
        for variant, segments in one.compositions.items()
    ]
    if copies:
        connection.execute(insert(Composition), copies)
    readers = [
        {
            "mailing_id": number,
            "ref": reader.ref,
            "address": reader.address,
            "bucket": reader.bucket,
            "variant": reader.variant,
            "due": one.created,
        }
        for number, one in zip(ids, some, strict=True)
        for reader in one.readers
    ]
    if readers:
        connection.execute(insert(Recipient), readers)
    return ids


def _row(one: WholeMailing) -> dict[str, object]:
    return {
        "kind": one.kind,
        "list_address": one.list_address,
        "message_id": one.message_id,
        "policy": UnsurePolicy(one.policy),
        "state": MailingState.SENDING if one.complete else MailingState.FREEZING,
        "priority": PRIORITY.get(one.kind, PRIORITY["post"]),
        "audience": len(one.readers) if one.complete else 0,
        "created": one.created,
        "started": one.created if one.complete else None,
        "expires_at": one.expires_at,
        "freeze_cursor": one.readers[-1].ref if one.readers else 0,
    }
