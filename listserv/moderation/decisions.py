"""Carry out what a human decided about a held message, once, whichever door it came through.

    decided = carry_out(visit, arrival, Ruling(Word.NO, "We do not do adverts."), by="anna@...")

Mail and `krets queue` decide by the same action (listserv/actions/queue.py), which asks who may.
This ends the hold, does what the word asks for, tells the other moderators who decided, and tells
the writer where they should know, in the caller's transaction. SECURITY: what a stranger wrote is
never sent back to them: their From line may be somebody else's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

import templates
from listserv.letters import ask_payloads, notices
from listserv.letters.ask_payloads import ModeratePayload, UnbanPayload
from listserv.letters.request import Visit, language_of, whom, write
from listserv.membership import joining
from listserv.moderation import bans, edited_text, editing, holds
from listserv.moderation.rulings import Ruling, RulingWord
from listserv.wiring.listserv_tables import Hold, HoldState
from mailer.authentication import verdict
from mailer.door.callers import source_of
from mailer.errors import BadInput
from mailer.ledger.mailings import Mailing
from mailer.reading import bodies, message
from mailer.reading.addresses import MailAddress, parse
from mailer.reading.message import MessageHeader
from mailer.storage.arrivals import Arrival
from mailer.storage.store import get_raw, put_raw
from subscriptions.lists.roster import Membership, MembershipState, Role, membership_of
from subscriptions.membership import optin
from subscriptions.permission import asks, budget
from subscriptions.permission.asks import Ask, AskPurpose

MAX_NAME = 80  # characters of a writer's name that a subject shows
HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)
STATES = {
    RulingWord.OK: HoldState.RELEASED,
    RulingWord.ALWAYS: HoldState.RELEASED,
    RulingWord.EDIT: HoldState.RELEASED,
    RulingWord.NO: HoldState.REFUSED,
    RulingWord.DISCARD: HoldState.DROPPED,
    RulingWord.BAN: HoldState.DROPPED,
}
_READ_ALL = ("moderated-list", "editors-only")  # rules that no trust in one member lifts


@dataclass(frozen=True, slots=True)
class HeldWriter:
    """Say who a held message says that it is from."""

    address: MailAddress | None  # the one From address, if there is exactly one
    name: str
    subject: str
    message_id: str
    automatic: bool
    disowned: bool = False  # their own domain says that it is not theirs: no mail of ours answers
    source: str = ""  # whose request an answer to it is counted as
    vouched: bool = False  # their own domain vouches for it


def writer_of(head: MessageHeader, arrival: Arrival) -> HeldWriter:
    """Read the writer of a message from its header, and whether it is disowned."""
    found: dict[str, tuple[str, MailAddress]] = {}
    for value in head.all("from"):
        for name, spelled in message.addresses_of(value):
            try:
                address = parse(spelled)
            except BadInput:
                continue
            found.setdefault(address.key, (name, address))
    name, author = next(iter(found.values())) if len(found) == 1 else ("", None)
    whose = verdict.read(arrival.authentication)
    said = head.text("auto-submitted").partition(";")[0].strip().lower()
    return HeldWriter(
        address=author,
        name=name[:MAX_NAME],
        subject=message.text_of(head.first("subject") or b""),
        message_id=message.message_id(head) or "",
        automatic=said not in {"", "no"},
        disowned=whose.disowned,
        source=source_of(arrival.client) or budget.NOBODY,
        vouched=whose.aligned,
    )


def moderators(visit: Visit, rules: list[str]) -> list[tuple[Membership, MailAddress]]:
    """Return who decides about a post: moderators and owners, and editors where they write.

    Those who pause are spared as long as somebody is there.
    """
    found = visit.session.scalars(
        select(Membership)
        .where(
            Membership.list_id == visit.lst.id,
            Membership.role.in_(deciders(rules)),
            Membership.state.in_(HERE),
        )
        .order_by(Membership.id)
    ).all()
    there = [one for one in found if one.state is MembershipState.ACTIVE] or list(found)
    return [(one, optin.address_of(visit.session, one)) for one in there]


def carry_out(visit: Visit, arrival: Arrival, ruling: Ruling, *, by: str) -> Hold | None:
    """Do what ``ruling`` says and tell whom it concerns; return None where somebody was first."""
    session = visit.session
    raw = get_raw(session, arrival.raw_sha) or b""
    head = message.head(raw)
    writer = writer_of(head, arrival)
    hold = holds.decide(session, arrival, STATES[ruling.word], by=by, now=visit.now)
    if hold is None:
        return None
    if ruling.word is RulingWord.ALWAYS:
        _trust(visit, writer)
    elif ruling.word is RulingWord.BAN:
        _ban(visit, writer, by)
    elif ruling.word is RulingWord.EDIT:
        _edit(visit, arrival, hold, editing.edited(raw, head, ruling.text, _mark(visit)))
        _tell_changes(visit, writer, bodies.read_text(raw)[0], ruling.text)
    elif ruling.word is RulingWord.NO:
        tell_writer(visit, writer, "poster-refused", reason=ruling.text)
    _tell_others(visit, hold, ruling, writer, by)
    return hold


def tell_writer(visit: Visit, writer: HeldWriter, name: str, reason: str = "") -> bool:
    """Tell a post's writer what became of it, within the budget; say whether that went out."""
    to = writer.address
    silent = writer.automatic or writer.disowned
    if to is None or silent or visit.lst.owns(to.key):
        return False
    by = replace(visit, source=writer.source, vouched=to.key if writer.vouched else "")
    if not by.allow(to.key, name):
        return False
    member = membership_of(visit.session, visit.lst.id, to.key)
    if member is not None and member.state in HERE:
        send(visit, to, name, in_reply_to=writer.message_id, reason=reason)
    else:
        answered = replace(visit, in_reply_to=writer.message_id)
        joining.offer(answered, to, name, context={"reason": reason})
    return True


def _tell_changes(visit: Visit, writer: HeldWriter, before: str, after: str) -> None:
    """Tell a member what a moderator has changed in their post.

    SECURITY: members alone, who get the post as well; a stranger's From may be somebody else's.
    """
    to = writer.address
    if to is None or writer.automatic or writer.disowned:
        return
    member = membership_of(visit.session, visit.lst.id, to.key)
    out, put = edited_text.changes(before, after)
    if member is None or member.state not in HERE or not (out or put):
        return
    if budget.allow(visit.session, to.key, kind="poster-edited", now=visit.now):
        send(visit, to, "poster-edited", in_reply_to=writer.message_id, out=out, put=put)


def send(
    visit: Visit,
    to: MailAddress,
    name: str,
    *,
    in_reply_to: str,
    token: str = "",
    **context: object,
) -> int:
    """Put one mail into the ledger, in the reader's language; return the mailing's id."""
    door = notices.AnswerAddress("reply", token) if token else None
    answered = replace(visit, in_reply_to=in_reply_to)
    place = membership_of(visit.session, visit.lst.id, to.key)
    member = place.id if place is not None else 0
    return write(answered, to, name, language_of(visit, to), member, context=context, door=door)


def open_question(visit: Visit, to: MailAddress, hold: Hold, mailing: int = 0) -> tuple[str, Ask]:
    """Open one moderator's question about a hold as it stands; return (token, ask)."""
    token = asks.open_ask(
        visit.session,
        AskPurpose.MODERATE,
        list_id=visit.lst.id,
        to=to,
        now=visit.now,
        ref=hold.id,
        revision=hold.revision,
        payload=ModeratePayload(mailing),
        wording="moderator-held",
    )
    found = asks.look(
        visit.session, token, AskPurpose.MODERATE, list_id=visit.lst.id, now=visit.now
    ).ask
    assert found is not None  # noqa: S101 - it was opened above
    return token, found


def close_asks(session: Session, hold: Hold, now: float) -> list[Ask]:
    """Close every open question about a hold; return one of each moderator's, the newest."""
    closed = asks.supersede(session, AskPurpose.MODERATE, hold.id, now=now)
    return list({ask.address_key: ask for ask in closed}.values())


def asked_in(session: Session, ask: Ask) -> str:
    """Return the Message-ID of the mail that asked, so that what follows stands below it."""
    mailing = session.get(Mailing, mailing_of(ask))
    return mailing.message_id if mailing is not None else ""


def mailing_of(ask: Ask) -> int:
    """Return the mailing that put a question to a moderator, 0 where none is known."""
    asked = ask_payloads.moderate(ask)
    return asked.mailing if isinstance(asked, ModeratePayload) else 0


def deciders(rules: Sequence[str]) -> list[Role]:
    """Return who may decide what these rules hold: editors, too, what waits for editors."""
    editors = {"editors-only", "newsletter-address"} & set(rules)
    return [Role.MODERATOR, Role.OWNER, *([Role.EDITOR] if editors else [])]


def _trust(visit: Visit, writer: HeldWriter) -> None:
    if writer.address is None:
        return
    member = membership_of(visit.session, visit.lst.id, writer.address.key)
    if member is not None:
        member.moderated = False


def _ban(visit: Visit, writer: HeldWriter, by: str) -> None:
    if writer.address is None:
        return
    bans.ban(visit.session, visit.lst.id, writer.address.key, by=by, now=visit.now)


def _edit(visit: Visit, arrival: Arrival, hold: Hold, raw: bytes) -> None:
    """Let the arrival be another mail; what came stays in the store, named by ``detail``."""
    hold.detail = f"{hold.detail} Edited; came as {arrival.raw_sha.hex()}.".strip()
    (arrival.raw_sha,) = put_raw(visit.session, [raw])
    arrival.size = len(raw)
    visit.session.flush()


def _mark(visit: Visit) -> str:
    return templates.mail(
        "list-edited", visit.lst.language, list={"title": visit.lst.title}
    ).text.strip()


def _tell_others(visit: Visit, hold: Hold, ruling: Ruling, writer: HeldWriter, by: str) -> None:
    for ask in close_asks(visit.session, hold, visit.now):
        if ask.given != by:
            before = asked_in(visit.session, ask)
            tell_decided(visit, whom(ask), hold, ruling, writer, by=by, in_reply_to=before)


def tell_decided(
    visit: Visit,
    to: MailAddress,
    hold: Hold,
    ruling: Ruling,
    writer: HeldWriter,
    *,
    by: str,
    in_reply_to: str,
) -> None:
    """Tell one moderator what was decided; ``by`` is empty where it was they themselves."""
    member = (
        membership_of(visit.session, visit.lst.id, writer.address.key) if writer.address else None
    )
    token = ""
    if ruling.word is RulingWord.BAN and not by and writer.address is not None:
        token, ask = open_question(visit, to, hold)
        asks.amend(visit.session, ask, UnbanPayload(writer.address.key))
    send(
        visit,
        to,
        "moderator-decided",
        in_reply_to=in_reply_to,
        token=token,
        word=ruling.word.value,
        reason=ruling.text if ruling.word is RulingWord.NO else "",
        trusted=member is not None and not set(json.loads(hold.rules)) & set(_READ_ALL),
        by=by if "@" in by else "",
        you=not by,
        **_shown(writer),
    )


def tell_expired(visit: Visit, hold: Hold, writer: HeldWriter) -> None:
    """Tell everybody who was asked that nobody has answered, and that no answer counts now."""
    for ask in close_asks(visit.session, hold, visit.now):
        send(
            visit,
            whom(ask),
            "moderator-decided",
            in_reply_to=asked_in(visit.session, ask),
            word=HoldState.EXPIRED.value,
            reason="",
            trusted=False,
            by="",
            you=False,
            **_shown(writer),
        )


def _shown(writer: HeldWriter) -> dict[str, str]:
    given = writer.address.given if writer.address else ""
    return {
        "author": writer.name or given or "?",
        "author_address": given,
        "subject": writer.subject,
    }
