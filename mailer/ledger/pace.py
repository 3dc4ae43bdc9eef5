"""Paces: how fast mail may go to one receiving domain, from one list, through one relay.

A pace is a token bucket. Its rate is what the operator allows, what a receiver has taught us,
or both: a receiver that says "slower" halves it, and it recovers in a straight line. Paces are
rows, so that all workers share them; the decisions are pure. While a warm-up calendar counts the
day's recipients (mailer/ledger/warmup.py), what is left of the day is one more row. A recipient for
whom there is no token now gets the time of its own token as its due time, so it stands in nobody's
way.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from sqlalchemy import Table, bindparam, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.client.smtp_answers import Reply
from mailer.errors import Misconfigured
from mailer.ledger import warmup
from mailer.storage.store import Base, insert_or_ignore

BURST = 2.0  # seconds whose tokens may be saved up
PAUSE = 5.0  # seconds without mail after "slower"
RECOVERY = 300.0  # seconds in which a halved rate doubles again
FLOOR = 0.1  # recipients a second: the slowest that a receiver can teach
HORIZON = 600.0  # seconds that a recipient is put off at most; the rate may rise meanwhile
_MOST = 1e6
_RATE = re.compile(r"\b(?:rate|throttl|too (?:many|fast|high)|slow)", re.IGNORECASE)
_GREY = re.compile(r"gr[ae]y.?list", re.IGNORECASE)
_BUSY = re.compile(r"4\.(?:3\.2|4\.5)\b")  # RFC 3463: system busy, congestion


def to(domain: str) -> str:
    """Return the key of a receiving domain's pace."""
    return f"to {domain.lower()}"


def of(list_address: str) -> str:
    """Return the key of a list's pace."""
    return f"list {list_address.lower()}"


def through(relay: str) -> str:
    """Return the key of a relay's pace."""
    return f"relay {relay.lower()}"


def read_rates(texts: Iterable[str]) -> dict[str, float]:
    """Read what the operator allows, as in ``gmail.com 20`` and ``news@example.org 50``.

    Raise Misconfigured that says what is wrong with one.
    """
    rates = {}
    for text in texts:
        name, _, number = text.partition(" ")
        try:
            rate = float(number)
        except ValueError:
            rate = 0.0
        if not name or not 0 < rate < _MOST:
            raise Misconfigured(
                f"mailer.rates: {text[:80]!r} is not a domain or a list and a number.",
                "Write DOMAIN RATE or LIST RATE, as in gmail.com 20 (recipients a second).",
            )
        rates[of(name) if "@" in name else to(name)] = rate
    return rates


class PaceRow(Base):
    """Keep what a receiver taught us, and the tokens that are left."""

    __tablename__ = "pace"
    key: Mapped[str] = mapped_column(primary_key=True)
    rate: Mapped[float]  # recipients a second; 0: nothing learnt
    step: Mapped[float]  # what the rate gains each second
    room: Mapped[float]  # tokens at ``at``
    at: Mapped[float]  # by the database's clock, as all its times
    until: Mapped[float]  # nothing leaves before
    booked: Mapped[float]  # the last due time that was given out


@dataclass(frozen=True, slots=True)
class Pace:
    """Hold one token bucket; ``most`` and ``quota`` are the operator's words (0, None: none)."""

    rate: float = 0.0
    step: float = 0.0
    room: float = 0.0
    at: float = 0.0
    until: float = 0.0
    booked: float = 0.0
    most: float = 0.0
    quota: int | None = None  # recipients of this day, all told; its room is what is left

    @property
    def limit(self) -> float:
        """Return recipients a second, 0 for as fast as can be."""
        known = [rate for rate in (self.rate, self.most) if rate > 0]
        return min(known, default=0.0)


def refilled(pace: Pace, now: float) -> Pace:
    """Return the pace at ``now``: tokens come, the rate recovers, and is forgotten in the end."""
    if pace.quota is not None:
        same = warmup.day_of(pace.at) == warmup.day_of(now)
        return replace(pace, room=min(pace.room, pace.quota) if same else pace.quota, at=now)
    passed = max(0.0, now - pace.at)
    rate = pace.rate + pace.step * passed if pace.rate else 0.0
    if rate >= pace.step * 4 * RECOVERY:  # twice what it was when the receiver complained
        rate = 0.0
    grown = replace(pace, rate=rate, step=pace.step if rate else 0.0, at=now)
    limit = grown.limit
    room = min(max(1.0, limit * BURST), pace.room + limit * passed)
    return replace(grown, room=0.0 if now < pace.until else room)


def taken(pace: Pace, wanted: int) -> tuple[Pace, int]:
    """Take up to ``wanted`` tokens of a refilled pace; return what is left and how many."""
    if pace.at < pace.until:
        return pace, 0
    if not pace.limit and pace.quota is None:
        return pace, wanted
    granted = min(wanted, int(pace.room))
    return replace(pace, room=pace.room - granted), granted


def booking(pace: Pace, now: float) -> tuple[Pace, float]:
    """Return when the next one may leave that finds no token now; each gets its own time."""
    if pace.quota is not None:  # tomorrow; looked at again before, should the operator allow more
        return pace, min((warmup.day_of(now) + 1) * warmup.DAY, now + 6 * HORIZON)
    begin = max(now, pace.until, min(pace.booked, now + HORIZON))
    at = begin + (1.0 / pace.limit if pace.limit else 0.0)
    return replace(pace, booked=at), min(at, now + HORIZON)


def ahead(pace: Pace, now: float) -> float:
    """Return when to try again for one who does not queue behind those with a time of their own."""
    return max(now, pace.until) + (1.0 / pace.limit if pace.limit else 0.0)


def slowed(pace: Pace, now: float, observed: float) -> Pace:
    """Return the pace after "slower": half of what was, and a rest.

    ``observed`` is how many a second went when nothing limited them. Several complaints during
    one rest are one.
    """
    if now < pace.until:
        return pace
    before = pace.rate or min(rate for rate in (observed, pace.most or observed))
    rate = max(FLOOR, before / 2)
    return replace(
        pace, rate=rate, step=rate / RECOVERY, room=0.0, at=now, until=now + PAUSE, booked=0.0
    )


def asks_for_less(reply: Reply, *, queues: bool) -> bool:
    """Tell whether a deferral is about how fast we are, rather than about one recipient.

    Greylisting puts off each stranger once, however slowly we go; a full mailbox is its own.
    A relay that ``queues`` and closes without such a word has other troubles: it gets a pause.
    """
    if reply.code // 100 != 4 or _GREY.search(reply.text):  # noqa: PLR2004 - RFC 5321 4.2.1
        return False
    if reply.text.startswith("4.7."):  # RFC 3463: policy
        return True
    if not queues and (reply.code == 421 or _BUSY.match(reply.text)):  # noqa: PLR2004 - closing
        return True
    return bool(_RATE.search(reply.text)) and not reply.text.startswith("4.2.")


@dataclass(slots=True)
class Paces:
    """Hold the paces that matter in one transaction; ``keep`` writes what became of them."""

    now: float
    known: dict[str, Pace]
    changed: set[str] = field(default_factory=set)
    names: Mapping[str, str] = field(default_factory=dict)  # the key that counts instead of one

    def admit(self, keys: Sequence[str], *, urgent: bool = False) -> float | None:
        """Take one token of every key; else return the due time that the recipient gets.

        Who is ``urgent`` is back for the very next tokens, however many have booked theirs.
        """
        counted = dict.fromkeys(self.names.get(key, key) for key in keys)
        limited = [key for key in counted if key in self.known]
        for key in limited:
            if taken(self.known[key], 1)[1] == 0:
                if urgent:
                    return ahead(self.known[key], self.now)
                self.known[key], due = booking(self.known[key], self.now)
                self.changed.add(key)
                return due
        for key in limited:
            self.known[key], _ = taken(self.known[key], 1)
            self.changed.add(key)
        return None

    def grant(self, key: str, wanted: int) -> int | None:
        """Take up to ``wanted`` tokens of ``key``; None where nothing limits it."""
        pace = self.known.get(key)
        if pace is None:
            return None
        self.known[key], granted = taken(pace, wanted)
        self.changed.add(key)
        return granted

    def refund(self, key: str, many: int) -> None:
        """Give a day's tokens back for recipients who were claimed and not sent to."""
        pace = self.known.get(key)
        if pace is not None and pace.quota is not None and many:
            self.known[key] = replace(pace, room=min(pace.quota, pace.room + many))
            self.changed.add(key)

    def slow(self, key: str, observed: float) -> None:
        """Take note that a receiver wants less."""
        self.known[key] = slowed(self.known.get(key, Pace()), self.now, observed)
        self.changed.add(key)


def load(
    session: Session,
    now: float,
    allowed: Mapping[str, float],
    calendar: warmup.Calendar | None = None,
    names: Mapping[str, str] | None = None,
) -> Paces:
    """Read every pace, locked for this transaction.

    ``allowed`` and ``calendar`` are what the operator says; ``names`` gives the key of a list's
    other address the key that counts, so that one list has one bucket.
    """
    quota = calendar.quota(warmup.day_of(now)) if calendar else None
    found = _locked(session)
    absent = [
        key for key in (*allowed, *([] if quota is None else [warmup.KEY])) if key not in found
    ]
    if absent and session.get_bind().dialect.name != "sqlite":
        # A row that is not there cannot be locked: two workers would each spend its tokens.
        for key in sorted(absent):
            fresh = Pace() if key == warmup.KEY else Pace(room=1.0, at=now)
            _begin(session, key, fresh)
        found = _locked(session)
    for key, most in allowed.items():
        found[key] = replace(found.get(key, Pace(room=1.0, at=now)), most=most)
    before = found.pop(warmup.KEY, Pace())
    if quota is not None:
        found[warmup.KEY] = replace(before, quota=quota)
    at_now = {key: refilled(pace, now) for key, pace in found.items()}
    return Paces(now, at_now, names=names or {})


def _locked(session: Session) -> dict[str, Pace]:
    return {key: Pace(*values) for key, *values in session.connection().execute(_ALL).all()}


def _begin(session: Session, key: str, pace: Pace) -> None:
    fields = {name: getattr(pace, name) for name in _FIELDS}
    session.connection().execute(insert_or_ignore(session, PaceRow), {"key": key, **fields})


def keep(session: Session, paces: Paces) -> None:
    """Write the paces that changed; one that limits nothing any more is forgotten.

    A row that is there is updated, never written anew: on PostgreSQL a worker that waits for its
    lock would find it gone, and know of no pace at all.
    """
    connection = session.connection()
    for key in sorted(paces.changed):
        pace = paces.known[key]
        if not (pace.limit or pace.until > paces.now or pace.quota is not None):
            connection.execute(_FORGET, {"name": key})
            continue
        fields = {name: getattr(pace, name) for name in _FIELDS}
        values = {"name": key, **{f"new_{name}": value for name, value in fields.items()}}
        if not connection.execute(_KEEP, values).rowcount:
            _begin(session, key, paces.known[key])


def known(session: Session, now: float, allowed: Mapping[str, float]) -> dict[str, float]:
    """Return recipients a second by key at ``now``, of all that limit anything; locks nothing."""
    found = dict.fromkeys(allowed, Pace(at=now)) | dict(learnt(session))
    refreshed = {
        key: refilled(replace(pace, most=allowed.get(key, 0.0)), now) for key, pace in found.items()
    }
    return {key: pace.limit for key, pace in refreshed.items() if pace.limit}


def days(session: Session, now: float, calendar: warmup.Calendar | None) -> tuple[int, ...]:
    """Return how many recipients today has left and each next day has, while they are counted."""
    if calendar is None:
        return ()
    today = warmup.day_of(now)
    row = session.get(PaceRow, warmup.KEY)
    counted = row is not None and warmup.day_of(row.at) == today
    return tuple(calendar.ahead(today, int(row.room) if row and counted else None))


def learnt(session: Session) -> Iterable[tuple[str, Pace]]:
    """Return every pace that is kept, for people."""
    return [(key, Pace(*values)) for key, *values in session.connection().execute(_SEEN).all()]


_FIELDS = ("rate", "step", "room", "at", "until", "booked")
_p = PaceRow.__table__.c
_SEEN = select(_p.key, *(_p[name] for name in _FIELDS)).order_by(_p.key)
_ALL = _SEEN.with_for_update()
_FORGET = delete(cast("Table", PaceRow.__table__)).where(_p.key == bindparam("name"))
_KEEP = (
    update(cast("Table", PaceRow.__table__))
    .where(_p.key == bindparam("name"))
    .values({name: bindparam(f"new_{name}") for name in _FIELDS})
)
