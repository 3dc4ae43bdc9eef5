"""Keep the questions that a mail or a page asks and that one answer settles: act-once tokens.

    token = open_ask(session, Purpose.CONFIRM, list_id=..., given=address, now=now)
    found = look(session, token, Purpose.CONFIRM, list_id=lst.id, now=now)   # changes nothing
    if found.ask and not found.trouble and spend(session, found.ask.id, how="reply", now=now): ...

Knows tokens and whether they still hold; what an answer does is for those who ask. A GET only
looks; a POST or a reply spends, and of two answers at once only one gets True. SECURITY: 130
random bits in lower-case base32, kept only as SHA-256, bound to one purpose, one list and one
revision, expiring. ``look`` tells a used token from an unknown one, so that a second click is
answered kindly; the ask behind it is shown for that, and must not be acted on.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.reading.addresses import MailAddress
from mailer.storage.store import Base
from subscriptions.lists.roster import BigId, MailList

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DAY = 86400.0
LENGTH = 26  # characters of a token
_BYTES = 17  # of randomness: 26 characters of base32 hold 130 bits of them


class AskPurpose(StrEnum):
    """Name what an ask is about; a token for one is worthless for another."""

    CONFIRM = "confirm"  # join a list; "not me" is said with the same token
    REST = "rest"  # join the other lists that were asked for meanwhile
    LEAVE = "leave"  # leave, asked for without a token
    COMMAND = "command"  # do what a mail without proof asked for
    UNDO = "undo"  # take back what a receipt told
    NEVER = "never"  # take "never mail me" back
    ADDRESS = "address"  # use one more address
    REACH = "reach"  # mail an address again that was given up, or that bounces
    ME = "me"  # a member's own page
    READ = "read"  # a members' archive, by a link that was mailed
    SHEET = "sheet"  # an owner takes the list of members as a file
    RESEND = "resend"  # an owner sends a post once more that many refused
    JOIN_REQUEST = "join-request"  # an owner lets somebody in
    MODERATE = "moderate"  # a moderator decides about a hold
    ISSUE = "issue"  # an editor decides about an issue
    EVENT = "event"  # a host decides about an event or a poll
    DIGEST = "digest"  # a member says which mail of a digest they answered, and that they did


LIFETIME = {
    AskPurpose.CONFIRM: 7 * DAY,
    AskPurpose.REST: 7 * DAY,
    AskPurpose.LEAVE: 7 * DAY,
    AskPurpose.COMMAND: 3 * DAY,
    AskPurpose.UNDO: 30 * DAY,
    AskPurpose.NEVER: 365 * DAY,
    AskPurpose.ADDRESS: 3 * DAY,
    AskPurpose.REACH: 30 * DAY,
    AskPurpose.ME: 3 * DAY,
    AskPurpose.READ: DAY,
    AskPurpose.SHEET: DAY,
    AskPurpose.RESEND: 5 * DAY,
    AskPurpose.JOIN_REQUEST: 30 * DAY,
    AskPurpose.MODERATE: 30 * DAY,
    AskPurpose.DIGEST: 7 * DAY,
    AskPurpose.ISSUE: 30 * DAY,
    AskPurpose.EVENT: 400 * DAY,  # whoever holds one looks after it until then
}


class Trouble(StrEnum):
    """Say why a token cannot be acted on."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    USED = "used"
    SUPERSEDED = "superseded"


class Ask(Base):
    """Keep one question to one address.

    ``payload`` is the JSON of a class of its purpose, and of the two marks below: the room above
    reads the former (listserv/letters/ask_payloads.py), this one the latter.
    """

    __tablename__ = "ask"
    __table_args__ = (
        Index("ix_ask_address", "address_key", "purpose"),
        Index("ix_ask_ref", "purpose", "ref"),
        Index("ix_ask_expires", "expires_at"),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    purpose: Mapped[str] = mapped_column(String(16))
    list_id: Mapped[int] = mapped_column(ForeignKey(MailList.id))
    address_key: Mapped[str] = mapped_column(String(320))  # whom we asked
    given: Mapped[str] = mapped_column(String(320))
    ref: Mapped[int] = mapped_column(BigInteger, default=0)  # a hold, a membership...
    revision: Mapped[int] = mapped_column(default=0)
    payload: Mapped[str] = mapped_column(default="{}")
    wording: Mapped[str] = mapped_column(String(64), default="")  # mail/digest/language
    created: Mapped[float]
    expires_at: Mapped[float]
    used_at: Mapped[float | None]
    used_how: Mapped[str] = mapped_column(String(40), default="")  # reply, button, superseded...

    @property
    def question(self) -> str:
        """Return the subject of the mail that asked."""
        return str(_stored(self).get("question", ""))

    @property
    def again(self) -> bool:
        """Tell whether it was put a second time, because its answer was not understood."""
        return bool(_stored(self).get("again"))


@dataclass(frozen=True, slots=True)
class AskLookup:
    """Say what a token is: the ask where we know it, and why it cannot be acted on, if so."""

    ask: Ask | None
    trouble: Trouble | None = None


def open_ask(
    session: Session,
    purpose: AskPurpose,
    *,
    list_id: int,
    to: MailAddress,
    now: float,
    ref: int = 0,
    revision: int = 0,
    payload: "DataclassInstance | None" = None,
    like: Ask | None = None,
    wording: str = "",
) -> str:
    """Ask something of the address ``to`` and return the token that stands for the answer.

    ``like`` is the question that is put anew: what it keeps is kept, but for what ``payload`` says.
    """
    token = base64.b32encode(secrets.token_bytes(_BYTES)).decode("ascii").lower()[:LENGTH]
    session.add(
        Ask(
            token_hash=_hash(token),
            purpose=purpose.value,
            list_id=list_id,
            address_key=to.key,
            given=to.given,
            ref=ref,
            revision=revision,
            payload=_json(_stored(like) if like else {}, payload),
            wording=wording,
            created=now,
            expires_at=now + LIFETIME[purpose],
        )
    )
    session.flush()
    return token


def look(
    session: Session,
    token: str,
    *purposes: AskPurpose,
    list_id: int,
    now: float,
    revision: int | None = None,
) -> AskLookup:
    """Return what ``token`` stands for, for one of ``purposes`` on this list; change nothing.

    ``revision`` is what the subject stands at now, where it can change: an ask about an older
    one is superseded.
    """
    if len(token) != LENGTH or not token.isascii():
        return AskLookup(None, Trouble.UNKNOWN)
    ask = session.scalar(select(Ask).where(Ask.token_hash == _hash(token.lower())))
    if ask is None or ask.list_id != list_id or ask.purpose not in purposes:
        return AskLookup(None, Trouble.UNKNOWN)
    if ask.used_at is not None:
        superseded = ask.used_how == Trouble.SUPERSEDED
        return AskLookup(ask, Trouble.SUPERSEDED if superseded else Trouble.USED)
    if revision is not None and ask.revision != revision:
        return AskLookup(ask, Trouble.SUPERSEDED)
    if ask.expires_at <= now:
        return AskLookup(ask, Trouble.EXPIRED)
    return AskLookup(ask)


def spend(session: Session, ask_id: int, *, how: str, now: float) -> bool:
    """Use an ask up; return False where somebody did before."""
    spent = (
        update(Ask)
        .where(Ask.id == ask_id, Ask.used_at.is_(None))
        .values(used_at=now, used_how=how)
        .returning(Ask.id)
    )
    return session.scalar(spent) is not None


def supersede(session: Session, purpose: AskPurpose, ref: int, *, now: float) -> list[Ask]:
    """Close every open ask about ``ref``; return them, so that the others can be told."""
    open_ones = list(
        session.scalars(
            select(Ask).where(Ask.purpose == purpose.value, Ask.ref == ref, Ask.used_at.is_(None))
        )
    )
    for ask in open_ones:
        ask.used_at, ask.used_how = now, Trouble.SUPERSEDED.value
    session.flush()
    return open_ones


def waiting(session: Session, key: str, *purposes: AskPurpose, now: float) -> list[Ask]:
    """Return the asks to this address key that are open, oldest first."""
    return list(
        session.scalars(
            select(Ask)
            .where(
                Ask.address_key == key,
                Ask.purpose.in_([purpose.value for purpose in purposes]),
                Ask.used_at.is_(None),
                Ask.expires_at > now,
            )
            .order_by(Ask.id)
        )
    )


def amend(session: Session, ask: Ask, payload: "DataclassInstance") -> None:
    """Write another payload; the token and the marks stay what they were."""
    ask.payload = _json(_stored(ask), payload)
    session.flush()


def mark_again(session: Session, ask: Ask) -> None:
    """Note that a question is put a second time."""
    ask.payload = _json({**_stored(ask), "again": True})
    session.flush()


def reword(session: Session, token: str, wording: str, question: str) -> None:
    """Write down in which words the question of ``token`` was asked, once its mail is written."""
    ask = session.scalars(select(Ask).where(Ask.token_hash == _hash(token))).one()
    ask.wording = wording
    ask.payload = _json({**_stored(ask), "question": question})
    session.flush()


def forget(session: Session, keys: list[str]) -> None:
    """Erase every ask to these addresses."""
    session.execute(delete(Ask).where(Ask.address_key.in_(keys)))


def _stored(ask: Ask) -> dict[str, object]:
    found = json.loads(ask.payload)
    return found if isinstance(found, dict) else {}


def _json(stored: dict[str, object], payload: "DataclassInstance | None" = None) -> str:
    said = asdict(payload) if payload is not None else {}
    return json.dumps({**stored, **said}, ensure_ascii=False)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("ascii")).digest()
