"""Bound the mail that nobody has agreed to: confirmations, help, receipts, refusals.

    if allow(session, to.key, kind="confirm", now=now, source=ip): notices.send(...)

``allow`` counts the mail where it says yes. A stranger gets ONE automatic mail in 24 hours, of
whatever kind, over all lists and doors; a member whose address no token has proven yet one of
each kind and at most five; a proven address twenty. Forty spellings of one mailbox are one.
Editors' drafts, each of which brings its own editor two mails, are counted apart: an issue is
written in more than five; and so are owners' orders, and wishes for threads. Also bounded are the
strangers of one organisation, those that one source or one neighbourhood of the net asks for, and
all of one minute together. A letter for which its writer's own domain vouches passes these but the
organisation's: whoever is written to has written. SECURITY: this is what stands between a form on
the web and forty confirmations in a victim's mailbox, and between a thousand sources and a
thousand victims; every door that answers asks here first.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Index, String, delete, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.door.callers import network_of
from mailer.reading.organisational_domains import organisation
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
THREAD = "thread"  # a receipt for what touches one thread: so, too
DOMAIN = 500  # strangers at one organisation's domains
SOURCE = 50  # strangers asked for from one source (mailer/door/callers.py)
NETWORK = 150  # and from its neighbourhood
MINUTE = 60.0
IN_ALL = 100  # strangers in a minute, whoever asks
LETTERS_FROM = 20  # letters in 24 hours that go on to owners, from one source
LETTERS_TO = 200  # and to one list's
LETTER = "letter"
OWN = frozenset({"proven", "member", "stranger"})  # bounds of one address
SHARED = ("domain", "source", "network", "minute")  # and of many
NOBODY = "unknown"  # the source of whatever a front brings without saying whose it is
_KEPT = 2 * DAY
_DOTLESS = {"gmail.com", "googlemail.com"}  # providers that read no dots in a name


class AutomaticMail(Base):
    """Keep one automatic mail: to whom, when, of which kind, and who caused it."""

    __tablename__ = "automatic_mail"
    __table_args__ = (
        Index("ix_automatic_mail_address", "address_key", "at"),
        Index("ix_automatic_mail_domain", "domain", "at"),
        Index("ix_automatic_mail_source", "source", "at"),
        Index("ix_automatic_mail_network", "network", "at"),
        Index("ix_automatic_mail_at", "at"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    address_key: Mapped[str] = mapped_column(String(320))  # the mailbox
    domain: Mapped[str] = mapped_column(String(253))  # organisation; "" for a proven address
    source: Mapped[str] = mapped_column(String(64))  # who asked; "" where none is counted
    network: Mapped[str] = mapped_column(String(64), default="", server_default="")
    kind: Mapped[str] = mapped_column(String(40))
    at: Mapped[float]


class BoundReached(Base):
    """Count how often a bound that is no address's own has stopped a mail."""

    __tablename__ = "automatic_barred"
    bound: Mapped[str] = mapped_column(String(20), primary_key=True)
    times: Mapped[int] = mapped_column(BigId)
    last: Mapped[float]
    told: Mapped[float]  # when the operator was


@dataclass(frozen=True, slots=True)
class Familiarity:
    """Say how well an address is known to us."""

    proven: bool
    member: bool


@dataclass(frozen=True, slots=True)
class AskedBy:
    """Say who asked for an automatic mail, and how many strangers are mailed in a minute.

    ``source`` is "" where no bound counts it: an owner, an operator. ``vouched`` tells that
    the domain of the very address to be mailed vouches for the letter that asks.
    """

    source: str = ""
    vouched: bool = False
    in_all: int = IN_ALL


@dataclass(frozen=True, slots=True)
class Spent:
    """Count what went out within a day; ``this_minute`` to strangers, whoever asked."""

    in_all: int = 0
    of_kind: int = 0
    to_domain: int = 0
    from_source: int = 0
    from_network: int = 0
    this_minute: int = 0


def mailbox(key: str) -> str:
    """Return the mailbox that the address ``key`` is one spelling of, as far as that is known.

    What follows a plus is a tag (RFC 5233), and some providers read no dots.
    """
    local, _, domain = key.rpartition("@")
    plain = local.partition("+")[0] or local
    if domain in _DOTLESS:
        return f"{plain.replace('.', '') or plain}@gmail.com"
    return f"{plain}@{domain}"


def decide(standing: Familiarity, spent: Spent, asked: AskedBy | None = None) -> str:
    """Return "" where one more may go, else which bound stands against it."""
    if standing.proven:
        return "" if spent.in_all < PROVEN else "proven"
    if standing.member:
        return "" if spent.of_kind == 0 and spent.in_all < MEMBER else "member"
    if spent.in_all >= STRANGER:
        return "stranger"
    if spent.to_domain >= DOMAIN:
        return "domain"
    if asked is None or asked.vouched or not asked.source:
        return ""
    bounds = {
        "source": spent.from_source >= SOURCE,
        "network": spent.from_network >= NETWORK,
        "minute": spent.this_minute >= asked.in_all,
    }
    return next((name for name, reached in bounds.items() if reached), "")


def allow(
    session: Session,
    key: str,
    *,
    kind: str,
    now: float,
    source: str = "",
    vouched: bool = False,
    in_all: int = IN_ALL,
    wave: bool = True,
) -> bool:
    """Tell whether the address ``key`` may get this automatic mail, and count it if so.

    ``source``, ``vouched`` and ``in_all`` are AskedBy's. ``wave`` False leaves out all bounds but
    the address's own: an operator invites.
    """
    asked = AskedBy(source, vouched, in_all)
    _alone(session, *filter(None, (source,)), mailbox(key))
    standing = familiarity_of(session, key)
    against = decide(standing, _spent(session, key, kind, now, source), asked)
    if against and (wave or against in OWN):
        if against not in OWN:
            _note_barred(session, against, now)
        return False
    counted = "" if vouched or not wave else source
    count(session, key, kind=kind, now=now, source=counted, proven=standing.proven)
    return True


def is_full(session: Session, now: float, in_all: int) -> bool:
    """Tell whether this minute's strangers have all been mailed; says nothing of any address."""
    return _this_minute(session, now) >= in_all


def barred(session: Session) -> dict[str, BoundReached]:
    """Return what was held back so far, by the bound that stood against it."""
    return {row.bound: row for row in session.scalars(select(BoundReached))}


def tell_barred(session: Session, bound: str, told: float, now: float) -> bool:
    """Note that the operator is told of a bound; False where another process was faster."""
    row = session.get(BoundReached, bound)
    if row is None or row.told != told:
        return False
    row.told = now
    return True


def _note_barred(session: Session, bound: str, now: float) -> None:
    row = session.get(BoundReached, bound)
    if row is None:
        row = BoundReached(bound=bound, times=0, last=now, told=0.0)
        session.add(row)
    row.times += 1
    row.last = now


def room_for_draft(session: Session, key: str, now: float) -> bool:
    """Tell whether a draft of this editor may be read; count nothing: reading costs much."""
    return _has_room(session, key, DRAFT, now)


def allow_draft(session: Session, key: str, now: float) -> bool:
    """Tell whether a draft of this editor may be answered, and count it if so."""
    return _allow_work(session, key, DRAFT, now)


def allow_order(session: Session, key: str, *, now: float) -> bool:
    """Tell whether an owner's orders may be answered, and count the mail that does if so."""
    return _allow_work(session, key, ORDER, now)


def allow_thread(session: Session, key: str, *, now: float) -> bool:
    """Tell whether what a member wants of one thread may be answered, and count it if so."""
    return _allow_work(session, key, THREAD, now)


def _has_room(session: Session, key: str, kind: str, now: float) -> bool:
    most = DRAFTS_PROVEN if familiarity_of(session, key).proven else DRAFTS
    return _spent(session, key, kind, now).of_kind < most


def _allow_work(session: Session, key: str, kind: str, now: float) -> bool:
    """Tell whether one more of what somebody does for a list may be answered, and count it."""
    _alone(session, key)
    if not _has_room(session, key, kind, now):
        return False
    count(session, key, kind=kind, now=now)
    return True


def once(session: Session, key: str, kind: str, now: float) -> bool:
    """Tell whether this is the first of its kind within a day, and count it if so."""
    _alone(session, key)
    if _spent(session, key, kind, now).of_kind:
        return False
    count(session, key, kind=kind, now=now)
    return True


def allow_relay(session: Session, source: str, to: str, now: float) -> bool:
    """Tell whether one more private answer may go on to an author, and count it if so.

    ``source`` and ``to`` are words that stand for who sends and who gets it, no addresses: what
    is relayed takes nothing from anybody's budget of automatic mail.
    """
    return _allow_both(session, RELAY, (source, RELAYED_FROM), (to, RELAYED_TO), now)


def allow_letter(session: Session, source: str, to: str, now: float) -> bool:
    """Tell whether one more letter may go on to the owners of ``to``, and count it if so."""
    return _allow_both(session, LETTER, (source, LETTERS_FROM), (to, LETTERS_TO), now)


def _allow_both(
    session: Session, kind: str, by: tuple[str, int], to: tuple[str, int], now: float
) -> bool:
    bounds = ((f"{kind}-from:{by[0]}", by[1]), (f"{kind}-to:{to[0]}", to[1]))
    _alone(session, *(word for word, _ in bounds))
    for word, most in bounds:
        if _spent(session, word, kind, now).of_kind >= most:
            return False
    for word, _ in bounds:
        count(session, word, kind=kind, now=now)
    return True


def _alone(session: Session, *keys: str) -> None:
    if session.get_bind().dialect.name == "postgresql":
        # Two workers reading two of forty forged mails must not both find nothing spent.
        for key in keys:  # in one order everywhere: who asks, then who is mailed
            session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": key})


def count(
    session: Session, key: str, *, kind: str, now: float, source: str = "", proven: bool = True
) -> None:
    """Count one automatic mail that goes out whatever the budget says: an answer to a token."""
    session.execute(delete(AutomaticMail).where(AutomaticMail.at < now - _KEPT))
    session.add(
        AutomaticMail(
            address_key=mailbox(key),
            domain="" if proven else _organisation(key),
            source="" if proven else source,
            network="" if proven else network_of(source),
            kind=kind,
            at=now,
        )
    )
    session.flush()


def familiarity_of(session: Session, key: str) -> Familiarity:
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
    mailboxes = {*keys, *map(mailbox, keys)}
    session.execute(delete(AutomaticMail).where(AutomaticMail.address_key.in_(mailboxes)))


def _organisation(key: str) -> str:
    return organisation(key.rpartition("@")[2])


def _spent(session: Session, key: str, kind: str, now: float, source: str = "") -> Spent:
    own = (
        select(AutomaticMail.kind, func.count())
        .where(AutomaticMail.address_key == mailbox(key), AutomaticMail.at > now - DAY)
        .group_by(AutomaticMail.kind)
    )
    kinds = {row[0]: row[1] for row in session.execute(own)}

    def counted(condition: ColumnElement[bool]) -> int:
        rows = select(func.count()).where(condition, AutomaticMail.at > now - DAY)
        return session.scalar(rows) or 0

    network = network_of(source)
    return Spent(
        in_all=sum(number for name, number in kinds.items() if name not in {DRAFT, ORDER, THREAD}),
        of_kind=kinds.get(kind, 0),
        to_domain=counted(AutomaticMail.domain == _organisation(key)),
        from_source=counted(AutomaticMail.source == source) if source else 0,
        from_network=counted(AutomaticMail.network == network) if network else 0,
        this_minute=_this_minute(session, now) if source else 0,
    )


def _this_minute(session: Session, now: float) -> int:
    rows = select(func.count()).where(AutomaticMail.at > now - MINUTE, AutomaticMail.source != "")
    return session.scalar(rows) or 0
