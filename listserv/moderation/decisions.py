"""Carry out what a human decided about a held message, once, whichever door it came through.

    decided = carry_out(visit, arrival, Ruling(Word.NO, "We do not do adverts."), by="anna@...")

Mail (``answer``) and `krets queue` decide by the same function: it ends the hold, does what the
word asks for, tells the other moderators who decided, and tells the writer where they should
know. Everything happens in the caller's transaction; the caller rings "sort" and "deliver".
SECURITY: only the token says who answered; the From line of an answer is not looked at. A token
is worth nothing for another hold, for an older revision of it, or once its owner is no moderator.
What a stranger wrote is never sent back to them: their From line may be somebody else's.
"""

import json
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

import templates
from listserv.answers import meaning
from listserv.answers.meaning import Means
from listserv.letters import ask_payloads, notices
from listserv.letters.ask_payloads import ModeratePayload, UnbanPayload
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import Visit, language_of, whom, write
from listserv.membership import joining
from listserv.moderation import bans, edited_text, editing, holds, rulings
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
from subscriptions.permission.asks import Ask, AskLookup, AskPurpose, Trouble

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
            Membership.role.in_(_roles(rules)),
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


def answer(visit: Visit, found: AskLookup, letter: IncomingLetter) -> str:
    """Read a moderator's answer to "a post waits for you"; return a word for the log."""
    ask = found.ask
    hold = visit.session.get(Hold, ask.ref) if ask is not None else None
    if ask is None or hold is None:
        return "unknown-token"
    to = whom(ask)
    optin.prove(visit.session, to, visit.now)
    if not _still_entitled(visit, to, json.loads(hold.rules)):
        return "no-moderator"
    asked = ask_payloads.moderate(ask)
    if isinstance(asked, UnbanPayload) and found.trouble is None:
        return _unban(visit, ask, asked.unban, letter)
    if found.trouble is not None or ask.revision != hold.revision or hold.decided_at is not None:
        return _late(visit, ask, hold, found.trouble)
    ruling = rulings.read(letter.text)
    if ruling is not None and ruling.text:
        ruling = _cleaned(visit, hold, ruling, letter.name)
    return _rule(visit, ask, hold, ruling) if ruling is not None else _help(visit, ask, hold)


def _cleaned(visit: Visit, hold: Hold, ruling: Ruling, name: str) -> Ruling | None:
    """Return the ruling with nothing of the moderator's own in it, None where no text is left."""
    if ruling.word is not RulingWord.EDIT:
        return replace(ruling, text=edited_text.reason(ruling.text, name))
    arrival = visit.session.get(Arrival, hold.arrival_id)
    raw = get_raw(visit.session, arrival.raw_sha) if arrival is not None else None
    before = bodies.read_text(raw or b"")[0]
    text = edited_text.post_text(ruling.text, name, before)
    return replace(ruling, text=text) if text else None


def _rule(visit: Visit, ask: Ask, hold: Hold, ruling: Ruling) -> str:
    arrival = visit.session.get(Arrival, hold.arrival_id)
    if arrival is None or not asks.spend(visit.session, ask.id, how=ruling.word, now=visit.now):
        return _late(visit, ask, hold, Trouble.USED)
    writer = writer_of(message.head(get_raw(visit.session, arrival.raw_sha) or b""), arrival)
    if carry_out(visit, arrival, ruling, by=ask.given) is None:
        return _late(visit, ask, hold, Trouble.USED)
    to = whom(ask)
    budget.count(visit.session, to.key, kind="moderator-decided", now=visit.now)
    _decided(visit, to, hold, ruling, writer, by="", in_reply_to=visit.in_reply_to)
    visit.app.ring("sort")
    return f"{ruling.word}: message {arrival.id}"


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
    mailing = session.get(Mailing, _asked_by(ask))
    return mailing.message_id if mailing is not None else ""


def _asked_by(ask: Ask) -> int:
    asked = ask_payloads.moderate(ask)
    return asked.mailing if isinstance(asked, ModeratePayload) else 0


def _roles(rules: list[str]) -> list[Role]:
    editors = {"editors-only", "newsletter-address"} & set(rules)
    return [Role.MODERATOR, Role.OWNER, *([Role.EDITOR] if editors else [])]


def _still_entitled(visit: Visit, to: MailAddress, rules: list[str]) -> bool:
    member = membership_of(visit.session, visit.lst.id, to.key)
    return member is not None and member.role in _roles(rules) and member.state in HERE


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


def _unban(visit: Visit, ask: Ask, banned: str, letter: IncomingLetter) -> str:
    """Take a ban back, by the word or a yes; the post that led to it stays discarded."""
    if meaning.undo(letter.words).means is not Means.UNDO:
        return "not-understood"
    if not asks.spend(visit.session, ask.id, how="undo", now=visit.now):
        return "late: used"
    bans.lift_ban(visit.session, visit.lst.id, banned)
    send(
        visit,
        whom(ask),
        "moderator-unbanned",
        in_reply_to=visit.in_reply_to,
        address=banned,
    )
    return "unbanned"


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
            _decided(visit, whom(ask), hold, ruling, writer, by=by, in_reply_to=before)


def _decided(
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


def _late(visit: Visit, ask: Ask, hold: Hold, trouble: Trouble | None) -> str:
    """Tell a moderator kindly that there is nothing left to decide, and who did."""
    to = whom(ask)
    if budget.allow(visit.session, to.key, kind="moderator-late", now=visit.now):
        send(
            visit,
            to,
            "moderator-late",
            in_reply_to=visit.in_reply_to,
            state=hold.state,
            by=hold.decided_by if "@" in hold.decided_by else "",
            you=hold.decided_by == ask.given,
            at=hold.decided_at or visit.now,
        )
    return f"late: {trouble or Trouble.SUPERSEDED}"


def _help(visit: Visit, ask: Ask, hold: Hold) -> str:
    """Say what would be understood; any answer may be given again."""
    to = whom(ask)
    if budget.allow(visit.session, to.key, kind="moderator-help", now=visit.now):
        token, _ = open_question(visit, to, hold, _asked_by(ask))
        send(visit, to, "moderator-help", in_reply_to=visit.in_reply_to, token=token)
    return "not-understood"
