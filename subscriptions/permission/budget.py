"""Bound the mail that nobody has agreed to: confirmations, help, receipts, refusals.

    if allow(session, to.key, kind="confirm", now=now, source=ip): notices.send(...)

``allow`` counts the mail where it says yes. A stranger gets ONE automatic mail in 24 hours,
of whatever kind, over all lists and doors; a member whose address no token has proven yet one of
each kind and at most five; a proven address twenty. Editors' drafts, each of which brings its own
editor two mails, are counted apart: an issue is written in more than five; and so are owners'
orders. Also bounded are the strangers of one domain and those that one source asks for. SECURITY:
this is what stands between a form on the web and forty confirmations in a victim's mailbox; every
door that answers asks here first.
"""

from dataclasses import dataclass

from sqlalchemy import Index, String, delete, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.storage.store import Base
from subscriptions.lists.roster import Address, BigId, Membership, MembershipState

DAY = 86400.0
STRANGER = 1  # automatic mails in 24 hours
MEMBER = 5  # a member by statement, whose address no token has proven
PROVEN = 20
DRAFTS = 20  # of an editor in 24 hours, where no token has proven the address
DRAFTS_PROVEN = 60
DRAFT = "draft"
RELAY = "relay"
RELAYED_FROM = 20  # private answers in 24 hours through aliases, from one source
RELAYED_TO = 50  # and to one author
ORDER = "order"  # an owner's: bounded as drafts are
DOMAIN = 500  # strangers at one domain
SOURCE = 50  # strangers asked for from one address of the net
_KEPT = 2 * DAY


class AutomaticMail(Base):
    """One automatic mail: to whom, when, of which kind, and who caused it."""

    __tablename__ = "automatic_mail"
    __table_args__ = (
        Index("ix_automatic_mail_address", "address_key", "at"),
        Index("ix_automatic_mail_domain", "domain", "at"),
        Index("ix_automatic_mail_source", "source", "at"),
        Index("ix_automatic_mail_at", "at"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    address_key: Mapped[str] = mapped_column(String(320))
    domain: Mapped[str] = mapped_column(String(253))  # "" where the address was proven
    source: Mapped[str] = mapped_column(String(64))  # IP address; "" where none is counted
    kind: Mapped[str] = mapped_column(String(40))
    at: Mapped[float]


@dataclass(frozen=True, slots=True)
class Familiarity:
    """Say how well an address is known to us."""

    proven: bool
    member: bool


@dataclass(frozen=True, slots=True)
class Spent:
    """Count what went out within a day."""

    in_all: int = 0
    of_kind: int = 0
    to_domain: int = 0
    from_source: int = 0


def decide(standing: Familiarity, spent: Spent) -> str:
    """Return "" where one more may go, else which bound stands against it."""
    if standing.proven:
        return "" if spent.in_all < PROVEN else "proven"
    if standing.member:
        return "" if spent.of_kind == 0 and spent.in_all < MEMBER else "member"
    if spent.in_all >= STRANGER:
        return "stranger"
    if spent.to_domain >= DOMAIN:
        return "domain"
    return "source" if spent.from_source >= SOURCE else ""


def allow(
    session: Session, key: str, *, kind: str, now: float, source: str = "", wave: bool = True
) -> bool:
    """Tell whether the address ``key`` may get this automatic mail, and count it if so.

    ``source`` is the IP address that asked, "" for those that are not counted (loopback, LMTP,
    servers in front of us). ``wave`` False leaves the bound by domain out: an operator invites.
    """
    _alone(session, key)
    standing = standing_of(session, key)
    against = decide(standing, _spent(session, key, kind, source, now))
    if against and (wave or against != "domain"):
        return False
    count(session, key, kind=kind, now=now, source=source, proven=standing.proven)
    return True


def room_for_draft(session: Session, key: str, now: float) -> bool:
    """Tell whether a draft of this editor may be read; count nothing: reading costs much."""
    most = DRAFTS_PROVEN if standing_of(session, key).proven else DRAFTS
    return _spent(session, key, DRAFT, "", now).of_kind < most


def allow_draft(session: Session, key: str, now: float) -> bool:
    """Tell whether a draft of this editor may be answered, and count it if so."""
    _alone(session, key)
    if not room_for_draft(session, key, now):
        return False
    count(session, key, kind=DRAFT, now=now)
    return True


def allow_order(session: Session, key: str, *, now: float) -> bool:
    """Tell whether an owner's orders may be answered, and count the mail that does if so."""
    _alone(session, key)
    most = DRAFTS_PROVEN if standing_of(session, key).proven else DRAFTS
    if _spent(session, key, ORDER, "", now).of_kind >= most:
        return False
    count(session, key, kind=ORDER, now=now)
    return True


def once(session: Session, key: str, kind: str, now: float) -> bool:
    """Tell whether this is the first of its kind within a day, and count it if so."""
    _alone(session, key)
    if _spent(session, key, kind, "", now).of_kind:
        return False
    count(session, key, kind=kind, now=now)
    return True


def allow_relay(session: Session, source: str, to: str, now: float) -> bool:
    """Tell whether one more private answer may go on to an author, and count it if so.

    ``source`` and ``to`` are words that stand for who sends and who gets it, no addresses: what
    is relayed takes nothing from anybody's budget of automatic mail.
    """
    bounds = ((f"{RELAY}-from:{source}", RELAYED_FROM), (f"{RELAY}-to:{to}", RELAYED_TO))
    for word, most in bounds:
        _alone(session, word)
        if _spent(session, word, RELAY, "", now).of_kind >= most:
            return False
    for word, _ in bounds:
        count(session, word, kind=RELAY, now=now)
    return True


def _alone(session: Session, key: str) -> None:
    if session.get_bind().dialect.name == "postgresql":
        # Two workers reading two of forty forged mails must not both find nothing spent.
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": key})


def count(
    session: Session, key: str, *, kind: str, now: float, source: str = "", proven: bool = True
) -> None:
    """Count one automatic mail that goes out whatever the budget says: an answer to a token."""
    session.execute(delete(AutomaticMail).where(AutomaticMail.at < now - _KEPT))
    domain = "" if proven else key.rpartition("@")[2]
    session.add(
        AutomaticMail(
            address_key=key, domain=domain, source="" if proven else source, kind=kind, at=now
        )
    )
    session.flush()


def standing_of(session: Session, key: str) -> Familiarity:
    """Return how well we know the address ``key``."""
    row = session.execute(
        select(Address.proven_at, Address.person_id).where(Address.key == key)
    ).first()
    if row is None:
        return Familiarity(proven=False, member=False)
    member = session.scalar(
        select(Membership.id)
        .where(
            Membership.person_id == row.person_id,
            Membership.state.in_((MembershipState.ACTIVE, MembershipState.PAUSED)),
        )
        .limit(1)
    )
    return Familiarity(proven=row.proven_at is not None, member=member is not None)


def forget(session: Session, keys: list[str]) -> None:
    """Erase what was counted for these addresses."""
    session.execute(delete(AutomaticMail).where(AutomaticMail.address_key.in_(keys)))


def _spent(session: Session, key: str, kind: str, source: str, now: float) -> Spent:
    since = AutomaticMail.at > now - DAY
    own = (
        select(AutomaticMail.kind, func.count())
        .where(AutomaticMail.address_key == key, since)
        .group_by(AutomaticMail.kind)
    )
    kinds = {row[0]: row[1] for row in session.execute(own)}
    domain = select(func.count()).where(AutomaticMail.domain == key.rpartition("@")[2], since)
    asked = select(func.count()).where(AutomaticMail.source == source, since)
    return Spent(
        in_all=sum(number for name, number in kinds.items() if name not in {DRAFT, ORDER}),
        of_kind=kinds.get(kind, 0),
        to_domain=session.scalar(domain) or 0,
        from_source=(session.scalar(asked) or 0) if source else 0,
    )
