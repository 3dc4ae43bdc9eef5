"""Count the mail to a list that nobody answered, by the reason that its arrival was ended with.

Knows the words in which handlers end an arrival (docs/reference/answers.md has them all); refuses
to know who asks. Looks at what nobody answered in the last ``DAYS`` days, by an index that holds
nothing else.
"""

import re
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from listserv.answers.machine_kinds import MachineKind
from listserv.wiring import routes
from mailer.storage.arrivals import Arrival, ArrivalState
from subscriptions.lists.roster import MailList

DAYS = 30
MOST = 100_000  # rows that are looked at
_SILENT = re.compile(
    r"(?:[a-z]+ )?(?:not-(?:answered|asked|forwarded|relayed|counted): (?P<why>[a-z-]+(?: author)?)"
    r"|(?P<own>over-budget|never-mail-me|own-address|joined-pending)\b)"
    r"|discard (?P<rule>[a-z-]+)|bounces (?P<bounce>[a-z-]+) not-counted"
)
_BUDGET = {"over-budget", "joined-pending", "address", "budget"}
_NOT_THEIRS = {"from-not-theirs", "from-is-ours", "banned"}


class Silence(StrEnum):
    """Name the kinds of reasons that an owner is told."""

    AUTOMATIC = "automatic"
    BUDGET = "budget"
    NOT_THEIRS = "not-theirs"
    OTHER = "other"


def reason(note: str) -> str:
    """Return why the arrival that was ended with ``note`` got no answer, "" where it got one."""
    found = _SILENT.match(note)
    if found is None:
        return ""
    return found["why"] or found["own"] or found["rule"] or found["bounce"]


def kind(why: str) -> Silence:
    """Return which kind of reason ``why`` is."""
    if why in _BUDGET:
        return Silence.BUDGET
    if why in _NOT_THEIRS:
        return Silence.NOT_THEIRS
    machine = why in set(MachineKind) or why in {"auto-reply", "none", "proof", "automatic"}
    return Silence.AUTOMATIC if machine else Silence.OTHER


def by_kind(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts by reason as counts by kind of reason."""
    found: Counter[str] = Counter()
    for why, mails in counts.items():
        found[kind(why).value] += mails
    return dict(found)


def count(session: Session, lst: MailList, now: float) -> dict[str, int]:
    """Return how many mails to ``lst`` were not answered lately, by reason, the most first."""
    rows = session.execute(
        select(Arrival.recipient, Arrival.note, func.count().label("mails"))
        .where(
            Arrival.state == int(ArrivalState.DONE),
            Arrival.received_at >= now - DAYS * 86_400,
            or_(*(func.lower(Arrival.recipient).like(_shape(one)) for one in lst.addresses)),
            text("silent"),  # as the index has it
        )
        .group_by(Arrival.recipient, Arrival.note)
        .limit(MOST)
    )
    counts: Counter[str] = Counter()
    for recipient, note, mails in rows:
        why = reason(note)
        if why and _is_to(recipient, lst):
            counts[why] += mails
    return dict(counts.most_common())


def _shape(address: str) -> str:
    name, _, domain = address.rpartition("@")
    return f"{name}%@{domain}"


def _is_to(recipient: str, lst: MailList) -> bool:
    """Tell whether an address is one of this list's, not of one whose name begins alike."""

    def ours(address: str) -> MailList | None:
        return lst if address in lst.addresses else None

    return routes.find(recipient, ours, lambda _domain: False) is not None
