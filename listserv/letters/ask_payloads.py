"""What each question keeps with it for its answer: a frozen class per purpose, stored as JSON.

    question(visit, AskPurpose.CONFIRM, ..., payload=JoinPayload(name="Anna", language="sv"))
    ask_payloads.join(ask).approved

What is read is checked: a row that says something else raises ValueError, and its mail is held with
the traceback. Rows of earlier versions are read as well: what they did not say yet has a default
here, and two kinds of one purpose are told apart by the fields they have (``_EITHER``). Refuses to
know what an answer does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from listserv.answers.owner_order import Order
from subscriptions.lists.roster import MembershipState, Rhythm
from subscriptions.permission.asks import Ask


@dataclass(frozen=True, slots=True)
class JoinPayload:
    """Keep who asked to join, for CONFIRM, REST and NEVER."""

    name: str = ""
    language: str = ""
    asked: bool = True  # they asked to join: an empty answer is a yes
    approved: bool = False  # an owner has said yes already
    more: Mapping[int, bool] = field(default_factory=dict)  # other lists by id: approved there


@dataclass(frozen=True, slots=True)
class WishPayload:
    """Keep what a From line wished for itself, for COMMAND."""

    verb: str
    rest: str


@dataclass(frozen=True, slots=True)
class OrdersPayload:
    """Keep what an owner ordered, for COMMAND; ``sha`` is the order's mail, in hex."""

    orders: tuple[Order, ...]
    sha: str
    language: str


@dataclass(frozen=True, slots=True)
class MemberBefore:
    """Keep what a member's wish changed."""

    state: MembershipState
    rhythm: Rhythm
    paused_until: float | None
    language: str
    digest_since: float | None = None
    hour: int | None = None  # of digests; None: the list's
    weekdays: bool = False
    form: str = ""
    zone: str | None = None  # None: not known any more
    name: str | None = None  # None: it stayed


@dataclass(frozen=True, slots=True)
class WishUndo:
    """Keep what stood before a member's wish, and the state after it, for UNDO."""

    was: MemberBefore
    now: MembershipState = MembershipState.LEFT
    offered: bool = False  # one mail a week instead


@dataclass(frozen=True, slots=True)
class RoleUndo:
    """Keep who was given which role, and had which, for UNDO."""

    who: str
    role: str
    was: str


@dataclass(frozen=True, slots=True)
class OrderUndo:
    """Keep one order that was done; ``was`` is for the act that did it to read."""

    order: Order
    was: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OrdersUndo:
    """Keep an owner's orders that were done, for UNDO."""

    orders: tuple[OrderUndo, ...]
    language: str


@dataclass(frozen=True, slots=True)
class ThreadUndo:
    """Keep what a member wanted of a thread before: "" for nothing; for UNDO."""

    thread: str  # the hash of a mail of it
    kind: str
    named: bool


@dataclass(frozen=True, slots=True)
class SolvedUndo:
    """Keep what a thread was marked with before, for UNDO: "" for an answer that nobody named."""

    marked: str  # the hash of a mail of the thread
    was_solved: bool
    answer: str


@dataclass(frozen=True, slots=True)
class ArrangedUndo:
    """Keep what a moderator had said of a thread before they said ``deed``, for UNDO.

    ``arranged`` is the hash of the mail that was moved, or of one of the thread.
    """

    deed: str
    arranged: str
    was_closed: bool = False
    was_moved: bool = False
    below: str = ""  # where to, "" where it began a thread
    called: str = ""  # the subject of that


@dataclass(frozen=True, slots=True)
class AddressPayload:
    """Keep whose address it may be, for ADDRESS."""

    person: int


@dataclass(frozen=True, slots=True)
class ModeratePayload:
    """Keep the mailing that asked, for MODERATE."""

    mailing: int = 0


@dataclass(frozen=True, slots=True)
class UnbanPayload:
    """Keep the address key that a moderator banned, for MODERATE."""

    unban: str


@dataclass(frozen=True, slots=True)
class WavePayload:
    """Keep the newest hold that a mail about many has counted, for MODERATE."""

    upto: int


@dataclass(frozen=True, slots=True)
class SheetPayload:
    """Keep the hash of the code that was mailed last, and how often, for SHEET."""

    code: str = ""
    sent_at: float = 0.0
    codes: int = 0
    tries: int = 0


@dataclass(frozen=True, slots=True)
class DigestPayload:
    """Keep which mail was answered unclearly, and which posts it may mean, for DIGEST."""

    arrival: int
    posts: tuple[int, ...]
    alone: bool  # it is for the writer, not for the list


@dataclass(frozen=True, slots=True)
class HostPayload:
    """Keep which revision of an event a report showed, and what "send" does, for EVENT."""

    revision: int
    verb: str = "send"
    rest: str = ""


_EITHER = Field(union_mode="left_to_right")  # the first whose fields are there
_JOIN = TypeAdapter(JoinPayload)
_DIGEST = TypeAdapter(DigestPayload)
_HOST = TypeAdapter(HostPayload)
_COMMAND: TypeAdapter[OrdersPayload | WishPayload] = TypeAdapter(
    Annotated[OrdersPayload | WishPayload, _EITHER]
)
AnyUndo = OrdersUndo | RoleUndo | ThreadUndo | SolvedUndo | ArrangedUndo | WishUndo
_UNDO: TypeAdapter[AnyUndo] = TypeAdapter(Annotated[AnyUndo, _EITHER])
_MODERATE: TypeAdapter[UnbanPayload | WavePayload | ModeratePayload] = TypeAdapter(
    Annotated[UnbanPayload | WavePayload | ModeratePayload, _EITHER]
)
_SHEET = TypeAdapter(SheetPayload)


def sheet(ask: Ask) -> SheetPayload:
    """Return what a SHEET question keeps."""
    return _SHEET.validate_json(ask.payload)


def join(ask: Ask) -> JoinPayload:
    """Return what a CONFIRM, REST or NEVER question keeps."""
    return _JOIN.validate_json(ask.payload)


def command(ask: Ask) -> OrdersPayload | WishPayload:
    """Return what a COMMAND question keeps."""
    return _COMMAND.validate_json(ask.payload)


def undo(ask: Ask) -> AnyUndo:
    """Return what an UNDO question keeps."""
    return _UNDO.validate_json(ask.payload)


def moderate(ask: Ask) -> UnbanPayload | WavePayload | ModeratePayload:
    """Return what a MODERATE question keeps."""
    return _MODERATE.validate_json(ask.payload)


def digest(ask: Ask) -> DigestPayload:
    """Return what an ask about an answer to a digest keeps."""
    return _DIGEST.validate_json(ask.payload)


def host(ask: Ask) -> HostPayload:
    """Return what an EVENT question keeps."""
    return _HOST.validate_json(ask.payload)
