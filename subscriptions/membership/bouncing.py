"""Score what comes back, mildly, and stop mail to an address only when it is surely dead.

Policy and content refusals never count: they speak of what was sent, not of the member. One
bounce a day counts; what is old weighs less, so a member whose mail arrives again is forgiven.
An address is given up when its score passes LIMIT and its bounces span SPAN at least. Knows
kinds and memberships, nothing of how a bounce was read.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    func,
    insert,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.ledger.mailings import Mailing
from mailer.reading.bounce_reasons import BounceKind
from mailer.storage.store import Base
from subscriptions.lists.roster import Membership
from subscriptions.membership import changes
from subscriptions.membership.changes import ChangeContext
from subscriptions.membership.optin import address_of
from subscriptions.permission import consent, suppression
from subscriptions.permission.consent import Act
from subscriptions.permission.suppression import Reason

DAY = 86400.0
WEIGHTS = {BounceKind.DEAD: 1.0, BounceKind.FULL: 0.25, BounceKind.TEMPORARY: 0.1}
HALF = 60 * DAY  # after this time a bounce weighs half
LIMIT = 2.0
SPAN = 4 * DAY
_Id = BigInteger().with_variant(Integer, "sqlite")


class Bounced(Base):
    """One bounce about one member: what it said, and the mailing it was about if that is known."""

    __tablename__ = "bounce"
    __table_args__ = (
        Index("ix_bounce_membership", "membership_id", "at"),
        Index("ix_bounce_mailing", "mailing_id"),
    )
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    at: Mapped[float]
    membership_id: Mapped[int] = mapped_column(ForeignKey(Membership.id, ondelete="CASCADE"))
    mailing_id: Mapped[int | None] = mapped_column(ForeignKey(Mailing.id, ondelete="SET NULL"))
    kind: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    raw_sha: Mapped[bytes | None] = mapped_column(LargeBinary(32))  # None: said at the relay


Row = dict[str, Any]  # the columns of Bounced
_INSERT = insert(cast("Table", Bounced.__table__))


@dataclass(frozen=True, slots=True)
class Score:
    """Say how an address does: ``dead`` once it should not be mailed any more."""

    points: float
    span: float  # seconds from its first bounce that counts to its last

    @property
    def dead(self) -> bool:
        """Tell whether to give the address up."""
        return self.points >= LIMIT and self.span >= SPAN


def score(bounces: list[tuple[float, BounceKind]], now: float) -> Score:
    """Weigh bounces (time, kind): the worst of each day, older ones less."""
    worst: dict[int, tuple[float, float]] = {}
    for at, kind in bounces:
        weight = WEIGHTS.get(kind, 0.0)
        day = int(at // DAY)
        if weight and weight > worst.get(day, (0.0, 0.0))[1]:
            worst[day] = (at, weight)
    times = [at for at, _ in worst.values()]
    points = sum(weight * 0.5 ** (max(0.0, now - at) / HALF) for at, weight in worst.values())
    return Score(points, max(times) - min(times) if times else 0.0)


def take(
    desk: ChangeContext,
    member: Membership,
    kind: BounceKind,
    *,
    status: str,
    about: str,
    raw_sha: bytes | None,
) -> str:
    """Enter a bounce and do what follows from it; return that in a word.

    ``about`` is the Message-ID of the mail that came back, "" where nobody knows.
    """
    session = desk.session
    mailing_id = _mailing(session, desk.lst.address, about)
    enter(session, [row(member.id, desk.now, kind, status, mailing_id, raw_sha)])
    if kind is BounceKind.COMPLAINT:
        return "left" if changes.leave(desk, member) else "had-left"
    if not scores(session, [member.id], desk.now)[member.id].dead:
        return "noted" if kind in WEIGHTS else "not-counted"
    return "given-up" if give_up(desk, member, status) else "had-been-given-up"


def row(
    membership_id: int,
    at: float,
    kind: BounceKind,
    status: str,
    mailing_id: int | None,
    raw_sha: bytes | None = None,
) -> Row:
    """Return one bounce, to be entered."""
    return {
        "at": at,
        "membership_id": membership_id,
        "mailing_id": mailing_id,
        "kind": kind.value,
        "status": status[:16],
        "raw_sha": raw_sha,
    }


def enter(session: Session, rows: Sequence[Row]) -> None:
    """Enter bounces; what follows from them is the caller's business."""
    if rows:
        session.connection().execute(_INSERT, rows)


def scores(session: Session, members: Collection[int], now: float) -> dict[int, Score]:
    """Return the score of each membership."""
    told: dict[int, list[tuple[float, BounceKind]]] = {member: [] for member in members}
    found = session.execute(
        select(Bounced.membership_id, Bounced.at, Bounced.kind).where(
            Bounced.membership_id.in_(told), Bounced.at > now - 6 * HALF
        )
    )
    for member, at, kind in found:
        told[member].append((at, BounceKind(kind)))
    return {member: score(bounces, now) for member, bounces in told.items()}


def reports(session: Session, membership_ids: Collection[int]) -> set[bytes]:
    """Return the mails (SHA-256) in which servers spoke of these members."""
    found = select(Bounced.raw_sha).where(
        Bounced.membership_id.in_(membership_ids), Bounced.raw_sha.is_not(None)
    )
    return {sha for sha in session.scalars(found) if sha is not None}


def count(session: Session, mailing_id: int) -> int:
    """Return how many members' copies of a mailing came back; *accepted* does not change by it.

    What the relay refused by itself never left, and is counted in the ledger.
    """
    about = select(func.count(Bounced.membership_id.distinct())).where(
        Bounced.mailing_id == mailing_id,
        Bounced.raw_sha.is_not(None),
        Bounced.kind.in_(
            (
                BounceKind.DEAD,
                BounceKind.FULL,
                BounceKind.POLICY,
                BounceKind.CONTENT,
                BounceKind.TEMPORARY,
            )
        ),
    )
    return session.scalar(about) or 0


def give_up(desk: ChangeContext, member: Membership, status: str) -> bool:
    """Stop all mail to a member's address, with an entry; return False where it was stopped."""
    address = address_of(desk.session, member)
    if suppression.has(desk.session, address.key, Reason.DEAD):
        return False
    suppression.suppress(desk.session, address.key, Reason.DEAD, desk.now)
    entry = consent.entry(
        desk.keyring,
        act=Act.STATE,
        list_address="",
        address=(address.given, address.key),
        note=desk.note,
        now=desk.now,
        detail=f"not mailed any more: the address bounces {status}".strip(),
    )
    consent.record(desk.session, [entry])
    return True


def _mailing(session: Session, list_address: str, about: str) -> int | None:
    if not about:
        return None
    return session.scalar(
        select(Mailing.id)
        .where(Mailing.message_id == about, Mailing.list_address == list_address)
        .order_by(Mailing.id.desc())
        .limit(1)
    )
