"""Read a moderator's answer to "a post waits for you", and ask the action that it names.

SECURITY: only the token says who answered; the From line of an answer is not looked at. A token is
worth nothing for another hold, for an older revision of it, or once its owner may not decide any
more, which the action says.
"""

from dataclasses import replace

from listserv.actions import queue
from listserv.actions.call import Actor, Call
from listserv.actions.permissions import Proven
from listserv.actions.queue import DecideHold, DropWave, LiftBan
from listserv.answers import meaning
from listserv.answers.meaning import Means
from listserv.letters import ask_payloads
from listserv.letters.ask_payloads import UnbanPayload, WavePayload
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import Visit, whom
from listserv.moderation import decisions, edited_text, rulings, waves
from listserv.moderation.rulings import Ruling, RulingWord
from listserv.wiring.listserv_tables import Hold
from mailer.errors import Refused
from mailer.reading import bodies, message
from mailer.storage.arrivals import Arrival
from mailer.storage.store import get_raw
from subscriptions.membership import optin
from subscriptions.permission import asks, budget
from subscriptions.permission.asks import Ask, AskLookup, Trouble
from subscriptions.permission.consent import Source


def answer(visit: Visit, found: AskLookup, letter: IncomingLetter) -> str:
    """Read a moderator's answer to "a post waits for you"; return a word for the log."""
    ask = found.ask
    hold = visit.session.get(Hold, ask.ref) if ask is not None else None
    if ask is None or hold is None:
        return "unknown-token"
    optin.prove(visit.session, whom(ask), visit.now)
    if not queue.may_decide(_call(visit, ask), hold):
        return "no-moderator"
    asked = ask_payloads.moderate(ask)
    if isinstance(asked, UnbanPayload) and found.trouble is None:
        return _unban(visit, ask, hold, asked.unban, letter)
    if isinstance(asked, WavePayload):
        return _wave(visit, ask, hold, asked, found.trouble, letter)
    if found.trouble is not None or ask.revision != hold.revision or hold.decided_at is not None:
        return _late(visit, ask, hold, found.trouble)
    ruling = rulings.read(letter.text)
    if ruling is not None and ruling.text:
        ruling = _cleaned(visit, hold, ruling, letter.name)
    return _rule(visit, ask, hold, ruling) if ruling is not None else _help(visit, ask, hold)


def _wave(
    visit: Visit,
    ask: Ask,
    hold: Hold,
    wave: WavePayload,
    trouble: Trouble | None,
    letter: IncomingLetter,
) -> str:
    """Discard what a mail about many posts has counted, at that one word; nothing else does."""
    ruling = rulings.read(letter.text)
    if trouble is None and (ruling is None or ruling.word is not RulingWord.DISCARD):
        waves.repeat(visit, whom(ask))
        return "not-understood"
    count = 0
    if trouble is None and asks.spend(visit.session, ask.id, how="discard", now=visit.now):
        count = queue.drop_wave(_call(visit, ask), DropWave(hold.arrival_id, wave.upto))
    if not count:
        visit.session.refresh(hold)
        return _late(visit, ask, hold, trouble)
    waves.tell_discarded(visit, ask, count)
    return f"{RulingWord.DISCARD}: message {hold.arrival_id}"


def _call(visit: Visit, ask: Ask) -> Call:
    by = Actor(Source.MAIL, Proven.TOKEN, ask.address_key, ask.given)
    return Call(visit.app, by, visit.now, within=visit)


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
    if visit.lst.deleted_at is not None:  # the question stays open, for a list that is restored
        return _late(visit, ask, hold, Trouble.SUPERSEDED)
    if arrival is None or not asks.spend(visit.session, ask.id, how=ruling.word, now=visit.now):
        return _late(visit, ask, hold, Trouble.USED)
    writer = decisions.writer_of(
        message.head(get_raw(visit.session, arrival.raw_sha) or b""), arrival
    )
    try:
        _decide(_call(visit, ask), arrival.id, ruling)
    except Refused:  # somebody was first
        return _late(visit, ask, hold, Trouble.USED)
    to = whom(ask)
    budget.count(visit.session, to.key, kind="moderator-decided", now=visit.now)
    decisions.tell_decided(visit, to, hold, ruling, writer, by="", in_reply_to=visit.in_reply_to)
    visit.app.ring("sort")
    return f"{ruling.word}: message {arrival.id}"


def _decide(call: Call, hold_id: int, ruling: Ruling) -> None:
    match ruling.word:
        case RulingWord.OK:
            queue.release(call, DecideHold(hold_id))
        case RulingWord.ALWAYS:
            queue.release(call, DecideHold(hold_id, trust=True))
        case RulingWord.EDIT:
            queue.release(call, DecideHold(hold_id, text=ruling.text))
        case RulingWord.NO:
            queue.refuse(call, DecideHold(hold_id, ruling.text))
        case RulingWord.DISCARD:
            queue.drop(call, DecideHold(hold_id))
        case RulingWord.BAN:
            queue.drop(call, DecideHold(hold_id, ban=True))


def _unban(visit: Visit, ask: Ask, hold: Hold, banned: str, letter: IncomingLetter) -> str:
    """Take a ban back, by the word or a yes; the post that led to it stays discarded."""
    if meaning.undo(letter.words).means is not Means.UNDO:
        return "not-understood"
    if not asks.spend(visit.session, ask.id, how="undo", now=visit.now):
        return "late: used"
    queue.lift_ban(_call(visit, ask), LiftBan(hold.arrival_id, banned))
    decisions.send(
        visit, whom(ask), "moderator-unbanned", in_reply_to=visit.in_reply_to, address=banned
    )
    return "unbanned"


def _late(visit: Visit, ask: Ask, hold: Hold, trouble: Trouble | None) -> str:
    """Tell a moderator kindly that there is nothing left to decide, and who did."""
    to = whom(ask)
    if budget.allow(visit.session, to.key, kind="moderator-late", now=visit.now):
        decisions.send(
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
        token, _ = decisions.open_question(visit, to, hold, decisions.mailing_of(ask))
        decisions.send(visit, to, "moderator-help", in_reply_to=visit.in_reply_to, token=token)
    return "not-understood"
