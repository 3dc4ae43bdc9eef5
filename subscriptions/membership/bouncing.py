"""Score what comes back, mildly, and stop mail to an address only when it is surely dead.

Policy and content refusals never count: they speak of what was sent, not of the member. One
bounce a day counts, whatever list it came from; what is old weighs less, and what came before a
token last proved that mail arrives weighs nothing. An address is doubted first (doubts.py), and
asked by a mail of its own when its score passes LIMIT and its bounces span SPAN at least; where
that comes back too it is given up. Knows kinds, addresses and memberships, nothing of how a bounce
was read.
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
    or_,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.errors import BadInput
from mailer.ledger.mailings import Mailing
from mailer.reading import addresses
from mailer.reading.bounce_reasons import BounceKind
from mailer.storage.store import Base
from subscriptions.lists.roster import Address, MailList, Membership
from subscriptions.membership import changes, doubts, refused_mailings
from subscriptions.membership.changes import ChangeContext
from subscriptions.membership.doubts import DoubtfulAddress
from subscriptions.membership.refused_mailings import RefusedMailing
from subscriptions.permission import consent, suppression
from subscriptions.permission.consent import Act
from subscriptions.permission.suppression import MAX_SAID, Reason

DAY = 86400.0
WEIGHTS: dict[str, float] = {
    BounceKind.DEAD: 1.0,
    BounceKind.FULL: 0.25,
    BounceKind.TEMPORARY: 0.1,
}
HALF = 60 * DAY  # after this time a bounce weighs half
LIMIT = 2.0
SPAN = 4 * DAY
_Id = BigInteger().with_variant(Integer, "sqlite")


class Bounced(Base):
    """Keep one bounce about one member: what it said, and about which mailing, where known."""

    __tablename__ = "bounce"
    __table_args__ = (
        Index("ix_bounce_membership", "membership_id", "at"),
        Index("ix_bounce_mailing", "mailing_id"),
        Index("ix_bounce_address", "address_id", "at"),
    )
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    at: Mapped[float]
    membership_id: Mapped[int] = mapped_column(ForeignKey(Membership.id, ondelete="CASCADE"))
    address_id: Mapped[int | None] = mapped_column(ForeignKey(Address.id, ondelete="CASCADE"))
    mailing_id: Mapped[int | None] = mapped_column(ForeignKey(Mailing.id, ondelete="SET NULL"))
    kind: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    said: Mapped[str] = mapped_column(String(MAX_SAID), default="", server_default="")
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
        """Tell whether to ask the address itself, and to give it up where that comes back."""
        return self.points >= LIMIT and self.span >= SPAN


def score(bounces: Sequence[tuple[float, str]], now: float) -> Score:
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


@dataclass(frozen=True, slots=True)
class BounceReport:
    """Hold what came back about one copy: why, in whose words, and which mail it was.

    ``recipient`` is the address that the report names, ``about`` the Message-ID of the mail that
    came back; both are "" where nobody knows.
    """

    kind: BounceKind
    status: str = ""
    said: str = ""
    recipient: str = ""
    about: str = ""
    raw_sha: bytes | None = None
    delayed: bool = False  # its server still tries


def take(desk: ChangeContext, member: Membership, report: BounceReport) -> str:
    """Enter a bounce and do what follows from it; return that in a word."""
    session, kind = desk.session, report.kind
    mailing_id = _mailing(session, desk.lst, report.about)
    address = _meant(session, member, report.recipient)
    rows = row(member.id, address.id, desk.now, report, mailing_id)
    enter(session, [rows])
    if kind is BounceKind.COMPLAINT:
        return _complained(desk, member, address)
    if kind in refused_mailings.OURS and mailing_id is not None:
        refused_mailings.note(session, {mailing_id: 1}, desk.now)
    if kind not in WEIGHTS:
        return "not-counted"
    if suppression.has(session, address.key, Reason.DEAD):
        return "had-been-given-up"
    return "doubted" if doubt(session, [rows], desk.now) else "noted"


def take_answer(desk: ChangeContext, member: Membership, report: BounceReport) -> str:
    """Enter what came back of the mail that asked the address itself; return what follows.

    Where its server still tries, or refuses us and not the address, nothing does yet.
    """
    session = desk.session
    address = _meant(session, member, report.recipient)
    enter(session, [row(member.id, address.id, desk.now, report, None)])
    if report.kind is BounceKind.COMPLAINT:
        return _complained(desk, member, address)
    if report.delayed or not doubts.is_asked(session, address.id):
        return "noted"
    if report.kind not in WEIGHTS:
        return "not-counted"
    return "given-up" if give_up(desk, address, report) else "had-been-given-up"


def _complained(desk: ChangeContext, member: Membership, address: Address) -> str:
    """Let somebody go who pressed "spam"; no list mails them until they write themselves."""
    suppression.suppress(desk.session, address.key, Reason.COMPLAINT, desk.now)
    return "left" if changes.leave(desk, member) else "had-left"


def _meant(session: Session, member: Membership, recipient: str) -> Address:
    """Return which of the member's addresses a report means: what they moved from, or have now."""
    own = session.get_one(Address, member.address_id)
    try:
        key = addresses.parse(recipient).key
    except BadInput:
        return own
    theirs = select(Address).where(Address.key == key, Address.person_id == member.person_id)
    return session.scalar(theirs) or own


def row(
    membership_id: int, address_id: int, at: float, report: BounceReport, mailing_id: int | None
) -> Row:
    """Return one bounce, to be entered."""
    return {
        "at": at,
        "membership_id": membership_id,
        "address_id": address_id,
        "mailing_id": mailing_id,
        "kind": report.kind.value,
        "status": report.status[:16],
        "said": in_one_line(report.said),
        "raw_sha": report.raw_sha,
    }


def in_one_line(said: str) -> str:
    """Return a server's words as they are kept: printable, on one line, bounded."""
    plain = "".join(c if c.isprintable() else " " for c in said[: 4 * MAX_SAID])
    return " ".join(plain.split())[:MAX_SAID]


def enter(session: Session, rows: Sequence[Row]) -> None:
    """Enter bounces; what follows from them is the caller's business."""
    if rows:
        session.connection().execute(_INSERT, rows)


def scores(session: Session, address_ids: Collection[int], now: float) -> dict[int, Score]:
    """Return the score of each address, of all lists together."""
    told: dict[int, list[tuple[float, str]]] = {one: [] for one in address_ids}
    found = session.execute(
        select(Bounced.address_id, Bounced.at, Bounced.kind)
        .join(Address, Address.id == Bounced.address_id)
        .outerjoin(DoubtfulAddress, DoubtfulAddress.address_id == Bounced.address_id)
        .outerjoin(RefusedMailing, RefusedMailing.mailing_id == Bounced.mailing_id)
        .where(
            Bounced.address_id.in_(told),
            Bounced.at > now - 6 * HALF,
            Bounced.at > func.coalesce(Address.proven_at, 0.0),
            Bounced.at > func.coalesce(DoubtfulAddress.forgiven_at, 0.0),
            or_(RefusedMailing.seen.is_(None), RefusedMailing.seen < refused_mailings.MANY),
        )
    )
    for address, at, kind in found:
        told[address or 0].append((at, kind))
    return {address: score(bounces, now) for address, bounces in told.items()}


def doubt(session: Session, rows: Sequence[Row], now: float) -> int:
    """Doubt the addresses whose bounces weigh enough by now; return how many."""
    found = scores(session, {row["address_id"] for row in rows}, now)
    doubtful = {
        row["address_id"]: row for row in rows if found[row["address_id"]].points >= doubts.DOUBTFUL
    }
    for address_id, last in doubtful.items():
        since = last["at"] - found[address_id].span
        doubts.doubt(
            session, address_id, last["membership_id"], since, kind=last["kind"], said=last["said"]
        )
    return len(doubtful)


@dataclass(frozen=True, slots=True)
class BounceRecord:
    """Show one bounce: of which list's mail, and what the server said."""

    at: float
    list: str
    kind: str
    status: str
    said: str
    mailing: int | None

    @property
    def words(self) -> str:
        """Return what it was, in one line for the operator."""
        said = self.said if self.status in self.said else f"{self.status} {self.said}".strip()
        return f"{self.kind}: {said}" if said else self.kind


def history(session: Session, person_id: int, limit: int = 20) -> tuple[BounceRecord, ...]:
    """Return what came back from a person's addresses, the newest first."""
    rows = session.execute(
        select(Bounced, MailList)
        .join(Membership, Membership.id == Bounced.membership_id)
        .join(MailList, MailList.id == Membership.list_id)
        .where(Membership.person_id == person_id)
        .order_by(Bounced.at.desc(), Bounced.id.desc())
        .limit(limit)
    )
    return tuple(
        BounceRecord(one.at, lst.address, one.kind, one.status, one.said, one.mailing_id)
        for one, lst in rows
    )


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


def give_up(desk: ChangeContext, address: Address, report: BounceReport) -> bool:
    """Stop all mail to an address, with an entry; return False where it was stopped."""
    session = desk.session
    if suppression.has(session, address.key, Reason.DEAD):
        return False
    said, kind = in_one_line(report.said), report.kind.value
    doubts.forget(session, address.id)
    suppression.suppress(session, address.key, Reason.DEAD, desk.now, kind=kind, said=said)
    entry = consent.entry(
        desk.keyring,
        act=Act.STATE,
        list_address="",
        address=(address.given, address.key),
        note=desk.note,
        now=desk.now,
        detail=f"not mailed any more: the address bounces {report.status}".strip(),
    )
    consent.record(session, [entry])
    return True


def _mailing(session: Session, lst: MailList, about: str) -> int | None:
    if not about:
        return None
    return session.scalar(
        select(Mailing.id)
        .where(Mailing.message_id == about, Mailing.list_address.in_(lst.addresses))
        .order_by(Mailing.id.desc())
        .limit(1)
    )
